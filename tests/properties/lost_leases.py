"""Two workers of one name, and a lease that passes from the first to the second at each step.

The first worker does not know that it lost its lease, and continues.  With fencing its further effects are refused,
as the driver does; without it, they happen.

All of it:  python -m tests.properties.lost_leases
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from locoia_pat.actions.lifecycle import rotation
from tests.properties.sweep import SCENARIOS
from tests.properties.world import drive

if TYPE_CHECKING:
    from collections.abc import Generator

    from locoia_pat.actions.lifecycle.effects import Effect, Finished
    from locoia_pat.actions.lifecycle.rotation import Protocol
    from tests.properties.sweep import Scenario
    from tests.properties.world import World

SECOND = {"rotate": rotation.rotate, "ensure": rotation.ensure, "reconcile": rotation.reconcile}
"""What the second worker does."""

Order = tuple[int, int | None]
"""The effect of the first worker before which its lease passes on, and that before which the second one is killed."""


@dataclass
class LostLeaseHarm:
    """The harm that lost leases did."""

    orders: int = 0
    dead: list[Order] = field(default_factory=list)
    """Those that end with a stored token that does not work."""
    orphans: list[Order] = field(default_factory=list)
    """Those that leave a working secret which is neither stored nor journalled."""


class _Worker:
    """A worker whose effects are performed one at a time."""

    def __init__(self, world: World, protocol: Generator[Effect, Any, Finished]) -> None:
        self._world, self._protocol = world, protocol
        self._result: Any = None
        self.has_ended = False

    def step(self) -> None:
        try:
            self._result = self._world.perform(self._protocol.send(self._result))
        except StopIteration:
            self.has_ended = True

    def run(self, before: int | None = None) -> None:
        """Perform effects until it ends, or so many."""
        while not self.has_ended and before != 0:
            self.step()
            before = None if before is None else before - 1


def pass_on(scenario: Scenario, second: Protocol, order: Order, *, fenced: bool) -> World | None:
    """Return the world after one order of two workers; None if the first one had ended before its lease was lost."""
    lost_at, killed_at = order
    world = scenario.begin()
    first = _Worker(world, scenario.start()())
    first.run(lost_at)
    if first.has_ended:
        return None
    _Worker(world, scenario.start(second)()).run(killed_at)
    if not fenced:
        first.run()
    if killed_at is not None:
        drive(world, scenario.start(second))
    return world


def sweep_lost_leases(scenario: Scenario, second: Protocol, *, fenced: bool) -> LostLeaseHarm:
    """Let the lease be lost before each effect, and the second worker finish or be killed before each of its own."""
    harm = LostLeaseHarm()
    killed: list[int | None] = [None, *range(2, 20)]
    for lost_at in range(1, 30):
        for killed_at in killed:
            order = lost_at, killed_at
            world = pass_on(scenario, second, order, fenced=fenced)
            if world is None:
                return harm
            harm.orders += 1
            if world.record.current is not None and not world.works(world.record.current):
                harm.dead.append(order)
            if world.orphans():
                harm.orphans.append(order)
    raise AssertionError("the first worker did not end")


def main() -> None:
    """Print the harm with and without fencing."""
    print(f"{'protocol':<30}{'second':<10}{'orders':>8}{'dead':>6}{'orphans':>9}{'  without: dead':>15}{'orphans':>9}")
    for name, scenario in SCENARIOS.items():
        for what, second in SECOND.items():
            fenced, open_ = (sweep_lost_leases(scenario, second, fenced=fenced) for fenced in (True, False))
            counts = [len(found) for found in (fenced.dead, fenced.orphans, open_.dead, open_.orphans)]
            print(f"{name:<30}{what:<10}{fenced.orders:>8}{counts[0]:>6}{counts[1]:>9}{counts[2]:>15}{counts[3]:>9}")


if __name__ == "__main__":
    main()
