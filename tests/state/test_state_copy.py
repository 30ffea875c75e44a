"""A state is moved with all that it holds, and the former one cannot be used again."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat import InvalidError, NotDoneError, Secret
from locoia_pat.actions.lifecycle.capabilities import ApiFacts, CapabilityFile
from locoia_pat.state.access_keys import AccessKeys, Permissions
from locoia_pat.state.inspect import inspect_state
from locoia_pat.state.journal import State
from locoia_pat.state.served_calls import ServedCalls
from locoia_pat.state.state_copy import copy_state

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.command import Done
    from tests.support.postgres_server import PostgresServer

API = "http://127.0.0.1:1/v1"
TOKEN = Secret("fake-token-0123456789")
NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def fill(state: State) -> Secret:
    for number in range(3):
        state.save(API, "ci", {"a": number})
        state.save_token_metadata(API, "ci", Secret(f"fake-token-{number:020}"), {"id": str(number)})
        state.write_receipt(API, "ci", {"change": "created", "id": str(number)})
    state.record_delivery(API, "ci", "command:x", TOKEN)
    ServedCalls(state).begin("c", "k", fingerprint="f", marks=["m"], stores=["file:/x"], now=NOW.timestamp())
    CapabilityFile(state).write(API, ApiFacts({"list_lag": {"value": 2, "at": "now", "how": "x"}}))
    return AccessKeys(state).create("engine", Permissions(allow=("*",)), days=None, now=NOW)


def content(state: State, key: Secret) -> list[Any]:
    return [
        state.owner,
        state.load(API, "ci"),
        state.events(API, "ci"),
        state.receipts(API, "ci"),
        [state.token_metadata(API, "ci", state.fingerprint(Secret(f"fake-token-{n:020}"))) for n in range(3)],
        state.last_delivery(API, "ci", "command:x"),
        ServedCalls(state).find("c", "k", now=NOW.timestamp()),
        CapabilityFile(state).read(API),
        AccessKeys(state).find(key),
    ]


def test_a_state_is_copied_into_a_database_and_back(
    postgres: PostgresServer, tmp_path: Path, call: Callable[..., Done]
) -> None:
    first = State(tmp_path / "first")
    key = fill(first)
    before = content(first, key)
    url = postgres.new_database()
    done = call("state", "copy", str(tmp_path / "first"), url)
    counts = {"names": 1, "events": 3, "tokens": 3, "deliveries": 1, "receipts": 3, "access_keys": 1, "served_calls": 1}
    assert (done.code, json.loads(done.out)) == (0, {"copied": {**counts, "documents": 1}}), done.err
    assert content(State(url), key) == before
    copy_state(url, tmp_path / "second")
    second = State(tmp_path / "second")
    assert content(second, key) == before
    second.save(API, "ci", {"a": 9})  # new rows follow the copied ones
    assert [entry for _, entry in second.events(API, "ci")][-1] == {"a": 9}
    for moved in (tmp_path / "first", url):
        with pytest.raises(InvalidError, match="was moved to"):
            State(moved)
        assert "moved to" in str(inspect_state(moved).trouble), moved


REFUSE_COMMIT = """CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'disk failed'; END$$;
CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON locoia_pat.names DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION refuse()"""


def test_a_copy_that_ends_between_its_two_commits_leaves_one_state_and_is_finished_by_the_same_command(
    postgres: PostgresServer, tmp_path: Path, call: Callable[..., Done]
) -> None:
    first = State(tmp_path / "first")
    key = fill(first)
    before, url = content(first, key), postgres.new_database()
    State(url)
    postgres.execute(REFUSE_COMMIT, url.rpartition("/")[2])  # the source is committed, the target is not
    command = ("state", "copy", str(tmp_path / "first"), url)
    done = call(*command)
    assert (done.code, "disk failed" in done.err, "again" in done.err) == (4, True, True), done.err
    with pytest.raises(InvalidError, match="was moved to") as moved:
        State(tmp_path / "first")
    assert "run it again" in str(moved.value)
    assert (State(url).entries(API), State(url).owner == before[0]) == ([], False)
    with pytest.raises(InvalidError, match="was moved to"):
        copy_state(tmp_path / "first", tmp_path / "another")
    postgres.execute("DROP FUNCTION refuse() CASCADE", url.rpartition("/")[2])
    counts = json.loads(call(*command).out)
    assert content(State(url), key) == before
    assert json.loads(call(*command).out) == counts  # of a copy that has ended, it only says so

    second = tmp_path / "second"
    label = State(second).database.label
    with State(url).writing() as session:  # as a kill between the commits leaves a database
        session.execute("INSERT INTO meta VALUES ('moved', ?)", (label,))
    with pytest.raises(InvalidError, match="was moved to"):
        State(url)
    copy_state(url, second)
    assert content(State(second), key) == before


def test_a_process_that_opened_a_state_before_it_was_moved_writes_no_more(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    for source in (tmp_path / "state", postgres.new_database()):
        opened = State(source)
        opened.require_home()
        opened.save(API, "ci", {"a": 1})
        copy_state(source, tmp_path / f"of {type(source).__name__}")
        with pytest.raises(OSError, match="was moved to"):
            opened.save(API, "ci", {"a": 2})
        with pytest.raises(InvalidError, match="was moved to"):
            opened.require_home()
        assert opened.load(API, "ci") == {"a": 1}, source


def test_a_state_that_went_away_after_it_was_opened_is_not_done(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    state.folder.rename(tmp_path / "away")
    with pytest.raises(NotDoneError, match="cannot be used"):
        state.require_home()


def test_a_copied_state_folder_cannot_be_moved(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    state.require_home()
    shutil.copytree(state.folder, tmp_path / "copy")
    with pytest.raises(InvalidError, match="is a copy of"):
        copy_state(tmp_path / "copy", tmp_path / "target")
    state.save(API, "ci", {"a": 1})


def test_a_state_that_cannot_be_moved_safely_stays_as_it_is(
    postgres: PostgresServer, tmp_path: Path, call: Callable[..., Done]
) -> None:
    url, state = postgres.new_database(), State(tmp_path / "state")
    state.save(API, "ci", {"a": 1})
    for source, target in ((tmp_path / "none", url), (url, tmp_path / "new"), (state.folder, state.folder)):
        with pytest.raises(InvalidError, match="there is no state to copy"):
            copy_state(source, target)
    State(url).save(API, "crm", {"a": 1})
    with pytest.raises(InvalidError, match="holds a state already"):
        copy_state(state.folder, url)
    lease = state.lease(API, "ci")
    assert lease.acquire(0)
    with pytest.raises(NotDoneError, match="ci is being worked on by process"):
        copy_state(state.folder, postgres.new_database())
    lease.release()
    (state.folder / "bulk").mkdir()
    (state.folder / "bulk" / "x.sqlite3").touch()
    with pytest.raises(InvalidError, match="a bulk run is not finished"):
        copy_state(state.folder, postgres.new_database())
    (state.folder / "bulk" / "x.sqlite3").unlink()
    full = postgres.new_database()
    State(full)
    postgres.execute("DROP TABLE locoia_pat.receipts", full.rpartition("/")[2])
    done = call("state", "copy", str(state.folder), full)
    assert (done.code, "Run the same command again" in done.err) == (4, True), done.err
    assert (state.load(API, "ci"), list(dict(State(url).entries(API)))) == ({"a": 1}, ["crm"])
    copy_state(state.folder, postgres.new_database())
