"""The current state of a fleet and what would be done about it; it only reads."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from locoia_pat import Connector, ConnectorAuth, ConnectorError, InvalidError, Outcome, Problem
from locoia_pat.actions.fleet.rollout import Member
from locoia_pat.actions.lifecycle.journalled import credential_row_id, load_entries, load_entry
from locoia_pat.actions.lifecycle.lifetime import is_due, lifetime
from locoia_pat.actions.lifecycle.preconditions import (
    reject_own_credential,
    reject_stores_of_another_machine,
    require_way_back,
)
from locoia_pat.actions.lifecycle.rotation import foreign_rows, is_replaced
from locoia_pat.actions.lifecycle.settled import ListedRows, ProvenTokens, SettledNames, StoredName, is_to_change
from locoia_pat.outcomes import invalid
from locoia_pat.response.timestamp import rfc3339
from locoia_pat.stores import canonical_location

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Self

    from locoia_pat import Result, Secret
    from locoia_pat.actions.fleet.fleet_file import Fleet, FleetToken
    from locoia_pat.actions.lifecycle.effects import JournalEntry
    from locoia_pat.actions.lifecycle.settled import Saved
    from locoia_pat.state.journal import State
    from locoia_pat.stores import TokenEntry

Step = Literal["create", "renew", "finish", "retire", "rescope", "none", "blocked"]
_LISTS_AT_ONCE = 8
DEFAULT_CREDENTIAL = "the command's"
"""The name of the credential that no reference in the file names."""


@dataclass(frozen=True, slots=True)
class TokenPlan:
    """The current state of one token, and the next step."""

    name: str
    credential: str
    step: Step
    reason: str = ""
    """Why it is blocked, or what needs attention."""
    id: str | None = None
    expires_in_days: float | None = None
    expiration: str | None = None
    """When it expires, as the API shows it; RFC 3339."""
    retire_due: dt.datetime | None = None
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as JSON values."""
        return {
            "name": self.name,
            "credential": self.credential,
            "step": self.step,
            "id": self.id,
            "expires_in_days": self.expires_in_days,
            "expiration": self.expiration,
            "retire_due": rfc3339(self.retire_due) if self.retire_due else None,
            "reason": self.reason or None,
            "warnings": list(self.warnings),
        }


class CredentialView:
    """One credential of a fleet, and the rows that it lists."""

    def __init__(self, ref: str | None, connector: Connector, problem: Problem | None = None) -> None:
        self.name = ref or DEFAULT_CREDENTIAL
        self.connector = connector
        self.problem = problem
        """Why it cannot be used, or None."""
        self.outcome = Outcome.INVALID if problem is not None else Outcome.DONE
        """``refused`` if the API does not accept it, ``invalid`` if it cannot be read, else that of the list."""
        self.listed = ListedRows()
        self.row_id: str | None = None
        """The row of the credential itself, if its store knows it."""

    @cached_property
    def secret(self) -> Secret:
        """The credential itself.

        Raises:
            InvalidError: it cannot be read.

        """
        return self.connector.credential()

    def load(self) -> Self:
        """List the rows."""
        listed = self.connector.run("list_pats")
        self.problem, self.outcome, self.listed = listed.problem, listed.outcome, ListedRows(listed)
        self.row_id = credential_row_id(self.connector) if listed.problem is None else None
        return self


class FleetPlan:
    """A fleet, its credentials, and the state folder that manages it."""

    def __init__(self, fleet: Fleet, state: State, default: Connector, *, only: Sequence[str] = ()) -> None:
        """Plan *fleet*; enter the plan as a context to list the rows of its credentials.

        Args:
            fleet: the desired state.
            state: the state folder.
            default: has the credential of tokens that name none.
            only: names of tokens to plan; by default all.

        """
        self.fleet = fleet
        self.state = state
        self.tokens = [token for token in fleet.tokens if not only or token.name in only]
        self.credentials: dict[str | None, CredentialView] = {}
        self._default = default
        self._proven: ProvenTokens | None = None
        self._settled: dict[str, SettledNames] = {}
        """By the name of the credential."""
        self._owners: dict[str, str | None] = {}
        """By the name of a credential: the managed name that it was minted for, if any."""
        self._refs: dict[str, str | None] = {}
        """Each reference of a store in the file as an absolute one."""

    def __enter__(self) -> Self:
        refs = dict.fromkeys(self.fleet.credential_ref(token) for token in self.tokens)
        pool = ThreadPoolExecutor(_LISTS_AT_ONCE)
        try:
            self.credentials.update(zip(refs, pool.map(self._load, refs), strict=True))
        finally:
            pool.shutdown(cancel_futures=True)
        return self

    def __exit__(self, *_: object) -> None:
        for credential in self.credentials.values():
            if credential.connector is not self._default:
                credential.connector.close()

    def _load(self, ref: str | None) -> CredentialView:
        """Load a credential; one that cannot be read blocks only its own tokens."""
        try:
            connector = self._default if ref is None else self._default.with_auth(ConnectorAuth.from_ref(ref))
            return CredentialView(ref, connector).load()
        except ConnectorError as error:
            return CredentialView(ref, self._default, error.problem)

    def credential_of(self, token: FleetToken) -> CredentialView:
        """Return the credential of *token*."""
        return self.credentials[self.fleet.credential_ref(token)]

    @cached_property
    def _credential_refs(self) -> set[str | None]:
        return {credential.connector.auth_ref for credential in self.credentials.values()} - {None}

    def member(self, token: FleetToken) -> Member:
        """Return *token* as a member of the rollout; one that is itself a credential of the fleet comes last."""
        last = any(self._normalized(ref) in self._credential_refs for ref in token.to)
        return Member(token.name, self.credential_of(token).name, canary=token.canary, last=last)

    def _normalized(self, ref: str) -> str | None:
        if ref not in self._refs:
            try:
                self._refs[ref] = self._default.open_store(ref).ref
            except ConnectorError:
                self._refs[ref] = None
        return self._refs[ref]

    def refuse_shared_stores(self) -> None:
        """Refuse a store that two tokens use, however its reference is written.

        Raises:
            InvalidError: there is one.

        """
        users: dict[str, str] = {}
        for token in self.fleet.tokens:
            for ref in token.to:
                normalized = self._normalized(ref)
                location = normalized and canonical_location(normalized)
                if location is not None and users.setdefault(location, token.name) != token.name:
                    message = f"{location} is the token store of both {users[location]} and {token.name}"
                    raise invalid(message, field="to")

    def token_plans(self) -> Iterator[TokenPlan]:
        """Yield the plan of each token."""
        entries = _Entries(self.state)
        for token in self.tokens:
            credential = self.credential_of(token)
            if credential.problem is not None:
                yield TokenPlan(token.name, credential.name, "blocked", credential.problem.message)
            else:
                yield self._plan(token, credential, entries)

    def settled(self) -> Iterator[tuple[str, Result]]:
        """Yield each token for which ``ensure_pat`` has nothing to do by the rows that were listed, and its result."""
        entries, self._proven = _Entries(self.state), ProvenTokens(self.state)
        for credential in self.credentials.values():
            with suppress(ConnectorError, OSError):  # without them, each name is asked for on its own
                if credential.problem is None:
                    names = SettledNames(credential.connector, self.state, credential.listed, self._proven)
                    self._settled[credential.name] = names
        for token in self.tokens:
            credential = self.credential_of(token)
            with suppress(ConnectorError, OSError, ValueError):  # the protocol says what is wrong
                if (settled := self._settled.get(credential.name)) is not None:
                    stored, desired = self._read(token, credential, entries), self.fleet.desired(token)
                    if (result := settled.result("ensure_pat", stored, desired, is_to_change)) is not None:
                        yield token.name, result

    def note(self, token: FleetToken, result: Result) -> None:
        """Remember what *result* proves of *token*, for :meth:`settled` of a later run."""
        if names := self._settled.get(self.credential_of(token).name):
            names.note(token.name, result)

    def save(self) -> None:
        """Write what was noted."""
        if self._proven is not None:
            self._proven.save()

    def _read(self, token: FleetToken, credential: CredentialView, entries: _Entries) -> StoredName:
        connector = credential.connector
        saved = entries.load(connector.base_url, token.name)
        take_over = self.fleet.desired(token).take_over
        return StoredName.read(connector, self.state, token.name, token.to, saved, take_over=take_over)

    def _plan(self, token: FleetToken, credential: CredentialView, entries: _Entries) -> TokenPlan:
        try:
            stored = self._read(token, credential, entries)
        except (ConnectorError, OSError, ValueError) as error:
            reason = error.problem.message if isinstance(error, ConnectorError) else str(error)
            return TokenPlan(token.name, credential.name, "blocked", reason)
        if stored.abandoned is not None:
            reason = f"it is stored at {stored.abandoned}, which is not in the file"
            return TokenPlan(token.name, credential.name, "blocked", reason)
        try:
            self._check(token, credential, stored)
        except InvalidError as error:
            return TokenPlan(token.name, credential.name, "blocked", error.problem.message)
        journal, current, clock = stored.journal, stored.record.current, credential.listed.clock
        id_ = current.id if current else None
        row = credential.listed.by_id.get(id_ or "", {})
        due = min((row.due for row in journal.retirements), default=None)
        step, reason = self._next_step(token, credential, journal, current)
        if step == "none" and (outdated := stored.name_stores.find_outdated(stored.record)):
            step, reason = "finish", f"{' and '.join(outdated)} does not hold its token"
        elif step == "none" and not row:
            reason = "its row is not listed"
        days = row.get("expires_in_days")
        warnings: tuple[str, ...] = ()
        if current is not None:
            expiry = lifetime(current, row, self.fleet.desired(token))
            warnings = (expiry.warning,) if expiry.warning else ()
            if days is None and expiry.end is not None:
                days = round((expiry.end - clock.api) / dt.timedelta(days=1))
        end = row.get("expiration")
        return TokenPlan(token.name, credential.name, step, reason, id_, days, end, due, warnings)

    def _check(self, token: FleetToken, credential: CredentialView, stored: StoredName) -> None:
        """Check what ``apply`` will check before it sends anything for *token*.

        Raises:
            InvalidError: it will refuse.

        """
        connector, name_stores = credential.connector, stored.name_stores
        if not (stored.record.entries or self.fleet.desired(token).take_over):
            reject_stores_of_another_machine(self.state, connector.base_url, name_stores, stored.journal, stored.former)
        if connector.auth_ref in name_stores.refs:
            require_way_back(name_stores, stored.record)
        else:
            reject_own_credential(credential.secret, stored.record, lambda _: self._owner(credential) == token.name)

    def _owner(self, credential: CredentialView) -> str | None:
        """Return the name that a credential is an earlier token of, by the receipts, or None."""
        if credential.name not in self._owners:
            found = self.state.name_of_token(credential.connector.base_url, credential.secret)
            self._owners[credential.name] = found
        return self._owners[credential.name]

    def _next_step(
        self, token: FleetToken, credential: CredentialView, journal: JournalEntry, current: TokenEntry | None
    ) -> tuple[Step, str]:
        """Return what :func:`ensure_pat` would do, and why."""
        if journal.operation is not None:
            return "finish", f"{journal.operation} is not finished"
        others = foreign_rows(credential.listed.of_name(token.name), journal)
        is_foreign = current is not None and not journal.owns(current)
        if (is_foreign or others) and not self.fleet.desired(token).take_over:
            owners = " ".join(["it is managed elsewhere", *sorted({row.owner for row in others})])
            return "blocked", f"{owners}; the state {self.state.place}"
        if current is None or is_foreign:
            return "create", "it is taken over" if is_foreign or others else ""
        if {*token.scopes} != {*journal.scopes}:
            return ("rescope" if token.change_scopes else "blocked"), f"it has {', '.join(journal.scopes)}"
        row = credential.listed.by_id.get(current.id or "", {})
        if is_replaced(current, row):
            return "renew", "its secret was replaced"
        if is_due(current, row, self.fleet.desired(token), credential.listed.clock):
            return "renew", ""
        return ("retire" if any(row.due <= credential.listed.clock.api for row in journal.retirements) else "none"), ""


class _Entries:
    """The journal entries of a state, read once for each API."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._entries: dict[str, dict[str, Saved | InvalidError]] = {}

    def load(self, api: str, name: str) -> Saved | None:
        """Return the entry of *name* at *api* and its stores, or None.

        Raises:
            InvalidError, NotDoneError: its row was damaged or edited, or the state cannot be used.
            OSError: the state cannot be read.

        """
        if api not in self._entries:
            self._state.require_home()
            self._entries[api] = dict(load_entries(self._state, api))
        found = self._entries[api].get(name)
        if isinstance(found, InvalidError):
            raise found
        return found or load_entry(self._state, api, name)  # the row of a name may have been renamed
