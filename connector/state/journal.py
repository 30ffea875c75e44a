"""What is known beyond one run: a journal of managed names, and a lease for each.  No secret is in it."""

from __future__ import annotations

import hashlib
import hmac
import json
from functools import cached_property
from typing import TYPE_CHECKING, Any

from locoia_pat.state.database import FILE, StateFile, place, written
from locoia_pat.state.lease import Lease

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locoia_pat.secrets.secret import Secret

__all__ = ["FILE", "State", "place"]

_LAST = 4
"""Tokens of a name that are remembered: the current one, those around it, and one more."""


class State(StateFile):
    """The journal of one folder, and its leases."""

    @cached_property
    def owner(self) -> str:
        """The eight characters by which notes tell that a row is managed here."""
        return self._meta("owner")

    def fingerprint(self, secret: Secret) -> str:
        """What receipts say of a secret: it tells the same one again, to nobody without this state's key."""
        return hmac.new(self._key, secret.reveal().encode(), hashlib.sha256).hexdigest()[:12]

    @cached_property
    def _key(self) -> bytes:
        return bytes.fromhex(self._meta("key"))

    def _meta(self, key: str) -> str:
        with self.connected() as database:
            (value,) = database.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return str(value)

    def load(self, api: str, name: str) -> dict[str, Any] | None:
        """What the journal holds of *name* at *api*."""
        with self.connected() as database:
            row = database.execute("SELECT managed FROM names WHERE api = ? AND name = ?", (api, name)).fetchone()
        return json.loads(row[0]) if row else None

    def save(self, api: str, name: str, managed: Mapping[str, Any]) -> None:
        """Journal *managed*: it is on the disk when this returns."""
        text = json.dumps(managed)
        with self.connected() as database, written(database):
            database.execute("INSERT OR REPLACE INTO names VALUES (?, ?, ?)", (api, name, text))
            database.execute("INSERT INTO events (api, name, event) VALUES (?, ?, ?)", (api, name, text))

    def names(self, api: str) -> list[str]:
        """The names at *api* that the journal knows, sorted."""
        with self.connected() as database:
            rows = database.execute("SELECT name FROM names WHERE api = ? ORDER BY name", (api,)).fetchall()
        return [name for (name,) in rows]

    def events(self, api: str, name: str) -> list[tuple[str, dict[str, Any]]]:
        """What was journalled of *name*, and when, oldest first."""
        with self.connected() as database:
            select = "SELECT at, event FROM events WHERE api = ? AND name = ? ORDER BY rowid"
            rows = database.execute(select, (api, name)).fetchall()
        return [(at, json.loads(event)) for at, event in rows]

    def remember(self, api: str, name: str, token: Secret, beside: Mapping[str, Any]) -> None:
        """Journal what is known of *token*, for places that hold nothing beside it: its id, its expiry, its slot."""
        row = (api, name, self.fingerprint(token), json.dumps(beside))
        old = "SELECT rowid FROM tokens WHERE api = ? AND name = ? ORDER BY rowid DESC LIMIT -1 OFFSET ?"
        with self.connected() as database, written(database):
            database.execute("INSERT OR REPLACE INTO tokens VALUES (?, ?, ?, ?)", row)
            database.execute(f"DELETE FROM tokens WHERE rowid IN ({old})", (api, name, _LAST))  # noqa: S608  # ours

    def known(self, api: str, name: str, fingerprint: str) -> dict[str, Any]:
        """What :meth:`remember` journalled of the token with that fingerprint; nothing where it did not."""
        select = "SELECT beside FROM tokens WHERE api = ? AND name = ? AND fingerprint = ?"
        with self.connected() as database:
            row = database.execute(select, (api, name, fingerprint)).fetchone()
        return json.loads(row[0]) if row else {}

    def give(self, api: str, name: str, place: str, token: Secret | None) -> None:
        """Journal that *place*, which cannot be read, was given *token*; None where it is nobody's place any more."""
        fingerprint = self.fingerprint(token) if token else None
        with self.connected() as database, written(database):
            database.execute("DELETE FROM given WHERE api = ? AND name = ? AND place = ?", (api, name, place))
            if fingerprint is not None:
                database.execute("INSERT INTO given VALUES (?, ?, ?, ?)", (api, name, place, fingerprint))

    def given(self, api: str, name: str, place: str) -> str | None:
        """The fingerprint of the token that *place* was given last; None where it was given none."""
        select = "SELECT fingerprint FROM given WHERE api = ? AND name = ? AND place = ?"
        with self.connected() as database:
            row = database.execute(select, (api, name, place)).fetchone()
        return row[0] if row else None

    def name_at(self, api: str, spot: str) -> str | None:
        """A name whose token was given last to a place that cannot be read, by its :func:`~..sinks.spot`, if any."""
        select = "SELECT name FROM given WHERE api = ? AND substr(place || '#', 1, ?) = ? ORDER BY name"
        with self.connected() as database:
            row = database.execute(select, (api, len(spot) + 1, f"{spot}#")).fetchone()
        return row[0] if row else None

    def write_receipt(self, api: str, name: str, receipt: Mapping[str, Any]) -> None:
        """Journal what was done about *name*, once it is done."""
        with self.connected() as database, written(database):
            row = (api, name, json.dumps(receipt))
            database.execute("INSERT INTO receipts (api, name, receipt) VALUES (?, ?, ?)", row)

    def receipts(self, api: str, name: str) -> list[dict[str, Any]]:
        """What was done about *name*, and when, oldest first."""
        select = "SELECT at, receipt FROM receipts WHERE api = ? AND name = ? ORDER BY rowid"
        with self.connected() as database:
            rows = database.execute(select, (api, name)).fetchall()
        return [{"at": at, **json.loads(receipt)} for at, receipt in rows]

    def minted_for(self, api: str, token: Secret) -> str | None:
        """The name that *token* was minted for, now or before; None where no receipt tells of it."""
        like = f'%"fingerprint": "{self.fingerprint(token)}"%'
        with self.connected() as database:
            select = "SELECT name FROM receipts WHERE api = ? AND receipt LIKE ? ORDER BY rowid DESC"
            row = database.execute(select, (api, like)).fetchone()
        return row[0] if row else None

    def lease(self, api: str, name: str) -> Lease:
        """The lease of *name* at *api*, not taken yet."""
        return Lease(self.connected, (api, name))
