"""The journal: on the disk, readable only by its owner, and without a secret."""

from __future__ import annotations

import sqlite3
import stat
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from locoia_pat import InvalidError, Secret
from locoia_pat.state.journal import State

if TYPE_CHECKING:
    from pathlib import Path

API = "http://127.0.0.1:1/v1"


def test_a_saved_entry_is_read_by_the_next_process(location: str | Path) -> None:
    first = State(location)
    assert first.load(API, "ci") is None
    first.save(API, "ci", {"a": 1})
    first.save(API, "ci", {"a": 2})
    again = State(location)
    assert (again.load(API, "ci"), list(dict(again.entries(API))), again.owner) == ({"a": 2}, ["ci"], first.owner)
    assert [event for _, event in again.events(API, "ci")] == [{"a": 1}, {"a": 2}]
    assert again.load("http://other/v1", "ci") is None


def test_only_the_owner_can_read_the_file_even_if_others_could(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    State(folder)
    (file,) = folder.glob("*.sqlite3")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o644)
    State(folder)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_folder_is_that_of_the_variable_or_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCOIA_PAT_STATE", str(tmp_path / "named"))
    assert State().folder == tmp_path / "named"
    monkeypatch.delenv("LOCOIA_PAT_STATE")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    assert State().folder == tmp_path / "xdg" / "locoia-pat"
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert State().folder == tmp_path / "home" / ".local" / "state" / "locoia-pat"


def test_a_file_that_another_process_creates_is_waited_for(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "state.sqlite3", isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        end = threading.Timer(0.2, other.rollback)
        end.start()
        assert State(tmp_path).entries(API) == []
        end.join()


def test_a_file_that_stays_locked_is_invalid(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "state.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(InvalidError, match="database is locked"):
            State(tmp_path, timeout=0.05)


def test_a_folder_that_cannot_be_used_is_invalid(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InvalidError, match="cannot be used"):
        State(tmp_path / "file")
    (tmp_path / "state.sqlite3").write_text("this is no database, whatever its name says" * 100)
    with pytest.raises(InvalidError, match="cannot be used"):
        State(tmp_path)


class NextVersion(State):
    """A later version of the program."""

    schemas = (*State.schemas, "CREATE TABLE later (key TEXT) STRICT;\n")


def test_an_older_file_is_upgraded_and_a_copy_is_kept(tmp_path: Path) -> None:
    before = State(tmp_path)
    before.save(API, "ci", {"a": 1})
    later = NextVersion(tmp_path)
    assert (later.load(API, "ci"), later.owner) == ({"a": 1}, before.owner)
    copy_path = tmp_path / f"state.sqlite3.v{len(State.schemas)}"
    with closing(sqlite3.connect(copy_path, isolation_level=None)) as copy:
        assert copy.execute("SELECT name FROM names").fetchall() == [("ci",)]
    with pytest.raises(InvalidError, match="newer than this program"):
        State(tmp_path)


def test_the_metadata_of_the_last_four_tokens_of_a_name_is_found_by_fingerprint(location: str | Path) -> None:
    state = State(location)
    secrets = [Secret(f"fake-token-{number:020}") for number in range(8)]
    for number, secret in enumerate(secrets):
        state.save_token_metadata(API, "ci", secret, {"id": str(number)})
        state.save_token_metadata(API, "other", secret, {"id": "other"})
    metadata = [state.token_metadata(API, "ci", state.fingerprint(secret)) for secret in secrets]
    assert metadata == [{}, {}, {}, {}, {"id": "4"}, {"id": "5"}, {"id": "6"}, {"id": "7"}]


def test_the_last_delivery_to_a_store_is_known_until_it_is_forgotten(location: str | Path) -> None:
    state, secret = State(location), Secret("fake-token-0123456789")
    assert state.last_delivery(API, "ci", "command:x") is None
    state.record_delivery(API, "ci", "command:x", secret)
    assert state.last_delivery(API, "ci", "command:x") == state.fingerprint(secret)
    state.record_delivery(API, "ci", "command:x", None)
    assert state.last_delivery(API, "ci", "command:x") is None


def test_a_write_that_fails_changes_nothing(location: str | Path) -> None:
    state = State(location)
    state.save(API, "ci", {"a": 1})
    with pytest.raises(OSError, match=r"(?i)the (journal|state) in .* cannot be used: .*not.null"):
        state.save(API, None, {"a": 2})  # type: ignore[arg-type]  # on purpose
    assert state.load(API, "ci") == {"a": 1}


def test_equal_secrets_have_equal_fingerprints_within_one_state_folder(tmp_path: Path) -> None:
    one, other = State(tmp_path / "a"), State(tmp_path / "b")
    secret = Secret("fake-token-0123456789")
    assert one.fingerprint(secret) == one.fingerprint(secret)
    assert one.fingerprint(secret) != other.fingerprint(secret)
    assert len(one.fingerprint(secret)) == 12
