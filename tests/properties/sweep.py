"""Run every plan of a few faults against each protocol.

The whole sweep:  python -m tests.properties.sweep 3
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from itertools import product
from typing import TYPE_CHECKING

from locoia_pat.actions.lifecycle import rotation
from locoia_pat.actions.lifecycle.desired import DesiredToken
from locoia_pat.actions.lifecycle.rotation import under_lease
from tests.properties.world import FAULTS, NAME, Fault, World, drive, with_token

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from typing import Any

    from locoia_pat.actions.lifecycle.effects import Effect, Finished
    from locoia_pat.actions.lifecycle.rotation import Protocol

DESIRED = DesiredToken(NAME, ["embed"], 30, "CI", overlap=0)


@dataclass(frozen=True)
class Scenario:
    """A world to begin with, and the protocol that runs in it."""

    begin: Callable[[], World]
    protocol: Protocol
    self_rotating: bool = False
    desired: DesiredToken = DESIRED

    def start(self, protocol: Protocol | None = None) -> Callable[[], Generator[Effect, Any, Finished]]:
        """Return what starts the protocol of this scenario, or another one, as the driver does."""
        desired = replace(self.desired, self_rotating=self.self_rotating)
        return lambda: under_lease(protocol or self.protocol, desired)


SCENARIOS = {
    "create or adopt": Scenario(World, rotation.ensure),
    "dual slot, by itself": Scenario(
        lambda: with_token(World(self_rotating=True), standby=True), rotation.rotate, self_rotating=True
    ),
    "dual slot, by itself, first": Scenario(
        lambda: with_token(World(self_rotating=True), standby=False), rotation.rotate, self_rotating=True
    ),
    "dual slot, by a rotator": Scenario(lambda: with_token(World(), standby=True), rotation.rotate),
    "create or adopt, token alone": Scenario(lambda: World(readback="token"), rotation.ensure),
    "dual slot, token alone": Scenario(lambda: with_token(World(readback="token"), standby=True), rotation.rotate),
    "dual slot, nothing read": Scenario(lambda: with_token(World(readback="nothing"), standby=True), rotation.rotate),
    "in place": Scenario(lambda: with_token(World(), standby=False), rotation.rotate_in_place),
}

Plan = dict[int, Fault]
"""The fault at each effect that has one, by the number of the effect."""


@dataclass
class Harm:
    """The harm that a sweep found."""

    plans: int = 0
    dead: list[Plan] = field(default_factory=list)
    """Plans that end with a stored token that does not work."""
    dead_after: list[Plan] = field(default_factory=list)
    """Those that still do after one reconcile."""
    orphans: list[Plan] = field(default_factory=list)
    """Plans that leave a working secret which is not stored, after one reconcile."""
    lingering: list[Plan] = field(default_factory=list)
    """Plans after which a former secret works, though there was no overlap to wait for, after one reconcile."""
    late_orphans: list[Plan] = field(default_factory=list)
    """Plans that leave a working secret which is not stored, before the reconcile."""


def plans(scenario: Scenario, faults: int, *, on_arrival: bool = False) -> Iterator[Plan]:
    """Yield each plan of exactly so many faults, at each effect that is reached."""

    def kinds(plan: Plan) -> list[str]:
        world = replace(scenario.begin(), faults=plan, on_arrival=on_arrival)
        drive(world, scenario.start())
        return world.kinds

    def extend(plan: Plan, left: int) -> Iterator[Plan]:
        if left == 0:
            yield plan
            return
        first = max(plan, default=-1) + 1
        reached = kinds(plan)
        for number in range(first, len(reached)):
            for fault in FAULTS[reached[number]]:
                yield from extend({**plan, number: fault}, left - 1)

    yield from extend({}, faults)


def sweep(scenario: Scenario, most: int, *, on_arrival: bool = False, every: int = 1) -> Harm:
    """Run all plans of up to *most* faults, or every so many of those with the most."""
    harm = Harm()
    for faults in range(most + 1):
        for number, plan in enumerate(plans(scenario, faults, on_arrival=on_arrival)):
            if faults == most and number % every:
                continue
            judge(scenario, plan, harm, on_arrival=on_arrival)
    return harm


def judge(scenario: Scenario, plan: Plan, harm: Harm, *, on_arrival: bool = False) -> None:
    """Run one plan, and add the harm it does to *harm*."""
    harm.plans += 1
    world = replace(scenario.begin(), faults=plan, on_arrival=on_arrival)
    drive(world, scenario.start())
    world.end()
    if not world.works(world.record.current):
        harm.dead.append(plan)
    if world.orphans():
        harm.late_orphans.append(plan)
    world.faults = {}
    drive(world, scenario.start(rotation.reconcile))
    if not world.works(world.record.current):
        harm.dead_after.append(plan)
    if world.orphans():
        harm.orphans.append(plan)
    if world.lingering():
        harm.lingering.append(plan)


def main() -> None:
    """Print what each protocol does under all plans of up to so many faults."""
    most = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    print(
        f"{'protocol':<30}{'authorised':<12}{'plans':>9}{'dead':>7}{'after':>7}{'orphans':>9}{'after':>7}{'linger':>7}"
    )
    for name, on_arrival in product(SCENARIOS, (False, True)):
        harm = sweep(SCENARIOS[name], most, on_arrival=on_arrival)
        when = "on arrival" if on_arrival else "at commit"
        counts = [len(found) for found in (harm.dead, harm.dead_after, harm.late_orphans, harm.orphans, harm.lingering)]
        print(
            f"{name:<30}{when:<12}{harm.plans:>9}{counts[0]:>7}{counts[1]:>7}{counts[2]:>9}{counts[3]:>7}{counts[4]:>7}"
        )


if __name__ == "__main__":
    main()
