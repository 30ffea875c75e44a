"""The SQLite file of a state folder: made, opened, brought up to date and written."""

from __future__ import annotations

import os
import secrets
import sqlite3
import stat
import time
import weakref
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from locoia_pat.outcomes import invalid

if TYPE_CHECKING:
    from collections.abc import Iterator

VARIABLE = "LOCOIA_PAT_STATE"
FILE = "state.sqlite3"
_FIRST = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE names (api TEXT NOT NULL, name TEXT NOT NULL, managed TEXT NOT NULL, PRIMARY KEY (api, name)) STRICT;
CREATE TABLE events (at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ')), api TEXT NOT NULL, name TEXT NOT NULL,
                     event TEXT NOT NULL) STRICT;
CREATE TABLE leases (api TEXT NOT NULL, name TEXT NOT NULL, holder TEXT NOT NULL, deadline REAL NOT NULL,
                     PRIMARY KEY (api, name)) STRICT;
"""
_SECOND = """
CREATE TABLE tokens (api TEXT NOT NULL, name TEXT NOT NULL, fingerprint TEXT NOT NULL, beside TEXT NOT NULL,
                     PRIMARY KEY (api, name, fingerprint)) STRICT;
CREATE TABLE given (api TEXT NOT NULL, name TEXT NOT NULL, place TEXT NOT NULL, fingerprint TEXT NOT NULL,
                    PRIMARY KEY (api, name, place)) STRICT;
CREATE TABLE receipts (at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ')), api TEXT NOT NULL, name TEXT NOT NULL,
                       receipt TEXT NOT NULL) STRICT;
"""


class StateFile:
    """One folder of state, in an SQLite file that only its owner can read."""

    steps: tuple[str, ...] = (_FIRST, _SECOND)
    """What each version changes; a file that is of an older one is brought up to date, and a copy of it kept."""

    def __init__(self, folder: str | os.PathLike[str] | None = None, *, patience: float = 30.0) -> None:
        """The state in *folder*; by default that of ``LOCOIA_PAT_STATE``, else the user's state folder.

        Where another process writes, it is waited for, up to *patience* seconds.

        Raises:
            InvalidError: the folder cannot be used, or a newer version wrote it.

        """
        self.folder = place(folder)
        self._patience = patience
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._open()
        except OSError as error:
            words = error.strerror or str(error)
        else:
            return
        raise invalid(
            f"the state folder {self.folder} cannot be used: {words}",
            field="state",
            hint=f"Name one that you may write to by {VARIABLE}.",
        )

    def _open(self) -> None:
        path = self.folder / FILE
        if not path.exists():
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            path.chmod(0o600)
        with self.connected() as database:
            self._write_ahead(database)
            (version,) = database.execute("PRAGMA user_version").fetchone()
            if version > len(self.steps):
                raise OSError(0, f"version {version} of locoia-pat's state is newer than this program")
            if version < len(self.steps):
                self._upgrade(database, version)
            # One connection stays open, for the last one that closes tidies up the log: half the cost of a step.
            kept = self._connect()
            weakref.finalize(self, kept.close)
            kept.execute("SELECT * FROM meta").close()

    def _upgrade(self, database: sqlite3.Connection, version: int) -> None:
        """Bring the file up to date; a copy of what it was stays beside it."""
        if version:
            with closing(sqlite3.connect(self.folder / f"{FILE}.v{version}")) as copy:
                database.backup(copy)
        with written(database):
            (version,) = database.execute("PRAGMA user_version").fetchone()  # another process may have been faster
            for step in self.steps[version:]:
                for statement in step.strip().split(";\n"):
                    database.execute(statement)
            owner = "".join(secrets.choice("abcdefghijkmnpqrstuvwxyz23456789") for _ in range(8))
            told = [("owner", owner), ("key", secrets.token_hex(32))]
            database.executemany("INSERT OR IGNORE INTO meta VALUES (?, ?)", told)
            database.execute(f"PRAGMA user_version = {len(self.steps)}")

    def _write_ahead(self, database: sqlite3.Connection) -> None:
        """Use a write-ahead log, as the file does from then on.  SQLite does not wait where two ask for it at once."""
        until = time.monotonic() + self._patience
        while True:
            try:
                database.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError:
                if time.monotonic() >= until:
                    raise
                time.sleep(0.01)
            else:
                return

    def _connect(self) -> sqlite3.Connection:
        path = self.folder / FILE
        return sqlite3.connect(path, timeout=self._patience, isolation_level=None, check_same_thread=False)

    @contextmanager
    def connected(self) -> Iterator[sqlite3.Connection]:
        """The database; what it cannot do is an ``OSError``, for a disk that is full is one too."""
        try:
            with closing(self._connect()) as database:
                database.execute("PRAGMA synchronous = FULL")
                yield database
        except sqlite3.Error as error:
            words = str(error)
        else:
            return
        raise OSError(f"the journal in {self.folder} cannot be used: {words}")


@contextmanager
def written(database: sqlite3.Connection) -> Iterator[None]:
    """One transaction, or nothing of it."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        with suppress(sqlite3.Error):
            database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")


def place(folder: str | os.PathLike[str] | None = None) -> Path:
    """Where the state of *folder* stands: by default of ``LOCOIA_PAT_STATE``, else the user's state folder."""
    return Path(folder or os.environ.get(VARIABLE) or _users()).expanduser()


def _users() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or os.environ.get("LOCALAPPDATA")
    return Path(base) / "locoia-pat" if base else Path("~/.local/state/locoia-pat").expanduser()
