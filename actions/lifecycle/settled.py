"""Names with nothing to do: decided for each by one list of all rows, without a request, a lease or a write of its own.

The list proves that a token works if its row still shows the expiry that it had when the token was minted: a row that
is given another secret gets another expiry, unless that happens in the same second.  Therefore a token is first proven
by a call of its own, a minute after it was minted or later.  For every name that is not settled the protocol runs, and
reads everything again inside the lease.
"""

from __future__ import annotations

import datetime as dt
import json
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from locoia_pat import ConnectorError, Outcome, Result
from locoia_pat.actions.lifecycle.capabilities import CapabilityFile
from locoia_pat.actions.lifecycle.effects import Finished, JournalEntry, Snapshot
from locoia_pat.actions.lifecycle.lifetime import Clock, is_due
from locoia_pat.actions.lifecycle.marker import find_marker
from locoia_pat.actions.lifecycle.name_stores import NameStores
from locoia_pat.actions.lifecycle.rotation import NameState, foreign_rows, is_expired, row_of
from locoia_pat.response.timestamp import read_time

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from locoia_pat import Connector
    from locoia_pat.actions.lifecycle.desired import DesiredToken
    from locoia_pat.actions.lifecycle.rotation import Row
    from locoia_pat.state.journal import State
    from locoia_pat.stores.record import Record

FILE = "proven.json"
_PROVEN_AFTER = dt.timedelta(minutes=1)
Saved = tuple[JournalEntry, tuple[str, ...]]
"""The journal entry of a name, and the references of its stores."""


class ListedRows:
    """The rows that one credential listed, by id and by managed name."""

    def __init__(self, listed: Result | None = None) -> None:
        """Take the rows of the result *listed*; none if the list failed, or was not read."""
        now = dt.datetime.now(dt.UTC)
        rows = ((listed and listed.data) or {}).get("tokens", ())
        self.by_id: Mapping[str, Row] = {row["id"]: row for row in rows if row.get("id")}
        self.clock = Clock((listed and listed.at) or now, now)
        self.warnings = listed.warnings if listed else ()
        self._by_name: dict[str, list[Row]] = {}
        for row in self.by_id.values():
            if marker := find_marker(row.get("note")):
                self._by_name.setdefault(marker.name, []).append(row)

    def of_name(self, name: str, id_: str | None = None) -> list[Row]:
        """Return the rows that carry *name*, and the row *id_*."""
        rows = self._by_name.get(name, [])
        row = self.by_id.get(id_ or "")
        return rows if row is None or any(row is other for other in rows) else [*rows, row]


@dataclass(frozen=True, slots=True)
class StoredName:
    """What the journal and the token stores hold of one name, read without its lease."""

    journal: JournalEntry
    name_stores: NameStores
    record: Record
    former: tuple[str, ...]
    """The references of the stores that the name had before."""
    abandoned: str | None
    """One of them that still holds its token and is not given now."""

    @classmethod
    def read(
        cls, connector: Connector, state: State, name: str, refs: Sequence[str], saved: Saved | None, *, take_over: bool
    ) -> StoredName:
        """Read the stores *refs* of *name*, whose journal entry is *saved*, and check that they can be written.

        Raises:
            ConnectorError, OSError, ValueError: a store cannot be read, or could not be written.

        """
        journal, former = saved or (JournalEntry(name, state.owner), ())
        stores = [connector.open_store(ref) for ref in refs]
        name_stores = NameStores(stores, state, connector.base_url, name)
        record = name_stores.read_latest(journal, take_over=take_over)
        abandoned = name_stores.find_abandoned(former, connector.open_store)
        for store in stores:
            store.check()
        return cls(journal, name_stores, record, former, abandoned)


def is_unfinished(state: NameState) -> bool:
    """Whether ``reconcile`` may have something to do, by the rows of *state*."""
    current, journal = state.record.current, state.journal
    if current is None or state.record.pending is not None or state.desired.self_rotating:
        return True
    if journal.operation is not None or not journal.owns(current) or current.id in state.retirement_ids():
        return True
    row = row_of(current.id, state.rows)
    shown = row.get("expiration")
    minted = current.metadata.get("listed") or current.metadata.get("expiration")
    if shown is None or shown != minted or shown.endswith("T00:00:00Z") or is_expired(row):
        return True  # a date alone may be the same after another secret was given to the row
    orphans = {row["id"] for row in state.own_rows(state.rows)} - state.accounted_ids()
    return bool(orphans or foreign_rows(state.rows, journal))


def is_to_change(state: NameState) -> bool:
    """Whether ``ensure_pat`` may have something to do, by the rows of *state*."""
    if is_unfinished(state) or {*state.desired.scopes} != {*state.journal.scopes}:
        return True
    current = state.current_token()
    is_retired = any(row.due <= state.now for row in state.journal.retirements)
    return is_retired or is_due(current, row_of(current.id, state.rows), state.desired, state.clock)


class ProvenTokens:
    """The tokens that a call of their own has proven, by the operation that minted each: a document of the state.

    It is only a memory: without it, or where another process replaced it, a token is proven once more.
    """

    def __init__(self, state: State) -> None:
        self._document = state.document(FILE)
        self._operations: dict[str, str] = {}
        self._is_changed = False
        with suppress(OSError, ValueError):
            content = json.loads(self._document.read())
            if isinstance(content, dict):
                self._operations = content

    def includes(self, api: str, name: str, operation: str) -> bool:
        """Whether the token of *name* at *api* that *operation* minted is proven."""
        return self._operations.get(f"{name} {api}") == operation

    def add(self, api: str, name: str, operation: str) -> None:
        """Remember that the token of *name* at *api* that *operation* minted is proven."""
        self._operations[f"{name} {api}"] = operation
        self._is_changed = True

    def save(self) -> None:
        """Write what was added, if anything was."""
        if self._is_changed:
            with suppress(OSError, ConnectorError):
                self._document.write(json.dumps(self._operations).encode())


class SettledNames:
    """Finds the names with nothing to do among those of one credential, by the rows that it listed."""

    def __init__(self, connector: Connector, state: State, listed: ListedRows, proven: ProvenTokens) -> None:
        """Use the *listed* rows of the credential of *connector*.

        Raises:
            ConnectorError, OSError: the credential, or what was measured of the API, cannot be read.

        """
        self._connector, self._listed, self._proven = connector, listed, proven
        self._unproven: dict[str, str] = {}
        self._credential = connector.credential()
        self._capabilities = CapabilityFile(state).read(connector.base_url).capabilities()

    def result(
        self, action: str, stored: StoredName, desired: DesiredToken, may_change: Callable[[NameState], bool]
    ) -> Result | None:
        """Return the result of *action* for a name with nothing to do, or None if *may_change* finds that it may have.

        Raises:
            ConnectorError, OSError: the journal cannot be read.

        """
        record, name_stores, listed = stored.record, stored.name_stores, self._listed
        if self._connector.auth_ref in name_stores.refs or name_stores.has_journalled(self._credential):
            return None  # the credential is a token of this name
        if any(entry.token == self._credential for entry in record.entries):
            return None
        if stored.abandoned is not None or name_stores.find_outdated(record):
            return None
        state = NameState(desired, Snapshot(record, stored.journal, listed.clock.local, "", self._capabilities))
        state.clock = listed.clock
        state.rows = listed.of_name(desired.name, record.current.id if record.current is not None else None)
        if may_change(state) or not self._is_proven(state):
            return None
        due = min((row.due for row in stored.journal.retirements), default=None)
        data = Finished(record=record, retire_due=due).to_data(desired.name)
        warnings = (*listed.warnings, *name_stores.warnings, *state.warnings())
        refs = name_stores.current_refs()
        return Result(action, Outcome.DONE, self._connector.base_url, 0, warnings, data, token_refs=refs)

    def _is_proven(self, state: NameState) -> bool:
        name, metadata = state.desired.name, state.current_token().metadata
        operation, minted = metadata.get("op"), read_time(metadata.get("minted_at")).time
        if operation is None or minted is None or state.now - minted < _PROVEN_AFTER:
            return False
        is_proven = self._proven.includes(self._connector.base_url, name, operation)
        if not is_proven:
            self._unproven[name] = operation
        return is_proven

    def note(self, name: str, result: Result) -> None:
        """Remember that the token of *name* is proven, if the protocol ended with *result* and changed nothing."""
        if name in self._unproven and (result.data or {}).get("change") == "none":
            self._proven.add(self._connector.base_url, name, self._unproven.pop(name))
