"""What is known beyond one run: a journal of managed names, and a lease for each.  No secret is in it."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import sqlite3
import stat
import time
import weakref
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import invalid
from .lease import Lease

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ..secret import Secret

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
_LAST = 4
"""Tokens of a name that are remembered: the current one, those around it, and one more."""


class State:
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
        with self._connected() as database:
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
        with _written(database):
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
    def _connected(self) -> Iterator[sqlite3.Connection]:
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

    @property
    def owner(self) -> str:
        """The eight characters by which notes tell that a row is managed here."""
        return self._meta("owner")

    def fingerprint(self, secret: Secret) -> str:
        """What receipts say of a secret: it tells the same one again, to nobody without this state's key."""
        key = bytes.fromhex(self._meta("key"))
        return hmac.new(key, secret.reveal().encode(), hashlib.sha256).hexdigest()[:12]

    def _meta(self, key: str) -> str:
        with self._connected() as database:
            (value,) = database.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return str(value)

    def load(self, api: str, name: str) -> dict[str, Any] | None:
        """What the journal holds of *name* at *api*."""
        with self._connected() as database:
            row = database.execute("SELECT managed FROM names WHERE api = ? AND name = ?", (api, name)).fetchone()
        return json.loads(row[0]) if row else None

    def save(self, api: str, name: str, managed: Mapping[str, Any]) -> None:
        """Journal *managed*: it is on the disk when this returns."""
        text = json.dumps(managed)
        with self._connected() as database, _written(database):
            database.execute("INSERT OR REPLACE INTO names VALUES (?, ?, ?)", (api, name, text))
            database.execute("INSERT INTO events (api, name, event) VALUES (?, ?, ?)", (api, name, text))

    def names(self, api: str) -> list[str]:
        """The names at *api* that the journal knows, sorted."""
        with self._connected() as database:
            rows = database.execute("SELECT name FROM names WHERE api = ? ORDER BY name", (api,)).fetchall()
        return [name for (name,) in rows]

    def events(self, api: str, name: str) -> list[tuple[str, dict[str, Any]]]:
        """What was journalled of *name*, and when, oldest first."""
        with self._connected() as database:
            select = "SELECT at, event FROM events WHERE api = ? AND name = ? ORDER BY rowid"
            rows = database.execute(select, (api, name)).fetchall()
        return [(at, json.loads(event)) for at, event in rows]

    def remember(self, api: str, name: str, token: Secret, beside: Mapping[str, Any]) -> None:
        """Journal what is known of *token*, for places that hold nothing beside it: its id, its expiry, its slot."""
        row = (api, name, self.fingerprint(token), json.dumps(beside))
        old = "SELECT rowid FROM tokens WHERE api = ? AND name = ? ORDER BY rowid DESC LIMIT -1 OFFSET ?"
        with self._connected() as database, _written(database):
            database.execute("INSERT OR REPLACE INTO tokens VALUES (?, ?, ?, ?)", row)
            database.execute(f"DELETE FROM tokens WHERE rowid IN ({old})", (api, name, _LAST))  # noqa: S608  # ours

    def known(self, api: str, name: str, fingerprint: str) -> dict[str, Any]:
        """What :meth:`remember` journalled of the token with that fingerprint; nothing where it did not."""
        select = "SELECT beside FROM tokens WHERE api = ? AND name = ? AND fingerprint = ?"
        with self._connected() as database:
            row = database.execute(select, (api, name, fingerprint)).fetchone()
        return json.loads(row[0]) if row else {}

    def give(self, api: str, name: str, place: str, token: Secret | None) -> None:
        """Journal that *place*, which cannot be read, was given *token*; None where it is nobody's place any more."""
        fingerprint = self.fingerprint(token) if token else None
        with self._connected() as database, _written(database):
            database.execute("DELETE FROM given WHERE api = ? AND name = ? AND place = ?", (api, name, place))
            if fingerprint is not None:
                database.execute("INSERT INTO given VALUES (?, ?, ?, ?)", (api, name, place, fingerprint))

    def given(self, api: str, name: str, place: str) -> str | None:
        """The fingerprint of the token that *place* was given last; None where it was given none."""
        select = "SELECT fingerprint FROM given WHERE api = ? AND name = ? AND place = ?"
        with self._connected() as database:
            row = database.execute(select, (api, name, place)).fetchone()
        return row[0] if row else None

    def name_at(self, api: str, places: Sequence[str]) -> str | None:
        """A name whose token one of *places*, which cannot be read, was given last; None where there is none."""
        among = ", ".join("?" * len(places))
        select = f"SELECT name FROM given WHERE api = ? AND place IN ({among}) ORDER BY name"  # noqa: S608  # marks
        with self._connected() as database:
            row = database.execute(select, (api, *places)).fetchone()
        return row[0] if row else None

    def write_receipt(self, api: str, name: str, receipt: Mapping[str, Any]) -> None:
        """Journal what was done about *name*, once it is done."""
        with self._connected() as database, _written(database):
            row = (api, name, json.dumps(receipt))
            database.execute("INSERT INTO receipts (api, name, receipt) VALUES (?, ?, ?)", row)

    def receipts(self, api: str, name: str) -> list[dict[str, Any]]:
        """What was done about *name*, and when, oldest first."""
        select = "SELECT at, receipt FROM receipts WHERE api = ? AND name = ? ORDER BY rowid"
        with self._connected() as database:
            rows = database.execute(select, (api, name)).fetchall()
        return [{"at": at, **json.loads(receipt)} for at, receipt in rows]

    def lease(self, api: str, name: str) -> Lease:
        """The lease of *name* at *api*, not taken yet."""
        return Lease(self._connected, (api, name))


@contextmanager
def _written(database: sqlite3.Connection) -> Iterator[None]:
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
