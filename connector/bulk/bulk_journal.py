"""The journal of a bulk run: the state of each of its items.  It holds no secret.

Each run has a database of its own in the state folder, which is deleted when nothing is left to resume.  It is locked
while it is open, so one process at a time works on a run, and the lock ends with its process.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import sqlite3
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from locoia_pat.outcomes import NotDoneError, Outcome, Problem, invalid
from locoia_pat.state.database import VARIABLE, create_private, decode, sqlite_errno, transaction

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from locoia_pat.state.journal import State

_TABLES = ("run", "items", "orphans")
_SCHEMA = """
CREATE TABLE run (started_at TEXT NOT NULL) STRICT;
CREATE TABLE items (digest BLOB NOT NULL, ordinal INTEGER NOT NULL, outcome TEXT, mark TEXT, stores TEXT NOT NULL,
                    envelope TEXT, PRIMARY KEY (digest, ordinal)) STRICT, WITHOUT ROWID;
CREATE TABLE orphans (mark TEXT PRIMARY KEY, stores TEXT NOT NULL) STRICT, WITHOUT ROWID;
"""
_COUNTS = "CREATE TEMP TABLE counts (digest BLOB PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID"
_VERSION = 1

ItemKey = tuple[bytes, int]
"""Identifies an item across runs: the digest of what it asks for, and its ordinal among equal items."""


@dataclass(frozen=True, slots=True)
class ItemState:
    """What an earlier run journalled about an item."""

    outcome: str | None
    """How it ended; None if it was begun and its end is unknown."""
    mark: str | None
    """The mark in the note of its row, if it was sent with one."""
    stores: tuple[str, ...]
    """References of the stores for its token."""
    envelope: dict[str, Any] | None
    """The envelope of its result, if it is ``done``."""


class BulkJournal:
    """The open journal of one bulk run."""

    def __init__(self, state: State, name: str, *, restart: bool = False) -> None:
        """Open the journal of the run *name*, or create it; with *restart*, forget what is in it.

        Raises:
            NotDoneError: another process is running it.
            InvalidError: the file cannot be written, or was written by a newer version.

        """
        self._begun: list[tuple[bytes, int, str | None, str]] = []
        """The values of items that are about to be sent, until the transaction ends."""
        self._finished: list[tuple[str, str | None, bytes, int]] = []
        """The values of items that ended, until the transaction ends."""
        folder = state.folder / "bulk"
        self._path = folder / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.sqlite3"
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            self._database = _open_exclusively(self._path)
        except sqlite3.OperationalError as error:
            busy, reason = "locked" in str(error), str(error)
        except (OSError, sqlite3.Error) as error:
            busy, reason = False, getattr(error, "strerror", None) or str(error)
        else:
            self._start(restart=restart)
            return
        if busy:
            raise NotDoneError(Problem("busy", "another process is running this bulk run", hint="Wait until it ends."))
        hint = f"Free space on its disk if it is full, or set {VARIABLE} to another folder."
        raise invalid(f"the journal {self._path} cannot be used: {reason}", field="state", hint=hint)

    def _start(self, *, restart: bool) -> None:
        with self.transaction():
            for table in _TABLES if restart else ():
                self._database.execute(f"DELETE FROM {table}")  # noqa: S608  # one of the three names above
            row = self._database.execute("SELECT started_at FROM run").fetchone()
            now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            self.started_at: str = row[0] if row else now
            """When the run was first started, as RFC 3339."""
            self.resumed = row is not None
            """Whether an earlier run is being resumed."""
            if row is None:
                self._database.execute("INSERT INTO run VALUES (?)", (now,))
        self._database.execute(_COUNTS)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Write everything inside to disk at the end, or nothing of it if an exception is raised.

        Raises:
            NotDoneError: it cannot be written; requests sent before are journalled as begun.

        """
        try:
            with transaction(self._database):
                yield
                self._write()
        except sqlite3.Error as error:
            number = sqlite_errno(error)
            reason = os.strerror(number).lower() if number else str(error)
        else:
            return
        finally:
            self._begun.clear()
            self._finished.clear()
        message = f"the journal {self._path} cannot be written: {reason}"
        hint = "Free space on its disk, or make it writable; then run the same command again to resume."
        raise NotDoneError(Problem("unavailable", message, field="state", hint=hint))

    def _write(self) -> None:
        """Write what was recorded in the transaction, by one statement of each kind."""
        self._database.executemany("INSERT OR REPLACE INTO items VALUES (?, ?, NULL, ?, ?, NULL)", self._begun)
        update = "UPDATE items SET outcome = ?, envelope = ? WHERE digest = ? AND ordinal = ?"
        self._database.executemany(update, self._finished)

    def next_key(self, digest: bytes) -> ItemKey:
        """Return the key of the next item with this *digest*."""
        insert = "INSERT INTO counts VALUES (?, 1) ON CONFLICT DO UPDATE SET count = count + 1 RETURNING count"
        (count,) = self._database.execute(insert, (digest,)).fetchone()
        return digest, count

    def find(self, key: ItemKey) -> ItemState | None:
        """Return what an earlier run journalled about an item, or None.

        Raises:
            InvalidError: its row was damaged or edited.

        """
        if not self.resumed:
            return None
        select = "SELECT outcome, mark, stores, envelope FROM items WHERE digest = ? AND ordinal = ?"
        row = self._database.execute(select, key).fetchone()
        return self._item_state(*row) if row else None

    def _item_state(self, outcome: str | None, mark: str | None, stores: str, envelope: str | None) -> ItemState:
        try:
            refs: Any = json.loads(stores)
            result: Any = json.loads(envelope) if envelope else None
        except (ValueError, RecursionError):
            refs = result = None
        is_list = isinstance(refs, list) and all(isinstance(ref, str) for ref in refs)
        is_object = isinstance(result, dict) if envelope else outcome != Outcome.DONE
        if is_list and is_object and outcome in (None, *map(str, Outcome)):
            return ItemState(outcome, mark, tuple(refs), result)
        raise invalid(
            f"the row of this item in the table items of {self._path} was damaged",
            field="state",
            hint="Check whether the item is done. Then leave it out, or forget the journal with --restart.",
        )

    def begin(self, key: ItemKey, mark: str | None, stores: Sequence[str]) -> None:
        """Record in a transaction that an item is about to be sent; this replaces what was recorded about it."""
        self._begun.append((*key, mark, json.dumps(list(stores))))

    def finish(self, key: ItemKey, outcome: str, envelope: dict[str, Any] | None) -> None:
        """Record in a transaction how an item ended, with the *envelope* of its result if it is ``done``."""
        self._finished.append((outcome, json.dumps(envelope) if envelope is not None else None, *key))

    def add_orphan(self, mark: str, stores: Sequence[str]) -> None:
        """Record that a row with this *mark* may still appear, from a request of an earlier run."""
        self._database.execute("INSERT OR REPLACE INTO orphans VALUES (?, ?)", (mark, json.dumps(list(stores))))

    def orphans(self) -> dict[str, tuple[str, ...]]:
        """Return the marks of such rows, with the stores of their items."""
        return {mark: tuple(json.loads(stores)) for mark, stores in self._database.execute("SELECT * FROM orphans")}

    def forget_orphans(self) -> None:
        """Forget them, after they were looked for."""
        self._database.execute("DELETE FROM orphans")

    def unfinished_missing(self) -> list[ItemState]:
        """Return items without a known end that this run has not met: they are no longer in its source."""
        select = """SELECT outcome, mark, stores, envelope FROM items LEFT JOIN counts USING (digest)
                    WHERE ordinal > coalesce(count, 0) AND (outcome IS NULL OR outcome = 'unknown')"""
        return [self._item_state(*row) for row in self._database.execute(select)]

    def close(self, *, delete: bool = False) -> None:
        """Close the journal, and *delete* it if nothing is left to resume."""
        if delete:
            with self.transaction():
                self._database.execute("DROP TABLE run")  # so that a file that cannot be removed holds no run
            self._database.execute("PRAGMA journal_mode = DELETE")  # removes the log now, so that none is left behind
            with suppress(OSError):
                self._path.unlink(missing_ok=True)  # before the lock is released
        self._database.close()


class DuplicateFinder:
    """Finds duplicates among many strings, in a temporary table instead of memory."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)  # a temporary file that is deleted on close
        self._database.execute("CREATE TABLE seen (digest BLOB PRIMARY KEY, number INTEGER) WITHOUT ROWID")
        self._database.execute("BEGIN")

    def first_number(self, text: str, number: int) -> int | None:
        """Return the number that *text* was first added with, or None if it is new and now has *number*."""
        digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        if self._database.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (digest, number)).rowcount:
            return None
        (first,) = self._database.execute("SELECT number FROM seen WHERE digest = ?", (digest,)).fetchone()
        return int(first)

    def close(self) -> None:
        """Delete the table."""
        self._database.close()


def _open_exclusively(path: Path) -> sqlite3.Connection:
    """Open the database at *path* for this process only.

    Raises:
        sqlite3.OperationalError: another process has it open, or deleted it just now.
    """
    create_private(path)
    before = path.lstat()
    # Another thread than the one that runs the items may close it.
    database = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    database.text_factory = decode
    try:
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute("BEGIN EXCLUSIVE")
        database.execute("COMMIT")
        if not (path.exists() and os.path.samestat(before, path.lstat())):
            raise sqlite3.OperationalError("locked, and deleted")  # noqa: TRY301  # closed below
        _create_tables(database)
    except BaseException:
        database.close()
        raise
    return database


def _create_tables(database: sqlite3.Connection) -> None:
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    (version,) = database.execute("PRAGMA user_version").fetchone()
    (exists,) = database.execute("SELECT count(*) FROM sqlite_master WHERE name = 'run'").fetchone()
    if version > _VERSION:
        raise OSError(0, f"version {version} of a bulk journal is newer than this program")
    if not exists:
        drop = " ".join(f"DROP TABLE IF EXISTS {table};" for table in _TABLES)
        database.executescript(f"BEGIN IMMEDIATE; {drop} {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT")
