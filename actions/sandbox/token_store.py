"""What the sandbox keeps, in an embedded SQLite file: its tokens, and the records beside them.

Tokens are kept as SHA-256 hashes: they are random and long, so a slow hash would buy nothing.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import secrets
import string
import uuid
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from locoia_pat.actions.sandbox import entity_store as records
from locoia_pat.actions.sandbox.sqlite import Database
from locoia_pat.secrets.secret import Secret

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
_ALIVE = "(? OR expiration IS NULL OR expiration > ?)"
"""Takes whether an expired row will do, and the time it is now."""


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
        self.now = now or (lambda: dt.datetime.now(dt.UTC))
        """The time, as this store sees it."""
        self._database = Database(path, (_SCHEMA, *records.SCHEMA))
        self.connector_auths = records.ConnectorAuths(self._database)
        self.connectors = records.Connectors(self._database)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def create(self, *, owner: str, days: int | None, scopes: list[str], note: str) -> tuple[Row, Secret]:
        """A new token of *owner* that lives *days*, or for ever."""
        token = _mint()
        values = (str(uuid.uuid4()), _hash(token), owner, note, json.dumps(scopes), self._until(days))
        insert = f"INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?, NULL) RETURNING {_COLUMNS}"  # noqa: S608  # ours
        (row,) = self._rows(insert, *values)
        return row, token

    def regenerate(
        self, row_id: str, *, owner: str, days: int | None, new_id: bool = False, expired: bool = True
    ) -> tuple[Row, Secret] | None:
        """A new secret for a row of *owner*; None where there is no such row.

        Args:
            row_id: which row.
            owner: whose.
            days: how long it lives from now; None for ever.
            new_id: whether the row gets a new id with it.
            expired: whether a row that expired is one of them.

        """
        token = _mint()
        change = "UPDATE tokens SET id = ?, hash = ?, expiration = ?, last_used = NULL WHERE id = ? AND owner = ?"
        rows = self._rows(
            f"{change} AND {_ALIVE} RETURNING {_COLUMNS}",
            str(uuid.uuid4()) if new_id else row_id,
            _hash(token),
            self._until(days),
            row_id,
            owner,
            expired,
            self._until(0),
        )
        return (rows[0], token) if rows else None

    def row(self, row_id: str, *, owner: str) -> Row | None:
        """One row of *owner*; None where there is no such row."""
        return next((row for row in self.owned_by(owner) if row.id == row_id), None)

    def owned_by(self, owner: str, *, expired: bool = True) -> list[Row]:
        """All rows of *owner*, the oldest first, with those that *expired* or without."""
        select = f"SELECT {_COLUMNS} FROM tokens WHERE owner = ? AND {_ALIVE} ORDER BY rowid"  # noqa: S608  # ours
        return self._rows(select, owner, expired, self._until(0))

    def authenticate(self, token: Secret) -> Row | None:
        """The row whose live secret *token* is, now marked as used; None where there is none."""
        if not well_formed(token):
            return None
        now = self._until(0)
        use = f"UPDATE tokens SET last_used = ? WHERE hash = ? AND {_ALIVE} RETURNING {_COLUMNS}"  # noqa: S608  # ours
        return next(iter(self._rows(use, now, _hash(token), False, now)), None)

    def _until(self, days: int | None) -> str | None:
        now = self.now().astimezone(dt.UTC)
        return (now + dt.timedelta(days=days)).isoformat() if days is not None else None

    def _rows(self, statement: str, *values: str | bytes | bool | None) -> list[Row]:
        return [
            Row(row_id, owner, note, json.loads(scopes), _time(expiration), _time(last_used))
            for row_id, owner, note, scopes, expiration, last_used in self._database.rows(statement, *values)
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
