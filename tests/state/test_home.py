"""A copy of a state that is used elsewhere refuses to work on names until it is told what it is."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from locoia_pat import InvalidError
from locoia_pat.actions.sandbox.sandbox_store import SandboxStore
from locoia_pat.actions.sandbox.server import running
from locoia_pat.state.home import saved_home
from locoia_pat.state.inspect import inspect_state
from locoia_pat.state.journal import State
from locoia_pat.stores import read_token
from tests.support.command import call

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.command import Done

    Call = Callable[..., Done]

__all__ = ["call"]

ENSURE = ("run", "ensure_pat", "name=ci", "scopes=embed", "expiration=30", "note=CI", "--token-to")


@pytest.fixture
def store() -> Iterator[SandboxStore]:
    """Run a sandbox with a credential in a file."""
    store = SandboxStore()
    with running(store=store) as (url, _):
        os.environ["LOCOIA_BASE_URL"] = url
        yield store


def managed(store: SandboxStore, folder: Path, call: Call) -> str:
    """Return the reference of a managed token, whose state is in the folder ``state``."""
    _, secret = store.create(owner="anna", days=300, scopes=["embed"], note="rotator")
    (folder / "rotator").write_text(secret.reveal())
    os.environ["LOCOIA_PAT_STATE"] = str(folder / "state")
    ref = f"file:{folder}/t.json"
    run(call, ref)
    return ref


def run(call: Call, ref: str, *more: str, code: int = 0) -> Done:
    """Run ``ensure_pat``; the command removes the variable of its credential."""
    os.environ["LOCOIA_TOKEN_FILE"] = f"{os.path.dirname(ref.removeprefix('file:'))}/rotator"  # noqa: PTH120  # a string
    done = call(*ENSURE, ref, *more)
    assert done.code == code, done.err
    return done


def use_copy(folder: Path) -> None:
    shutil.copytree(folder / "state", folder / "copy")
    os.environ["LOCOIA_PAT_STATE"] = str(folder / "copy")


def test_a_copy_refuses_until_it_is_the_state(store: SandboxStore, call: Call, tmp_path: Path) -> None:
    ref = managed(store, tmp_path, call)
    rows = len(store.owned_by("anna"))
    use_copy(tmp_path)
    done = run(call, ref, code=2)
    error = done.envelope["error"]
    assert error["message"] == (
        f"the state folder {tmp_path}/copy is a copy of {tmp_path}/state: two copies would revoke each other's tokens"
    )
    assert error["hint"] == (
        "That one still exists. To use both: locoia-pat state fork. To use only this one: remove that one, then "
        "locoia-pat state move."
    )
    assert error["next"] == "locoia-pat state fork"
    assert f"is a copy of {tmp_path}/state" in call("doctor").out
    assert inspect_state().copied is not None
    assert len(store.owned_by("anna")) == rows
    done = call("state", "move")
    assert done.code == 0
    assert done.err == (
        f"the state is {tmp_path}/copy from now on; check it with locoia-pat doctor\n"
        f"warning: {tmp_path}/state still exists; remove it, for the two would revoke each other's tokens\n"
    )
    assert inspect_state().copied is None
    assert "warning" not in call("state", "move").err
    run(call, ref)
    os.environ["LOCOIA_PAT_STATE"] = str(tmp_path / "state")
    run(call, ref)  # the other one cannot know


def test_a_fork_manages_nothing_until_it_takes_a_name_over(store: SandboxStore, call: Call, tmp_path: Path) -> None:
    ref = managed(store, tmp_path, call)
    use_copy(tmp_path)
    before = State(tmp_path / "state").owner
    done = call("state", "fork")
    assert (done.code, "it stopped managing ci" in done.err) == (0, True)
    assert State().owner != before
    assert inspect_state().copied is None
    assert run(call, ref, code=3).envelope["error"]["code"] == "managed_elsewhere"
    run(call, ref, "take_over=true")
    assert store.authenticate(read_token(ref)) is not None


def test_a_folder_that_was_renamed_or_restored_is_no_copy(store: SandboxStore, call: Call, tmp_path: Path) -> None:
    ref = managed(store, tmp_path, call)
    (tmp_path / "state").rename(tmp_path / "renamed")
    os.environ["LOCOIA_PAT_STATE"] = str(tmp_path / "renamed")
    run(call, ref)
    shutil.copytree(tmp_path / "renamed", tmp_path / "backup")
    shutil.rmtree(tmp_path / "renamed")
    shutil.copytree(tmp_path / "backup", tmp_path / "renamed")
    run(call, ref)


def test_a_copy_from_another_machine_names_it(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    state.require_home()
    with state.database.writing() as session:
        home = json.dumps({"machine": "blue 1", "path": "/srv/state", "file": -1})
        session.execute("UPDATE meta SET value = ? WHERE key = 'home'", (home,))
    with pytest.raises(InvalidError, match="is a copy of /srv/state on blue 1") as caught:
        state.require_home()
    assert caught.value.problem.hint == (
        "If that one is gone: locoia-pat state move. If both are to be used: locoia-pat state fork."
    )
    assert caught.value.problem.next is None


def test_a_copy_whose_original_is_gone_is_told_to_move(call: Call, tmp_path: Path) -> None:
    State(tmp_path / "state").require_home()
    use_copy(tmp_path)
    shutil.rmtree(tmp_path / "state")
    with pytest.raises(InvalidError) as caught:
        State(tmp_path / "copy").require_home()
    assert caught.value.problem.hint == "That one is gone: locoia-pat state move."
    assert caught.value.problem.next == "locoia-pat state move"
    assert "warning" not in call("state", "move").err


def test_a_home_that_cannot_be_read_is_none() -> None:
    for value in (None, "", "[", "[]", "{}", '{"machine": "a"}'):
        assert saved_home(value) is None, value


def test_only_a_state_folder_that_exists_can_be_moved(call: Call, tmp_path: Path) -> None:
    os.environ["LOCOIA_PAT_STATE"] = str(tmp_path / "none")
    for verb in ("move", "fork"):
        done = call("state", verb)
        assert (done.code, "is not a state folder that exists" in done.err) == (2, True), verb
    assert not (tmp_path / "none").exists()


def test_history_says_what_was_done_and_shows_no_secret(store: SandboxStore, call: Call, tmp_path: Path) -> None:
    ref = managed(store, tmp_path, call)
    token = read_token(ref).reveal()
    done = call("history", "ci", "--json")
    (entry,) = done.envelope["history"]
    assert (entry["name"], entry["change"], entry["action"]) == ("ci", "created", "ensure_pat")
    assert entry["stores"] == [f"{ref}#current"]
    assert token not in done.out
    assert "created" in call("history").out
    assert call("history", "c").err.startswith('error: name: nothing is journalled of "c"; did you mean ci?')
    assert "fingerprint" not in done.out


def test_history_is_kept_for_a_year(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    for change in ("created", "rotated"):
        state.save("api", "ci", {"change": change})
        state.write_receipt("api", "ci", {"change": change})
    with state.database.writing() as session:
        session.execute("UPDATE receipts SET at = '2020-01-01T00:00:00Z'")
        session.execute("UPDATE events SET at = '2020-01-01T00:00:00Z'")
    state.write_receipt("api", "ci", {"change": "retired"})
    assert [entry["change"] for entry in state.history()] == ["retired"]
    assert state.events("api", "ci") == []
