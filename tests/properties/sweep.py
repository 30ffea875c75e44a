"""Every plan of a few faults, over each protocol.

The whole sweep:  python -m tests.properties.sweep 3
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from itertools import product
from typing import TYPE_CHECKING

from locoia_pat.actions.lifecycle import machine
from locoia_pat.actions.lifecycle.tending import Wanted
from tests.properties.world import FAULTS, NAME, Fault, World, drive, with_token

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from locoia_pat.actions.lifecycle.effects import Machine

WANTED = Wanted(NAME, ["embed"], 30, "CI", overlap=0)


@dataclass(frozen=True)
class Protocol:
    """A world to begin with, what is run in it, and which harm counts."""

    begin: Callable[[], World]
    run: Callable[[Wanted], Machine]
    itself: bool = False

    def machine(self, run: Callable[[Wanted], Machine] | None = None) -> Callable[[], Machine]:
        wanted = replace(WANTED, itself=self.itself)
        return lambda: (run or self.run)(wanted)


PROTOCOLS = {
    "create or adopt": Protocol(World, machine.ensure),
    "dual slot, by itself": Protocol(lambda: with_token(World(itself=True), standby=True), machine.rotate, itself=True),
    "dual slot, by itself, first": Protocol(
        lambda: with_token(World(itself=True), standby=False), machine.rotate, itself=True
    ),
    "dual slot, by a rotator": Protocol(lambda: with_token(World(), standby=True), machine.rotate),
    "create or adopt, token alone": Protocol(lambda: World(keeps="token"), machine.ensure),
    "dual slot, token alone": Protocol(lambda: with_token(World(keeps="token"), standby=True), machine.rotate),
    "dual slot, nothing read": Protocol(lambda: with_token(World(keeps="nothing"), standby=True), machine.rotate),
    "in place": Protocol(lambda: with_token(World(), standby=False), machine.rotate_in_place),
}


@dataclass
class Told:
    """What a sweep found."""

    plans: int = 0
    dead: list[dict[int, Fault]] = field(default_factory=list)
    """Plans that end with a stored token that does not work."""
    dead_after: list[dict[int, Fault]] = field(default_factory=list)
    """Those that still do after one reconcile."""
    orphans: list[dict[int, Fault]] = field(default_factory=list)
    """Plans that leave a live secret which nobody keeps, after one reconcile."""
    lingering: list[dict[int, Fault]] = field(default_factory=list)
    """Plans after which a secret of before works, though there was no overlap to wait for, after one reconcile."""
    late_orphans: list[dict[int, Fault]] = field(default_factory=list)
    """The same before it."""


def plans(protocol: Protocol, faults: int, *, on_arrival: bool = False) -> Iterator[dict[int, Fault]]:
    """Each plan of exactly so many faults, at each effect that is reached."""

    def kinds(plan: dict[int, Fault]) -> list[str]:
        world = replace(protocol.begin(), faults=plan, on_arrival=on_arrival)
        drive(world, protocol.machine())
        return world.kinds

    def more(plan: dict[int, Fault], left: int) -> Iterator[dict[int, Fault]]:
        if left == 0:
            yield plan
            return
        first = max(plan, default=-1) + 1
        reached = kinds(plan)
        for number in range(first, len(reached)):
            for fault in FAULTS[reached[number]]:
                yield from more({**plan, number: fault}, left - 1)

    yield from more({}, faults)


def sweep(protocol: Protocol, most: int, *, on_arrival: bool = False, every: int = 1) -> Told:
    """All plans of up to *most* faults, or every so many of those with the most."""
    told = Told()
    for faults in range(most + 1):
        for number, plan in enumerate(plans(protocol, faults, on_arrival=on_arrival)):
            if faults == most and number % every:
                continue
            judge(protocol, plan, told, on_arrival=on_arrival)
    return told


def judge(protocol: Protocol, plan: dict[int, Fault], told: Told, *, on_arrival: bool = False) -> None:
    """Run one plan, and note the harm it does."""
    told.plans += 1
    world = replace(protocol.begin(), faults=plan, on_arrival=on_arrival)
    drive(world, protocol.machine())
    world.end()
    if not world.alive(world.record.current):
        told.dead.append(plan)
    if world.orphans():
        told.late_orphans.append(plan)
    world.faults = {}
    drive(world, protocol.machine(machine.reconcile))
    if not world.alive(world.record.current):
        told.dead_after.append(plan)
    if world.orphans():
        told.orphans.append(plan)
    if world.lingering():
        told.lingering.append(plan)


def main() -> None:
    """Print what each protocol does under all plans of up to so many faults."""
    most = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    print(
        f"{'protocol':<30}{'authorised':<12}{'plans':>9}{'dead':>7}{'after':>7}{'orphans':>9}{'after':>7}{'linger':>7}"
    )
    for name, on_arrival in product(PROTOCOLS, (False, True)):
        told = sweep(PROTOCOLS[name], most, on_arrival=on_arrival)
        when = "on arrival" if on_arrival else "at commit"
        counts = [len(found) for found in (told.dead, told.dead_after, told.late_orphans, told.orphans, told.lingering)]
        print(
            f"{name:<30}{when:<12}{told.plans:>9}{counts[0]:>7}{counts[1]:>7}{counts[2]:>9}{counts[3]:>7}{counts[4]:>7}"
        )


if __name__ == "__main__":
    main()
