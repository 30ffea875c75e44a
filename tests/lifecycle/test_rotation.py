"""Managed names against the sandbox: created, found again, renewed, rotated, retired, and what is refused."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, get_args

import pytest

from locoia_pat import ConnectorAuth, InvalidError, NotDoneError, RefusedError, UnknownOutcomeError
from locoia_pat.actions import ensure_pat, list_pats, retire_pat
from locoia_pat.actions.lifecycle.marker import find_marker
from locoia_pat.actions.managed import reconcile
from locoia_pat.actions.sandbox.faults import Fault
from locoia_pat.outcomes import Code
from locoia_pat.state.journal import State

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from locoia_pat.actions import ManagedToken
    from tests.support.lifecycle_sandbox import ManagedSandbox


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def new_database(request: pytest.FixtureRequest) -> Callable[[], str] | None:
    """Run each test with both kinds of state."""
    return request.getfixturevalue("postgres").new_database if request.param == "PostgreSQL" else None


def test_a_name_is_created_once_and_then_unchanged(sandbox: ManagedSandbox) -> None:
    first = sandbox.ensure()
    assert (first.change, first.name, first.scopes) == ("created", "ci", ["embed"])
    again = sandbox.ensure()
    assert (again.change, again.id, again.token_refs) == ("none", first.id, first.token_refs)
    assert len(sandbox.rows()) == 1
    assert sandbox.works()


def test_the_note_says_whose_row_it_is(sandbox: ManagedSandbox) -> None:
    sandbox.ensure()
    (row,) = sandbox.rows()
    marker = find_marker(row.note)
    assert marker is not None
    assert (marker.name, marker.slot, marker.owner) == ("ci", "a", sandbox.state().owner)
    assert row.note.startswith("CI ~lp1/")


@pytest.mark.parametrize("itself", [False, True], ids=["by a rotator", "by itself"])
def test_a_rotation_leaves_two_rows_however_often_and_the_stored_token_works(
    sandbox: ManagedSandbox, itself: bool
) -> None:
    sandbox.ensure()
    auth = ConnectorAuth.from_ref(sandbox.ref()) if itself else None
    ids = {sandbox.rotate(auth).id for _ in range(4)}
    assert len(ids) == 2
    assert len(sandbox.rows()) == 2
    assert sandbox.works()


def test_the_previous_token_works_until_the_overlap_has_passed(sandbox: ManagedSandbox) -> None:
    sandbox.ensure()
    rotated = sandbox.rotate(overlap=24)
    assert rotated.retire_due is not None
    assert sandbox.works(key="previous")
    assert sandbox.ensure().change == "none"
    assert sandbox.works(key="previous")
    sandbox.rotate(overlap=0)
    assert not sandbox.works(key="previous")
    assert sandbox.works()


def test_a_name_is_renewed_when_it_is_due(sandbox: ManagedSandbox) -> None:
    sandbox.ensure(expiration=6)
    assert sandbox.ensure(expiration=6).change == "none"
    assert sandbox.ensure(expiration=9, renew_within=7).change == "rotated"
    assert sandbox.works()


def test_a_change_of_scopes_creates_a_new_row_if_it_is_allowed(sandbox: ManagedSandbox) -> None:
    first = sandbox.ensure()
    sandbox.rotate()
    changed = sandbox.ensure(scopes=["company:view"], change_scopes=True, overlap=0)
    assert (changed.change, changed.scopes) == ("created", ["company:view"])
    assert changed.id != first.id
    live = [row for row in sandbox.rows() if (row.expires_in_days or 0) > 1]
    assert [row.id for row in live] == [changed.id]
    assert sandbox.works()
    assert sandbox.ensure(scopes=["company:view"]).change == "none"


def test_the_tokens_of_a_retired_name_are_revoked_and_the_name_can_be_used_again(sandbox: ManagedSandbox) -> None:
    first = sandbox.ensure()
    token = ConnectorAuth.from_ref(sandbox.ref()).credential(None).token  # type: ignore[arg-type]  # a file needs no spec
    with sandbox.connector() as connector:
        ended = retire_pat(connector, name="ci", **sandbox.options())
    assert (ended.change, ended.id, ended.token_refs) == ("retired", None, ())
    assert sandbox.store.authenticate(token) is None
    begun = sandbox.ensure()
    assert begun.change == "created"
    assert begun.id != first.id
    assert sandbox.works()


@pytest.mark.parametrize("fault", ["lost", "cut", "status 500"])
@pytest.mark.parametrize("times", [1, 2, 3])
def test_lost_responses_end_with_one_working_token(sandbox: ManagedSandbox, fault: str, times: int) -> None:
    kind, _, status = fault.partition(" ")
    more: dict[str, Any] = {"status": int(status)} if status else {}
    sandbox.faults.add(Fault(kind, method="POST", times=times, **more))  # type: ignore[arg-type]  # one of its kinds
    assert sandbox.ensure().change in ("created", "adopted")
    assert sandbox.works()
    sandbox.faults.clear()
    with sandbox.connector() as connector:
        live = [row for row in list_pats(connector) if find_marker(row.note) and (row.expires_in_days or 0) > 1]
    assert len(live) == 1


def test_two_concurrent_calls_create_one_token(sandbox: ManagedSandbox) -> None:
    done: list[ManagedToken] = []
    sandbox.location()  # one state for all of them
    threads = [threading.Thread(target=lambda: done.append(sandbox.ensure())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.change for one in done) == ["created", "none", "none", "none"]
    assert len({one.id for one in done}) == 1
    assert len(sandbox.rows()) == 1


def test_a_name_of_another_state_folder_is_refused_until_it_is_taken_over(sandbox: ManagedSandbox) -> None:
    sandbox.ensure()
    with pytest.raises(RefusedError) as raised:
        sandbox.ensure(**sandbox.options("other", token_to=[sandbox.ref("other")]))
    assert raised.value.problem.code == "managed_elsewhere"
    assert sandbox.works()
    taken = sandbox.ensure(**sandbox.options("other", token_to=[sandbox.ref("other")]), take_over=True)
    assert taken.change == "created"
    assert sandbox.works("other")
    assert sandbox.works()  # until the overlap has passed


def test_two_state_folders_with_one_name_revoke_no_token_in_use(sandbox: ManagedSandbox) -> None:
    there = sandbox.options("other", token_to=[sandbox.ref("other")])
    sandbox.ensure()
    sandbox.ensure(**there, take_over=True, overlap=0)
    assert not sandbox.works()  # what was taken over is ended at once, for there is no overlap
    with pytest.raises(RefusedError, match="manages the token of the name ci"):
        sandbox.ensure()
    for _ in range(2):
        for state, code in (("state", "managed_elsewhere"), ("other", None)):
            with sandbox.connector() as connector:
                result = reconcile(connector, state=sandbox.state(state), settle=0)
            assert (result.problem and result.problem.code) == code
            assert sandbox.works("other")


def test_a_store_that_another_state_folder_filled_is_not_changed_until_it_is_taken_over(
    sandbox: ManagedSandbox,
) -> None:
    sandbox.ensure()
    there = sandbox.options("other")
    with pytest.raises(RefusedError) as raised:
        sandbox.ensure(**there)
    assert raised.value.problem.code == "managed_elsewhere"
    with pytest.raises(RefusedError):
        sandbox.rotate(**there)
    with sandbox.connector() as connector, pytest.raises(RefusedError):
        retire_pat(connector, name="ci", **there)
    assert sandbox.works()
    assert sandbox.ensure(**there, take_over=True, overlap=0).change == "created"
    assert sandbox.works()
    assert sandbox.ensure(**there).change == "none"


def test_a_misspelt_store_does_not_move_a_name(sandbox: ManagedSandbox) -> None:
    sandbox.ensure()
    with pytest.raises(InvalidError, match="which is not given"):
        sandbox.ensure(token_to=[sandbox.ref("typo")])
    assert sandbox.works()
    (sandbox.folder / "ci.json").unlink()
    assert sandbox.ensure(token_to=[sandbox.ref("moved")]).change == "adopted"
    assert sandbox.works("moved")


def test_a_row_of_other_scopes_is_not_adopted(sandbox: ManagedSandbox) -> None:
    sandbox.ensure()
    (sandbox.folder / "ci.json").unlink()
    changed = sandbox.ensure(scopes=["company:view"])
    assert (changed.change, changed.scopes) == ("created", ["company:view"])
    live = [row.id for row in sandbox.rows() if (row.expires_in_days or 0) > 1]
    assert live == [changed.id]


def test_a_lease_that_stays_held_ends_not_done(sandbox: ManagedSandbox) -> None:
    lease = sandbox.state().lease(sandbox.url, "ci")
    assert lease.acquire(0)
    with pytest.raises(NotDoneError) as raised:
        sandbox.ensure(wait=0.1)
    assert raised.value.problem.code == "busy"
    lease.release()
    assert sandbox.ensure().change == "created"


REFUSED: dict[str, dict[str, Any]] = {
    "a name that is none": {"name": "CI!"},
    "no expiry": {"expiration": None},
    "a note without room": {"note": "x" * 250},
    "other scopes": {"scopes": ["company"]},
    "a renewal by every call": {"renew_within": 30},
    "a row to replace that is not there": {"replaces": "no-such-row"},
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_done_is_refused_and_changes_nothing(sandbox: ManagedSandbox, name: str) -> None:
    sandbox.ensure()
    before = sandbox.rows()
    with pytest.raises(InvalidError) as raised:
        sandbox.ensure(**REFUSED[name])
    assert raised.value.problem.code in get_args(Code)
    assert [(row.id, row.expiration) for row in sandbox.rows()] == [(row.id, row.expiration) for row in before]
    assert sandbox.works()


def test_the_longest_note_leaves_just_the_room_for_the_marker(sandbox: ManagedSandbox) -> None:
    with pytest.raises(InvalidError, match="the room that the marker leaves"):
        sandbox.ensure(note="x" * 220)
    assert sandbox.rows() == []
    sandbox.ensure(note="x" * 219)
    assert [len(row.note) for row in sandbox.rows()] == [255]
    assert sandbox.works()


def test_the_managed_token_is_refused_as_credential_unless_it_is_read_from_its_store(sandbox: ManagedSandbox) -> None:
    sandbox.ensure()
    own = ConnectorAuth.from_ref(sandbox.ref()).credential(None).token  # type: ignore[arg-type]  # a file needs no spec
    with pytest.raises(InvalidError) as raised:
        sandbox.rotate(ConnectorAuth(own))
    assert raised.value.problem.code == "credential_would_expire"
    with pytest.raises(InvalidError) as raised:
        sandbox.rotate(ConnectorAuth.from_ref(sandbox.ref()), in_place=True)
    assert raised.value.problem.code == "unsafe"
    assert sandbox.works()


def test_a_rotation_in_place_keeps_the_row(sandbox: ManagedSandbox) -> None:
    first = sandbox.ensure()
    assert sandbox.rotate(in_place=True).id == first.id
    assert len(sandbox.rows()) == 1
    assert sandbox.works()


def test_several_stores_hold_the_same_token(sandbox: ManagedSandbox) -> None:
    refs = [sandbox.ref("one"), sandbox.ref("two")]
    done = sandbox.ensure(token_to=refs)
    assert len(done.token_refs) == 2
    sandbox.rotate(token_to=refs)
    assert sandbox.works("one")
    assert (sandbox.folder / "one.json").read_text() == (sandbox.folder / "two.json").read_text()


def test_a_store_that_cannot_be_written_is_reported_before_anything_is_sent(sandbox: ManagedSandbox) -> None:
    with pytest.raises(InvalidError):
        sandbox.ensure(token_to=[f"file:{sandbox.folder}/no/such/folder.json"])
    assert sandbox.rows() == []


def test_a_row_created_by_hand_is_replaced(sandbox: ManagedSandbox) -> None:
    row, token = sandbox.store.create(owner="sandbox", days=30, scopes=["embed"], note="by hand")
    sandbox.ensure(replaces=row.id, overlap=0)
    sandbox.ensure(overlap=0)
    assert sandbox.store.authenticate(token) is None
    assert sandbox.works()


def test_a_journal_that_fails_before_anything_is_sent_ends_not_done(sandbox: ManagedSandbox) -> None:
    options = sandbox.options()
    with sandbox.state().writing() as session:
        session.execute("DROP TABLE names")
    wishes: dict[str, Any] = {"name": "ci", "scopes": ["embed"], "expiration": 30, "note": "CI"}
    with (
        sandbox.connector() as connector,
        pytest.raises(NotDoneError, match=r"the (journal|state) in .* cannot be") as raised,
    ):
        ensure_pat(connector, **wishes, **options)
    assert raised.value.problem.code == "unavailable"
    assert sandbox.rows() == []


class Worn(State):
    """A journal that cannot be written any more, after so many times."""

    left = 2

    def save(self, api: str, name: str, entry: Mapping[str, Any]) -> None:
        self.left -= 1
        if self.left < 0:
            raise OSError("the journal cannot be used: disk I/O error")
        super().save(api, name, entry)


def test_a_journal_that_fails_half_way_ends_unknown_and_the_next_call_finishes(sandbox: ManagedSandbox) -> None:
    with pytest.raises(UnknownOutcomeError, match="disk I/O error"):
        sandbox.ensure(state=Worn(sandbox.location()))
    assert sandbox.ensure().change in ("created", "adopted", "none")
    assert sandbox.works()
    assert len([row for row in sandbox.rows() if (row.expires_in_days or 0) > 1]) == 1


class Blind(State):
    """A journal that takes no receipt."""

    def write_receipt(self, api: str, name: str, receipt: Mapping[str, Any]) -> None:  # noqa: ARG002  # State's own
        raise OSError("the journal cannot be used: disk I/O error")


def test_a_receipt_that_cannot_be_written_is_ignored(sandbox: ManagedSandbox) -> None:
    assert sandbox.ensure(state=Blind(sandbox.location())).change == "created"


def test_a_changed_note_is_reported_to_have_no_effect(sandbox: ManagedSandbox) -> None:
    assert sandbox.ensure().warnings == ()
    (warning,) = sandbox.ensure(note="Billing").warnings
    assert 'keep the note "CI"' in warning
    assert sandbox.rows()[0].note.startswith("CI ")
