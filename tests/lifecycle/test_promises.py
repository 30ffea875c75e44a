"""What was promised of a token holds, whatever else is asked of its name meanwhile."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from locoia_pat import ConnectorAuth, InvalidError, RefusedError, Secret
from locoia_pat.actions.managed import reconcile
from locoia_pat.actions.sandbox.faults import Fault
from locoia_pat.state.journal import State
from locoia_pat.stores import read_token
from locoia_pat.stores.file import FileStore
from tests.cli.test_machines import COVERAGE
from tests.lifecycle.test_capabilities import opened
from tests.lifecycle.test_mixed_up import accepted, by_hand, program

if TYPE_CHECKING:
    from tests.support.lifecycle_place import Place

SOON = 0.0002
"""Hours: less than a second."""


def stored(place: Place, key: str = "current") -> Secret:
    return read_token(f"{place.ref()}#{key}")


def hand_made(place: Place) -> tuple[str, Secret]:
    row, token = place.store.create(owner="sandbox", days=365, scopes=["embed"], note="made by hand")
    return row.id, token


# A row that is replaced


@pytest.mark.parametrize("then", [{"scopes": ["company"], "change_scopes": True}, {"replaces": None}])
def test_a_replaced_row_goes_after_its_overlap_though_something_else_was_asked_meanwhile(
    then: dict[str, object], place: Place
) -> None:
    id_, token = hand_made(place)
    place.ensure(replaces=id_, overlap=SOON)
    place.ensure(**then)
    assert accepted(place, token)
    time.sleep(1)
    place.ensure(**then)
    assert not accepted(place, token)


def test_a_row_is_replaced_for_a_name_that_has_a_token_already(place: Place) -> None:
    id_, token = hand_made(place)
    place.ensure()
    assert place.ensure(replaces=id_, overlap=SOON).change == "none"
    assert accepted(place, token)
    time.sleep(1)
    assert place.ensure().change == "retired"
    assert not accepted(place, token)
    assert place.works()


def test_a_row_is_replaced_though_the_token_had_to_be_renewed_first(place: Place) -> None:
    id_, token = hand_made(place)
    current = place.ensure().id
    place.store.regenerate(current or "", days=30, owner="sandbox")  # somebody took its secret away
    assert place.ensure(replaces=id_, overlap=SOON).change == "rotated"
    assert accepted(place, token)
    time.sleep(1)
    place.ensure()
    assert not accepted(place, token)
    assert place.works()


def test_a_row_of_the_name_itself_is_replaced_by_nothing(place: Place) -> None:
    id_ = place.ensure().id
    assert place.ensure(replaces=id_, overlap=0).change == "none"
    assert place.works()


def test_a_row_is_replaced_where_a_reconcile_finished_what_was_asked(place: Place) -> None:
    id_, token = hand_made(place)
    place.faults.add(Fault("lost", method="POST", times=6))
    with pytest.raises(Exception, match="no complete response"):
        place.ensure(replaces=id_, overlap=SOON)
    place.faults.clear()
    time.sleep(1)
    with place.connector() as connector:
        assert reconcile(connector, state=State(place.folder / "state"), settle=0.0).problem is None
    assert place.works()
    assert accepted(place, token)  # the overlap counts from the end
    state = State(place.folder / "state")
    assert id_ in [row for row, _ in (state.load(place.url, "ci") or {})["retirements"]]


def test_a_replaced_row_still_goes_after_a_fall_back_to_the_token_before(place: Place) -> None:
    id_, token = hand_made(place)
    place.ensure(replaces=id_, overlap=SOON)
    place.rotate(overlap=24)
    current = FileStore(str(place.folder / "ci.json")).record().current
    assert current is not None
    place.store.regenerate(current.id or "", days=30, owner="sandbox")  # somebody took its secret away
    place.ensure()
    time.sleep(1)
    place.ensure()
    assert place.works()
    assert not accepted(place, token)


# A token before the current one


def test_a_token_that_was_promised_its_overlap_keeps_it_when_the_scopes_change(place: Place) -> None:
    place.ensure()
    first = stored(place)
    place.rotate(overlap=SOON)
    second = stored(place)
    place.ensure(scopes=["company"], change_scopes=True, overlap=SOON)
    assert accepted(place, first)
    assert accepted(place, second)
    time.sleep(1)
    place.ensure(scopes=["company"])
    assert not accepted(place, first)
    assert not accepted(place, second)
    assert place.works()


@pytest.mark.parametrize(("clock", "change"), [("+3d", "none"), ("-3d", "retired")])
def test_a_promise_is_kept_by_the_clock_of_the_api_though_that_of_this_computer_is_wrong(
    place: Place, clock: str, change: str
) -> None:
    if shutil.which("faketime") is None:
        pytest.skip("faketime is needed for a clock that is wrong")
    place.ensure()
    before = stored(place)
    place.rotate(overlap=24 if change == "none" else SOON)
    time.sleep(1)
    words = ["ensure_pat", "name=ci", "scopes=embed", "expiration=30", "note=CI", "--token-to", place.ref()]
    told = {"LOCOIA_BASE_URL": place.url, "LOCOIA_TOKEN": place.rotator.reveal()}
    told["LOCOIA_PAT_STATE"] = str(place.folder / "state")
    done = subprocess.run(
        ["faketime", "-f", clock, sys.executable, "-m", "locoia_pat", "run", *words],
        env={name: value for name, value in {**os.environ, **told}.items() if name not in COVERAGE},
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert json.loads(done.stdout)["data"]["change"] == change
    assert accepted(place, before) is (change == "none")


@pytest.mark.parametrize("rotations", [0, 1, 2])
def test_the_token_of_a_place_that_was_lost_works_no_more_once_there_is_another(place: Place, rotations: int) -> None:
    place.ensure()
    for _ in range(rotations):
        place.rotate(overlap=0)
    lost = stored(place)
    (place.folder / "ci.json").unlink()
    assert place.ensure().change == "adopted"
    assert not accepted(place, lost)
    assert place.works()


@pytest.mark.parametrize("overlap", [0, 24])
def test_rotations_where_ids_change_and_are_not_told_leave_a_token_that_works(tmp_path: Path, overlap: float) -> None:
    with opened(tmp_path, "regenerate_id=new", "regenerate_response=token") as place:
        place.ensure()
        for _ in range(4):
            before = stored(place)
            place.rotate(overlap=overlap)
            assert place.works()
            assert accepted(place, before) is bool(overlap)


# The credential


@pytest.mark.parametrize("kind", ["file", "text"])
@pytest.mark.parametrize("action", ["ensure", "rotate", "retire"])
def test_an_earlier_token_of_the_name_is_refused_as_its_credential(place: Place, kind: str, action: str) -> None:
    options = place.options(token_to=[f"{kind}:{place.folder}/t"])
    place.ensure(**options)
    earlier = read_token(f"{kind}:{place.folder}/t")
    auth = ConnectorAuth(earlier)
    place.rotate(overlap=24, **options)
    work = {"ensure": place.ensure, "rotate": place.rotate, "retire": place.retire}[action]
    with pytest.raises(InvalidError, match="an earlier token of this name") as caught:
        work(auth=auth, **options)
    assert caught.value.problem.code == "credential_would_expire"
    assert accepted(place, earlier)


def test_a_credential_whose_place_was_behind_when_a_run_was_killed_is_brought_up_to_date(place: Place) -> None:
    bare = place.folder / "bare"
    options = place.options(token_to=[place.ref(), f"text:{bare}"])
    place.ensure(**options)
    before = bare.read_text()
    auth = ConnectorAuth.from_ref(f"text:{bare}")
    place.rotate(auth=auth, overlap=24, **options)
    bare.write_text(before)  # as where it was killed between the places
    assert place.ensure(auth=auth, **options).change == "none"
    assert read_token(f"text:{bare}") == stored(place)
    assert place.rotate(auth=auth, overlap=0, **options).change == "rotated"
    assert accepted(place, read_token(f"text:{bare}"))


def test_the_token_before_as_its_own_credential_is_refused(place: Place) -> None:
    place.ensure()
    place.rotate(overlap=24)
    before = stored(place, "previous")
    with pytest.raises(InvalidError, match="an earlier token of this name"):
        place.rotate(auth=ConnectorAuth.from_ref(f"{place.ref()}#previous"))
    assert accepted(place, before)


def test_the_row_of_the_credential_is_not_replaced_by_its_own_work(place: Place) -> None:
    ref = f"file:{place.folder}/rotator.json"
    token = by_hand(place, ref)
    row = FileStore(str(place.folder / "rotator.json")).record().current
    assert row is not None
    with pytest.raises(InvalidError, match="would be revoked with it") as caught:
        place.ensure(auth=ConnectorAuth.from_ref(ref), replaces=row.id, overlap=0)
    assert (caught.value.problem.code, caught.value.problem.field) == ("credential_would_expire", "replaces")
    assert accepted(place, token)


# Two states


def test_a_state_whose_name_was_taken_over_rotates_no_more(place: Place) -> None:
    place.ensure()
    theirs = place.options("other", token_to=[place.ref("other")])
    place.ensure(**theirs, take_over=True, overlap=SOON)
    for work in (place.ensure, place.rotate):
        with pytest.raises(RefusedError, match="manages the token of the name ci"):
            work()
    time.sleep(1)
    place.ensure(**theirs)
    assert not place.works()
    assert place.works("other")


def test_a_name_can_be_taken_back(place: Place) -> None:
    place.ensure()
    theirs = place.options("other", token_to=[place.ref("other")])
    place.ensure(**theirs, take_over=True, overlap=24)
    assert place.ensure(take_over=True, overlap=0).change == "retired"
    assert place.works()
    assert not place.works("other")


# Tokens that nobody was told of


def test_a_name_ends_with_the_rows_of_a_create_whose_answer_was_lost(place: Place) -> None:
    place.faults.add(Fault("lost", method="POST", times=6))
    with pytest.raises(Exception, match="no complete response"):
        place.ensure()
    place.faults.clear()
    made = [row.id for row in place.rows()]
    assert place.retire().change == "retired"
    state = State(place.folder / "state").load(place.url, "ci") or {}
    assert {*made} <= {*state["revoked"]}


# A token of somebody else


def test_a_refused_token_of_somebody_else_is_put_nowhere(place: Place) -> None:
    other = f"file:{place.folder}/other.json"
    by_hand(place, other)
    put = program(place.folder)
    to = [other, f"text:{place.folder}/bare", f"command:{put}"]
    with pytest.raises(RefusedError):
        place.ensure(token_to=to)
    assert not (place.folder / "bare").exists()
    assert not Path(f"{put}.out").exists()


def test_a_credential_of_the_name_that_is_refused_is_put_nowhere(place: Place) -> None:
    place.ensure(token_to=[f"text:{place.folder}/one"])
    auth = ConnectorAuth(read_token(f"text:{place.folder}/one"))
    with pytest.raises(InvalidError, match="would be revoked with it"):
        place.ensure(auth=auth, token_to=[f"text:{place.folder}/one", f"text:{place.folder}/two"])
    assert not (place.folder / "two").exists()


def test_a_place_of_before_that_holds_something_else_is_told_and_stops_nothing(place: Place) -> None:
    notes = place.folder / "two.json"
    place.ensure(token_to=[place.ref(), place.ref("two")])
    notes.write_text("these are just notes")
    os.environ["LOCOIA_PAT_STATE"] = str(place.folder / "state")
    with place.connector() as connector:
        wishes = {"name": "ci", "scopes": ["embed"], "expiration": 30, "note": "CI"}
        result = connector.run("ensure_pat", wishes, token_to=[place.ref()])
    assert result.problem is None
    assert "holds something else now" in result.warnings[0]
    assert notes.read_text() == "these are just notes"
    notes.unlink()
    notes.mkdir()
    with pytest.raises(InvalidError, match="a former store of this name, cannot be read: Is a directory"):
        place.ensure()
