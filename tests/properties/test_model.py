"""The shipped machines under every plan of faults, two workers in every order, and what each safeguard is there for."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat import Outcome, Problem, Result
from locoia_pat.actions.lifecycle import machine
from locoia_pat.actions.lifecycle.effects import Call, Keep, Managed, Take, Write
from tests.properties.sweep import PROTOCOLS, Protocol, Told, plans, sweep
from tests.properties.world import NAME, OWNER, World, drive, with_token

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from locoia_pat.actions.lifecycle.effects import Machine
    from locoia_pat.actions.lifecycle.tending import Wanted

DUAL = ["dual slot, by itself", "dual slot, by itself, first"]
PARTIAL = ["create or adopt, token alone", "dual slot, token alone", "dual slot, nothing read"]
"""Places that hold less than a record."""
REPAIRED = ["create or adopt", "dual slot, by a rotator", "in place", *PARTIAL]


def told(name: str, found: Told, faults: int, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\n{name}: {found.plans:,} plans of up to {faults} faults")


QUICK = "QUICK" in os.environ
"""Two faults instead of three: continuous integration does it so on all Pythons but one."""
MOST, LEAST = (2, 500) if QUICK else (3, 10_000)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", DUAL)
def test_a_dual_slot_survives_every_plan_of_three_faults(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = sweep(PROTOCOLS[name], MOST)
    told(name, found, MOST, capsys)
    assert found.plans > LEAST
    assert (found.dead, found.dead_after, found.orphans, found.late_orphans, found.lingering) == ([], [], [], [], [])


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", REPAIRED)
def test_one_reconcile_repairs_what_two_or_three_faults_left(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    most, least = (2, 500) if name in PARTIAL else (MOST, LEAST)
    found = sweep(PROTOCOLS[name], most)
    told(name, found, most, capsys)
    assert found.plans > least
    assert (found.dead_after, found.orphans, found.lingering) == ([], [], [])
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


def test_without_the_expiry_in_the_list_a_token_that_nobody_can_read_may_be_dead_unseen() -> None:
    class Undated(World):
        def serve(self, call: Call, *, authorized: bool = False) -> Result:
            result = super().serve(call, authorized=authorized)
            for row in (result.data or {}).get("tokens", ()):
                row["expiration"] = None
            return result

    def begin() -> World:
        world = with_token(Undated(keeps="nothing"), standby=True)
        assert world.record.current is not None
        entry = replace(world.record.current, beside={**world.record.current.beside, "listed": None})
        world.record = replace(world.record, current=entry)
        return world

    protocol = Protocol(begin, machine.rotate)
    plans_of_harm = sweep(protocol, 2).dead_after
    assert plans_of_harm != []
    for plan in plans_of_harm:  # what the docs say: a rotation repairs it
        world = replace(begin(), faults=plan)
        drive(world, protocol.machine())
        world.end()
        world.faults = {}
        drive(world, protocol.machine())
        assert world.alive(world.record.current)


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


def harm(protocol: Protocol, *, lease: bool, depth: int) -> Iterator[str]:
    for world, _ in interleaved(protocol, lease=lease, depth=depth):
        if not world.alive(world.record.current):
            yield "a dead secret is stored"
        elif world.orphans():
            yield "a live secret is nobody's"


@pytest.mark.parametrize("name", WORKERS)
def test_two_workers_with_a_lease_do_no_harm_in_any_order(name: str) -> None:
    assert list(harm(PROTOCOLS[name], lease=True, depth=12)) == []


@pytest.mark.parametrize("name", WORKERS)
def test_two_workers_without_a_lease_do_harm(name: str) -> None:
    assert next(harm(PROTOCOLS[name], lease=False, depth=16), None) is not None


def test_two_that_ensure_at_once_make_one_token_and_the_second_finds_it() -> None:
    for world, ended in interleaved(PROTOCOLS["create or adopt"], lease=True, depth=10):
        assert sorted(done.change for done in ended) == ["created", "none"]
        assert len(world.rows) == 1


# Ends and other scopes

RETIRE = Protocol(lambda: with_token(World(), standby=True), machine.retire)
RETIRE_ITSELF = Protocol(lambda: with_token(World(itself=True), standby=True), machine.retire, itself=True)


@pytest.mark.parametrize("protocol", [RETIRE, RETIRE_ITSELF], ids=["by a rotator", "by itself"])
def test_a_name_that_is_retired_leaves_nothing_that_works(protocol: Protocol) -> None:
    for faults in range(3):
        for plan in plans(protocol, faults):
            world = replace(protocol.begin(), faults=plan)
            before = {row.secret for row in world.rows.values()}
            done = drive(world, protocol.machine())
            world.end()
            if protocol.itself and done.stopped:
                continue  # its own row was first to go, and with it what could end the rest
            assert (world.record.current, world.managed.ended) == (None, True), plan
            assert not before & {row.secret for row in world.rows.values()}, plan


def rescoped(wanted: Wanted) -> Machine:
    return machine.ensure(replace(wanted, scopes=["company"], change_scopes=True))


def test_other_scopes_survive_two_faults_and_one_reconcile() -> None:
    protocol = Protocol(lambda: with_token(World(), standby=True), rescoped)
    found = sweep(protocol, 2)
    assert (found.dead_after, found.orphans) == ([], [])
    world = protocol.begin()
    drive(world, protocol.machine())
    assert world.record.current is not None
    assert world.rows[str(world.record.current.id)].scopes == ["company"]


@dataclass
class Deaf(World):
    """A world in which no change is ever answered."""

    code: Any = "unknown"

    def serve(self, call: Call, *, authorized: bool = False) -> Result:
        if call.action == "list_pats":
            return super().serve(call, authorized=authorized)
        outcome = Outcome.UNKNOWN if self.code == "unknown" else Outcome.REFUSED
        return Result("x", outcome, problem=Problem(self.code, "no"))


@pytest.mark.parametrize("code", ["unknown", "forbidden"])
@pytest.mark.parametrize("run", [machine.ensure, machine.rotate, machine.retire, machine.rotate_in_place])
def test_a_world_that_answers_nothing_ends_the_work_loudly_and_costs_no_token(
    run: Callable[[Wanted], Machine], code: str
) -> None:
    begun = with_token(World(), standby=True)
    empty = World()
    for start in (begun, empty):
        world = Deaf(**{key: getattr(start, key) for key in start.__dataclass_fields__}, code=code)
        done = drive(world, Protocol(World, run).machine())
        if start is begun:
            assert done.stopped or run is machine.ensure
            assert world.alive(world.record.current)
        else:
            assert done.stopped or run is machine.retire


def test_a_slot_whose_row_is_gone_gets_a_new_one() -> None:
    world = with_token(World(), standby=False)
    world.managed = replace(world.managed, rows={**world.managed.rows, "b": "gone"})
    done = drive(world, Protocol(World, machine.rotate).machine())
    assert (done.change, world.alive(world.record.current)) == ("rotated", True)
    assert "gone" not in world.managed.rows.values()


def test_a_secret_that_is_replaced_again_and_again_ends_the_work_loudly() -> None:
    class Restless(World):
        def serve(self, call: Call, *, authorized: bool = False) -> Result:
            result = super().serve(call, authorized=authorized)
            if call.action == "regenerate_pat":
                self.rows[call.inputs["token_id"]].secret = self.secret()  # somebody else was faster
            return result

    world = with_token(Restless(), standby=True)
    done = drive(world, Protocol(World, machine.rotate).machine(), begins=1)
    assert (done.problem, world.alive(world.record.current)) == ("unknown", True)


def test_a_list_that_cannot_be_read_ends_the_work_and_changes_nothing() -> None:
    class Blind(World):
        def serve(self, call: Call, *, authorized: bool = False) -> Result:
            if call.action == "list_pats" and (call.by is None or self.itself):
                return Result("x", Outcome.NOT_DONE, problem=Problem("unavailable", "no"))
            return super().serve(call, authorized=authorized)

    for run in (machine.ensure, machine.rotate, machine.reconcile):
        for itself in (False, True):
            world = with_token(Blind(itself=itself), standby=False)
            done = drive(world, Protocol(World, run, itself=itself).machine(), begins=1)
            assert done.stopped
            assert world.alive(world.record.current)
    assert drive(Blind(), Protocol(World, machine.ensure).machine(), begins=1).stopped
    replacing = Protocol(World, lambda wanted: machine.ensure(replace(wanted, replaces="row-9"))).machine()
    assert drive(Blind(), replacing, begins=1).stopped
    world = with_token(Blind(), standby=False)
    world.rows["row-1"].secret = world.secret()  # the stored one died
    assert drive(world, Protocol(World, machine.ensure).machine(), begins=1).stopped


def test_a_reconcile_that_cannot_finish_what_was_begun_says_so() -> None:
    world = Deaf()
    world.managed = replace(world.managed, doing="create", op="Q" * 16)
    assert drive(world, Protocol(World, machine.reconcile).machine(), begins=1).problem == "unknown"


@pytest.mark.parametrize("number", range(8))
def test_a_fall_back_to_the_token_before_that_no_place_takes_is_finished_by_the_next_run(number: int) -> None:
    world = with_token(World(), standby=False)
    drive(world, Protocol(World, lambda wanted: machine.rotate(replace(wanted, overlap=24))).machine())
    current = world.record.current
    assert current is not None
    world.rows[current.beside["id"]].secret = world.secret()  # somebody took its secret away
    world.count, world.kinds = 0, []
    world.faults = {number: ("refused", 0)}
    done = drive(world, Protocol(World, machine.ensure).machine(), begins=1)
    refused = number < len(world.kinds) and world.kinds[number] == "keep"
    assert (done.problem == "not_stored") is refused
    world.faults = {}
    drive(world, Protocol(World, machine.ensure).machine())
    assert world.alive(world.record.current)


def test_a_name_without_a_token_has_nothing_to_reconcile_or_to_rotate() -> None:
    assert drive(World(), Protocol(World, machine.reconcile).machine()).change == "none"
    assert drive(World(), Protocol(World, machine.rotate).machine()).problem == "not_found"


def test_stored_secrets_that_are_all_dead_are_told_where_there_is_no_rotator() -> None:
    world = with_token(World(itself=True), standby=False)
    world.rows["row-1"].secret = world.secret()
    done = drive(world, Protocol(World, machine.ensure, itself=True).machine(), begins=1)
    assert done.result is not None
    assert done.result.problem is not None
    assert done.result.problem.code == "unauthorized"


def test_a_token_that_died_is_replaced_by_a_reconcile() -> None:
    world = with_token(World(), standby=True)
    world.rows["row-1"].secret = world.secret()
    done = drive(world, Protocol(World, machine.reconcile).machine())
    assert (done.change, world.alive(world.record.current)) == ("rotated", True)


@pytest.mark.parametrize("run", [machine.ensure, machine.rotate, machine.reconcile])
def test_an_end_that_was_begun_is_finished_first(run: Callable[[Wanted], Machine]) -> None:
    world = with_token(World(), standby=True)
    world.managed = replace(world.managed, doing="retire", op="Q" * 16)
    first = world.rows["row-1"].secret
    drive(world, Protocol(World, run).machine())
    assert world.rows["row-1"].secret != first
    assert world.managed.doing is None


def test_a_row_that_cannot_be_made_useless_is_told() -> None:
    world = Deaf(**vars(with_token(World(), standby=True)))
    world.managed = replace(world.managed, rows={"a": "row-1"})  # nobody knows of the other row
    done = drive(world, Protocol(World, machine.reconcile).machine(), begins=1)
    assert (done.problem, world.orphans()) == ("unknown", ["row-2"])
