"""What a protocol knows about one name while it runs, and the questions it asks of that.

Pure: nothing here touches the outside.  :mod:`.rotation` changes the state, by effects alone.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from locoia_pat import Outcome
from locoia_pat.actions.lifecycle.effects import Retirement
from locoia_pat.actions.lifecycle.lifetime import Clock, lifetime
from locoia_pat.actions.lifecycle.marker import Marker, find_marker
from locoia_pat.response.timestamp import rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from locoia_pat import Result, Secret
    from locoia_pat.actions.lifecycle.desired import DesiredToken
    from locoia_pat.actions.lifecycle.effects import JournalEntry, Snapshot
    from locoia_pat.stores import TokenEntry

_MAX_SKEW = dt.timedelta(hours=1)
"""With clocks that differ more, a token may be renewed late."""
Row: TypeAlias = "Mapping[str, Any]"
"""A row of the API, as ``list_pats`` returns it."""


class NameState:
    """One name: what is desired, stored and journalled."""

    def __init__(self, desired: DesiredToken, snapshot: Snapshot) -> None:
        self.desired = desired
        self.record = snapshot.record
        """What the token stores hold: the current, the previous and the pending token."""
        self.journal = snapshot.journal
        self.clock = Clock(snapshot.now, snapshot.now)
        """Both by the local clock until a list was read."""
        self.rows: Sequence[Row] = ()
        """The rows that the rotator listed last."""
        self.new_operation_id = snapshot.operation_id
        self.capabilities = snapshot.capabilities
        self.shortened_overlap: dt.datetime | None = None
        """Until when the token before the previous one was to work, if this rotation revokes it earlier."""

    @property
    def now(self) -> dt.datetime:
        """The time by the API's clock, once a list was read."""
        return self.clock.api

    def current_token(self) -> TokenEntry:
        """Return the current token, where the caller knows that there is one."""
        current = self.record.current
        assert current is not None  # noqa: S101  # the callers checked
        return current

    def current_slot(self) -> str:
        """Return the slot of the current token."""
        current = self.record.current
        return (current and current.metadata.get("slot")) or self.journal.slot

    def authorizer(self) -> Secret | None:
        """Return the token that authorises changes: the managed token if it rotates itself, else None (the rotator).

        This is a fence: requests of a self-rotating token stop working when it is revoked, so none can arrive too late.
        """
        current = self.record.current
        return current.token if self.desired.self_rotating and current is not None else None

    def holds_foreign_token(self) -> bool:
        """Whether the stores hold a token that this state folder does not know as one of the name."""
        current = self.record.current
        return current is not None and self.journal.operation is None and not self.journal.owns(current)

    def is_rotated_by_this_call(self) -> bool:
        """Whether an earlier attempt of this call, with the same operation id, has minted the current token."""
        current = self.record.current
        return current is not None and current.metadata.get("op") == self.new_operation_id

    def is_promoted(self) -> bool:
        """Whether the operation in progress has made its token the current one."""
        current, operation_id = self.record.current, self.journal.operation_id
        return current is not None and operation_id is not None and current.metadata.get("op") == operation_id

    # Rows

    def rows_for_name(self, rows: Iterable[Row]) -> list[tuple[Row, Marker]]:
        """Return those of *rows* that carry this name, with their markers."""
        markers = [(row, find_marker(row.get("note"))) for row in rows]
        return [(row, marker) for row, marker in markers if marker and marker.name == self.desired.name]

    def own_rows(self, rows: Iterable[Row]) -> list[Row]:
        """Return those of *rows* that carry this name and this owner."""
        return [row for row, marker in self.rows_for_name(rows) if marker.owner == self.journal.owner]

    def created_by_operation(self, row: Row) -> bool:
        """Whether the operation in progress created *row*."""
        marker = find_marker(row.get("note"))
        return marker is not None and marker.op == self.journal.operation_id

    def stored_ids(self) -> list[str]:
        """Return the ids of the rows of which a secret is stored."""
        return [entry.id for entry in self.record.entries if entry.id]

    def retirement_ids(self) -> list[str]:
        """Return the ids of the rows that wait to be revoked."""
        return [row.id for row in self.journal.retirements]

    def accounted_ids(self) -> set[str]:
        """Return the ids of the rows that are stored, in a slot, revoked or waiting to be; all others are orphans."""
        return {*self.stored_ids(), *self.journal.rows.values(), *self.journal.revoked, *self.retirement_ids()}

    def replaced_row(self) -> tuple[Retirement, ...]:
        """Return the row that the caller asked to replace, unless it is accounted for already."""
        id_ = self.desired.replaces
        if id_ is None or id_ in {*self.journal.rows.values(), *self.journal.revoked, *self.retirement_ids()}:
            return ()
        return (Retirement(id_, self.overlap_end()),)

    def overlap_end(self) -> dt.datetime:
        """Return when a token that is replaced now stops working."""
        return self.now + dt.timedelta(hours=self.desired.overlap)

    def has_expired_for_good(self, id_: str, rows: Sequence[Row]) -> bool:
        """Whether the row *id_* has expired, and it is known that no regenerate revives it."""
        return self.capabilities.expired_renewable is False and is_expired(row_of(id_, rows))

    # Responses

    def token_works(self, listed: Result) -> bool:
        """Whether the token that asked for the list works; a narrow one may work and not be allowed to list."""
        return listed.outcome is Outcome.DONE or (
            was_refused(listed, "forbidden") and not self.token_is_revoked(listed)
        )

    def token_is_revoked(self, listed: Result) -> bool:
        """Whether the response to a list means that the token that asked for it no longer works."""
        forbidden = was_refused(listed, "forbidden") and self.capabilities.forbidden_is_dead(self.journal.scopes)
        return forbidden or was_refused(listed, "unauthorized")

    def warnings(self) -> Iterator[str]:
        """Yield what the caller should know although the protocol is done."""
        if self.journal.rows and self.desired.note and self.desired.note != self.journal.note:
            yield f'its rows keep the note "{self.journal.note}": the API cannot change a note'
        if self.shortened_overlap is not None:
            until = self.shortened_overlap.strftime("%Y-%m-%dT%H:%MZ")
            yield f"this rotation came within the overlap of the last one: a token promised until {until} was revoked"
        current = self.record.current
        if current is not None and (warning := lifetime(current, row_of(current.id, self.rows), self.desired).warning):
            yield warning
        if abs(self.clock.api - self.clock.local) > _MAX_SKEW:
            yield f"the clock of the API shows {rfc3339(self.clock.api)}, the local one {rfc3339(self.clock.local)}"
        if self.capabilities.list_whole is False:
            yield "the API lists only some rows, so one that a lost response left behind may not be found"


class ForeignRow(NamedTuple):
    """A row that another state folder created for the same name."""

    id: str
    owner: str


def foreign_rows(rows: Iterable[Row], journal: JournalEntry) -> list[ForeignRow]:
    """Return those of *rows* that carry the name, belong to another owner and may work, unless they are dealt with."""
    dealt_with = {*journal.revoked, *(row.id for row in journal.retirements)}
    marked = (
        (row, find_marker(row.get("note"))) for row in rows if row["id"] not in dealt_with and not is_expired(row)
    )
    return [
        ForeignRow(row["id"], marker.owner)
        for row, marker in marked
        if marker is not None and marker.name == journal.name and marker.owner != journal.owner
    ]


def is_replaced(entry: TokenEntry, row: Row) -> bool:
    """Whether *row* shows another expiry than when *entry* was minted: someone gave the row another secret."""
    listed = entry.metadata.get("listed")
    return listed is not None and bool(row) and row.get("expiration") != listed


def is_expired(row: Row) -> bool:
    """Whether the token of *row* has expired."""
    left = row.get("expires_in_days")
    return left is not None and left < 0


def row_of(id_: str | None, rows: Iterable[Row]) -> Row:
    """Return the row with *id_*; an empty one if it is not among *rows*."""
    return next((row for row in rows if row.get("id") == id_), {})


def listed_rows(listed: Result) -> Sequence[Row]:
    """Return the rows of a list; none if it failed."""
    rows: Sequence[Row] = (listed.data or {}).get("tokens", ())
    return rows


def was_refused(result: Result, code: str) -> bool:
    """Whether *result* is a refusal with that code."""
    return result.problem is not None and result.problem.code == code


def slot_of(row: Row) -> str | None:
    """Return the slot in the marker of *row*, or None."""
    marker = find_marker(row.get("note"))
    return marker.slot if marker else None


def other_slot(slot: str) -> str:
    """Return the slot that is not *slot*."""
    return "b" if slot == "a" else "a"
