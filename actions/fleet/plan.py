"""What there is of a fleet, and what would be done about it: reads alone, and nothing is written."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from locoia_pat import Connector, ConnectorAuth, ConnectorError, Problem
from locoia_pat.actions.fleet.waves import Turn
from locoia_pat.actions.lifecycle.effects import JournalEntry
from locoia_pat.actions.lifecycle.known_rows import credential_row_id
from locoia_pat.actions.lifecycle.name_state import foreign_rows, is_due, is_replaced
from locoia_pat.actions.lifecycle.replicas import TokenReplicas
from locoia_pat.stores import canonical_location

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Self

    from locoia_pat.actions.fleet.file import Fleet, Token
    from locoia_pat.state.journal import State
    from locoia_pat.stores import TokenEntry

Step = Literal["create", "renew", "finish", "retire", "rescope", "none", "blocked"]
COMMANDS = "the command's"
"""What stands for the credential that no REF names."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One token of a fleet as it is."""

    name: str
    owner: str
    step: Step
    why: str = ""
    """Why it is blocked, or what asks for attention."""
    id: str | None = None
    expires_in_days: float | None = None
    retire_due: dt.datetime | None = None
    problem: Problem | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        due = self.retire_due.strftime("%Y-%m-%dT%H:%M:%SZ") if self.retire_due else None
        told = {"name": self.name, "credential": self.owner, "step": self.step, "id": self.id}
        return {**told, "expires_in_days": self.expires_in_days, "retire_due": due, "why": self.why or None}


class Owner:
    """One credential of a fleet, and what it sees."""

    def __init__(self, ref: str | None, connector: Connector) -> None:
        self.name = ref or COMMANDS
        self.connector = connector
        self.rows: dict[str, Mapping[str, Any]] = {}
        self.problem: Problem | None = None
        self.now = dt.datetime.now(dt.UTC)
        """The API's time."""
        self.id: str | None = None
        """The row of the credential itself, where its place tells."""

    def look(self) -> Self:
        """List its tokens."""
        listed = self.connector.run("list_pats")
        self.problem = listed.problem
        self.now = listed.at or self.now
        self.id = credential_row_id(self.connector) if listed.problem is None else None
        self.rows = {row["id"]: row for row in (listed.data or {}).get("tokens", ()) if row.get("id")}
        return self


class Lookout:
    """A fleet, its owners, and the state that manages it."""

    def __init__(self, fleet: Fleet, state: State, default: Connector, *, only: Sequence[str] = ()) -> None:
        """Look at *fleet*, or at those of its tokens whose names are in *only*.

        *default* has the credential of those that name none.
        """
        self.fleet = fleet
        self.state = state
        self.tokens = [token for token in fleet.tokens if not only or token.name in only]
        self._default = default
        self.owners: dict[str | None, Owner] = {}

    def __enter__(self) -> Self:
        for token in self.tokens:
            ref = self.fleet.auth(token)
            if ref not in self.owners:
                self.owners[ref] = self._looked(ref)
        return self

    def __exit__(self, *_: object) -> None:
        for owner in self.owners.values():
            if owner.connector is not self._default:
                owner.connector.close()

    def _looked(self, ref: str | None) -> Owner:
        """A credential, and what it sees; one that cannot be read keeps the tokens of the others from nothing."""
        try:
            connector = self._default if ref is None else self._default.with_auth(ConnectorAuth.from_ref(ref))
            return Owner(ref, connector).look()
        except ConnectorError as error:
            owner = Owner(ref, self._default)
            owner.problem = error.problem
            return owner

    def owner(self, token: Token) -> Owner:
        """The credential of *token*."""
        return self.owners[self.fleet.auth(token)]

    def turn(self, token: Token) -> Turn:
        """Whose turn it is with *token*, and whether it is a credential of the fleet itself, so that it comes last."""
        refs = {owner.connector.auth_ref for owner in self.owners.values()} - {None}
        last = any(self._ref(place) in refs for place in token.to)
        return Turn(token.name, self.owner(token).name, canary=token.canary, last=last)

    def _ref(self, place: str) -> str | None:
        try:
            return self._default.open_store(place).ref
        except ConnectorError:
            return None

    def twice(self) -> Iterator[tuple[str, str, str]]:
        """Places that two tokens write, however each is written, and their names."""
        known: dict[str, str] = {}
        for token in self.fleet.tokens:
            for place in token.to:
                ref = self._ref(place)
                ref = ref and canonical_location(ref)
                if ref is not None and known.setdefault(ref, token.name) != token.name:
                    yield ref, known[ref], token.name

    def seen(self) -> Iterator[Seen]:
        """Each token as it is."""
        for token in self.tokens:
            owner = self.owner(token)
            if owner.problem is not None:
                yield Seen(token.name, owner.name, "blocked", owner.problem.message, problem=owner.problem)
            else:
                yield self._seen(token, owner)

    def _seen(self, token: Token, owner: Owner) -> Seen:
        api = owner.connector.base_url
        known = self.state.load(api, token.name)
        journal = JournalEntry.from_json(known) if known else JournalEntry(token.name, self.state.owner)
        try:
            replicas = TokenReplicas([owner.connector.open_store(ref) for ref in token.to], self.state, api, token.name)
            current = replicas.read_latest(journal, take_over=token.take_over).current
            left = replicas.find_abandoned(known["stores"] if known else (), owner.connector.open_store)
        except (ConnectorError, OSError, ValueError) as error:
            why = error.problem.message if isinstance(error, ConnectorError) else str(error)
            return Seen(token.name, owner.name, "blocked", why)
        if left is not None:
            return Seen(token.name, owner.name, "blocked", f"it stands at {left}, which is not named here")
        id_ = current.id if current else None
        row = owner.rows.get(id_ or "", {})
        due = min((row.due for row in journal.retirements), default=None)
        step, why = self._step(token, owner, journal, current)
        if step == "none" and not row:
            why = "its row is not listed"
        return Seen(token.name, owner.name, step, why, id_, row.get("expires_in_days"), due)

    def _step(self, token: Token, owner: Owner, journal: JournalEntry, current: TokenEntry | None) -> tuple[Step, str]:
        """What :func:`ensure_pat` would do."""
        if journal.operation is not None:
            return "finish", f"{journal.operation} was begun"
        others = foreign_rows(owner.rows.values(), journal)
        strange = current is not None and not journal.owns(current)
        if (strange or others) and not token.take_over:
            return "blocked", " ".join(["it is managed elsewhere", *sorted({row.owner for row in others})])
        if current is None or strange:
            return "create", "it is taken over" if strange or others else ""
        if {*token.scopes} != {*journal.scopes}:
            return ("rescope" if token.change_scopes else "blocked"), f"it has {', '.join(journal.scopes)}"
        row = owner.rows.get(current.id or "", {})
        if is_replaced(current, row):
            return "renew", "its secret was replaced"
        if is_due(current, row, self.fleet.wanted(token), owner.now):
            return "renew", ""
        return ("retire" if any(row.due <= owner.now for row in journal.retirements) else "none"), ""
