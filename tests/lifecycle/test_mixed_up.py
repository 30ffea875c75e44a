"""Places that hold what they should not: another token, an old one, one of another name, or none that can be seen."""

from __future__ import annotations

import json
import stat
import sys
import threading
import time
from contextlib import chdir
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat import ConnectorAuth, ConnectorError, InvalidError, Outcome, RefusedError, Result, Secret
from locoia_pat.actions import create_pat, retire_pat
from locoia_pat.actions.managed import reconcile
from locoia_pat.actions.sandbox.faults import Fault
from locoia_pat.state.journal import State
from locoia_pat.stores import TokenEntry, open_store, read_token
from locoia_pat.stores.record import Record

if TYPE_CHECKING:
    from tests.support.lifecycle_place import Place

TAKES = "#!/bin/sh\ncat > {}\n"


@pytest.fixture
def refs(tmp_path: Path) -> dict[str, str]:
    """Places by what they keep."""
    return {
        "record": f"file:{tmp_path}/other.json",
        "text": f"text:{tmp_path}/bare",
        "env": f"env-file:{tmp_path}/.env#CI",
    }


def by_hand(place: Place, ref: str) -> Secret:
    """A token that somebody made, and put into a place."""
    with place.connector() as connector:
        create_pat(connector, expiration=9, scopes=["company:view"], note="by hand", token_to=[ref])
    return read_token(ref)


def accepted(place: Place, token: Secret) -> bool:
    return place.store.authenticate(token) is not None


def program(folder: Path, name: str = "put.sh") -> Path:
    """A program that keeps the token it is given."""
    file = folder / name
    file.write_text(TAKES.format(folder / f"{name}.out"))
    file.chmod(0o700)
    return file


@pytest.mark.parametrize("ours", ["record", "text", "env"])
@pytest.mark.parametrize("theirs", ["record", "text", "env"])
@pytest.mark.parametrize("first", [True, False])
def test_another_token_beside_ours_is_refused_and_neither_is_overwritten(
    place: Place, refs: dict[str, str], ours: str, theirs: str, *, first: bool
) -> None:
    mine, other = (place.ref(), refs["record"]) if ours == theirs == "record" else (refs[ours], refs[theirs])
    if ours == theirs != "record":
        other = other.replace("bare", "bare2").replace(".env", ".env2")
    place.ensure(token_to=[mine])
    held, foreign = read_token(mine), by_hand(place, other)
    with pytest.raises(InvalidError, match="holds another token than") as caught:
        place.ensure(token_to=[other, mine] if first else [mine, other])
    assert other.removesuffix("#current") in caught.value.problem.message.split(" holds ")[0]
    assert (read_token(mine), read_token(other)) == (held, foreign)
    assert accepted(place, held)
    assert accepted(place, foreign)


def test_the_same_token_that_somebody_copied_is_no_other_one(place: Place, refs: dict[str, str]) -> None:
    place.ensure()
    Path(refs["text"].removeprefix("text:")).write_text(read_token(place.ref()).reveal())
    assert place.ensure(token_to=[refs["text"], place.ref()]).change == "none"


@pytest.mark.parametrize("kind", ["record", "text"])
def test_a_token_that_was_put_over_ours_is_not_taken_for_it(place: Place, refs: dict[str, str], kind: str) -> None:
    place.ensure(token_to=[refs[kind]])
    foreign = by_hand(place, f"text:{place.folder}/hand")
    Path(refs[kind].partition(":")[2]).write_text(foreign.reveal())
    with pytest.raises(RefusedError, match="a token that this state folder does not know"):
        place.ensure(token_to=[refs[kind]])
    assert read_token(refs[kind]) == foreign
    assert place.ensure(token_to=[refs[kind]], take_over=True).change in ("created", "adopted")
    assert accepted(place, read_token(refs[kind]))


@pytest.mark.parametrize("kind", ["record", "text", "env"])
def test_a_place_that_was_put_back_within_the_overlap_gets_a_token_that_lasts(
    place: Place, refs: dict[str, str], kind: str
) -> None:
    ref = refs[kind]
    file = Path(ref.partition(":")[2].partition("#")[0])
    place.ensure(token_to=[ref])
    backup = file.read_text()
    place.rotate(token_to=[ref], overlap=1 / 3600)
    file.write_text(backup)
    assert place.ensure(token_to=[ref], overlap=1 / 3600).change == "rotated"
    for _ in range(2):
        time.sleep(1.1)
        place.ensure(token_to=[ref], overlap=1 / 3600)
        assert accepted(place, read_token(ref))
    assert len(place.rows()) == 2


def test_of_two_places_the_one_that_was_put_back_gets_the_token_of_the_other(
    place: Place, refs: dict[str, str]
) -> None:
    both = [refs["text"], refs["env"]]
    place.ensure(token_to=both)
    file = Path(refs["text"].removeprefix("text:"))
    backup = file.read_text()
    place.rotate(token_to=both, overlap=24)
    held = read_token(refs["env"])
    file.write_text(backup)
    assert place.ensure(token_to=both).change == "none"
    assert read_token(refs["text"]) == read_token(refs["env"]) == held


def test_a_second_rotation_within_the_overlap_says_what_it_ends(place: Place) -> None:
    place.ensure()
    assert place.rotate(overlap=24).warnings == ()
    (warning,) = place.rotate(overlap=24).warnings
    assert "a token promised until" in warning


def test_a_name_that_is_misspelt_is_not_retired(place: Place) -> None:
    place.ensure()
    with place.connector() as connector:
        with pytest.raises(InvalidError, match="there is no token of the name cii") as caught:
            retire_pat(connector, name="cii", **place.options(token_to=[place.ref("cii")]))
        assert caught.value.problem.code == "not_found"
        assert retire_pat(connector, name="ci", **place.options()).change == "retired"
        assert retire_pat(connector, name="ci", **place.options()).change == "none"


def test_a_place_that_cannot_be_read_serves_one_name(place: Place) -> None:
    ref = f"command:{program(place.folder)}"
    place.ensure(token_to=[ref])
    with pytest.raises(InvalidError, match="holds the token of the name ci"):
        place.ensure(name="cd", token_to=[ref])
    with place.connector() as connector:
        retire_pat(connector, name="ci", **place.options(token_to=[ref]))
    assert place.ensure(name="cd", token_to=[ref]).change == "created"


def test_a_program_is_one_place_however_its_path_is_written(place: Place) -> None:
    file = program(place.folder)
    with chdir(place.folder):
        first = place.ensure(token_to=[f"command:./{file.name}"])
    assert place.ensure(token_to=[f"command:{file}"]).change == "none"
    assert place.rotate(token_to=[f'command:["{file}"]']).id != first.id


def test_a_name_whose_program_is_gone_can_be_retired_and_moved(place: Place) -> None:
    file = program(place.folder)
    place.ensure(token_to=[f"command:{file}"])
    place.ensure(name="cd", token_to=[f"command:{program(place.folder, 'cd.sh')}"])
    file.unlink()
    moved = place.ensure(token_to=[place.ref()])
    assert any("is not given, and keeps the token of this name" in warning for warning in moved.warnings)
    (place.folder / "cd.sh").unlink()
    with place.connector() as connector:
        done = retire_pat(connector, name="cd", **place.options(token_to=[f"command:{place.folder}/cd.sh"]))
    assert done.change == "retired"


def test_only_places_that_hold_the_token_are_told(place: Place, refs: dict[str, str]) -> None:
    ref = f"command:{program(place.folder)}"
    place.ensure(token_to=[ref])
    told = place.ensure(token_to=[ref, refs["text"]])
    assert told.token_refs == ()
    assert "does not hold the token of this name yet" in told.warnings[0]
    assert place.rotate(token_to=[ref, refs["text"]]).token_refs == (refs["text"],)


def test_places_that_are_gone_keep_reconcile_from_no_other_name(place: Place, refs: dict[str, str]) -> None:
    for name in ("a", "b", "c"):
        (place.folder / name).mkdir()
        place.ensure(name=name, token_to=[f"text:{place.folder}/{name}/t"])
    with place.connector() as connector:
        retire_pat(connector, name="c", **place.options(token_to=[f"text:{place.folder}/c/t"]))
        place.ensure(name="d", token_to=[refs["text"]])
        for name in ("a", "b", "c"):
            (place.folder / name / "t").unlink(missing_ok=True)
            (place.folder / name).rmdir()
        result = reconcile(connector, state=State(place.folder / "state"), settle=0.0)
    assert result.outcome is Outcome.INVALID
    told = json.loads(json.dumps(result.to_dict()))
    assert [row["outcome"] for row in told["data"]["names"]] == ["invalid", "invalid", "done", "done"]


def test_a_file_that_others_could_read_is_told_to_be_closed(place: Place, refs: dict[str, str]) -> None:
    file = Path(refs["env"].removeprefix("env-file:").partition("#")[0])
    file.write_text("A=1\n")
    file.chmod(0o644)
    warnings = place.ensure(token_to=[refs["env"]]).warnings
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [warning for warning in warnings if "was readable by others (mode 0644)" in warning] != []
    assert place.ensure(token_to=[refs["env"]]).warnings == ()


@pytest.mark.skipif(sys.platform == "win32", reason="programs are named otherwise there")
def test_a_program_that_is_misspelt_is_named(place: Place) -> None:
    with pytest.raises(ConnectorError, match=r"command not found: .*/nosuch\.sh"):
        place.ensure(token_to=[f"command:{place.folder}/nosuch.sh"])


def test_the_credential_that_a_name_is_not_is_left_alone(place: Place, refs: dict[str, Any]) -> None:
    foreign = by_hand(place, refs["text"])
    place.ensure()
    with pytest.raises(InvalidError, match="holds another token"):
        place.ensure(token_to=[place.ref(), refs["text"]], auth=ConnectorAuth(place.rotator))
    assert accepted(place, foreign)


def test_a_program_that_was_given_no_token_since_is_not_told(place: Place) -> None:
    ref = f"command:{program(place.folder)}"
    place.ensure(token_to=[ref])
    with place.connector() as connector:
        retire_pat(connector, name="ci", **place.options(token_to=[ref]))
    assert place.ensure().warnings == ()


@pytest.mark.parametrize("kind", ["record", "text", "env"])
def test_a_place_that_another_step_has_filled_meanwhile_keeps_what_it_has(
    place: Place, refs: dict[str, str], kind: str
) -> None:
    place.faults.add(Fault("slow", method="POST", seconds=0.6, times=1))
    results: list[Result] = []

    def create(note: str) -> None:
        with place.connector() as connector:
            inputs = {"expiration": 9, "scopes": ["embed"], "note": note}
            results.append(connector.run("create_pat", inputs, token_to=[refs[kind]]))

    slow = threading.Thread(target=create, args=("slow",))
    slow.start()
    time.sleep(0.3)  # it has looked at the place, and waits for its answer
    create("fast")
    slow.join()
    fast, late = results
    assert (fast.outcome, late.outcome) == (Outcome.DONE, Outcome.NOT_STORED)
    assert late.problem is not None
    assert "another process has stored a different token since it was probed" in late.problem.message
    assert "revoked immediately" in (late.problem.hint or "")
    assert accepted(place, read_token(refs[kind]))


@pytest.mark.parametrize("kind", ["record", "text", "env"])
def test_a_place_of_another_name_is_refused_also_by_one_that_has_begun(
    place: Place, refs: dict[str, str], kind: str
) -> None:
    place.faults.add(Fault("lost", method="POST", times=6))
    with pytest.raises(ConnectorError, match="no complete response"):
        place.ensure(name="late", token_to=[refs[kind]])
    place.faults.clear()
    place.ensure(token_to=[refs[kind]])
    for take_over in (False, True):
        with pytest.raises(InvalidError, match="holds the token of the name ci"):
            place.ensure(name="late", token_to=[refs[kind]], take_over=take_over)
    assert accepted(place, read_token(refs[kind]))
    assert place.ensure(token_to=[refs[kind]]).change == "none"


@pytest.mark.parametrize("kind", ["record", "text", "env"])
def test_a_managed_token_is_not_written_over_by_that_of_another_name(refs: dict[str, str], kind: str) -> None:
    one, two = open_store(refs[kind]), open_store(refs[kind])
    one.probe()
    two.probe()
    first = TokenEntry(Secret("fake-first-0123456789abcdef"), {"id": "1"})
    one.write_record(Record(name="one", current=first))
    other = TokenEntry(Secret("fake-other-0123456789abcdef"), {"id": "2"})
    with pytest.raises(OSError, match="another process has stored a different token"):
        two.write_record(Record(name="two", current=other))
    one.write_record(Record(name="one", current=other, previous=first))
    one.write_record(Record(name="one", current=first))
    assert read_token(refs[kind]) == first.token


@pytest.mark.parametrize("kind", ["record", "text", "env"])
def test_a_new_secret_of_a_row_takes_the_place_of_one_that_it_made_useless(refs: dict[str, str], kind: str) -> None:
    one, two = open_store(refs[kind]), open_store(refs[kind])
    one.probe()
    two.probe()
    one.store(TokenEntry(Secret("fake-first-0123456789abcdef"), {"id": "1"}), api="x", replaced_id="1")
    two.store(TokenEntry(Secret("fake-second-0123456789abcdef"), {"id": "1"}), api="x", replaced_id="1")
    assert read_token(refs[kind]) == Secret("fake-second-0123456789abcdef")
