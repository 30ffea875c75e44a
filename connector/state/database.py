"""The SQLite file of a state folder: create it, open it, upgrade it, and write to it."""

from __future__ import annotations

import errno
import os
import secrets
import sqlite3
import stat
import time
import weakref
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from locoia_pat.files import is_disk_full, user_folder
from locoia_pat.outcomes import invalid

if TYPE_CHECKING:
    from collections.abc import Iterator

VARIABLE = "LOCOIA_PAT_STATE"
FILE = "state.sqlite3"
_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE names (api TEXT NOT NULL, name TEXT NOT NULL, entry TEXT NOT NULL, PRIMARY KEY (api, name)) STRICT;
CREATE TABLE events (at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ')), api TEXT NOT NULL, name TEXT NOT NULL,
                     entry TEXT NOT NULL) STRICT;
CREATE TABLE tokens (api TEXT NOT NULL, name TEXT NOT NULL, fingerprint TEXT NOT NULL, metadata TEXT NOT NULL,
                     PRIMARY KEY (api, name, fingerprint)) STRICT;
CREATE TABLE deliveries (api TEXT NOT NULL, name TEXT NOT NULL, store TEXT NOT NULL, fingerprint TEXT NOT NULL,
                         PRIMARY KEY (api, name, store)) STRICT;
CREATE TABLE receipts (at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ')), api TEXT NOT NULL, name TEXT NOT NULL,
                       receipt TEXT NOT NULL) STRICT;
"""
_SERVE_SCHEMA = """
CREATE TABLE access_keys (id TEXT PRIMARY KEY, name TEXT NOT NULL, hash TEXT NOT NULL, permissions TEXT NOT NULL,
                          created TEXT NOT NULL, expires TEXT, revoked TEXT) STRICT;
CREATE TABLE served_calls (caller TEXT NOT NULL, key TEXT NOT NULL, at REAL NOT NULL, fingerprint TEXT NOT NULL,
                           marks TEXT NOT NULL, stores TEXT NOT NULL, response TEXT, PRIMARY KEY (caller, key)) STRICT;
CREATE INDEX served_calls_at ON served_calls (at);
"""


class StateFile:
    """The SQLite file of one state folder; only its owner can read it."""

    schemas: tuple[str, ...] = (_SCHEMA, _SERVE_SCHEMA)
    """The statements that each version adds; an older file is upgraded, and a copy of it is kept."""

    def __init__(self, folder: str | os.PathLike[str] | None = None, *, timeout: float = 30.0) -> None:
        """Open the state in *folder*; by default that of ``LOCOIA_PAT_STATE``, else the user's state folder.

        Args:
            folder: the state folder.
            timeout: seconds to wait while another process writes.

        Raises:
            InvalidError: the folder cannot be used, or a newer version wrote it.

        """
        self.folder = state_folder(folder)
        self._timeout = timeout
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._open()
        except OSError as error:
            is_file = isinstance(error, FileExistsError)
            reason = "it is a file" if is_file else error.strerror or str(error)
            is_full = is_disk_full(error)
        else:
            return
        hint = f"Free space on its disk, or set {VARIABLE} to a folder on another one."
        raise invalid(
            f"the state folder {self.folder} cannot be used: {reason}",
            field="state",
            hint=hint if is_full else f"Set {VARIABLE} to a folder that you may write to.",
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
            if version > len(self.schemas):
                raise OSError(0, f"version {version} of locoia-pat's state is newer than this program")
            if version < len(self.schemas):
                self._upgrade(database, version)
            # One connection stays open: the last one to close checkpoints the log, which is half the cost of a write.
            open_connection = self._connect()
            weakref.finalize(self, open_connection.close)
            open_connection.execute("SELECT * FROM meta").close()

    def _upgrade(self, database: sqlite3.Connection, version: int) -> None:
        """Upgrade the file, and keep a copy of the older version."""
        if version:
            path = self.folder / f"{FILE}.v{version}"
            path.unlink(missing_ok=True)  # of an upgrade that was killed, perhaps with another mode
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            with closing(sqlite3.connect(path)) as copy:
                database.backup(copy)
        with transaction(database):
            (version,) = database.execute("PRAGMA user_version").fetchone()  # another process may have been faster
            for schema in self.schemas[version:]:
                for statement in schema.strip().split(";\n"):
                    database.execute(statement)
            owner = "".join(secrets.choice("abcdefghijkmnpqrstuvwxyz23456789") for _ in range(8))
            values = [("owner", owner), ("key", secrets.token_hex(32))]
            database.executemany("INSERT OR IGNORE INTO meta VALUES (?, ?)", values)
            database.execute(f"PRAGMA user_version = {len(self.schemas)}")

    def _write_ahead(self, database: sqlite3.Connection) -> None:
        """Switch the file to a write-ahead log; retry, for SQLite does not wait if two processes do so at once."""
        deadline = time.monotonic() + self._timeout
        while True:
            try:
                database.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                    raise  # a full disk, say, stays full
                time.sleep(0.01)
            else:
                return

    def _connect(self) -> sqlite3.Connection:
        path = self.folder / FILE
        return sqlite3.connect(path, timeout=self._timeout, isolation_level=None, check_same_thread=False)

    @contextmanager
    def connected(self) -> Iterator[sqlite3.Connection]:
        """Connect to the database; an SQLite error becomes an ``OSError``, as a full disk is one."""
        try:
            with closing(self._connect()) as database:
                database.execute("PRAGMA synchronous = FULL")
                database.text_factory = decode
                yield database
        except sqlite3.Error as error:
            error_number = sqlite_errno(error)
            reason = os.strerror(error_number) if error_number else str(error)
        else:
            return
        message = f"the journal in {self.folder} cannot be used: {reason}"
        raise OSError(error_number, message) if error_number else OSError(message)


def sqlite_errno(error: sqlite3.Error) -> int | None:
    """Return the error number of the system that is behind *error*, if the disk is full or a file is read-only."""
    code = getattr(error, "sqlite_errorcode", None) or 0
    if code == sqlite3.SQLITE_FULL or "disk is full" in str(error):
        return errno.ENOSPC
    return errno.EROFS if code & 0xFF == sqlite3.SQLITE_READONLY else None


def decode(data: bytes) -> str:
    """Decode a string of the database; bytes that were damaged must not keep other rows from being read."""
    return data.decode("utf-8", "surrogateescape")


@contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[None]:
    """Run one transaction; roll it back on any exception."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        with suppress(sqlite3.Error):
            database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")


def state_folder(folder: str | os.PathLike[str] | None = None) -> Path:
    """Return *folder*, by default that of ``LOCOIA_PAT_STATE``, else the user's state folder."""
    named = folder or os.environ.get(VARIABLE)
    return Path(named).expanduser() if named else user_folder("state")
