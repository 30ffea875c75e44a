"""The journal and the leases: on the disk, readable by their owner alone, and without a secret."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from locoia_pat import InvalidError, Secret
from locoia_pat.state.journal import State
from locoia_pat.state.lease import Lease

if TYPE_CHECKING:
    from pathlib import Path

API = "http://127.0.0.1:1/v1"


def test_what_is_saved_is_there_for_the_next_process(tmp_path: Path) -> None:
    first = State(tmp_path)
    assert first.load(API, "ci") is None
    first.save(API, "ci", {"a": 1})
    first.save(API, "ci", {"a": 2})
    again = State(tmp_path)
    assert (again.load(API, "ci"), again.names(API), again.owner) == ({"a": 2}, ["ci"], first.owner)
    assert [event for _, event in again.events(API, "ci")] == [{"a": 1}, {"a": 2}]
    assert again.load("http://other/v1", "ci") is None


def test_the_file_is_its_owners_alone_even_where_it_was_not(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    State(folder)
    (file,) = folder.glob("*.sqlite3")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o644)
    State(folder)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_folder_is_that_of_the_variable_or_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCOIA_PAT_STATE", str(tmp_path / "named"))
    assert State().folder == tmp_path / "named"
    monkeypatch.delenv("LOCOIA_PAT_STATE")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    assert State().folder == tmp_path / "xdg" / "locoia-pat"
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert State().folder == tmp_path / "home" / ".local" / "state" / "locoia-pat"


def test_a_file_that_another_process_begins_is_waited_for(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "state.sqlite3", isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        end = threading.Timer(0.2, other.rollback)
        end.start()
        assert State(tmp_path).names(API) == []
        end.join()


def test_a_file_that_stays_locked_is_invalid(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "state.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(InvalidError, match="database is locked"):
            State(tmp_path, patience=0.05)


def test_a_folder_that_cannot_be_used_is_invalid(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InvalidError, match="cannot be used"):
        State(tmp_path / "file")
    (tmp_path / "state.sqlite3").write_text("this is no database, whatever its name says" * 100)
    with pytest.raises(InvalidError, match="cannot be used"):
        State(tmp_path)


class First(State):
    """A program of the first version."""

    steps = State.steps[:1]


def test_an_older_file_is_brought_up_to_date_and_a_copy_kept(tmp_path: Path) -> None:
    before = First(tmp_path)
    before.save(API, "ci", {"a": 1})
    later = State(tmp_path)
    assert (later.load(API, "ci"), later.owner) == ({"a": 1}, before.owner)
    later.remember(API, "ci", Secret("fake-token-0123456789"), {"id": "7"})
    with closing(sqlite3.connect(tmp_path / "state.sqlite3.v1", isolation_level=None)) as copy:
        assert copy.execute("SELECT name FROM names").fetchall() == [("ci",)]
    with pytest.raises(InvalidError, match="newer than this program"):
        First(tmp_path)


def test_what_is_known_of_a_token_is_found_by_its_fingerprint_and_old_ones_go(tmp_path: Path) -> None:
    state = State(tmp_path)
    secrets = [Secret(f"fake-token-{number:020}") for number in range(8)]
    for number, secret in enumerate(secrets):
        state.remember(API, "ci", secret, {"id": str(number)})
        state.remember(API, "other", secret, {"id": "other"})
    known = [state.known(API, "ci", state.fingerprint(secret)) for secret in secrets]
    assert known == [{}, {}, {}, {}, {"id": "4"}, {"id": "5"}, {"id": "6"}, {"id": "7"}]


def test_what_a_place_was_given_is_known_until_it_is_nobodys(tmp_path: Path) -> None:
    state, secret = State(tmp_path), Secret("fake-token-0123456789")
    assert state.given(API, "ci", "command:x") is None
    state.give(API, "ci", "command:x", secret)
    assert state.given(API, "ci", "command:x") == state.fingerprint(secret)
    state.give(API, "ci", "command:x", None)
    assert state.given(API, "ci", "command:x") is None


def test_a_write_that_fails_changes_nothing(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.save(API, "ci", {"a": 1})
    with pytest.raises(OSError, match=r"the journal in .* cannot be used: NOT NULL"):
        state.save(API, None, {"a": 2})  # type: ignore[arg-type]  # on purpose
    assert state.load(API, "ci") == {"a": 1}


def test_a_fingerprint_tells_a_secret_again_and_nothing_of_it(tmp_path: Path) -> None:
    one, other = State(tmp_path / "a"), State(tmp_path / "b")
    secret = Secret("fake-token-0123456789")
    assert one.fingerprint(secret) == one.fingerprint(secret)
    assert one.fingerprint(secret) != other.fingerprint(secret)
    assert len(one.fingerprint(secret)) == 12


def test_a_lease_is_one_holders_until_it_is_given_back(tmp_path: Path) -> None:
    state = State(tmp_path)
    one, other = state.lease(API, "ci"), state.lease(API, "ci")
    assert one.take(0)
    assert one.take(0)  # it is its own already
    assert not other.take(0.1)
    assert state.lease(API, "another").take(0)
    assert one.hold()
    assert not other.hold()
    one.give_back()
    assert other.take(0)
    assert not one.hold()


def test_a_lease_ends_at_its_deadline(tmp_path: Path) -> None:
    state = State(tmp_path)
    assert state.lease(API, "ci").take(0)
    with closing(sqlite3.connect(tmp_path / "state.sqlite3", isolation_level=None)) as database:
        database.execute("UPDATE leases SET deadline = 1, holder = 'another computer|1|?|x'")
    assert state.lease(API, "ci").take(0)


def test_a_lease_of_another_computer_holds_until_its_deadline(tmp_path: Path) -> None:
    state = State(tmp_path)
    assert state.lease(API, "ci").take(0)
    with closing(sqlite3.connect(tmp_path / "state.sqlite3", isolation_level=None)) as database:
        database.execute("UPDATE leases SET holder = 'another computer|1|12345|x'")
    assert not state.lease(API, "ci").take(0)


def test_a_computer_of_the_same_name_that_was_started_at_another_time_is_another_one(tmp_path: Path) -> None:
    state = State(tmp_path)
    assert state.lease(API, "ci").take(0)
    with closing(sqlite3.connect(tmp_path / "state.sqlite3", isolation_level=None)) as database:
        (holder,) = database.execute("SELECT holder FROM leases").fetchone()
        host, *rest = holder.split("|")
        name, started, space = host.split()
        assert started.count("-") == 4
        there = "|".join([f"{name} {started[::-1]} {space}", "999999", *rest[1:]])
        database.execute("UPDATE leases SET holder = ?", (there,))
    assert not state.lease(API, "ci").take(0)


def test_a_process_that_was_killed_holds_no_lease(tmp_path: Path) -> None:
    script = (
        "import sys, time; from locoia_pat.state.journal import State\n"
        f"assert State({str(tmp_path)!r}).lease({API!r}, 'ci').take(0)\n"
        "print('taken', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, env={**os.environ}) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"taken\n"
        lease = State(tmp_path).lease(API, "ci")
        assert not lease.take(0.1)
        with closing(sqlite3.connect(tmp_path / "state.sqlite3", isolation_level=None)) as database:
            database.execute("UPDATE leases SET deadline = 1")  # as after a step of the clock
        assert not lease.take(0.1)
        process.kill()
        assert isinstance(lease, Lease)
        assert lease.take(5)  # its parent need not have looked
        process.wait(10)
