"""What was measured of an API makes managed tokens safer; what was not changes nothing."""

from __future__ import annotations

import datetime as dt
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat import ConnectorAuth, InvalidError
from locoia_pat.actions import retire_pat
from locoia_pat.actions.lifecycle.capabilities import QUESTIONS, UNKNOWN, Capabilities, may
from locoia_pat.actions.sandbox.behaviour import Behaviour
from locoia_pat.actions.sandbox.faults import Fault, Faults
from locoia_pat.actions.sandbox.sandbox_store import SandboxStore
from locoia_pat.actions.sandbox.server import OWNER, first_token, running
from locoia_pat.spec.load import SpecFolder
from locoia_pat.state.journal import State
from tests.support.lifecycle_place import Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from locoia_pat import Secret
    from locoia_pat.actions.sandbox.sandbox_store import Row


@contextmanager
def opened(folder: Path, *behaviour: str, now: Callable[[], dt.datetime] | None = None) -> Iterator[Place]:
    """A place beside a sandbox that behaves so."""
    store, faults = SandboxStore(now=now), Faults()
    token = first_token(store)
    assert token is not None
    with running(store=store, faults=faults, behaviour=Behaviour.parse(behaviour)) as (url, _):
        yield Place(url, store, faults, token, folder)


def all_rows(place: Place) -> list[Row]:
    return place.store.owned_by(OWNER)


def read(place: Place) -> Secret:
    """The token that is stored."""
    return ConnectorAuth.from_ref(place.ref()).credential(SpecFolder().connector).token


# What they tell


def test_what_was_not_measured_is_not_known() -> None:
    assert Capabilities.from_facts({}) == Capabilities()
    assert Capabilities.from_facts(dict.fromkeys(QUESTIONS, UNKNOWN)) == Capabilities()
    assert Capabilities.from_facts(dict.fromkeys(QUESTIONS)) == Capabilities()


@pytest.mark.parametrize(
    ("kept", "long", "markers"),
    [(True, True, True), (True, False, False), (False, True, False), (True, UNKNOWN, None), (UNKNOWN, True, None)],
)
def test_markers_need_notes_that_stay_whole(kept: Any, long: Any, markers: bool | None) -> None:
    assert Capabilities.from_facts({"note_kept": kept, "note_length_kept": long}).markers is markers


@pytest.mark.parametrize(
    ("allowed", "scopes", "told"),
    [
        ({}, ["embed"], None),
        ({"embed": True}, ["embed"], True),
        ({"embed": True}, ["embed:view"], None),
        ({"embed": False}, ["embed:view"], False),
        ({"embed": False}, ["embed:view", "company"], None),
        ({"embed": False, "company": True}, ["embed", "company"], True),
        ({"embed": UNKNOWN}, ["embed"], None),
        ({"embed": False}, [], None),
    ],
)
def test_what_a_token_may_by_what_others_may(allowed: dict[str, Any], scopes: list[str], told: bool | None) -> None:
    assert may(allowed, scopes) is told


def test_a_403_says_dead_where_the_token_could_list_while_it_lived() -> None:
    assert Capabilities(dead_status=403, may_list={"embed": True}).forbidden_is_dead(["embed"])
    assert not Capabilities(dead_status=403).forbidden_is_dead(["embed"])
    assert not Capabilities(dead_status=401, may_list={"embed": True}).forbidden_is_dead(["embed"])


# What comes of them


def test_what_is_kept_and_cannot_be_read_is_not_used_and_told(place: Place) -> None:
    state = State(place.folder / "state")
    (state.folder / "capabilities.json").write_text("{")
    made = place.ensure()
    assert made.change == "created"
    assert any("is not used" in warning for warning in made.warnings)


def test_where_notes_change_no_row_is_made(place: Place) -> None:
    place.knows(note_kept=False)
    with pytest.raises(InvalidError, match="changes notes") as caught:
        place.ensure()
    assert caught.value.problem.code == "unsafe"
    assert len(all_rows(place)) == 1
    place.knows(note_kept=True)
    place.ensure()
    place.knows(note_kept=False)
    assert place.ensure().change == "none"
    with pytest.raises(InvalidError, match="changes notes"):
        place.rotate()  # it would make the second row
    with pytest.raises(InvalidError, match="changes notes"):
        place.ensure(scopes=["company"], change_scopes=True)
    assert len(all_rows(place)) == 2
    assert place.works()


def test_where_notes_change_two_rows_that_are_there_are_rotated(place: Place) -> None:
    place.ensure()
    place.rotate()
    place.knows(note_kept=False)
    assert place.rotate().change == "rotated"
    assert (len(place.rows()), place.works()) == (2, True)


@pytest.mark.behaviour(unknown_token_status=403)
@pytest.mark.parametrize("measured", [True, False])
def test_a_dead_token_that_is_answered_403_is_replaced_once_that_is_known(measured: bool, place: Place) -> None:
    if measured:
        place.knows(dead_token_status=403, may_list={"embed": True})
    made = place.ensure()
    place.store.regenerate(made.id or "", owner=OWNER, days=30)
    assert place.ensure().change == ("rotated" if measured else "none")
    assert place.works() is measured


@pytest.mark.behaviour(unknown_token_status=403, pat_scope="company")
def test_a_token_that_may_not_list_is_not_taken_for_dead(place: Place) -> None:
    place.knows(dead_token_status=403, may_list={"embed": False})
    assert [place.ensure().change, place.ensure().change] == ["created", "none"]


@pytest.mark.parametrize("answer", ["row", "token"])
def test_where_ids_change_there_stay_two_rows(answer: str, tmp_path: Path) -> None:
    with opened(tmp_path, "regenerate_id=new", f"regenerate_response={answer}") as place:
        if answer == "token":
            place.knows(regenerate_keeps_id=False)
        place.ensure()
        for _ in range(4):
            assert place.rotate().change == "rotated"
            assert (len(place.rows()), place.works()) == (2, True)
        assert place.ensure().change == "none"
        minted = read(place)
        with place.connector() as connector:
            retire_pat(connector, name="ci", **place.options())
        assert place.store.authenticate(minted) is None
        place.ensure()
        assert place.works()


@pytest.mark.parametrize("known", [True, False])
def test_a_create_that_was_lost_is_adopted_where_ids_change_whether_that_is_known_or_not(
    known: bool, tmp_path: Path
) -> None:
    with opened(tmp_path, "regenerate_id=new", "regenerate_response=token") as place:
        if known:
            place.knows(regenerate_keeps_id=False)
        place.faults.add(Fault("lost", method="POST"))
        place.ensure()
        assert place.works()


@pytest.mark.behaviour(pat_scope="company")
@pytest.mark.parametrize("measured", [True, False])
def test_a_token_that_may_not_regenerate_is_not_asked_to(measured: bool, place: Place) -> None:
    if measured:
        place.knows(may_regenerate={"embed": False})
    place.ensure()
    place.faults.add(Fault("slow", method="POST", path="*/regenerate", times=9, seconds=0))
    assert place.rotate().change == "rotated"
    (left,) = [fault.times for fault in place.faults.pending()]
    assert left == (8 if measured else 7)  # the rotator alone; or the token first, which is refused


def test_an_expired_row_that_cannot_be_renewed_is_not_tried(tmp_path: Path) -> None:
    ago = [dt.timedelta()]
    with opened(tmp_path, "expired_renewable=false", now=lambda: dt.datetime.now(dt.UTC) - ago[0]) as place:
        place.knows(expired_renewable=False)
        place.ensure()
        current = place.rotate().id
        (standby,) = [row for row in place.rows() if row.id != current]
        ago[0] = dt.timedelta(days=40)
        place.store.regenerate(standby.id, owner=OWNER, days=30)
        ago[0] = dt.timedelta()
        place.faults.add(Fault("status", method="POST", path=f"*/{standby.id}/regenerate", status=422))
        assert place.rotate().change == "rotated"
        assert len(place.faults.pending()) == 1  # it was not asked for
        assert place.works()


def test_a_list_that_is_known_to_be_cut_is_told(place: Place) -> None:
    place.knows(list_whole=False)
    assert any("lists only some rows" in warning for warning in place.ensure().warnings)


@pytest.mark.behaviour(list_lag=1)
def test_a_row_that_is_listed_late_is_waited_for_once_that_is_known(place: Place) -> None:
    place.knows(list_lag=1.2)
    place.faults.add(Fault("lost", method="POST"))
    assert place.ensure().change == "created"
    assert len(place.rows()) == 1
