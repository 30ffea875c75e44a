"""A damaged or edited row of the state is an error that names it and the way out, and bothers no other name."""

from __future__ import annotations

import errno
import json
import sqlite3
import stat
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from locoia_pat import InvalidError, Secret
from locoia_pat.actions.lifecycle.effects import JournalEntry
from locoia_pat.actions.lifecycle.journalled import damaged_entries, intact_entries, load_entries, load_entry
from locoia_pat.state.database import FILE, sqlite_errno
from locoia_pat.state.inspect import inspect_state
from locoia_pat.state.journal import State
from locoia_pat.state.sealed import DamagedRowError, seal, unseal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

API = "http://127.0.0.1:1/v1"
TOKEN = Secret("fake-token-0123456789")


def entry(name: str, owner: str = "abcdefgh") -> dict[str, Any]:
    saved = JournalEntry(name, owner, scopes=("embed",), note="CI").to_json()
    return dict(json.loads(json.dumps({**saved, "stores": [f"file:/{name}.json#current"]})))


def filled(folder: Path) -> State:
    state = State(folder)
    for name in ("ci", "crm"):
        state.save(API, name, entry(name, state.owner))
        state.save_token_metadata(API, name, TOKEN, {"id": name, "expiration": None})
        state.write_receipt(API, name, {"change": "created", "id": name})
    return state


def change(folder: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(folder / FILE, isolation_level=None)) as database:
        database.execute(statement, values)


NO_ENTRIES = (
    "", "{", "null", "[]", "5", '"x"', "{}", '{"name": "ci"}', "[" * 100_000, '{"name": NaN}',
    *(json.dumps({**entry("ci"), key: value}) for key, value in (
        ("name", "crm"), ("name", "C I"), ("name", None), ("owner", 5), ("operation", "sing"), ("operation_id", 5),
        ("scopes", "embed"), ("scopes", [5]), ("scopes", None), ("note", None), ("days", "30"), ("days", 0),
        ("days", True), ("days", 1.5), ("slot", "c"), ("rows", []), ("rows", {"a": 5}), ("retirements", {}),
        ("retirements", [["x", "soon"]]), ("retirements", [["x", "2026-01-01T00:00:00"]]), ("retirements", [["x"]]),
        ("retirements", [[5, "2026-01-01T00:00:00Z"]]), ("revoked", [None]), ("ended", "no"), ("stores", None),
        ("stores", [5]),
    )),
    seal((API, "crm"), entry("crm")), seal(("http://other/v1", "ci"), entry("ci")),
    seal((API, "ci"), entry("ci")).replace("embed", "company"), seal((API, "ci"), entry("crm")),
)  # fmt: skip


def test_an_entry_that_is_none_is_named_with_the_way_out_and_other_names_are_read(tmp_path: Path) -> None:
    state = filled(tmp_path)
    for text in NO_ENTRIES:
        change(tmp_path, "UPDATE names SET entry = ? WHERE name = 'ci'", text)
        with pytest.raises(DamagedRowError) as caught:
            load_entry(state, API, "ci")
        problem = caught.value.problem
        assert '"ci"' in problem.message, text[:50]
        assert FILE in problem.message, text[:50]
        assert (problem.field, problem.next) == ("state", "locoia-pat reconcile --take-over ci --token-to REF")
        assert load_entry(state, API, "crm") is not None
        loaded = dict(load_entries(state, API))
        assert isinstance(loaded["ci"], InvalidError), text[:50]
        assert not isinstance(loaded["crm"], InvalidError), text[:50]
        report = inspect_state(tmp_path)
        assert report.trouble is None, text[:50]
        assert [name for _, name, _ in damaged_entries(report)] == ["ci"], text[:50]
        assert [entry.name for _, entry, _ in intact_entries(report)] == ["crm"], text[:50]


def test_an_entry_of_an_earlier_version_without_a_checksum_is_read(tmp_path: Path) -> None:
    state = filled(tmp_path)
    old = {key: value for key, value in entry("ci").items() if key not in {"days", "rows", "ended"}}
    change(tmp_path, "UPDATE names SET entry = ? WHERE name = 'ci'", json.dumps(old))
    loaded = load_entry(state, API, "ci")
    assert loaded is not None
    assert loaded[0].days == 30
    assert unseal((API, "ci"), seal((API, "ci"), old)) == old


def test_a_row_that_is_no_json_object_is_refused() -> None:
    for text in ("null", "[]", "5", '"x"', "true"):
        with pytest.raises(ValueError, match="not a JSON object"):
            unseal((API, "ci"), text)


EDITS = ("replace", "insert", "delete", "bytes")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    table=st.sampled_from([("names", "entry"), ("tokens", "metadata"), ("receipts", "receipt")]),
    column=st.sampled_from(["text", "name", "api"]),
    edit=st.sampled_from(EDITS),
    at=st.floats(0, 1, exclude_max=True),
    letter=st.characters(codec="utf-8", exclude_characters="\0"),
)
def test_any_single_edit_of_a_row_is_noticed_where_it_matters_and_bothers_no_other_name(
    *,
    tmp_path_factory: pytest.TempPathFactory,
    table: tuple[str, str],
    column: str,
    edit: str,
    at: float,
    letter: str,
) -> None:
    folder = tmp_path_factory.mktemp("state")
    state = filled(folder)
    name, text_column = table
    edited = text_column if column == "text" else column
    with closing(sqlite3.connect(folder / FILE, isolation_level=None)) as database:
        select = "SELECT rowid, COLUMN FROM ROWS WHERE name = 'ci'".replace("COLUMN", edited).replace("ROWS", name)
        rowid, text = database.execute(select).fetchone()
        place = int(at * len(text))
        new = {
            "replace": text[:place] + letter + text[place + 1 :],
            "insert": text[:place] + letter + text[place:],
            "delete": text[:place] + text[place + 1 :],
            "bytes": text[:place] + "\udcff\udcfe" + text[place + 1 :],
        }[edit]
        update = "UPDATE ROWS SET COLUMN = CAST(? AS TEXT) WHERE rowid = ?"
        update = update.replace("COLUMN", edited).replace("ROWS", name)
        database.execute(update, (new.encode("utf-8", "surrogateescape"), rowid))
    for read in READS[name]:
        assert read(state, "crm"), (edit, new)
    same = new == text or (column == "text" and json_value(new) == json.loads(text))
    if not same and (name == "names" or column == "text"):
        with pytest.raises(DamagedRowError) as caught:
            [read(state, "ci") for read in READS[name]]
        assert f"the table {name}" in caught.value.problem.message
        assert caught.value.problem.hint
    report = inspect_state(folder)
    assert report.trouble is None
    assert "crm" in [entry.name for _, entry, _ in intact_entries(report)]
    for _, loaded in load_entries(state, API):
        assert not isinstance(loaded, UnicodeError)
    state.forget_damaged(API, "ci", with_entry=False)
    assert not any(read(state, "ci") for read in READS[name]) or same or column != "text" or name == "receipts"
    assert all(read(state, "crm") for read in READS[name])


READS: dict[str, list[Callable[[State, str], object]]] = {
    "names": [lambda state, name: load_entry(state, API, name)],
    "tokens": [lambda state, name: state.token_metadata(API, name, state.fingerprint(TOKEN))],
    "receipts": [lambda state, name: state.receipts(API, name)],
}


def json_value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def test_a_name_that_cannot_be_shown_is_found_by_its_row(tmp_path: Path) -> None:
    state = filled(tmp_path)
    change(tmp_path, "UPDATE names SET name = CAST(X'1B5B41FF' AS TEXT) WHERE name = 'ci'")
    change(tmp_path, "UPDATE names SET api = api || char(27) WHERE name = 'crm'")
    ((_, error),) = state.entries(API)
    assert isinstance(error, DamagedRowError)
    assert "row 1 of the table names" in error.problem.message
    assert "delete row 1" in str(error.problem.hint)
    assert error.problem.next is None
    assert str(error).isprintable() or str(error).replace("\n", "").isprintable()
    for name in ("ci", "crm"):
        with pytest.raises(DamagedRowError, match="its API or its name was changed"):
            state.load(API, name)


def test_a_damaged_past_entry_and_a_read_only_file_are_named(tmp_path: Path) -> None:
    state = filled(tmp_path)
    change(tmp_path, "UPDATE events SET entry = '{' WHERE name = 'ci'")
    with pytest.raises(DamagedRowError, match="the table events"):
        state.events(API, "ci")
    assert len(state.events(API, "crm")) == 1
    state.forget_damaged(API, "crm", with_entry=True)
    assert state.load(API, "crm") is None
    read_only = sqlite3.OperationalError("attempt to write a readonly database")
    read_only.sqlite_errorcode = sqlite3.SQLITE_READONLY
    full = sqlite3.OperationalError("database or disk is full")
    assert [sqlite_errno(error) for error in (read_only, full, sqlite3.Error("x"))] == [errno.EROFS, errno.ENOSPC, None]


def test_the_owner_and_the_key_of_a_state_are_checked(tmp_path: Path) -> None:
    filled(tmp_path)
    for statement in (
        "UPDATE meta SET value = 'A B' WHERE key = 'owner'",
        "UPDATE meta SET value = '' WHERE key = 'owner'",
        "DELETE FROM meta WHERE key = 'owner'",
    ):
        change(tmp_path, statement)
        with pytest.raises(DamagedRowError, match="the row owner of the table meta") as caught:
            _ = State(tmp_path).owner
        assert "backup" in str(caught.value.problem.hint)
    change(tmp_path, "UPDATE meta SET value = 'xyz' WHERE key = 'key'")
    with pytest.raises(DamagedRowError, match="the row key of the table meta was changed"):
        State(tmp_path).fingerprint(TOKEN)
    assert load_entry(State(tmp_path), API, "ci") is not None


class NextVersion(State):
    """A later version of the program."""

    schemas = (*State.schemas, "CREATE TABLE later (key TEXT) STRICT;\n")


def test_the_copy_of_an_upgrade_is_private_from_birth_also_where_one_was_left(tmp_path: Path) -> None:
    state = filled(tmp_path)
    copy = tmp_path / f"{FILE}.v{len(State.schemas)}"
    copy.write_text("left by a kill, or planted")
    copy.chmod(0o666)
    assert NextVersion(tmp_path).load(API, "ci") == state.load(API, "ci")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with closing(sqlite3.connect(copy)) as database:
        assert database.execute("SELECT name FROM names ORDER BY name").fetchall() == [("ci",), ("crm",)]
