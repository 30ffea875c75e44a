"""The shipped machines under every plan of faults, two workers in every order, and what each safeguard is there for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from locoia_pat.actions.protocols import machine
from locoia_pat.actions.protocols.effects import Call, Keep, Managed, Take, Write

from tests.model.sweep import PROTOCOLS, Protocol, Told, sweep
from tests.model.world import NAME, OWNER, World, drive

if TYPE_CHECKING:
    from collections.abc import Iterator

DUAL = ["dual slot, by itself", "dual slot, by itself, first"]
REPAIRED = ["create or adopt", "dual slot, by a rotator", "in place"]


def told(name: str, found: Told, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\n{name}: {found.plans:,} plans of up to three faults")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", DUAL)
def test_a_dual_slot_survives_every_plan_of_three_faults(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = sweep(PROTOCOLS[name], 3)
    told(name, found, capsys)
    assert found.plans > 40_000
    assert (found.dead, found.dead_after, found.orphans, found.late_orphans) == ([], [], [], [])


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", REPAIRED)
def test_one_reconcile_repairs_what_two_or_three_faults_left(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = sweep(PROTOCOLS[name], 3)
    told(name, found, capsys)
    assert found.plans > 10_000
    assert (found.dead_after, found.orphans) == ([], [])
    assert found.dead != []  # else there would be nothing to reconcile, and the model would prove nothing


@pytest.mark.parametrize("name", DUAL)
def test_a_late_request_that_was_authorised_on_arrival_is_repaired_by_another_credential(name: str) -> None:
    found = sweep(PROTOCOLS[name], 2, on_arrival=True)
    assert 0 < len(found.dead_after) < found.plans / 20  # the honest limit
    for plan in found.dead_after:
        protocol = PROTOCOLS[name]
        world = replace(protocol.begin(), faults=plan, on_arrival=True)
        drive(world, protocol.machine())
        world.end()
        world.faults, world.itself = {}, False
        drive(world, Protocol(protocol.begin, machine.reconcile).machine())
        assert world.alive(world.record.current)
        assert world.orphans() == []


# What each safeguard is there for


@dataclass
class Careless(World):
    """A world in which one safeguard does nothing."""

    without: str = ""

    def perform(self, effect: Any) -> Any:
        match self.without, effect:
            case "the journal", Write():
                effect = Write(Managed(NAME, OWNER, rows={**self.managed.rows}))
            case "the pending secret", Keep(record) if record.pending is not None:
                return None
            case "the proof", Call(action="list_pats", by=by) if by is not None and not self.itself:
                self.count += 1
                self.kinds.append("list")
                return self.serve(replace(effect, by=None))
            case "the fence", Call(by=by) if by is not None:
                effect = replace(effect, by=None)
            case "the look at the list", Call(action="list_pats", by=None):
                answer = super().perform(effect)
                return replace(answer, data={"tokens": []}) if answer.data else answer
            case _:
                pass
        return super().perform(effect)


def careless(name: str, without: str) -> Protocol:
    protocol = PROTOCOLS[name]

    def begin() -> World:
        world = protocol.begin()
        return Careless(**{key: getattr(world, key) for key in world.__dataclass_fields__}, without=without)

    return replace(protocol, begin=begin)


SAFEGUARDS = {
    "the journal": ("create or adopt", 2),
    "the look at the list": ("create or adopt", 2),
    "the proof": ("dual slot, by a rotator", 2),
    "the fence": ("dual slot, by itself", 2),
}


@pytest.mark.parametrize("without", SAFEGUARDS)
def test_without_one_safeguard_the_model_finds_harm(without: str) -> None:
    name, faults = SAFEGUARDS[without]
    found = sweep(careless(name, without), faults)
    clean = sweep(PROTOCOLS[name], faults)
    assert len(found.dead_after) + len(found.orphans) > 0 or len(found.dead) > len(clean.dead)


# Two workers


def interleaved(protocol: Protocol, *, lease: bool, depth: int) -> Iterator[tuple[World, list[Any]]]:
    """Two workers that begin the same machine, in every order of their first *depth* steps, then by turns."""
    for bits in range(2**depth):
        world = protocol.begin()
        make = protocol.machine()
        steps = [make(), make()]
        answers: list[Any] = [None, None]
        ended: list[Any] = [None, None]
        holder: int | None = None
        turn = 0
        while None in ended:
            wish = (bits >> turn) & 1 if turn < depth else turn % 2
            turn += 1
            worker = wish if ended[wish] is None else 1 - wish
            waits = lease and answers[worker] is None and holder not in (None, worker)
            worker = 1 - worker if waits else worker
            try:
                effect = steps[worker].send(answers[worker])
            except StopIteration as end:
                ended[worker] = end.value
                holder = None if holder == worker else holder
                continue
            if isinstance(effect, Take):
                holder = worker
            answers[worker] = world.perform(effect)
        yield world, ended


WORKERS = ["create or adopt", "dual slot, by itself", "dual slot, by a rotator", "in place"]


def harm(protocol: Protocol, *, lease: bool, depth: int = 12) -> list[str]:
    found = []
    for world, _ in interleaved(protocol, lease=lease, depth=depth):
        if not world.alive(world.record.current):
            found.append("a dead secret is stored")
        elif world.orphans():
            found.append("a live secret is nobody's")
    return found


@pytest.mark.parametrize("name", WORKERS)
def test_two_workers_with_a_lease_do_no_harm_in_any_order(name: str) -> None:
    assert harm(PROTOCOLS[name], lease=True) == []


@pytest.mark.parametrize("name", WORKERS)
def test_two_workers_without_a_lease_do_harm(name: str) -> None:
    assert harm(PROTOCOLS[name], lease=False, depth=14) != []


def test_two_that_ensure_at_once_make_one_token_and_the_second_finds_it() -> None:
    for world, ended in interleaved(PROTOCOLS["create or adopt"], lease=True, depth=10):
        assert sorted(done.change for done in ended) == ["created", "none"]
        assert len(world.rows) == 1
