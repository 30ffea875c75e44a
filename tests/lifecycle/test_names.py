"""Managed names against the sandbox: created, found again, renewed, rotated, retired, and what is refused."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat import ConnectorAuth, InvalidError, NotDoneError, RefusedError, UnknownOutcomeError
from locoia_pat.actions import ensure_pat, list_pats, retire_pat
from locoia_pat.actions.lifecycle.marker import find_marker
from locoia_pat.actions.managed import reconcile
from locoia_pat.actions.sandbox.faults import Fault
from locoia_pat.state.journal import State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locoia_pat.actions import ManagedToken
    from tests.support.lifecycle_place import Place


def test_a_name_is_created_once_and_found_again(place: Place) -> None:
    first = place.ensure()
    assert (first.change, first.name, first.scopes) == ("created", "ci", ["embed"])
    again = place.ensure()
    assert (again.change, again.id, again.token_refs) == ("none", first.id, first.token_refs)
    assert len(place.rows()) == 1
    assert place.works()


def test_the_note_tells_whose_row_it_is(place: Place) -> None:
    place.ensure()
    (row,) = place.rows()
    marker = find_marker(row.note)
    assert marker is not None
    assert (marker.name, marker.slot, marker.owner) == ("ci", "a", State(place.folder / "state").owner)
    assert row.note.startswith("CI ~lp1/")


@pytest.mark.parametrize("itself", [False, True], ids=["by a rotator", "by itself"])
def test_a_rotation_leaves_two_rows_however_often_and_the_stored_token_works(place: Place, itself: bool) -> None:
    place.ensure()
    auth = ConnectorAuth.from_ref(place.ref()) if itself else None
    ids = {place.rotate(auth).id for _ in range(4)}
    assert len(ids) == 2
    assert len(place.rows()) == 2
    assert place.works()


def test_the_token_before_works_until_the_overlap_has_passed(place: Place) -> None:
    place.ensure()
    rotated = place.rotate(overlap=24)
    assert rotated.retire_due is not None
    assert place.works(key="previous")
    assert place.ensure().change == "none"
    assert place.works(key="previous")
    place.rotate(overlap=0)
    assert not place.works(key="previous")
    assert place.works()


def test_a_name_is_renewed_when_it_is_due(place: Place) -> None:
    place.ensure(expiration=6)
    assert place.ensure(expiration=6).change == "none"
    assert place.ensure(expiration=9, renew_within=7).change == "rotated"
    assert place.works()


def test_other_scopes_are_a_new_row_where_they_are_wanted(place: Place) -> None:
    first = place.ensure()
    place.rotate()
    changed = place.ensure(scopes=["company:view"], change_scopes=True, overlap=0)
    assert (changed.change, changed.scopes) == ("created", ["company:view"])
    assert changed.id != first.id
    live = [row for row in place.rows() if (row.expires_in_days or 0) > 1]
    assert [row.id for row in live] == [changed.id]
    assert place.works()
    assert place.ensure(scopes=["company:view"]).change == "none"


def test_a_name_that_ended_is_useless_and_can_begin_again(place: Place) -> None:
    first = place.ensure()
    token = ConnectorAuth.from_ref(place.ref()).credential(None).token  # type: ignore[arg-type]  # a file needs no spec
    with place.connector() as connector:
        ended = retire_pat(connector, name="ci", **place.options())
    assert (ended.change, ended.id, ended.token_refs) == ("retired", None, ())
    assert place.store.authenticate(token) is None
    begun = place.ensure()
    assert begun.change == "created"
    assert begun.id != first.id
    assert place.works()


@pytest.mark.parametrize("fault", ["lost", "cut", "status 500"])
@pytest.mark.parametrize("times", [1, 2, 3])
def test_lost_answers_end_with_one_usable_token(place: Place, fault: str, times: int) -> None:
    kind, _, status = fault.partition(" ")
    more: dict[str, Any] = {"status": int(status)} if status else {}
    place.faults.add(Fault(kind, method="POST", times=times, **more))  # type: ignore[arg-type]  # one of its kinds
    assert place.ensure().change in ("created", "adopted")
    assert place.works()
    place.faults.clear()
    with place.connector() as connector:
        live = [row for row in list_pats(connector) if find_marker(row.note) and (row.expires_in_days or 0) > 1]
    assert len(live) == 1


def test_the_same_step_twice_at_once_makes_one_token(place: Place) -> None:
    done: list[ManagedToken] = []
    threads = [threading.Thread(target=lambda: done.append(place.ensure())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.change for one in done) == ["created", "none", "none", "none"]
    assert len({one.id for one in done}) == 1
    assert len(place.rows()) == 1


def test_a_name_of_another_state_is_refused_until_it_is_taken_over(place: Place) -> None:
    place.ensure()
    with pytest.raises(RefusedError) as raised:
        place.ensure(**place.options("other", token_to=[place.ref("other")]))
    assert raised.value.problem.code == "managed_elsewhere"
    assert place.works()
    taken = place.ensure(**place.options("other", token_to=[place.ref("other")]), take_over=True)
    assert taken.change == "created"
    assert place.works("other")
    assert place.works()  # until the overlap has passed


def test_of_two_states_with_one_name_neither_kills_a_token_that_works(place: Place) -> None:
    there = place.options("other", token_to=[place.ref("other")])
    place.ensure()
    place.ensure(**there, take_over=True, overlap=0)
    assert not place.works()  # what was taken over is ended at once, for there is no overlap
    with pytest.raises(RefusedError, match="manages the token of the name ci"):
        place.ensure()
    for _ in range(2):
        for state, code in (("state", "managed_elsewhere"), ("other", None)):
            with place.connector() as connector:
                result = reconcile(connector, state=State(place.folder / state), settle=0)
            assert (result.problem and result.problem.code) == code
            assert place.works("other")


def test_a_place_that_another_state_filled_is_left_alone_until_it_is_taken_over(place: Place) -> None:
    place.ensure()
    there = place.options("other")
    with pytest.raises(RefusedError) as raised:
        place.ensure(**there)
    assert raised.value.problem.code == "managed_elsewhere"
    with pytest.raises(RefusedError):
        place.rotate(**there)
    with place.connector() as connector, pytest.raises(RefusedError):
        retire_pat(connector, name="ci", **there)
    assert place.works()
    assert place.ensure(**there, take_over=True, overlap=0).change == "created"
    assert place.works()
    assert place.ensure(**there).change == "none"


def test_a_name_is_not_moved_by_a_misspelt_place(place: Place) -> None:
    place.ensure()
    with pytest.raises(InvalidError, match="which is not given"):
        place.ensure(token_to=[place.ref("typo")])
    assert place.works()
    (place.folder / "ci.json").unlink()
    assert place.ensure(token_to=[place.ref("moved")]).change == "adopted"
    assert place.works("moved")


def test_a_row_of_other_scopes_is_not_adopted(place: Place) -> None:
    place.ensure()
    (place.folder / "ci.json").unlink()
    changed = place.ensure(scopes=["company:view"])
    assert (changed.change, changed.scopes) == ("created", ["company:view"])
    live = [row.id for row in place.rows() if (row.expires_in_days or 0) > 1]
    assert live == [changed.id]


def test_a_lease_that_stays_busy_ends_not_done(place: Place) -> None:
    lease = State(place.folder / "state").lease(place.url, "ci")
    assert lease.acquire(0)
    with pytest.raises(NotDoneError) as raised:
        place.ensure(wait=0.1)
    assert raised.value.problem.code == "busy"
    lease.release()
    assert place.ensure().change == "created"


REFUSED: dict[str, dict[str, Any]] = {
    "a name that is none": {"name": "CI!"},
    "no expiry": {"expiration": None},
    "a note without room": {"note": "x" * 250},
    "other scopes": {"scopes": ["company"]},
    "a renewal by every call": {"renew_within": 30},
    "a row to replace that is not there": {"replaces": "no-such-row"},
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_done_is_refused_and_nothing_is_changed(place: Place, name: str) -> None:
    place.ensure()
    before = place.rows()
    with pytest.raises(InvalidError):
        place.ensure(**REFUSED[name])
    assert [(row.id, row.expiration) for row in place.rows()] == [(row.id, row.expiration) for row in before]
    assert place.works()


def test_the_credential_of_a_rotation_may_not_be_the_token_unless_it_is_read_from_its_place(place: Place) -> None:
    place.ensure()
    own = ConnectorAuth.from_ref(place.ref()).credential(None).token  # type: ignore[arg-type]  # a file needs no spec
    with pytest.raises(InvalidError) as raised:
        place.rotate(ConnectorAuth(own))
    assert raised.value.problem.code == "credential_would_expire"
    with pytest.raises(InvalidError) as raised:
        place.rotate(ConnectorAuth.from_ref(place.ref()), in_place=True)
    assert raised.value.problem.code == "unsafe"
    assert place.works()


def test_in_place_keeps_the_row(place: Place) -> None:
    first = place.ensure()
    assert place.rotate(in_place=True).id == first.id
    assert len(place.rows()) == 1
    assert place.works()


def test_several_places_hold_the_same_token(place: Place) -> None:
    refs = [place.ref("one"), place.ref("two")]
    done = place.ensure(token_to=refs)
    assert len(done.token_refs) == 2
    place.rotate(token_to=refs)
    assert place.works("one")
    assert (place.folder / "one.json").read_text() == (place.folder / "two.json").read_text()


def test_a_place_that_cannot_be_written_is_told_before_anything_is_sent(place: Place) -> None:
    with pytest.raises(InvalidError):
        place.ensure(token_to=[f"file:{place.folder}/no/such/folder.json"])
    assert place.rows() == []


def test_a_row_made_by_hand_is_replaced(place: Place) -> None:
    row, token = place.store.create(owner="sandbox", days=30, scopes=["embed"], note="by hand")
    place.ensure(replaces=row.id, overlap=0)
    place.ensure(overlap=0)
    assert place.store.authenticate(token) is None
    assert place.works()


def test_a_journal_that_breaks_before_anything_is_sent_ends_not_done(place: Place) -> None:
    options = place.options()
    with closing(sqlite3.connect(place.folder / "state" / "state.sqlite3")) as database:
        database.execute("DROP TABLE names")
    wishes: dict[str, Any] = {"name": "ci", "scopes": ["embed"], "expiration": 30, "note": "CI"}
    with place.connector() as connector, pytest.raises(NotDoneError, match=r"the journal in .* cannot be used"):
        ensure_pat(connector, **wishes, **options)
    assert place.rows() == []


class Worn(State):
    """A journal that cannot be written any more, after so many times."""

    left = 2

    def save(self, api: str, name: str, managed: Mapping[str, Any]) -> None:
        self.left -= 1
        if self.left < 0:
            raise OSError("the journal cannot be used: disk I/O error")
        super().save(api, name, managed)


def test_a_journal_that_breaks_half_way_ends_unknown_and_the_next_call_finishes(place: Place) -> None:
    with pytest.raises(UnknownOutcomeError, match="disk I/O error"):
        place.ensure(state=Worn(place.folder / "state"))
    assert place.ensure().change in ("created", "adopted", "none")
    assert place.works()
    assert len([row for row in place.rows() if (row.expires_in_days or 0) > 1]) == 1


class Blind(State):
    """A journal that takes no receipt."""

    def write_receipt(self, api: str, name: str, receipt: Mapping[str, Any]) -> None:  # noqa: ARG002  # State's own
        raise OSError("the journal cannot be used: disk I/O error")


def test_a_receipt_that_cannot_be_written_costs_nothing(place: Place) -> None:
    assert place.ensure(state=Blind(place.folder / "state")).change == "created"


def test_another_note_is_told_to_change_nothing(place: Place) -> None:
    assert place.ensure().warnings == ()
    (warning,) = place.ensure(note="Billing").warnings
    assert 'keep the note "CI"' in warning
    assert place.rows()[0].note.startswith("CI ")
