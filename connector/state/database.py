"""The database of a state: an SQLite file in the state folder, or PostgreSQL for several machines.

This module has the file; :mod:`.postgres` has the other.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import sqlite3
import stat
import time
import weakref
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from locoia_pat.extras import import_extra
from locoia_pat.files import is_disk_full, user_folder, write_atomic
from locoia_pat.outcomes import invalid
from locoia_pat.state.lease import FileLease, held_file_leases

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from locoia_pat.outcomes import InvalidError
    from locoia_pat.state.lease import Lease, LeaseInfo

VARIABLE = "LOCOIA_PAT_STATE"
FILE = "state.sqlite3"
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
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


SQLITE_SCHEMAS = (_SCHEMA, _SERVE_SCHEMA)
"""The statements that each version adds; an older file is upgraded, and a copy of it is kept."""


class Session(Protocol):
    """A connection to either database.  Both understand the same statements, with ``?`` for each value."""

    def execute(self, statement: str, values: Sequence[Any] = (), /) -> Rows:
        """Run one statement."""
        ...

    def executemany(self, statement: str, values: Iterable[Sequence[Any]], /) -> object:
        """Run one statement for each of *values*."""
        ...


class Rows(Protocol):
    """The rows that a statement returned."""

    @property
    def rowcount(self) -> int:
        """How many rows a statement has written."""
        ...

    def fetchmany(self, size: int, /) -> list[Any]:
        """Return at most *size* of the next rows."""
        ...

    def fetchone(self) -> Any:
        """Return the next row, or None."""
        ...

    def fetchall(self) -> list[Any]:
        """Return all rows."""
        ...


class Document(Protocol):
    """A small JSON text of the state, such as what was measured of the API."""

    label: str
    """Where it is, for messages."""

    def read(self) -> bytes:
        """Return it; ``FileNotFoundError`` if there is none, another ``OSError`` if it cannot be read."""
        ...

    def write(self, content: bytes) -> None:
        """Replace it; an ``OSError`` says that it was not written."""
        ...


class StateDatabase(Protocol):
    """What :class:`~locoia_pat.state.journal.State` needs of a database."""

    folder: Path
    """The folder of files that stay on this machine."""
    label: str
    """Where the database is, for messages; without a password."""
    tool: str
    """The program in which a person can edit its rows."""
    moved_to: str | None
    """The database to which it may have been moved; see :class:`~locoia_pat.state.journal.State`."""

    def connected(self) -> AbstractContextManager[Session]:
        """Connect, to read; an error of the database becomes an ``OSError``."""
        ...

    def writing(self, lease: Lease | None = None, *, lock: str | None = None) -> AbstractContextManager[Session]:
        """Run one transaction; its writes are durable at the end, or rolled back on any exception.

        Args:
            lease: refuse the writes if this lease was lost.
            lock: the table that no one else may write in the meantime.

        """
        ...

    def lease(self, api: str, name: str) -> Lease:
        """Return the lease of *name* at *api*, not acquired yet."""
        ...

    def held_leases(self) -> Iterable[LeaseInfo]:
        """Return the leases that are held now."""
        ...

    def document(self, name: str, lease: Lease | None = None) -> Document:
        """Return the document *name*; it is not written once *lease* was lost."""
        ...


class FileDocument:
    """A document in a file of the state folder."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.label = str(path)

    def read(self) -> bytes:
        """Return its content."""
        return self._path.read_bytes()

    def write(self, content: bytes) -> None:
        """Replace its content, durably."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomic(self._path, content)


def open_database(
    location: str | Path, sqlite_schemas: tuple[str, ...], postgres_schemas: tuple[str, ...], **options: Any
) -> StateDatabase:
    """Open the state at *location*, which is created or upgraded if needed.

    Args:
        location: a folder, or the URL of a database.
        sqlite_schemas: the statements that each version adds.
        postgres_schemas: the same for PostgreSQL.
        options: ``timeout``, ``lease_seconds`` and ``moved_to`` of :class:`~locoia_pat.state.journal.State`.

    Raises:
        InvalidError: it cannot be used, or a newer version wrote it.
        NotDoneError: the database cannot be reached now.

    """
    if isinstance(location, Path):
        return StateFile(location, sqlite_schemas, timeout=options["timeout"], moved_to=options["moved_to"])
    postgres = import_extra("locoia_pat.state.postgres", "postgres")
    database: StateDatabase = postgres.PostgresDatabase(location, postgres_schemas, **options)
    return database


class StateFile:
    """The SQLite file of one state folder; only its owner can read it."""

    tool = "sqlite3"

    def __init__(
        self,
        folder: Path,
        schemas: tuple[str, ...] = SQLITE_SCHEMAS,
        *,
        timeout: float = 30.0,
        moved_to: str | None = None,
    ) -> None:
        """Open the file in *folder*, or create it.

        Args:
            folder: the state folder.
            schemas: the statements that each version adds.
            timeout: seconds to wait while another process writes.
            moved_to: open it also if it was moved to this database.

        Raises:
            InvalidError: the folder cannot be used, or a newer version wrote it.

        """
        self.folder = folder
        self.label = str(folder / FILE)
        self.schemas = schemas
        self.moved_to = moved_to
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
        create_private(path)
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
            meta = dict(open_connection.execute("SELECT key, value FROM meta").fetchall())
        if meta.get("moved", self.moved_to) != self.moved_to:
            raise moved_error(self.label, meta["moved"])

    def _upgrade(self, database: sqlite3.Connection, version: int) -> None:
        """Upgrade the file, and keep a copy of the older version."""
        if version:
            path = self.folder / f"{FILE}.v{version}"
            path.unlink(missing_ok=True)  # of an upgrade that was killed, perhaps with another mode
            create_private(path)
            with closing(sqlite3.connect(path)) as copy:
                database.backup(copy)
        with transaction(database):
            (version,) = database.execute("PRAGMA user_version").fetchone()  # another process may have been faster
            for schema in self.schemas[version:]:
                for statement in schema.strip().split(";\n"):
                    database.execute(statement)
            values = [("owner", new_id()), ("key", secrets.token_hex(32))]
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

    @contextmanager
    def writing(self, lease: Lease | None = None, *, lock: str | None = None) -> Iterator[sqlite3.Connection]:
        """Run one transaction; SQLite admits one writer, and the lock behind a lease cannot be lost."""
        del lease, lock
        with self.connected() as database, transaction(database):
            yield database

    def lease(self, api: str, name: str) -> FileLease:
        """Return the lease of *name* at *api*, not acquired yet."""
        return FileLease(self.folder, api, name)

    def held_leases(self) -> Iterator[LeaseInfo]:
        """Return the leases that are held now."""
        return held_file_leases(self.folder)

    def document(self, name: str, lease: Lease | None = None) -> FileDocument:
        """Return the document *name*; the lock behind a lease cannot be lost."""
        del lease
        return FileDocument(self.folder / name)


def create_private(path: Path) -> None:
    """Create a file that only its owner can read, unless it exists."""
    if not path.exists():
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))


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
        database.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            database.execute("ROLLBACK")
        raise


def new_id() -> str:
    """Return a random id of 8 characters, none of which looks like another."""
    return "".join(secrets.choice("abcdefghijkmnpqrstuvwxyz23456789") for _ in range(8))


def moved_error(label: str, target: str) -> InvalidError:
    """Return the error for a state that was copied to another place."""
    return invalid(
        f"the state in {label} was moved to {target}",
        field="state",
        hint=f"Set {VARIABLE} to the new one. If state copy was interrupted, run it again first.",
    )


def state_location(location: str | os.PathLike[str] | None = None) -> str | Path:
    """Return *location*, by default that of ``LOCOIA_PAT_STATE``, else the user's state folder.

    Returns:
        The URL of a database, or a folder.

    Raises:
        InvalidError: it is a URL, and not of PostgreSQL.

    """
    named = location or os.environ.get(VARIABLE)
    url = _URL.match(named) if isinstance(named, str) else None
    if url is None:
        return Path(named).expanduser() if named else user_folder("state")
    if url[1].lower() in {"postgresql", "postgres"}:
        return str(named)
    raise invalid(
        f"the state cannot be at a URL that starts with {url[0]}",  # the rest may hold a password
        field="state",
        hint=f"Set {VARIABLE} to a folder, or to postgresql://HOST/DATABASE.",
    )


def state_folder(location: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder of :func:`state_location`; for a database, the user's, for files that stay on this machine."""
    found = state_location(location)
    return found if isinstance(found, Path) else user_folder("state")
