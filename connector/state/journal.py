"""The journal of managed names, and their leases.  It holds no secret."""

from __future__ import annotations

import hashlib
import hmac
import json
from functools import cached_property
from typing import TYPE_CHECKING, Any

from locoia_pat.state.database import StateFile, transaction
from locoia_pat.state.lease import Lease

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locoia_pat.secrets.secret import Secret

_MAX_TOKENS = 4
"""Tokens of a name whose metadata is kept: the current, the previous and the pending one, and one more."""


class State(StateFile):
    """The journal of one state folder."""

    @cached_property
    def owner(self) -> str:
        """The eight characters that mark a row as managed by this state folder."""
        return self._meta("owner")

    def fingerprint(self, secret: Secret) -> str:
        """Return a fingerprint of *secret*, which says nothing without the key of this state folder."""
        return self.keyed_hash(secret)[:12]

    def keyed_hash(self, secret: Secret) -> str:
        """Return the whole hash of *secret* under the key of this state folder."""
        return hmac.new(self._key, secret.reveal().encode(), hashlib.sha256).hexdigest()

    @cached_property
    def _key(self) -> bytes:
        return bytes.fromhex(self._meta("key"))

    def _meta(self, key: str) -> str:
        with self.connected() as database:
            (value,) = database.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return str(value)

    def load(self, api: str, name: str) -> dict[str, Any] | None:
        """Return the journal entry of *name* at *api*, or None."""
        with self.connected() as database:
            row = database.execute("SELECT entry FROM names WHERE api = ? AND name = ?", (api, name)).fetchone()
        return json.loads(row[0]) if row else None

    def save(self, api: str, name: str, entry: Mapping[str, Any]) -> None:
        """Write the journal entry of *name* at *api*; it is on the disk when this returns."""
        text = json.dumps(entry)
        with self.connected() as database, transaction(database):
            database.execute("INSERT OR REPLACE INTO names VALUES (?, ?, ?)", (api, name, text))
            database.execute("INSERT INTO events (api, name, entry) VALUES (?, ?, ?)", (api, name, text))

    def names(self, api: str) -> list[str]:
        """Return the journalled names at *api*, sorted."""
        with self.connected() as database:
            rows = database.execute("SELECT name FROM names WHERE api = ? ORDER BY name", (api,)).fetchall()
        return [name for (name,) in rows]

    def events(self, api: str, name: str) -> list[tuple[str, dict[str, Any]]]:
        """Return all entries that were journalled for *name*, with their times, oldest first."""
        with self.connected() as database:
            select = "SELECT at, entry FROM events WHERE api = ? AND name = ? ORDER BY rowid"
            rows = database.execute(select, (api, name)).fetchall()
        return [(at, json.loads(entry)) for at, entry in rows]

    def save_token_metadata(self, api: str, name: str, token: Secret, metadata: Mapping[str, Any]) -> None:
        """Journal the metadata of *token* (id, expiry, slot), for stores that hold only the token."""
        row = (api, name, self.fingerprint(token), json.dumps(metadata))
        old = "SELECT rowid FROM tokens WHERE api = ? AND name = ? ORDER BY rowid DESC LIMIT -1 OFFSET ?"
        with self.connected() as database, transaction(database):
            database.execute("INSERT OR REPLACE INTO tokens VALUES (?, ?, ?, ?)", row)
            database.execute(f"DELETE FROM tokens WHERE rowid IN ({old})", (api, name, _MAX_TOKENS))  # noqa: S608  # ours

    def token_metadata(self, api: str, name: str, fingerprint: str) -> dict[str, Any]:
        """Return the metadata of the token with that fingerprint; empty if none is journalled."""
        select = "SELECT metadata FROM tokens WHERE api = ? AND name = ? AND fingerprint = ?"
        with self.connected() as database:
            row = database.execute(select, (api, name, fingerprint)).fetchone()
        return json.loads(row[0]) if row else {}

    def record_delivery(self, api: str, name: str, ref: str, token: Secret | None) -> None:
        """Journal that *token* was delivered to the store *ref*, which cannot be read; None forgets the delivery."""
        fingerprint = self.fingerprint(token) if token else None
        with self.connected() as database, transaction(database):
            database.execute("DELETE FROM deliveries WHERE api = ? AND name = ? AND store = ?", (api, name, ref))
            if fingerprint is not None:
                database.execute("INSERT INTO deliveries VALUES (?, ?, ?, ?)", (api, name, ref, fingerprint))

    def last_delivery(self, api: str, name: str, ref: str) -> str | None:
        """Return the fingerprint of the token that was last delivered to the store *ref*, or None."""
        select = "SELECT fingerprint FROM deliveries WHERE api = ? AND name = ? AND store = ?"
        with self.connected() as database:
            row = database.execute(select, (api, name, ref)).fetchone()
        return row[0] if row else None

    def name_for_location(self, api: str, location: str) -> str | None:
        """Return a name whose token was delivered to a store at *location*, its reference without the part behind #."""
        select = "SELECT name FROM deliveries WHERE api = ? AND substr(store || '#', 1, ?) = ? ORDER BY name"
        with self.connected() as database:
            row = database.execute(select, (api, len(location) + 1, f"{location}#")).fetchone()
        return row[0] if row else None

    def write_receipt(self, api: str, name: str, receipt: Mapping[str, Any]) -> None:
        """Journal what was done to *name*, once it is done."""
        with self.connected() as database, transaction(database):
            row = (api, name, json.dumps(receipt))
            database.execute("INSERT INTO receipts (api, name, receipt) VALUES (?, ?, ?)", row)

    def receipts(self, api: str, name: str) -> list[dict[str, Any]]:
        """Return what was done to *name*, and when, oldest first."""
        select = "SELECT at, receipt FROM receipts WHERE api = ? AND name = ? ORDER BY rowid"
        with self.connected() as database:
            rows = database.execute(select, (api, name)).fetchall()
        return [{"at": at, **json.loads(receipt)} for at, receipt in rows]

    def minted_at(self, api: str) -> list[tuple[dict[str, Any], str | None]]:
        """Return the entry of each journalled name, and when its token was last minted or adopted, if that is known."""
        select = """SELECT entry, (SELECT max(at) FROM receipts
                    WHERE receipts.api = names.api AND receipts.name = names.name
                    AND json_extract(receipt, '$.change') IN ('created', 'rotated', 'adopted'))
                    FROM names WHERE api = ?"""
        with self.connected() as database:
            return [(json.loads(entry), at) for entry, at in database.execute(select, (api,))]

    def name_of_token(self, api: str, token: Secret) -> str | None:
        """Return the name that *token* was minted for, by its receipt, or None."""
        like = f'%"fingerprint": "{self.fingerprint(token)}"%'
        with self.connected() as database:
            select = "SELECT name FROM receipts WHERE api = ? AND receipt LIKE ? ORDER BY rowid DESC"
            row = database.execute(select, (api, like)).fetchone()
        return row[0] if row else None

    def lease(self, api: str, name: str) -> Lease:
        """Return the lease of *name* at *api*, not acquired yet."""
        return Lease(self.folder, api, name)
