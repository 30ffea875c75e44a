"""The token stores of one name, treated as one record.

Stores differ in what can be read back: all of the record, only the current token, or nothing.  What a store does not
hold about a token is journalled by the token's fingerprint.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from locoia_pat.actions.lifecycle.effects import UNREADABLE
from locoia_pat.outcomes import invalid
from locoia_pat.stores import TokenEntry, canonical_location
from locoia_pat.stores.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from locoia_pat import InvalidError, Secret
    from locoia_pat.actions.lifecycle.effects import JournalEntry
    from locoia_pat.state.journal import State
    from locoia_pat.stores import TokenStore

_WRITE_ORDER = ("record", "token", "nothing")
"""Stores that cannot be read come last: what is delivered to them cannot be taken back."""


class NameStores:
    """The token stores of one name."""

    def __init__(self, stores: Sequence[TokenStore], state: State, api: str, name: str) -> None:
        """Use *stores* for the token of *name*; *state* journals what they cannot hold."""
        self._stores = sorted(stores, key=lambda store: _WRITE_ORDER.index(store.readback))
        self._state = state
        self._api = api
        self._name = name
        self._records: dict[str, Record] = {}
        """What each store holds, by its reference, as far as it can be known."""
        self.refs = tuple(store.ref for store in self._stores)
        """The references of all stores, with absolute paths."""
        self.readable_refs = tuple(store.ref for store in self._stores if store.readback != "nothing")
        """The references of the stores from which the token can be read."""
        self.keeps_previous = any(store.readback == "record" for store in self._stores)
        """Whether a store also keeps the previous token."""
        self.warnings: list[str] = []

    def current_refs(self) -> tuple[str, ...]:
        """Return the references of the readable stores that hold the token now."""
        return tuple(ref for ref in self.readable_refs if self._records.get(ref, Record()).current is not None)

    def probe(self, *, ending: bool = False) -> None:
        """Check that each store can be written, before anything is sent.

        Args:
            ending: the name is to end, so stores that cannot be read are not written and not probed.

        Raises:
            InvalidError: a store is not writable, or holds the token of another name.

        """
        for store in self._stores:
            if store.readback == "nothing":
                self._reject_shared(store)
            if store.readback != "nothing" or not ending:
                store.probe()

    def read_latest(self, journal: JournalEntry, *, take_over: bool = False) -> Record:
        """Return the record of the readable store that is furthest ahead, else the one that all other stores reached.

        Args:
            journal: what is journalled of the name.
            take_over: whether a store may hold a token that is not known to be of this name.

        Raises:
            InvalidError: a store holds the token of another name.
            OSError, ValueError: a store cannot be read.

        """
        self._records = {store.ref: self._read(store) for store in self._stores}
        operation_id, live = journal.operation_id, journal.rows.get(journal.slot)

        def rank(record: Record) -> tuple[bool, bool, bool]:
            current, pending = (
                operation_id is not None and entry is not None and entry.metadata.get("op") == operation_id
                for entry in (record.current, record.pending)
            )
            in_use = record.current is not None and live is not None and record.current.id == live
            return current, pending, in_use

        readable = {ref: self._records[ref] for ref in self.readable_refs}
        holding = {ref: record for ref, record in readable.items() if record.current or record.pending}
        if not take_over:
            self._reject_foreign_tokens(holding)
        if holding:
            return max(holding.values(), key=lambda record: (*rank(record), record.current is not None))
        return min((record for record in self._records.values() if record.current), key=rank, default=Record())

    def has_journalled(self, token: Secret) -> bool:
        """Whether *token* is journalled as one of this name; that is so for stores that keep less than a record."""
        return not all(store.readback == "record" for store in self._stores) and self.is_journalled(token)

    def is_journalled(self, token: Secret) -> bool:
        """Whether *token* is journalled as one of this name, whatever stores it has now."""
        return bool(self._state.token_metadata(self._api, self._name, self._state.fingerprint(token)))

    def find_outdated(self, record: Record) -> tuple[str, ...]:
        """Return the references of the stores that do not hold all of *record* that they can hold."""
        if record.current is not None and record.current.token is UNREADABLE:
            return ()
        return tuple(store.ref for store in self._stores if not self._is_up_to_date(store, record))

    def synchronize(self, record: Record, journal: JournalEntry, former: Sequence[str] = ()) -> None:
        """Bring every store to *record*: a run that was killed may have written only the first ones.

        A token that *journal* does not know is not copied to other stores before it is taken over.  If no operation is
        in progress, a store among the *former* ones that holds no token was emptied by someone else: a warning says so.

        Raises:
            InvalidError: a store cannot be written.

        """
        if record.current is not None and not journal.owns(record.current):
            return
        emptied = {*self.readable_refs} - {*self.current_refs()} if journal.operation is None else ()
        if error := self.write(record):
            raise invalid(f"the token stores differ, and one cannot be written: {error}", field="token_to")
        for ref in former if record.current is not None else ():
            if ref in emptied:
                self._warn(f"{ref} no longer held the token of this name; it was written to it again")

    def write(self, record: Record) -> Exception | None:
        """Write *record* to each store that does not hold it yet; return the error of the first one that fails."""
        record = replace(record, api=self._api, name=self._name)
        current = record.current
        all_keep_records = all(store.readback == "record" for store in self._stores)
        if current is not None and current.token is not UNREADABLE and not all_keep_records:
            self._state.save_token_metadata(self._api, self._name, current.token, current.metadata)
        for store in self._stores:
            if self._is_up_to_date(store, record):
                continue
            if current is not None and current.token is UNREADABLE:
                self._warn(f"{store.ref} does not hold the token of this name yet; rotate_pat writes one to it")
                continue
            try:
                warnings = store.write_record(_without_unreadable(record))
            except Exception as error:  # noqa: BLE001  # whatever a store does wrong, the protocol decides
                return error.with_traceback(None)
            if store.readback == "nothing":
                self._state.record_delivery(self._api, self._name, store.ref, current.token if current else None)
            self._records[store.ref] = _without_unreadable(record)
            self._warn(*warnings)
        return None

    def find_abandoned(self, refs: Sequence[str], open_store: Callable[[str], TokenStore]) -> str | None:
        """Return one of *refs*, the stores the name had before, that is not given now and still holds its token.

        A store that cannot be read cannot be emptied: that it has a token is only a warning.  So is a store that holds
        something else now.

        Raises:
            InvalidError: the store cannot be read.

        """
        given = {canonical_location(ref) for ref in self.refs} if {*refs} - {*self.refs} else set[str]()
        for ref in refs:
            if ref in self.refs or canonical_location(ref) in given:
                continue
            store = open_store(ref)
            if store.readback == "nothing":
                if self._state.last_delivery(self._api, self._name, ref) is not None:
                    self._warn(f"{ref} is not given, and keeps the token of this name that was delivered to it")
                continue
            try:
                if store.record().current is not None:
                    return ref
                continue
            except ValueError as error:
                self._warn(f"{ref}, a former store of this name, holds something else now: {error}")
                continue
            except OSError as error:
                reason = error.strerror or str(error)
            raise invalid(
                f"{ref}, a former store of this name, cannot be read: {reason}",
                field="token_to",
                hint="Make it readable or give it as well, or move it away.",
            )
        return None

    def _read(self, store: TokenStore) -> Record:
        """Return what a store holds, as far as it can be known."""
        if store.readback == "nothing":
            delivered = self._state.last_delivery(self._api, self._name, store.ref)
            metadata = self._state.token_metadata(self._api, self._name, delivered) if delivered else {}
            return Record(current=TokenEntry(UNREADABLE, metadata) if metadata else None)
        record = store.record()
        if record.current is None:
            return record
        token, name, metadata = record.current.token, record.name, {}
        if store.readback == "token":
            metadata = self._state.token_metadata(self._api, self._name, self._state.fingerprint(token))
            name = self._name if metadata else self._state.name_of_token(self._api, token)
        if name not in (None, self._name):
            raise _holds_other_name(store.ref, name)
        return Record(current=TokenEntry(token, metadata)) if store.readback == "token" else record

    def _reject_shared(self, store: TokenStore) -> None:
        """Refuse a store that cannot be read and that the token of another name was delivered to."""
        other = self._state.name_for_location(self._api, canonical_location(store.ref))
        if other is not None and other != self._name:
            raise _holds_other_name(store.ref, other)

    def _reject_foreign_tokens(self, holding: Mapping[str, Record]) -> None:
        """Refuse a store with a token that is not known to be of this name, if another one holds one that is."""
        token_only = {store.ref for store in self._stores if store.readback == "token"}
        known = {ref: record for ref, record in holding.items() if self._is_known(record, token_only=ref in token_only)}
        tokens = [entry.token for record in known.values() for entry in record.entries]
        for ref, record in holding.items():
            if known and ref not in known and record.current is not None and record.current.token not in tokens:
                raise invalid(
                    f"{ref} holds another token than {next(iter(known))}, and it is not known to be of this name",
                    field="token_to",
                    hint="Empty it once that token is no longer needed; the token of this name is then written to it.",
                )

    def _is_known(self, record: Record, *, token_only: bool) -> bool:
        """Whether a store's token is known to be of this name: by the record, or by the journal."""
        entry = record.current or record.pending
        return record.name == self._name or (token_only and entry is not None and bool(entry.metadata))

    def _is_up_to_date(self, store: TokenStore, record: Record) -> bool:
        """Whether a store holds all of *record* that it can hold."""
        held, current = self._records.get(store.ref, Record()), record.current
        if store.readback == "record":
            wanted = _without_unreadable(record)
            return (held.current, held.previous, held.pending) == (wanted.current, wanted.previous, wanted.pending)
        if current is None or held.current is None:
            return current is held.current
        if store.readback == "token":
            return current.token == held.current.token
        return current.metadata == held.current.metadata

    def _warn(self, *warnings: str) -> None:
        self.warnings += [warning for warning in warnings if warning not in self.warnings]


def _holds_other_name(ref: str, name: str | None) -> InvalidError:
    return invalid(
        f"{ref} holds the token of the name {name}",
        field="token_to",
        hint="Name another token store, or end that name with retire_pat.",
    )


def _without_unreadable(record: Record) -> Record:
    """Return *record* without a previous token that cannot be read."""
    previous = record.previous
    return replace(record, previous=None) if previous is not None and previous.token is UNREADABLE else record
