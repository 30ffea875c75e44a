"""The sandbox's data in one SQLite file: tokens, Connector Auths and Connectors.

Tokens and the secrets of Connector Auths are kept as SHA-256 hashes; tokens are random and long, so a slow hash would
add nothing.
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
from typing import TYPE_CHECKING, Any

from locoia_pat.secrets.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

PREFIX = "lpat_sbx_"
_BASE62 = string.digits + string.ascii_letters
_COLUMNS = "id, owner, note, scopes, expiration, last_used"
_NOT_EXPIRED = "(? OR expiration IS NULL OR expiration > ?)"
"""Parameters: whether expired rows are included, and the current time."""

EMPTY_AUTH: Mapping[str, Any] = {
    "connector_id": None,
    "name": None,
    "auth_type": None,
    "auth_token": None,
    "auth_details": None,
    "api_endpoint": None,
    "user_input": {},
    "username": None,
    "password": None,
    "tags": [],
}
"""The fields of a Connector Auth (https://docs.locoia.com/api/create-connector-authentication) and their defaults."""
AUTH_SECRETS = ("auth_token", "password")
"""The fields that are kept as hashes and never returned."""

CONNECTOR_FIELDS = ("name", "contype", "status")
"""A few fields of https://docs.locoia.com/connectors/building-connectors/base-connector-setup."""
_CONNECTORS = (
    ("6f1d0b0e-7a52-4c1e-9a44-5d2a4f8c0001", "Locoia", "connector", "active"),
    ("6f1d0b0e-7a52-4c1e-9a44-5d2a4f8c0002", "HubSpot", "connector", "active"),
    ("6f1d0b0e-7a52-4c1e-9a44-5d2a4f8c0003", "Microsoft Teams", "connector", "active"),
    ("6f1d0b0e-7a52-4c1e-9a44-5d2a4f8c0004", "Zendesk", "connector", "draft"),
    ("6f1d0b0e-7a52-4c1e-9a44-5d2a4f8c0005", "REST Helper", "helper", "active"),
)
"""No documented endpoint creates a Connector, so the sandbox always has these."""

_TOKENS = """
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
_AUTH_COLUMNS = ", ".join(f"{name} TEXT NOT NULL" for name in ("id", "owner", *EMPTY_AUTH))
_CONNECTOR_AUTHS = f"CREATE TABLE IF NOT EXISTS connector_auths ({_AUTH_COLUMNS}, UNIQUE (id)) STRICT"


@dataclass(frozen=True, slots=True)
class Row:
    """One token without its secret."""

    id: str
    owner: str
    note: str
    scopes: list[str]
    expiration: dt.datetime | None
    last_used: dt.datetime | None


class Database:
    """One SQLite file, or one in memory, readable by its owner only.  Safe to share between threads."""

    def __init__(self, path: Path | None) -> None:
        self._lock = threading.Lock()
        try:
            self._connection = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
        except sqlite3.Error as error:
            raise OSError(f"{path} cannot be opened: {error}") from None
        try:
            if path is not None:
                path.chmod(0o600)
                self._connection.execute("PRAGMA journal_mode=WAL")
            for statement in (_TOKENS, _CONNECTOR_AUTHS):
                self._connection.execute(statement)
        except sqlite3.Error as error:
            self._connection.close()
            raise OSError(f"{path} cannot be opened: {error}") from None

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def rows(self, statement: str, *values: str | bytes | bool | None) -> list[tuple[Any, ...]]:
        """Execute one statement and return its rows; what belongs together is one statement, so it is atomic."""
        with self._lock:
            return self._connection.execute(statement, values).fetchall()


class SandboxStore:
    """All data of one sandbox.  Safe to share between threads."""

    def __init__(self, path: Path | None = None, *, now: Callable[[], dt.datetime] | None = None) -> None:
        """Open the file at *path*, or a store in memory.

        Args:
            path: the SQLite file; it is created if it does not exist.
            now: the clock of the sandbox; the system's by default.

        Raises:
            OSError: the file cannot be opened.

        """
        self.now = now or (lambda: dt.datetime.now(dt.UTC))
        self._database = Database(path)
        self.connector_auths = ConnectorAuths(self._database)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def create(self, *, owner: str, days: int | None, scopes: list[str], note: str) -> tuple[Row, Secret]:
        """Create a token of *owner* that lives for *days*, or for ever if None."""
        token = _mint()
        values = (str(uuid.uuid4()), _hash(token), owner, note, json.dumps(scopes), self._time_in(days))
        insert = f"INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?, NULL) RETURNING {_COLUMNS}"  # noqa: S608  # constants
        (row,) = self._rows(insert, *values)
        return row, token

    def regenerate(
        self, row_id: str, *, owner: str, days: int | None, new_id: bool = False, expired: bool = True
    ) -> tuple[Row, Secret] | None:
        """Give a row of *owner* a new secret; return None if there is no such row.

        Args:
            row_id: the id of the row.
            owner: the owner of the row.
            days: the lifetime from now; None for ever.
            new_id: whether the row gets a new id too.
            expired: whether an expired row can be regenerated.

        """
        token = _mint()
        change = "UPDATE tokens SET id = ?, hash = ?, expiration = ?, last_used = NULL WHERE id = ? AND owner = ?"
        rows = self._rows(
            f"{change} AND {_NOT_EXPIRED} RETURNING {_COLUMNS}",
            str(uuid.uuid4()) if new_id else row_id,
            _hash(token),
            self._time_in(days),
            row_id,
            owner,
            expired,
            self._time_in(0),
        )
        return (rows[0], token) if rows else None

    def row(self, row_id: str, *, owner: str) -> Row | None:
        """Return one row of *owner*, or None."""
        return next((row for row in self.owned_by(owner) if row.id == row_id), None)

    def owned_by(self, owner: str, *, expired: bool = True) -> list[Row]:
        """Return all rows of *owner*, the oldest first, with or without *expired* ones."""
        select = f"SELECT {_COLUMNS} FROM tokens WHERE owner = ? AND {_NOT_EXPIRED} ORDER BY rowid"  # noqa: S608  # constants
        return self._rows(select, owner, expired, self._time_in(0))

    def authenticate(self, token: Secret) -> Row | None:
        """Mark the row of a live *token* as used and return it; return None if the token is not live."""
        if not is_well_formed(token):
            return None
        now = self._time_in(0)
        use = f"UPDATE tokens SET last_used = ? WHERE hash = ? AND {_NOT_EXPIRED} RETURNING {_COLUMNS}"  # noqa: S608  # constants
        return next(iter(self._rows(use, now, _hash(token), False, now)), None)

    def connectors(self, matching: tuple[str, str] | None = None) -> list[dict[str, str]]:
        """Return the Connectors, which are the same for all owners.

        Args:
            matching: a field and an SQL LIKE pattern: ``%`` is any text, and case does not matter.

        """
        names: tuple[str, ...] = ("id", *CONNECTOR_FIELDS)
        connectors: list[dict[str, str]] = [dict(zip(names, values, strict=True)) for values in _CONNECTORS]
        if matching is None:
            return connectors
        field, pattern = matching
        return [one for one in connectors if self._database.rows("SELECT 1 WHERE ? LIKE ?", one[field], pattern)]

    def _time_in(self, days: int | None) -> str | None:
        now = self.now().astimezone(dt.UTC)
        return (now + dt.timedelta(days=days)).isoformat() if days is not None else None

    def _rows(self, statement: str, *values: str | bytes | bool | None) -> list[Row]:
        return [
            Row(row_id, owner, note, json.loads(scopes), _parse_time(expiration), _parse_time(last_used))
            for row_id, owner, note, scopes, expiration, last_used in self._database.rows(statement, *values)
        ]


class ConnectorAuths:
    """The Connector Auths of all owners, returned without their secrets."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, owner: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Create a Connector Auth of *owner*."""
        values = _to_columns({**EMPTY_AUTH, **fields}).values()
        statement = f"INSERT INTO connector_auths VALUES (?, ?{', ?' * len(values)}) RETURNING *"  # noqa: S608  # constants
        (created,) = self._auths(statement, str(uuid.uuid4()), owner, *values)
        return created

    def update(self, auth_id: str, owner: str, fields: Mapping[str, Any]) -> dict[str, Any] | None:
        """Change some *fields* of a Connector Auth of *owner* and return it; return None if there is no such one."""
        changes = ", ".join(["id = id", *(f"{name} = ?" for name in fields)])
        statement = f"UPDATE connector_auths SET {changes} WHERE id = ? AND owner = ? RETURNING *"  # noqa: S608  # names of EMPTY_AUTH
        return next(iter(self._auths(statement, *_to_columns(fields).values(), auth_id, owner)), None)

    def delete(self, auth_id: str, owner: str) -> dict[str, Any] | None:
        """Delete a Connector Auth of *owner* and return it as it was; return None if there is no such one."""
        statement = "DELETE FROM connector_auths WHERE id = ? AND owner = ? RETURNING *"
        return next(iter(self._auths(statement, auth_id, owner)), None)

    def get(self, auth_id: str, owner: str) -> dict[str, Any] | None:
        """Return a Connector Auth of *owner*, or None."""
        statement = "SELECT * FROM connector_auths WHERE id = ? AND owner = ?"
        return next(iter(self._auths(statement, auth_id, owner)), None)

    def owned_by(self, owner: str) -> list[dict[str, Any]]:
        """Return all Connector Auths of *owner*, the oldest first."""
        return self._auths("SELECT * FROM connector_auths WHERE owner = ? ORDER BY rowid", owner)

    def has_secret(self, auth_id: str, field: str, secret: Secret) -> bool:
        """Whether *field* of a Connector Auth has the value *secret*, for tests that stored one there."""
        (column,) = _to_columns({field: secret.reveal()}).values()
        index = 2 + (*EMPTY_AUTH,).index(field)  # behind id and owner
        rows = self._database.rows("SELECT * FROM connector_auths WHERE id = ?", auth_id)
        return any(row[index] == column for row in rows)

    def _auths(self, statement: str, *values: str) -> list[dict[str, Any]]:
        return [
            {"id": auth_id}
            | {name: json.loads(text) for name, text in zip(EMPTY_AUTH, texts, strict=True) if name not in AUTH_SECRETS}
            for auth_id, _, *texts in self._database.rows(statement, *values)
        ]


def is_well_formed(token: Secret) -> bool:
    """Whether *token* has the sandbox's prefix and a valid checksum; if not, it need not be looked up."""
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


def _parse_time(text: str | None) -> dt.datetime | None:
    return dt.datetime.fromisoformat(text) if text else None


def _to_columns(fields: Mapping[str, Any]) -> dict[str, str]:
    """Return *fields* as JSON, secrets as hashes."""
    return {name: json.dumps(_hash_field(value) if name in AUTH_SECRETS else value) for name, value in fields.items()}


def _hash_field(secret: str | None) -> str | None:
    return None if secret is None else hashlib.sha256(secret.encode()).hexdigest()
