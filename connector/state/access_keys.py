"""Keys of callers, and what each of them may do.  The state keeps a keyed hash of a key, never the key itself."""

from __future__ import annotations

import datetime as dt
import hmac
import json
import re
import secrets
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from locoia_pat.messages import describe_value
from locoia_pat.outcomes import invalid
from locoia_pat.secrets.secret import Secret
from locoia_pat.state.database import new_id

if TYPE_CHECKING:
    from locoia_pat.state.database import Session
    from locoia_pat.state.journal import State

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")
_KEY = re.compile(r"lpk_([a-z2-9]{8})_([0-9a-f]{48})")
_SELECT = "SELECT id, name, hash, permissions, created, expires, revoked FROM access_keys"


@dataclass(frozen=True, slots=True)
class Permissions:
    """What a key allows; everything else is denied."""

    allow: tuple[str, ...] = ()
    """Patterns of action names."""
    names: tuple[str, ...] = ()
    """Patterns of managed names."""
    places: tuple[str, ...] = ()
    """Patterns of token stores for new tokens."""
    secrets: tuple[str, ...] = ()
    """Patterns of token stores from which a secret input may be read."""
    auth: str | None = None
    """The REF of the credential for its calls; None for the server's."""


@dataclass(frozen=True, slots=True)
class AccessKey:
    """A key, without its secret."""

    id: str
    name: str
    permissions: Permissions
    created: str
    """When it was created; RFC 3339, UTC, as the other times."""
    expires: str | None = None
    revoked: str | None = None

    def status(self, now: dt.datetime) -> str:
        """Return ``active``, ``expired`` or ``revoked``."""
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and dt.datetime.fromisoformat(self.expires) <= now else "active"

    def to_dict(self, now: dt.datetime) -> dict[str, Any]:
        """Return the key as JSON values, with its status at *now*."""
        return {
            "name": self.name,
            "id": self.id,
            "status": self.status(now),
            **asdict(self.permissions),
            "created": self.created,
            "expires": self.expires,
            "revoked": self.revoked,
        }


class AccessKeys:
    """The keys of one state."""

    def __init__(self, state: State) -> None:
        self._state = state

    def create(self, name: str, permissions: Permissions, *, days: float | None, now: dt.datetime) -> Secret:
        """Create a key and return it; it cannot be shown again.

        Args:
            name: its name, for people.
            permissions: what it allows.
            days: days until it expires; None for never.
            now: the time.

        Raises:
            InvalidError: the name is not valid, or an active key has it.

        """
        if not _NAME.fullmatch(name):
            raise invalid(
                f"{describe_value(name)} is not a valid name of a key",
                field="name",
                hint="Use up to 64 letters, digits, dots, hyphens and underscores.",
            )
        id_ = new_id()
        key = Secret(f"lpk_{id_}_{secrets.token_hex(24)}")
        expires = _format(now + dt.timedelta(days=days)) if days is not None else None
        row = (id_, name, self._state.keyed_hash(key), json.dumps(asdict(permissions)), _format(now), expires)
        with self._state.writing(lock="access_keys") as database:
            if any(each.name == name and each.status(now) == "active" for each in self._select(database)):
                raise invalid(
                    f"there is a key {describe_value(name)} already",
                    field="name",
                    hint="Choose another name, or revoke that key first.",
                    next=f"locoia-pat serve key revoke {name}",
                )
            insert = "INSERT INTO access_keys (id, name, hash, permissions, created, expires) VALUES (?, ?, ?, ?, ?, ?)"
            database.execute(insert, row)
        return key

    def find(self, key: Secret) -> AccessKey | None:
        """Return the key whose secret is *key*, even if it is expired or revoked; None for an unknown secret.

        Raises:
            OSError: the state cannot be read.

        """
        match = _KEY.fullmatch(key.reveal())
        if match is None:
            return None
        with self._state.connected() as database:
            row = database.execute(f"{_SELECT} WHERE id = ?", (match[1],)).fetchone()
        if row is None or not hmac.compare_digest(row[2], self._state.keyed_hash(key)):
            return None
        return _access_key(row)

    def all(self) -> list[AccessKey]:
        """Return all keys, oldest first."""
        with self._state.connected() as database:
            return self._select(database)

    def revoke(self, name: str, now: dt.datetime) -> None:
        """Revoke the active key *name*.

        Raises:
            InvalidError: no active key has that name.

        """
        with self._state.writing(lock="access_keys") as database:
            ids = [key.id for key in self._select(database) if key.name == name and key.status(now) == "active"]
            update = "UPDATE access_keys SET revoked = ? WHERE id = ?"
            database.executemany(update, [(_format(now), id_) for id_ in ids])
        if not ids:
            raise invalid(
                f"there is no active key {describe_value(name)}", field="name", next="locoia-pat serve key list"
            )

    def _select(self, database: Session) -> list[AccessKey]:
        return [_access_key(row) for row in database.execute(f"{_SELECT} ORDER BY rowid").fetchall()]


def _access_key(row: tuple[Any, ...]) -> AccessKey:
    id_, name, _, permissions, created, expires, revoked = row
    stored = json.loads(permissions)
    patterns = {field: tuple(stored[field]) for field in ("allow", "names", "places", "secrets")}
    return AccessKey(id_, name, Permissions(**patterns, auth=stored["auth"]), created, expires, revoked)


def _format(time: dt.datetime) -> str:
    return time.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
