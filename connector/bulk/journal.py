"""What a bulk run journals: how each of its lines stands.  No secret is in it.

Each run has a file of its own beside the state, which is gone once nothing of the run is open any more.  While it is
open nobody else can open it, so a run goes on in one process at a time; a process that was killed holds nothing.
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

from locoia_pat.outcomes import NotDoneError, Problem, invalid

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from locoia_pat.state.journal import State

_SCHEMA = """
CREATE TABLE run (began TEXT NOT NULL) STRICT;
CREATE TABLE lines (digest BLOB NOT NULL, nth INTEGER NOT NULL, outcome TEXT, mark TEXT, places TEXT NOT NULL,
                    told TEXT, PRIMARY KEY (digest, nth)) STRICT, WITHOUT ROWID;
CREATE TABLE strays (mark TEXT PRIMARY KEY, places TEXT NOT NULL) STRICT, WITHOUT ROWID;
"""
_SEEN = "CREATE TEMP TABLE seen (digest BLOB PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID"
_VERSION = 1

Key = tuple[bytes, int]
"""By which a line is known again, wherever it stands in its file: what it asks, and of equal ones the how manieth."""


@dataclass(frozen=True, slots=True)
class Line:
    """How a line stands that an earlier run came to."""

    outcome: str | None
    """How it ended; None where it was begun, and its end is not known."""
    mark: str | None
    """What its row can be told by."""
    places: tuple[str, ...]
    """Where its token goes."""
    told: dict[str, Any] | None
    """The envelope of its result, where it is done."""


class Lines:
    """The journal of one bulk run, open."""

    def __init__(self, state: State, name: str, *, anew: bool = False) -> None:
        """Open the journal of the run *name*, a new one where there is none or one begins *anew*.

        Raises:
            NotDoneError: another process is at work on this run.
            InvalidError: it cannot be written, or a newer version wrote it.

        """
        folder = state.folder / "bulk"
        self._path = folder / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.sqlite3"
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            self._database = _held(self._path)
        except sqlite3.OperationalError as error:
            busy, words = "locked" in str(error), str(error)
        except (OSError, sqlite3.Error) as error:
            busy, words = False, getattr(error, "strerror", None) or str(error)
        else:
            self._begin(anew=anew)
            return
        if busy:
            raise NotDoneError(Problem("busy", "another process is at work on this run", hint="Wait for its end."))
        raise invalid(f"the journal {self._path} cannot be used: {words}", field="state")

    def _begin(self, *, anew: bool) -> None:
        with self.batch():
            if anew:
                for table in ("run", "lines", "strays"):
                    self._database.execute(f"DELETE FROM {table}")  # noqa: S608  # the three names above
            row = self._database.execute("SELECT began FROM run").fetchone()
            now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            self.began: str = row[0] if row else now
            """When the run began first."""
            self.resumed = row is not None
            """Whether this goes on with an earlier run."""
            if row is None:
                self._database.execute("INSERT INTO run VALUES (?)", (now,))
        self._database.execute(_SEEN)

    @contextmanager
    def batch(self) -> Iterator[None]:
        """All that is written within is on the disk when it ends; nothing of it where it fails."""
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            with suppress(sqlite3.Error):
                self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    def key(self, digest: bytes) -> Key:
        """The key of the next line that asks for what *digest* says."""
        insert = "INSERT INTO seen VALUES (?, 1) ON CONFLICT DO UPDATE SET count = count + 1 RETURNING count"
        (count,) = self._database.execute(insert, (digest,)).fetchone()
        return digest, count

    def find(self, key: Key) -> Line | None:
        """How a line stands that an earlier run came to; None where none did."""
        select = "SELECT outcome, mark, places, told FROM lines WHERE digest = ? AND nth = ?"
        row = self._database.execute(select, key).fetchone()
        return _line(*row) if row else None

    def begin(self, key: Key, mark: str | None, places: Sequence[str]) -> None:
        """A line is about to be run; what was known of it is over."""
        values = (*key, mark, json.dumps(list(places)))
        self._database.execute("INSERT OR REPLACE INTO lines VALUES (?, ?, NULL, ?, ?, NULL)", values)

    def end(self, key: Key, outcome: str, told: dict[str, Any] | None) -> None:
        """It ended so; *told* is the envelope of its result, where it is done."""
        text = json.dumps(told) if told is not None else None
        self._database.execute(
            "UPDATE lines SET outcome = ?, told = ? WHERE digest = ? AND nth = ?", (outcome, text, *key)
        )

    def stray(self, mark: str, places: Sequence[str]) -> None:
        """A row of that mark may still come, by a request from before."""
        self._database.execute("INSERT OR REPLACE INTO strays VALUES (?, ?)", (mark, json.dumps(list(places))))

    def strays(self) -> dict[str, tuple[str, ...]]:
        """The marks of such rows, with the places of their lines."""
        return {mark: tuple(json.loads(places)) for mark, places in self._database.execute("SELECT * FROM strays")}

    def forget_strays(self) -> None:
        """They were looked for, and so were the lines that are :meth:`left`."""
        self._database.execute("DELETE FROM strays")

    def left(self) -> list[Line]:
        """Lines without a known end that this run has not come to: they stand in its file no more."""
        select = """SELECT outcome, mark, places, told FROM lines LEFT JOIN seen USING (digest)
                    WHERE nth > coalesce(count, 0) AND (outcome IS NULL OR outcome = 'unknown')"""
        return [_line(*row) for row in self._database.execute(select)]

    def close(self, *, over: bool = False) -> None:
        """Close it; where the run is *over*, it is gone."""
        if over:
            with self.batch():
                self._database.execute("DROP TABLE run")  # so that a file that cannot be removed says nothing
            self._database.execute("PRAGMA journal_mode = DELETE")  # its log goes now, and none of that name later
            with suppress(OSError):
                self._path.unlink(missing_ok=True)  # while nobody else can have it
        self._database.close()


class Distinct:
    """Tells of many texts, in little memory, which one came before."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)  # a file without a name, which is gone with it
        self._database.execute("CREATE TABLE seen (text BLOB PRIMARY KEY, number INTEGER) WITHOUT ROWID")
        self._database.execute("BEGIN")

    def before(self, text: str, number: int) -> int | None:
        """The number with which *text* came before; None where it is new."""
        digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        if self._database.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (digest, number)).rowcount:
            return None
        (found,) = self._database.execute("SELECT number FROM seen WHERE text = ?", (digest,)).fetchone()
        return int(found)

    def close(self) -> None:
        """Forget all."""
        self._database.close()


def _held(path: Path) -> sqlite3.Connection:
    """The database at *path*, held by this process alone.

    Raises:
        sqlite3.OperationalError: it is locked: another process holds it, or did and removed it in this very moment.
    """
    if not path.exists():
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
    before = path.lstat()
    # The run may be closed by another thread than the one that went through it.
    database = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute("BEGIN EXCLUSIVE")
        database.execute("COMMIT")
        if not (path.exists() and os.path.samestat(before, path.lstat())):
            raise sqlite3.OperationalError("it was locked, and is removed")  # noqa: TRY301  # closed below
        _make_ready(database)
    except BaseException:
        database.close()
        raise
    return database


def _make_ready(database: sqlite3.Connection) -> None:
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    (version,) = database.execute("PRAGMA user_version").fetchone()
    (made,) = database.execute("SELECT count(*) FROM sqlite_master WHERE name = 'run'").fetchone()
    if version > _VERSION:
        raise OSError(0, f"version {version} of a bulk run's journal is newer than this program")
    if not made:
        database.executescript(f"BEGIN IMMEDIATE; {_dropped()} {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT")


def _dropped() -> str:
    return " ".join(f"DROP TABLE IF EXISTS {table};" for table in ("lines", "strays"))


def _line(outcome: str | None, mark: str | None, places: str, told: str | None) -> Line:
    return Line(outcome, mark, tuple(json.loads(places)), json.loads(told) if told else None)
