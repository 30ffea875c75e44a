"""The sandbox's tokens, in an embedded SQLite file.

Tokens are kept as SHA-256 hashes: they are random and long, so a slow hash would buy nothing.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import secrets
import sqlite3
import string
import threading
import uuid
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PREFIX = "lpat_sbx_"
_BASE62 = string.digits + string.ascii_letters
_SCHEMA = """
CREATE TABLE IF NOT EXISTS tokens (
    id TEXT PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    note TEXT NOT NULL,
    scopes TEXT NOT NULL,
    expiration TEXT,
    last_used TEXT
) STRICT
"""
_COLUMNS = "id, owner, note, scopes, expiration, last_used"


@dataclass(frozen=True, slots=True)
class Row:
    """One token without its secret."""

    id: str
    owner: str
    note: str
    scopes: list[str]
    expiration: dt.datetime | None
    last_used: dt.datetime | None


class Store:
    """All tokens of one sandbox.  Safe to share between threads."""

    def __init__(self, path: Path | None = None, *, now: Callable[[], dt.datetime] | None = None) -> None:
        """Open the file at *path*, or a store in memory."""
        self._now = now or (lambda: dt.datetime.now(dt.UTC))
        self._lock = threading.Lock()
        try:
            self._db = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
        except sqlite3.Error as error:
            raise OSError(f"{path} cannot be opened: {error}") from None
        try:
            if path is not None:
                path.chmod(0o600)
                self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute(_SCHEMA)
        except sqlite3.Error as error:
            self._db.close()
            raise OSError(f"{path} cannot be opened: {error}") from None

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def create(self, *, owner: str, days: int | None, scopes: list[str], note: str) -> tuple[Row, Secret]:
        """A new token of *owner* that lives *days*, or for ever."""
        token = _mint()
        values = (str(uuid.uuid4()), _hash(token), owner, note, json.dumps(scopes), self._until(days))
        insert = f"INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?, NULL) RETURNING {_COLUMNS}"  # noqa: S608  # ours
        (row,) = self._rows(insert, *values)
        return row, token

    def regenerate(self, row_id: str, *, owner: str, days: int | None) -> tuple[Row, Secret] | None:
        """A new secret for a row of *owner*; None where there is no such row."""
        token = _mint()
        change = "UPDATE tokens SET hash = ?, expiration = ?, last_used = NULL WHERE id = ? AND owner = ?"
        rows = self._rows(f"{change} RETURNING {_COLUMNS}", _hash(token), self._until(days), row_id, owner)
        return (rows[0], token) if rows else None

    def owned_by(self, owner: str) -> list[Row]:
        """All rows of *owner*, the oldest first."""
        return self._rows(f"SELECT {_COLUMNS} FROM tokens WHERE owner = ? ORDER BY rowid", owner)  # noqa: S608  # ours

    def authenticate(self, token: Secret) -> Row | None:
        """The row whose live secret *token* is, now marked as used; None where there is none."""
        if not well_formed(token):
            return None
        now = self._now().astimezone(dt.UTC).isoformat()
        live = "hash = ? AND (expiration IS NULL OR expiration > ?)"
        use = f"UPDATE tokens SET last_used = ? WHERE {live} RETURNING {_COLUMNS}"  # noqa: S608  # ours
        return next(iter(self._rows(use, now, _hash(token), now)), None)

    def _until(self, days: int | None) -> str | None:
        now = self._now().astimezone(dt.UTC)
        return (now + dt.timedelta(days=days)).isoformat() if days is not None else None

    def _rows(self, statement: str, *values: str | bytes | None) -> list[Row]:
        """What one statement gives: each method is one, so nothing comes in between."""
        with self._lock:
            found = self._db.execute(statement, values).fetchall()
        return [
            Row(row_id, owner, note, json.loads(scopes), _time(expiration), _time(last_used))
            for row_id, owner, note, scopes, expiration, last_used in found
        ]


def well_formed(token: Secret) -> bool:
    """Whether *token* has the sandbox's prefix and a right checksum, so that a look-alike needs no look-up."""
    return token.reveal().startswith(PREFIX) and token.reveal() == _with_checksum(token.reveal()[:-6])


def _mint() -> Secret:
    return Secret(_with_checksum(PREFIX + "".join(secrets.choice(_BASE62) for _ in range(30))))


def _with_checksum(body: str) -> str:
    number, digits = zlib.crc32(body.encode("utf-8", "surrogatepass")), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = _BASE62[digit] + digits
    return body + digits


def _hash(token: Secret) -> bytes:
    return hashlib.sha256(token.reveal().encode()).digest()


def _time(text: str | None) -> dt.datetime | None:
    return dt.datetime.fromisoformat(text) if text else None
