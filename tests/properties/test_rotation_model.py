"""The shipped protocols under every plan of faults, two workers in every order, and what each safeguard is for."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat import Outcome, Problem, Result
from locoia_pat.actions.lifecycle import rotation
from locoia_pat.actions.lifecycle.effects import AcquireLease, CallApi, JournalEntry, WriteJournal
from tests.properties.sweep import DESIRED, SCENARIOS, Harm, Scenario, plans, sweep
from tests.properties.world import NAME, OWNER, World, drive, with_token

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locoia_pat.actions.lifecycle.rotation import Protocol

DUAL_SLOT = ["dual slot, by itself", "dual slot, by itself, first"]
PARTIAL = ["create or adopt, token alone", "dual slot, token alone", "dual slot, nothing read"]
"""Token stores from which less than a record can be read."""
REPAIRED = ["create or adopt", "dual slot, by a rotator", "in place", *PARTIAL]


def print_count(name: str, harm: Harm, faults: int, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\n{name}: {harm.plans:,} plans of up to {faults} faults")


QUICK = "QUICK" in os.environ
"""Two faults instead of three: continuous integration does it so on all Pythons but one."""
MOST, LEAST = (2, 500) if QUICK else (3, 10_000)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", DUAL_SLOT)
def test_a_dual_slot_survives_every_plan_of_three_faults(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    harm = sweep(SCENARIOS[name], MOST)
    print_count(name, harm, MOST, capsys)
    assert harm.plans > LEAST
    assert (harm.dead, harm.dead_after, harm.orphans, harm.late_orphans, harm.lingering) == ([], [], [], [], [])


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", REPAIRED)
def test_one_reconcile_repairs_the_harm_of_two_or_three_faults(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    most, least = (2, 500) if name in PARTIAL else (MOST, LEAST)
    harm = sweep(SCENARIOS[name], most)
    print_count(name, harm, most, capsys)
    assert harm.plans > least
    assert (harm.dead_after, harm.orphans, harm.lingering) == ([], [], [])
    assert harm.dead != []  # else there would be nothing to reconcile, and the model would prove nothing


@pytest.mark.parametrize("name", DUAL_SLOT)
def test_a_late_request_that_was_authorised_on_arrival_is_repaired_by_another_credential(name: str) -> None:
    scenario = SCENARIOS[name]
    harm = sweep(scenario, 2, on_arrival=True)
    assert 0 < len(harm.dead_after) < harm.plans / 20  # the honest limit
    for plan in harm.dead_after:
        world = replace(scenario.begin(), faults=plan, on_arrival=True)
        drive(world, scenario.start())
        world.end()
        world.faults, world.self_rotating = {}, False
        drive(world, Scenario(scenario.begin, rotation.reconcile).start())
        assert world.works(world.record.current)
        assert world.orphans() == []


# What each safeguard is for


@dataclass
class Careless(World):
    """A world in which one safeguard does nothing."""

    without: str = ""

    def perform(self, effect: Any) -> Any:
        match self.without, effect:
            case "the journal", WriteJournal():
                effect = WriteJournal(JournalEntry(NAME, OWNER, rows={**self.journal.rows}))
            case "the proof", CallApi(action="list_pats", by=by) if by is not None and not self.self_rotating:
                self.count += 1
                self.kinds.append("list")
                return self.serve(replace(effect, by=None))
            case "the fence", CallApi(by=by) if by is not None:
                effect = replace(effect, by=None)
            case "the list", CallApi(action="list_pats", by=None):
                result = super().perform(effect)
                return replace(result, data={"tokens": []}) if result.data else result
            case _:
                pass
        return super().perform(effect)


def careless(name: str, without: str) -> Scenario:
    scenario = SCENARIOS[name]

    def begin() -> World:
        world = scenario.begin()
        return Careless(**{key: getattr(world, key) for key in world.__dataclass_fields__}, without=without)

    return replace(scenario, begin=begin)


SAFEGUARDS = {
    "the journal": ("create or adopt", 2),
    "the list": ("create or adopt", 2),
    "the proof": ("dual slot, by a rotator", 2),
    "the fence": ("dual slot, by itself", 2),
}


@pytest.mark.parametrize("without", SAFEGUARDS)
def test_without_one_safeguard_the_model_finds_harm(without: str) -> None:
    name, faults = SAFEGUARDS[without]
    harm = sweep(careless(name, without), faults)
    clean = sweep(SCENARIOS[name], faults)
    assert len(harm.dead_after) + len(harm.orphans) > 0 or len(harm.dead) > len(clean.dead)


def test_without_the_expiry_in_the_list_a_token_that_cannot_be_read_may_be_dead_unseen() -> None:
    class Undated(World):
        def serve(self, call: CallApi, *, authorized: bool = False) -> Result:
            result = super().serve(call, authorized=authorized)
            for row in (result.data or {}).get("tokens", ()):
                row["expiration"] = None
            return result

    def begin() -> World:
        world = with_token(Undated(readback="nothing"), standby=True)
        assert world.record.current is not None
        entry = replace(world.record.current, metadata={**world.record.current.metadata, "listed": None})
        world.record = replace(world.record, current=entry)
        return world

    scenario = Scenario(begin, rotation.rotate)
    harmful = sweep(scenario, 2).dead_after
    assert harmful != []
    for plan in harmful:  # what the docs say: a rotation repairs it
        world = replace(begin(), faults=plan)
        drive(world, scenario.start())
        world.end()
        world.faults = {}
        drive(world, scenario.start())
        assert world.works(world.record.current)


# Two workers


def interleave(scenario: Scenario, *, lease: bool, depth: int) -> Iterator[tuple[World, list[Any]]]:
    """Run two workers of the same protocol, in every order of their first *depth* steps, then by turns."""
    for bits in range(2**depth):
        world = scenario.begin()
        start = scenario.start()
        protocols = [start(), start()]
        results: list[Any] = [None, None]
        finished: list[Any] = [None, None]
        holder: int | None = None
        turn = 0
        begun = [False, False]
        while None in finished:
            choice = (bits >> turn) & 1 if turn < depth else turn % 2
            turn += 1
            worker = choice if finished[choice] is None else 1 - choice
            waits = lease and not begun[worker] and holder not in (None, worker)
            worker = 1 - worker if waits else worker
            try:
                effect = protocols[worker].send(results[worker])
            except StopIteration as end:
                finished[worker] = end.value
                holder = None if holder == worker else holder
                continue
            if isinstance(effect, AcquireLease):
                holder, begun[worker] = worker, True
            results[worker] = world.perform(effect)
        yield world, finished


WORKERS = ["create or adopt", "dual slot, by itself", "dual slot, by a rotator", "in place"]


def find_harm(scenario: Scenario, *, lease: bool, depth: int) -> Iterator[str]:
    for world, _ in interleave(scenario, lease=lease, depth=depth):
        if not world.works(world.record.current):
            yield "a dead secret is stored"
        elif world.orphans():
            yield "a working secret is not stored"


@pytest.mark.parametrize("name", WORKERS)
def test_two_workers_with_a_lease_do_no_harm_in_any_order(name: str) -> None:
    assert list(find_harm(SCENARIOS[name], lease=True, depth=12)) == []


@pytest.mark.parametrize("name", WORKERS)
def test_two_workers_without_a_lease_do_harm(name: str) -> None:
    assert next(find_harm(SCENARIOS[name], lease=False, depth=16), None) is not None


def test_two_that_ensure_at_once_create_one_token_and_the_second_finds_it() -> None:
    for world, finished in interleave(SCENARIOS["create or adopt"], lease=True, depth=10):
        assert sorted(each.change for each in finished) == ["created", "none"]
        assert len(world.rows) == 1


def test_a_name_whose_lease_is_held_is_busy_and_says_by_whom() -> None:
    protocol = Scenario(World, rotation.ensure).start()()
    assert isinstance(protocol.send(None), AcquireLease)
    with pytest.raises(StopIteration) as end:
        protocol.send("process 1 on host")
    assert (end.value.value.problem, end.value.value.message) == ("busy", "process 1 on host")


# Ends and other scopes

RETIRE = Scenario(lambda: with_token(World(), standby=True), rotation.retire)
RETIRE_ITSELF = Scenario(
    lambda: with_token(World(self_rotating=True), standby=True), rotation.retire, self_rotating=True
)


@pytest.mark.parametrize("scenario", [RETIRE, RETIRE_ITSELF], ids=["by a rotator", "by itself"])
def test_a_retired_name_leaves_nothing_that_works(scenario: Scenario) -> None:
    for faults in range(3):
        for plan in plans(scenario, faults):
            world = replace(scenario.begin(), faults=plan)
            before = {row.secret for row in world.rows.values()}
            finished = drive(world, scenario.start())
            world.end()
            if scenario.self_rotating and finished.stopped:
                continue  # its own row was revoked first, and with it the credential that could revoke the rest
            assert (world.record.current, world.journal.ended) == (None, True), plan
            assert not before & {row.secret for row in world.rows.values()}, plan


def test_a_change_of_scopes_survives_two_faults_and_one_reconcile() -> None:
    desired = replace(DESIRED, scopes=["company"], change_scopes=True)
    scenario = Scenario(lambda: with_token(World(), standby=True), rotation.ensure, desired=desired)
    harm = sweep(scenario, 2)
    assert (harm.dead_after, harm.orphans) == ([], [])
    world = scenario.begin()
    drive(world, scenario.start())
    assert world.record.current is not None
    assert world.rows[str(world.record.current.id)].scopes == ["company"]


# Stops


@dataclass
class Deaf(World):
    """A world in which no change succeeds."""

    code: Any = "unknown"

    def serve(self, call: CallApi, *, authorized: bool = False) -> Result:
        if call.action == "list_pats":
            return super().serve(call, authorized=authorized)
        outcome = Outcome.UNKNOWN if self.code == "unknown" else Outcome.REFUSED
        return Result("x", outcome, problem=Problem(self.code, "no"))


@pytest.mark.parametrize("code", ["unknown", "forbidden"])
@pytest.mark.parametrize("protocol", [rotation.ensure, rotation.rotate, rotation.retire, rotation.rotate_in_place])
def test_a_protocol_without_responses_stops_and_costs_no_token(protocol: Protocol, code: str) -> None:
    with_one = with_token(World(), standby=True)
    for start in (with_one, World()):
        world = Deaf(**{key: getattr(start, key) for key in start.__dataclass_fields__}, code=code)
        finished = drive(world, Scenario(World, protocol).start())
        if start is with_one:
            assert finished.stopped or protocol is rotation.ensure
            assert world.works(world.record.current)
        else:
            assert finished.stopped or protocol is rotation.retire


def test_a_slot_whose_row_is_gone_gets_a_new_one() -> None:
    world = with_token(World(), standby=False)
    world.journal = replace(world.journal, rows={**world.journal.rows, "b": "gone"})
    finished = drive(world, Scenario(World, rotation.rotate).start())
    assert (finished.change, world.works(world.record.current)) == ("rotated", True)
    assert "gone" not in world.journal.rows.values()


def test_a_protocol_whose_new_secrets_are_replaced_again_and_again_stops() -> None:
    class Restless(World):
        def serve(self, call: CallApi, *, authorized: bool = False) -> Result:
            result = super().serve(call, authorized=authorized)
            if call.action == "regenerate_pat":
                self.rows[call.inputs["token_id"]].secret = self.new_secret()  # another client was faster
            return result

    world = with_token(Restless(), standby=True)
    finished = drive(world, Scenario(World, rotation.rotate).start(), attempts=1)
    assert (finished.problem, world.works(world.record.current)) == ("unknown", True)


def test_a_list_that_cannot_be_read_stops_the_protocol_and_changes_nothing() -> None:
    class Blind(World):
        def serve(self, call: CallApi, *, authorized: bool = False) -> Result:
            if call.action == "list_pats" and (call.by is None or self.self_rotating):
                return Result("x", Outcome.NOT_DONE, problem=Problem("unavailable", "no"))
            return super().serve(call, authorized=authorized)

    for protocol in (rotation.ensure, rotation.rotate, rotation.reconcile):
        for self_rotating in (False, True):
            world = with_token(Blind(self_rotating=self_rotating), standby=False)
            scenario = Scenario(World, protocol, self_rotating=self_rotating)
            assert drive(world, scenario.start(), attempts=1).stopped
            assert world.works(world.record.current)
    ensure = Scenario(World, rotation.ensure)
    assert drive(Blind(), ensure.start(), attempts=1).stopped
    replacing = replace(ensure, desired=replace(DESIRED, replaces="row-9"))
    assert drive(Blind(), replacing.start(), attempts=1).stopped
    world = with_token(Blind(), standby=False)
    world.rows["row-1"].secret = world.new_secret()  # the stored one was revoked
    assert drive(world, ensure.start(), attempts=1).stopped


def test_a_reconcile_that_cannot_finish_what_was_started_says_so() -> None:
    world = Deaf()
    world.journal = replace(world.journal, operation="create", operation_id="Q" * 16)
    assert drive(world, Scenario(World, rotation.reconcile).start(), attempts=1).problem == "unknown"


@pytest.mark.parametrize("number", range(8))
def test_a_return_to_the_previous_token_that_could_not_be_stored_is_finished_by_the_next_run(number: int) -> None:
    world = with_token(World(), standby=False)
    drive(world, Scenario(World, rotation.rotate, desired=replace(DESIRED, overlap=24)).start())
    current = world.record.current
    assert current is not None
    world.rows[str(current.id)].secret = world.new_secret()  # another client replaced its secret
    world.count, world.kinds = 0, []
    world.faults = {number: ("refused", 0)}
    finished = drive(world, Scenario(World, rotation.ensure).start(), attempts=1)
    refused = number < len(world.kinds) and world.kinds[number] == "store"
    assert (finished.problem == "not_stored") is refused
    world.faults = {}
    drive(world, Scenario(World, rotation.ensure).start())
    assert world.works(world.record.current)


def test_a_name_without_a_token_has_nothing_to_reconcile_or_to_rotate() -> None:
    assert drive(World(), Scenario(World, rotation.reconcile).start()).change == "none"
    assert drive(World(), Scenario(World, rotation.rotate).start()).problem == "not_found"


def test_without_a_rotator_a_revoked_token_is_reported() -> None:
    world = with_token(World(self_rotating=True), standby=False)
    world.rows["row-1"].secret = world.new_secret()
    finished = drive(world, Scenario(World, rotation.ensure, self_rotating=True).start(), attempts=1)
    assert finished.result is not None
    assert finished.result.problem is not None
    assert finished.result.problem.code == "unauthorized"


def test_a_reconcile_replaces_a_revoked_token() -> None:
    world = with_token(World(), standby=True)
    world.rows["row-1"].secret = world.new_secret()
    finished = drive(world, Scenario(World, rotation.reconcile).start())
    assert (finished.change, world.works(world.record.current)) == ("rotated", True)


@pytest.mark.parametrize("protocol", [rotation.ensure, rotation.rotate, rotation.reconcile])
def test_a_retire_in_progress_is_finished_first(protocol: Protocol) -> None:
    world = with_token(World(), standby=True)
    world.journal = replace(world.journal, operation="retire", operation_id="Q" * 16)
    first = world.rows["row-1"].secret
    drive(world, Scenario(World, protocol).start())
    assert world.rows["row-1"].secret != first
    assert world.journal.operation is None


def test_an_orphan_that_cannot_be_revoked_is_reported() -> None:
    world = Deaf(**vars(with_token(World(), standby=True)))
    world.journal = replace(world.journal, rows={"a": "row-1"})  # the other row is an orphan
    finished = drive(world, Scenario(World, rotation.reconcile).start(), attempts=1)
    assert (finished.problem, world.orphans()) == ("unknown", ["row-2"])
