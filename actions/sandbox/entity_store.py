"""Connector Auths and Connectors in the sandbox's file.

Fields are those of https://docs.locoia.com/api/create-connector-authentication and, of a Connector, a few of
https://docs.locoia.com/connectors/building-connectors/base-connector-setup.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locoia_pat.actions.sandbox.sqlite import Database
    from locoia_pat.secrets.secret import Secret

SECRETS = ("auth_token", "password")
"""Kept as hashes, so that nothing can give them back."""

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
"""A Connector Auth of which nothing was said."""

CONNECTOR_FIELDS = ("name", "contype", "status")

_CONNECTORS = (
    ("6f1d0b0e-7a52-4c1e-9a44-5d2a4f8c0001", "Locoia", "connector", "active"),
    ("6f1d0b0e-7a52-4c1e-9a44-5d2a4f8c0002", "HubSpot", "connector", "active"),
    ("6f1d0b0e-7a52-4c1e-9a44-5d2a4f8c0003", "Microsoft Teams", "connector", "active"),
    ("6f1d0b0e-7a52-4c1e-9a44-5d2a4f8c0004", "Zendesk", "connector", "draft"),
    ("6f1d0b0e-7a52-4c1e-9a44-5d2a4f8c0005", "REST Helper", "helper", "active"),
)
"""No documented path creates a Connector, so the sandbox has these."""


def _columns(names: tuple[str, ...]) -> str:
    return ", ".join(f"{name} TEXT NOT NULL" for name in names)


SCHEMA = (
    f"CREATE TABLE IF NOT EXISTS connector_auths ({_columns(('id', 'owner', *EMPTY_AUTH))}, UNIQUE (id)) STRICT",
    f"CREATE TABLE IF NOT EXISTS connectors ({_columns(('id', *CONNECTOR_FIELDS))}, UNIQUE (id)) STRICT",
    "INSERT OR IGNORE INTO connectors VALUES " + ", ".join(map(str, _CONNECTORS)),  # noqa: S608  # ours
)


class ConnectorAuths:
    """The Connector Auths of all owners, shown without their secrets."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, owner: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """A new one of *owner*."""
        values = _kept({**EMPTY_AUTH, **given}).values()
        statement = f"INSERT INTO connector_auths VALUES (?, ?{', ?' * len(values)}) RETURNING *"  # noqa: S608  # ours
        (found,) = self._shown(statement, str(uuid.uuid4()), owner, *values)
        return found

    def update(self, auth_id: str, owner: str, given: Mapping[str, Any]) -> dict[str, Any] | None:
        """Change what is *given* of one of *owner*; None where there is no such one."""
        changes = ", ".join(["id = id", *(f"{name} = ?" for name in given)])
        statement = f"UPDATE connector_auths SET {changes} WHERE id = ? AND owner = ? RETURNING *"  # noqa: S608  # ours
        return next(iter(self._shown(statement, *_kept(given).values(), auth_id, owner)), None)

    def delete(self, auth_id: str, owner: str) -> dict[str, Any] | None:
        """Delete one of *owner*, and give it as it was; None where there is no such one."""
        statement = "DELETE FROM connector_auths WHERE id = ? AND owner = ? RETURNING *"
        return next(iter(self._shown(statement, auth_id, owner)), None)

    def find(self, auth_id: str, owner: str) -> dict[str, Any] | None:
        """One of *owner*; None where there is no such one."""
        statement = "SELECT * FROM connector_auths WHERE id = ? AND owner = ?"
        return next(iter(self._shown(statement, auth_id, owner)), None)

    def owned_by(self, owner: str) -> list[dict[str, Any]]:
        """All of *owner*, the oldest first."""
        return self._shown("SELECT * FROM connector_auths WHERE owner = ? ORDER BY rowid", owner)

    def holds(self, auth_id: str, field: str, secret: Secret) -> bool:
        """Whether *field* of a Connector Auth is that *secret*: for tests that put one there."""
        statement = "SELECT * FROM connector_auths WHERE id = ?"
        kept = (*_kept({field: secret.reveal()}).values(),)
        place = 2 + (*EMPTY_AUTH,).index(field)
        return any(row[place] in kept for row in self._database.rows(statement, auth_id))

    def _shown(self, statement: str, *values: str) -> list[dict[str, Any]]:
        return [
            {"id": row_id}
            | {name: json.loads(text) for name, text in zip(EMPTY_AUTH, texts, strict=True) if name not in SECRETS}
            for row_id, _, *texts in self._database.rows(statement, *values)
        ]


class Connectors:
    """The Connectors there are, the same for all owners."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[dict[str, Any]]:
        """All of them."""
        return self._shown("SELECT * FROM connectors ORDER BY id")

    def like(self, field: str, pattern: str) -> list[dict[str, Any]]:
        """Those whose *field* is like *pattern*, as SQL means it: ``%`` is any text, and case does not matter."""
        (column,) = (name for name in CONNECTOR_FIELDS if name == field)
        return self._shown(f"SELECT * FROM connectors WHERE {column} LIKE ? ORDER BY id", pattern)  # noqa: S608  # ours

    def _shown(self, statement: str, *values: str) -> list[dict[str, Any]]:
        return [
            dict(zip(("id", *CONNECTOR_FIELDS), row, strict=True)) for row in self._database.rows(statement, *values)
        ]


def _kept(given: Mapping[str, Any]) -> dict[str, str]:
    """The columns of *given* fields: each is kept as JSON."""
    return {name: json.dumps(_hash(value) if name in SECRETS else value) for name, value in given.items()}


def _hash(secret: str | None) -> str | None:
    return None if secret is None else hashlib.sha256(secret.encode()).hexdigest()
