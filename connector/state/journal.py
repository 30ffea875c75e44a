"""The journal of managed names, and their leases.  It holds no secret."""

from __future__ import annotations

import copy
import datetime as dt
import hashlib
import hmac
import json
import re
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from locoia_pat.messages import describe_value
from locoia_pat.outcomes import NotDoneError, Problem
from locoia_pat.state.database import SQLITE_SCHEMAS, moved_error, open_database, state_location
from locoia_pat.state.home import require_home, saved_home
from locoia_pat.state.postgres_lease import LEASE_SECONDS
from locoia_pat.state.postgres_schema import POSTGRES_SCHEMAS
from locoia_pat.state.sealed import DamagedRowError, is_intact, is_sealed, seal, unseal

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from locoia_pat.outcomes import InvalidError
    from locoia_pat.secrets.secret import Secret
    from locoia_pat.state.database import Document, Session, StateDatabase
    from locoia_pat.state.lease import Lease, LeaseInfo

_ROWS = {
    "names": "the journal entry",
    "events": "a past entry",
    "tokens": "the metadata of a token",
    "receipts": "a receipt",
}
"""What a row of a table is, for messages."""
_META = {"owner": re.compile(r"[a-z0-9]{8}"), "key": re.compile(r"[0-9a-f]{64}")}
_SAVE = """INSERT INTO names (api, name, entry) VALUES (?, ?, ?)
           ON CONFLICT (api, name) DO UPDATE SET entry = excluded.entry"""
_SHELL_WORD = re.compile(r"[a-z0-9][a-z0-9._-]*")
"""A name that a shell reads as it is."""
KEEP_DAYS = 366
"""Days for which it is remembered what was done to a name."""
_MAX_TOKENS = 4
"""Tokens of a name whose metadata is kept: the current, the previous and the pending one, and one more."""


class State:
    """The journal in one state folder, or in one database that several machines share."""

    schemas: tuple[str, ...] = SQLITE_SCHEMAS
    postgres_schemas: tuple[str, ...] = POSTGRES_SCHEMAS

    def __init__(
        self,
        location: str | os.PathLike[str] | None = None,
        *,
        timeout: float = 30.0,
        lease_seconds: float = LEASE_SECONDS,
        moved_to: str | None = None,
    ) -> None:
        """Open the state at *location*; by default that of ``LOCOIA_PAT_STATE``, else the user's state folder.

        Args:
            location: the state folder, or the URL of a PostgreSQL database.
            timeout: seconds to wait while another process writes, or for a database that is restarted.
            lease_seconds: in a database, how long a lease is held after it was last renewed.
            moved_to: open it also if it was moved to this database, to finish that.

        Raises:
            InvalidError: it cannot be used, or a newer version wrote it.
            NotDoneError: the database cannot be reached now.

        """
        self.location = state_location(location)
        """The folder or the URL."""
        self.database: StateDatabase = open_database(
            self.location,
            self.schemas,
            self.postgres_schemas,
            timeout=timeout,
            lease_seconds=lease_seconds,
            moved_to=moved_to,
        )
        self._lease: Lease | None = None

    @property
    def folder(self) -> Path:
        """The folder of files that stay on this machine: the state folder, or the user's next to a database."""
        return self.database.folder

    @property
    def place(self) -> str:
        """Where the state is, as the end of a sentence."""
        return f"is in {self.database.label}" if isinstance(self.location, str) else f"folder is {self.folder}"

    def require_home(self) -> None:
        """Remember where the state folder is; one database is for all machines.

        Raises:
            InvalidError: the folder is a copy of one that was last used elsewhere, or the state was moved.
            NotDoneError: the state cannot be read or written now.

        """
        try:
            with self.connected() as session:
                moved = self._moved(session)
                saved = session.execute("SELECT value FROM meta WHERE key = 'home'").fetchone()
            if moved is None and isinstance(self.location, Path):
                require_home(self, saved_home(saved[0] if saved else None))
        except OSError as error:
            problem = Problem("unavailable", str(error), field="state", hint="Nothing was sent; it is safe to retry.")
            raise NotDoneError(problem) from None
        if moved is not None:
            raise moved

    def under(self, lease: Lease) -> State:
        """Return this state for the holder of *lease*: once the lease is lost, it refuses every write."""
        state = copy.copy(self)
        state._lease = lease  # noqa: SLF001  # our own copy
        return state

    def connected(self) -> AbstractContextManager[Session]:
        """Connect to the database, to read; an error of it becomes an ``OSError``."""
        return self.database.connected()

    @contextmanager
    def writing(self, *, lock: str | None = None) -> Iterator[Session]:
        """Run one transaction, while no one else writes to the table *lock*.

        Raises:
            OSError: it failed, the lease was lost, or the state was moved after it was opened.

        """
        with self.database.writing(self._lease, lock=lock) as session:
            if (moved := self._moved(session)) is not None:
                raise OSError(moved.problem.message)
            yield session

    def _moved(self, session: Session) -> InvalidError | None:
        row = session.execute("SELECT value FROM meta WHERE key = 'moved'").fetchone()
        return moved_error(self.database.label, row[0]) if row and row[0] != self.database.moved_to else None

    def document(self, name: str) -> Document:
        """Return a small JSON text that is kept with the journal."""
        return self.database.document(name, self._lease)

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

    @cached_property
    def _identity(self) -> dict[str, object]:
        """The owner and the key of this state, as they are in the database."""
        with self.connected() as database:
            return dict(database.execute("SELECT key, value FROM meta WHERE key IN ('owner', 'key')").fetchall())

    def _meta(self, key: str) -> str:
        value = self._identity.get(key)
        if value is not None and _META[key].fullmatch(str(value)):
            return str(value)
        trouble = "is missing" if value is None else "was changed"
        raise DamagedRowError(
            Problem(
                "validation",
                f"{self.database.label} cannot be used: the row {key} of the table meta {trouble}",
                field="state",
                hint="Restore it from a backup. Without one, move it away and take over each name: locoia-pat "
                "reconcile --take-over NAME --token-to REF.",
            )
        )

    def damaged(
        self, api: str, name: str, reason: str, *, table: str = "names", row: int | None = None
    ) -> DamagedRowError:
        """Return the error for a row of *name* at *api* that cannot be used; it names the row and the way out."""
        what = _ROWS[table]
        place = f"{'' if row is None else f'row {row} of '}the table {table} of {self.database.label}"
        shown = f"the name {describe_value(name)} at {api}" if api.isprintable() else "a name"
        is_word = _SHELL_WORD.fullmatch(name) is not None
        way_out = "take the name over: its rows at the API are then adopted or revoked, and the damaged row is replaced"
        if not is_word:
            way_out = f"delete row {row} of the table {table} with {self.database.tool}"
        return DamagedRowError(
            Problem(
                "validation",
                f"{what} of {shown}, in {place}, cannot be used: {reason}",
                field="state",
                hint=f"Restore it from a backup, or {way_out}. Other names are not affected.",
                next=f"locoia-pat reconcile --take-over {name} --token-to REF" if is_word else None,
            )
        )

    def load(self, api: str, name: str) -> dict[str, Any] | None:
        """Return the journal entry of *name* at *api*, or None.

        Raises:
            DamagedRowError: its row was damaged or edited.

        """
        select = "SELECT rowid, api, name, entry FROM names WHERE"
        begins = f'{{"name": {json.dumps(name)},%'
        with self.connected() as database:
            row = database.execute(f"{select} api = ? AND name = ?", (api, name)).fetchone()
            others = () if row else database.execute(f"{select} substr(entry, 1, 90) LIKE ?", (begins,)).fetchall()
        renamed = [number for number, *_, text in others if is_sealed((api, name), text)]
        if renamed:
            raise self.damaged(api, name, "its API or its name was changed", row=renamed[0])
        return self._entry(*row) if row else None

    def entries(self, api: str) -> list[tuple[str, dict[str, Any] | DamagedRowError]]:
        """Return each journalled name at *api* with its entry, or with the error of a row that cannot be used."""
        select = "SELECT rowid, api, name, entry FROM names WHERE api = ? ORDER BY name"
        with self.connected() as database:
            rows = database.execute(select, (api,)).fetchall()
        entries: list[tuple[str, dict[str, Any] | DamagedRowError]] = []
        for row in rows:
            try:
                entries.append((row[2], self._entry(*row)))
            except DamagedRowError as error:
                entries.append((row[2], error))
        return entries

    def _entry(self, row: int, api: str, name: str, text: str) -> dict[str, Any]:
        return self._unseal((api, name), text, row=row)

    def _unseal(
        self, columns: tuple[str, ...], text: str, *, table: str = "names", row: int | None = None
    ) -> dict[str, Any]:
        """Return the values in the *text* of the row of *columns*, which begin with the API and the name.

        Raises:
            DamagedRowError: it was damaged or edited.

        """
        try:
            return unseal(columns, text)
        except ValueError as error:
            reason = str(error)
        raise self.damaged(columns[0], columns[1], reason, table=table, row=row)

    def forget_damaged(self, api: str, name: str, *, with_entry: bool) -> None:
        """Delete the damaged rows of *name* at *api*, which is taken over as if the journal had been lost.

        Args:
            api: the base URL.
            name: the managed name.
            with_entry: whether to delete its journal entry even if it is intact, for its values make no sense.

        """
        tables = (("names", "entry", ()), ("receipts", "receipt", ()), ("tokens", "metadata", ("fingerprint",)))
        with self.writing() as database:
            if with_entry:
                database.execute("DELETE FROM names WHERE api = ? AND name = ?", (api, name))
            for table, column, keys in tables:
                select = ", ".join(["rowid", "api", "name", *keys, column])
                for row, *columns, text in database.execute(f"SELECT {select} FROM {table}").fetchall():  # noqa: S608  # ours
                    own = [api, name, *columns[2:]]
                    if is_sealed(own, text) if columns != own else not is_intact(own, text):
                        database.execute(f"DELETE FROM {table} WHERE rowid = ?", (row,))  # noqa: S608  # as above

    def save(self, api: str, name: str, entry: Mapping[str, Any]) -> None:
        """Write the journal entry of *name* at *api*; it is on the disk when this returns."""
        text = seal((api, name), entry)
        with self.writing() as database:
            database.execute(_SAVE, (api, name, text))
            database.execute("INSERT INTO events (api, name, entry) VALUES (?, ?, ?)", (api, name, text))

    def events(self, api: str, name: str) -> list[tuple[str, dict[str, Any]]]:
        """Return all entries that were journalled for *name*, with their times, oldest first.

        Raises:
            DamagedRowError: a row of it was damaged or edited.

        """
        with self.connected() as database:
            select = "SELECT at, entry FROM events WHERE api = ? AND name = ? ORDER BY rowid"
            rows = database.execute(select, (api, name)).fetchall()
        return [(at, self._unseal((api, name), entry, table="events")) for at, entry in rows]

    def save_token_metadata(self, api: str, name: str, token: Secret, metadata: Mapping[str, Any]) -> None:
        """Journal the metadata of *token* (id, expiry, slot), for stores that hold only the token."""
        fingerprint = self.fingerprint(token)
        row = (api, name, fingerprint, seal((api, name, fingerprint), metadata))
        mine = "api = ? AND name = ?"
        newest = f"SELECT rowid FROM tokens WHERE {mine} ORDER BY rowid DESC LIMIT ?"  # noqa: S608  # ours
        with self.writing() as database:
            database.execute(f"DELETE FROM tokens WHERE {mine} AND fingerprint = ?", row[:3])  # noqa: S608  # ours
            database.execute("INSERT INTO tokens (api, name, fingerprint, metadata) VALUES (?, ?, ?, ?)", row)
            delete = f"DELETE FROM tokens WHERE {mine} AND rowid NOT IN ({newest})"  # noqa: S608  # ours
            database.execute(delete, (api, name, api, name, _MAX_TOKENS))

    def token_metadata(self, api: str, name: str, fingerprint: str) -> dict[str, Any]:
        """Return the metadata of the token with that fingerprint; empty if none is journalled.

        Raises:
            DamagedRowError: its row was damaged or edited.

        """
        select = "SELECT metadata FROM tokens WHERE api = ? AND name = ? AND fingerprint = ?"
        with self.connected() as database:
            row = database.execute(select, (api, name, fingerprint)).fetchone()
        return self._unseal((api, name, fingerprint), row[0], table="tokens") if row else {}

    def record_delivery(self, api: str, name: str, ref: str, token: Secret | None) -> None:
        """Journal that *token* was delivered to the store *ref*, which cannot be read; None forgets the delivery."""
        fingerprint = self.fingerprint(token) if token else None
        with self.writing() as database:
            database.execute("DELETE FROM deliveries WHERE api = ? AND name = ? AND store = ?", (api, name, ref))
            if fingerprint is not None:
                columns = "(api, name, store, fingerprint)"
                database.execute(f"INSERT INTO deliveries {columns} VALUES (?, ?, ?, ?)", (api, name, ref, fingerprint))  # noqa: S608  # ours

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
        with self.writing() as database:
            row = (api, name, seal((api, name), receipt))
            database.execute("INSERT INTO receipts (api, name, receipt) VALUES (?, ?, ?)", row)
            self._forget_old(database, api, name)

    def _forget_old(self, database: Session, api: str, name: str) -> None:
        """Delete what was journalled of *name* before :data:`KEEP_DAYS`, but keep the last receipt."""
        before = (dt.datetime.now(dt.UTC) - dt.timedelta(days=KEEP_DAYS)).strftime("%Y-%m-%dT%H:%M:%SZ")
        old = "api = ? AND name = ? AND at < ?"
        database.execute(f"DELETE FROM events WHERE {old}", (api, name, before))  # noqa: S608  # ours
        last = "SELECT max(rowid) FROM receipts WHERE api = ? AND name = ?"
        delete = f"DELETE FROM receipts WHERE {old} AND rowid <> ({last})"  # noqa: S608  # ours
        database.execute(delete, (api, name, before, api, name))

    def history(self) -> list[dict[str, Any]]:
        """Return what was done to every name, and when, oldest first, without damaged rows.

        Raises:
            OSError: the state cannot be read.

        """
        with self.database.connected() as database:
            rows = database.execute("SELECT at, api, name, receipt FROM receipts ORDER BY rowid").fetchall()
        return [
            {"at": at, "api": api, "name": name, **unseal((api, name), receipt)}
            for at, api, name, receipt in rows
            if is_intact((api, name), receipt)
        ]

    def receipts(self, api: str, name: str) -> list[dict[str, Any]]:
        """Return what was done to *name*, and when, oldest first.

        Raises:
            DamagedRowError: a row of it was damaged or edited.

        """
        select = "SELECT at, receipt FROM receipts WHERE api = ? AND name = ? ORDER BY rowid"
        with self.connected() as database:
            rows = database.execute(select, (api, name)).fetchall()
        return [{"at": at, **self._unseal((api, name), receipt, table="receipts")} for at, receipt in rows]

    def minted_at(self, api: str) -> list[tuple[dict[str, Any], str | None]]:
        """Return the entry of each journalled name, and when its token was last minted or adopted, if that is known.

        Rows that cannot be used are left out.
        """
        select = """SELECT name, entry, (SELECT max(at) FROM receipts
                    WHERE receipts.api = names.api AND receipts.name = names.name
                    AND (receipt LIKE '%"change": "created"%' OR receipt LIKE '%"change": "rotated"%'
                         OR receipt LIKE '%"change": "adopted"%'))
                    FROM names WHERE api = ?"""
        with self.connected() as database:
            rows = database.execute(select, (api,)).fetchall()
        return [(unseal((api, name), entry), at) for name, entry, at in rows if is_intact((api, name), entry)]

    def name_of_token(self, api: str, token: Secret) -> str | None:
        """Return the name that *token* was minted for, by its receipt, or None."""
        like = f'%"fingerprint": "{self.fingerprint(token)}"%'
        with self.connected() as database:
            select = "SELECT name FROM receipts WHERE api = ? AND receipt LIKE ? ORDER BY rowid DESC"
            row = database.execute(select, (api, like)).fetchone()
        return row[0] if row else None

    def lease(self, api: str, name: str) -> Lease:
        """Return the lease of *name* at *api*, not acquired yet."""
        return self.database.lease(api, name)

    def held_leases(self) -> Iterable[LeaseInfo]:
        """Return the leases that are held now."""
        return self.database.held_leases()
