"""A token works until its overlap ends and not after it, whatever else is asked of its name meanwhile."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from locoia_pat import ConnectorAuth, InvalidError, RefusedError, Secret
from locoia_pat.actions.managed import reconcile
from locoia_pat.actions.sandbox.faults import Fault
from locoia_pat.state.journal import State
from locoia_pat.stores import read_token
from locoia_pat.stores.file import FileStore
from tests.support.lifecycle_sandbox import open_sandbox, write_program

if TYPE_CHECKING:
    from tests.support.lifecycle_sandbox import ManagedSandbox


def stored(sandbox: ManagedSandbox, key: str = "current") -> Secret:
    return read_token(f"{sandbox.ref()}#{key}")


def hand_made(sandbox: ManagedSandbox) -> tuple[str, Secret]:
    row, token = sandbox.store.create(owner="sandbox", days=365, scopes=["embed"], note="made by hand")
    return row.id, token


# A row that is replaced


@pytest.mark.parametrize("then", [{"scopes": ["company"], "change_scopes": True}, {"replaces": None}])
def test_a_replaced_row_is_revoked_after_its_overlap_whatever_is_asked_meanwhile(
    then: dict[str, object], sandbox: ManagedSandbox
) -> None:
    id_, token = hand_made(sandbox)
    sandbox.ensure(replaces=id_, overlap=24)
    sandbox.ensure(**then)
    assert sandbox.accepts(token)
    sandbox.end_overlaps()
    sandbox.ensure(**then)
    assert not sandbox.accepts(token)


def test_a_row_is_replaced_by_a_name_that_has_a_token_already(sandbox: ManagedSandbox) -> None:
    id_, token = hand_made(sandbox)
    sandbox.ensure()
    assert sandbox.ensure(replaces=id_, overlap=24).change == "none"
    assert sandbox.accepts(token)
    sandbox.end_overlaps()
    assert sandbox.ensure().change == "retired"
    assert not sandbox.accepts(token)
    assert sandbox.works()


def test_a_row_is_replaced_even_if_the_token_had_to_be_renewed_first(sandbox: ManagedSandbox) -> None:
    id_, token = hand_made(sandbox)
    current = sandbox.ensure().id
    sandbox.store.regenerate(current or "", days=30, owner="sandbox")  # another client replaced its secret
    assert sandbox.ensure(replaces=id_, overlap=24).change == "rotated"
    assert sandbox.accepts(token)
    sandbox.end_overlaps()
    sandbox.ensure()
    assert not sandbox.accepts(token)
    assert sandbox.works()


def test_a_row_of_the_name_itself_is_not_replaced(sandbox: ManagedSandbox) -> None:
    id_ = sandbox.ensure().id
    assert sandbox.ensure(replaces=id_, overlap=0).change == "none"
    assert sandbox.works()


def test_a_row_is_replaced_when_a_reconcile_finishes_the_create(sandbox: ManagedSandbox) -> None:
    id_, token = hand_made(sandbox)
    sandbox.faults.add(Fault("lost", method="POST", times=6))
    with pytest.raises(Exception, match="no complete response"):
        sandbox.ensure(replaces=id_, overlap=24)
    sandbox.faults.clear()
    sandbox.end_overlaps()
    with sandbox.connector() as connector:
        assert reconcile(connector, state=State(sandbox.folder / "state"), settle=0.0).problem is None
    assert sandbox.works()
    assert sandbox.accepts(token)  # the overlap counts from the end
    state = State(sandbox.folder / "state")
    assert id_ in [row for row, _ in (state.load(sandbox.url, "ci") or {})["retirements"]]


def test_a_replaced_row_is_revoked_even_after_a_return_to_the_previous_token(sandbox: ManagedSandbox) -> None:
    id_, token = hand_made(sandbox)
    sandbox.ensure(replaces=id_, overlap=24)
    sandbox.rotate(overlap=24)
    current = FileStore(str(sandbox.folder / "ci.json")).record().current
    assert current is not None
    sandbox.store.regenerate(current.id or "", days=30, owner="sandbox")  # another client replaced its secret
    sandbox.ensure()
    sandbox.end_overlaps()
    sandbox.ensure()
    assert sandbox.works()
    assert not sandbox.accepts(token)


# A token before the current one


def test_a_change_of_scopes_keeps_the_overlap_that_a_token_was_promised(sandbox: ManagedSandbox) -> None:
    sandbox.ensure()
    first = stored(sandbox)
    sandbox.rotate(overlap=24)
    second = stored(sandbox)
    sandbox.ensure(scopes=["company"], change_scopes=True, overlap=24)
    assert sandbox.accepts(first)
    assert sandbox.accepts(second)
    sandbox.end_overlaps()
    sandbox.ensure(scopes=["company"])
    assert not sandbox.accepts(first)
    assert not sandbox.accepts(second)
    assert sandbox.works()


@pytest.mark.parametrize(("clock", "change"), [("+3d", "none"), ("-3d", "retired")])
def test_the_overlap_is_counted_by_the_clock_of_the_api_when_the_local_one_is_wrong(
    sandbox: ManagedSandbox, clock: str, change: str
) -> None:
    if shutil.which("faketime") is None:
        pytest.skip("faketime is needed for a clock that is wrong")
    sandbox.ensure()
    before = stored(sandbox)
    sandbox.rotate(overlap=24)
    if change == "retired":
        sandbox.end_overlaps()
    words = ["ensure_pat", "name=ci", "scopes=embed", "expiration=30", "note=CI", "--token-to", sandbox.ref()]
    variables = {"LOCOIA_BASE_URL": sandbox.url, "LOCOIA_TOKEN": sandbox.rotator.reveal()}
    variables["LOCOIA_PAT_STATE"] = str(sandbox.folder / "state")
    done = subprocess.run(
        ["faketime", "-f", clock, sys.executable, "-m", "locoia_pat", "run", *words],
        env={name: value for name, value in {**os.environ, **variables}.items() if not name.startswith("COV")},
        capture_output=True,
        check=True,
        timeout=60,
    )
    printed = json.loads(done.stdout)
    assert printed["data"]["change"] == change
    assert "the clock of the API shows" in str(printed["warnings"])
    assert sandbox.accepts(before) is (change == "none")


@pytest.mark.parametrize("rotations", [0, 1, 2])
def test_the_token_of_a_lost_store_is_revoked_once_there_is_another(sandbox: ManagedSandbox, rotations: int) -> None:
    sandbox.ensure()
    for _ in range(rotations):
        sandbox.rotate(overlap=0)
    lost = stored(sandbox)
    (sandbox.folder / "ci.json").unlink()
    assert sandbox.ensure().change == "adopted"
    assert not sandbox.accepts(lost)
    assert sandbox.works()


@pytest.mark.parametrize("overlap", [0, 24])
def test_rotations_whose_new_ids_are_not_in_the_response_leave_a_working_token(tmp_path: Path, overlap: float) -> None:
    with open_sandbox(tmp_path, "regenerate_id=new", "regenerate_response=token") as sandbox:
        sandbox.ensure()
        for _ in range(4):
            before = stored(sandbox)
            sandbox.rotate(overlap=overlap)
            assert sandbox.works()
            assert sandbox.accepts(before) is bool(overlap)


# The credential


@pytest.mark.parametrize("kind", ["file", "text"])
@pytest.mark.parametrize("action", ["ensure", "rotate", "retire"])
def test_an_earlier_token_of_the_name_is_refused_as_the_credential(
    sandbox: ManagedSandbox, kind: str, action: str
) -> None:
    options = sandbox.options(token_to=[f"{kind}:{sandbox.folder}/t"])
    sandbox.ensure(**options)
    earlier = read_token(f"{kind}:{sandbox.folder}/t")
    auth = ConnectorAuth(earlier)
    sandbox.rotate(overlap=24, **options)
    work = {"ensure": sandbox.ensure, "rotate": sandbox.rotate, "retire": sandbox.retire}[action]
    with pytest.raises(InvalidError, match="an earlier token of this name") as caught:
        work(auth=auth, **options)
    assert caught.value.problem.code == "credential_would_expire"
    assert sandbox.accepts(earlier)


def test_a_credential_whose_store_was_behind_after_a_kill_is_brought_up_to_date(sandbox: ManagedSandbox) -> None:
    bare = sandbox.folder / "bare"
    options = sandbox.options(token_to=[sandbox.ref(), f"text:{bare}"])
    sandbox.ensure(**options)
    before = bare.read_text()
    auth = ConnectorAuth.from_ref(f"text:{bare}")
    sandbox.rotate(auth=auth, overlap=24, **options)
    bare.write_text(before)  # as where it was killed between the places
    assert sandbox.ensure(auth=auth, **options).change == "none"
    assert read_token(f"text:{bare}") == stored(sandbox)
    assert sandbox.rotate(auth=auth, overlap=0, **options).change == "rotated"
    assert sandbox.accepts(read_token(f"text:{bare}"))


def test_the_previous_token_is_refused_as_the_credential(sandbox: ManagedSandbox) -> None:
    sandbox.ensure()
    sandbox.rotate(overlap=24)
    before = stored(sandbox, "previous")
    with pytest.raises(InvalidError, match="an earlier token of this name"):
        sandbox.rotate(auth=ConnectorAuth.from_ref(f"{sandbox.ref()}#previous"))
    assert sandbox.accepts(before)


def test_the_row_of_the_credential_is_not_replaced(sandbox: ManagedSandbox) -> None:
    ref = f"file:{sandbox.folder}/rotator.json"
    token = sandbox.create_by_hand(ref)
    row = FileStore(str(sandbox.folder / "rotator.json")).record().current
    assert row is not None
    with pytest.raises(InvalidError, match="would be revoked with it") as caught:
        sandbox.ensure(auth=ConnectorAuth.from_ref(ref), replaces=row.id, overlap=0)
    assert (caught.value.problem.code, caught.value.problem.field) == ("credential_would_expire", "replaces")
    assert sandbox.accepts(token)


# Two states


def test_a_state_folder_whose_name_was_taken_over_cannot_rotate_it(sandbox: ManagedSandbox) -> None:
    sandbox.ensure()
    theirs = sandbox.options("other", token_to=[sandbox.ref("other")])
    sandbox.ensure(**theirs, take_over=True, overlap=24)
    for work in (sandbox.ensure, sandbox.rotate):
        with pytest.raises(RefusedError, match="manages the token of the name ci"):
            work()
    sandbox.end_overlaps("other")
    sandbox.ensure(**theirs)
    assert not sandbox.works()
    assert sandbox.works("other")


def test_a_name_can_be_taken_back(sandbox: ManagedSandbox) -> None:
    sandbox.ensure()
    theirs = sandbox.options("other", token_to=[sandbox.ref("other")])
    sandbox.ensure(**theirs, take_over=True, overlap=24)
    assert sandbox.ensure(take_over=True, overlap=0).change == "retired"
    assert sandbox.works()
    assert not sandbox.works("other")


# Tokens of lost responses


def test_a_retire_includes_the_rows_of_a_create_whose_response_was_lost(sandbox: ManagedSandbox) -> None:
    sandbox.faults.add(Fault("lost", method="POST", times=6))
    with pytest.raises(Exception, match="no complete response"):
        sandbox.ensure()
    sandbox.faults.clear()
    made = [row.id for row in sandbox.rows()]
    assert sandbox.retire().change == "retired"
    state = State(sandbox.folder / "state").load(sandbox.url, "ci") or {}
    assert {*made} <= {*state["revoked"]}


# Foreign tokens


def test_a_refused_foreign_token_is_copied_nowhere(sandbox: ManagedSandbox) -> None:
    other = f"file:{sandbox.folder}/other.json"
    sandbox.create_by_hand(other)
    put = write_program(sandbox.folder)
    to = [other, f"text:{sandbox.folder}/bare", f"command:{put}"]
    with pytest.raises(RefusedError):
        sandbox.ensure(token_to=to)
    assert not (sandbox.folder / "bare").exists()
    assert not Path(f"{put}.out").exists()


def test_a_refused_credential_of_the_name_is_copied_nowhere(sandbox: ManagedSandbox) -> None:
    sandbox.ensure(token_to=[f"text:{sandbox.folder}/one"])
    auth = ConnectorAuth(read_token(f"text:{sandbox.folder}/one"))
    with pytest.raises(InvalidError, match="would be revoked with it"):
        sandbox.ensure(auth=auth, token_to=[f"text:{sandbox.folder}/one", f"text:{sandbox.folder}/two"])
    assert not (sandbox.folder / "two").exists()


def test_a_former_store_that_holds_something_else_is_only_a_warning(sandbox: ManagedSandbox) -> None:
    notes = sandbox.folder / "two.json"
    sandbox.ensure(token_to=[sandbox.ref(), sandbox.ref("two")])
    notes.write_text("these are just notes")
    os.environ["LOCOIA_PAT_STATE"] = str(sandbox.folder / "state")
    with sandbox.connector() as connector:
        wishes = {"name": "ci", "scopes": ["embed"], "expiration": 30, "note": "CI"}
        result = connector.run("ensure_pat", wishes, token_to=[sandbox.ref()])
    assert result.problem is None
    assert "holds something else now" in result.warnings[0]
    assert notes.read_text() == "these are just notes"
    notes.unlink()
    notes.mkdir()
    with pytest.raises(InvalidError, match="a former store of this name, cannot be read: Is a directory"):
        sandbox.ensure()
