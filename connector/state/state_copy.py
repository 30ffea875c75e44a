"""Move a state to another place: from a folder into PostgreSQL, or back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locoia_pat.outcomes import NotDoneError, Problem, invalid
from locoia_pat.state.database import state_location
from locoia_pat.state.inspect import inspect_state
from locoia_pat.state.journal import State

if TYPE_CHECKING:
    import os

    from locoia_pat.state.database import Session

_TABLES = {
    "names": "api, name, entry",
    "events": "at, api, name, entry",
    "tokens": "api, name, fingerprint, metadata",
    "deliveries": "api, name, store, fingerprint",
    "receipts": "at, api, name, receipt",
    "access_keys": "id, name, hash, permissions, created, expires, revoked",
    "served_calls": "caller, key, at, fingerprint, marks, stores, response",
}
_DOCUMENTS = ("capabilities.json", "proven.json")
_ROWS_AT_ONCE = 1000


def copy_state(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> dict[str, int]:
    """Copy everything from the state at *source* to the new one at *target*, and mark *source* as moved.

    The owner is copied too, so the rows at the API stay our own.  Two states with one owner would revoke each other's
    new tokens; therefore *source* cannot be used again.  It is marked first, and the same call finishes
    what a kill then leaves.

    Returns:
        How many rows of each table *target* has.

    Raises:
        InvalidError: there is no state at *source*, it is a copy of another one, or there is one at *target*.
        NotDoneError: a name of *source* is being worked on.
        OSError: a database cannot be read or written; the same call may be repeated.

    """
    if not inspect_state(source).exists or state_location(source) == state_location(target):
        raise invalid(
            "there is no state to copy", field="source", hint="Name its folder or its URL, and another target."
        )
    new = State(target)
    old = State(source, moved_to=new.database.label)
    with old.connected() as reader:
        is_marked = reader.execute("SELECT 1 FROM meta WHERE key = 'moved'").fetchone() is not None
    if is_marked and new.owner == old.owner:
        return _count(new)
    old.require_home()
    if any((old.folder / "bulk").glob("*.sqlite3")):
        raise invalid(
            f"a bulk run is not finished, and its journal stays in {old.folder}",
            field="source",
            hint="Finish it first, or forget its journal with --restart.",
        )
    tables = ", ".join(_TABLES)
    # The transaction that is entered last is committed first: a kill must not leave two states with one owner.
    with new.writing(lock=tables) as writer, old.writing(lock=tables) as reader:
        if held := list(old.held_leases()):
            message = f"{held[0].name} is being worked on by {held[0].process}"
            raise NotDoneError(Problem("busy", message, field="source", hint="Stop all that use this state first."))
        if any(writer.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() for table in _TABLES):  # noqa: S608  # ours
            raise invalid(f"{new.database.label} holds a state already", field="target", hint="Name a new one.")
        for table, columns in _TABLES.items():
            _copy_table(reader, writer, table, columns)
        for key in ("owner", "key"):
            (value,) = reader.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
            writer.execute("UPDATE meta SET value = ? WHERE key = ?", (value, key))
        for name in _DOCUMENTS:
            _copy_document(old, new, name)
        if not is_marked:
            reader.execute("INSERT INTO meta VALUES ('moved', ?)", (new.database.label,))
    return _count(new)


def _count(state: State) -> dict[str, int]:
    """Return how many rows each table of *state* has, and how many documents it has."""
    with state.connected() as reader:
        tables = {
            table: reader.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608  # ours
            for table in _TABLES
        }
    return {**tables, "documents": sum(_read_document(state, name) is not None for name in _DOCUMENTS)}


def _copy_table(reader: Session, writer: Session, table: str, columns: str) -> None:
    marks = ", ".join("?" for _ in columns.split(","))
    rows = reader.execute(f"SELECT {columns} FROM {table} ORDER BY rowid")  # noqa: S608  # ours
    while some := rows.fetchmany(_ROWS_AT_ONCE):
        writer.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", some)  # noqa: S608  # ours


def _copy_document(old: State, new: State, name: str) -> None:
    content = _read_document(old, name)
    if content is not None:
        new.document(name).write(content)


def _read_document(state: State, name: str) -> bytes | None:
    try:
        return state.document(name).read()
    except FileNotFoundError:
        return None
