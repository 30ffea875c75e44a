"""What every machine knows of one name, and how it is kept and journalled.

Pure.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from locoia_pat import Outcome
from locoia_pat.actions.lifecycle.effects import Call, Done, Effect, Keep, Retire, Snapshot, Write
from locoia_pat.actions.lifecycle.marker import Marker, marked

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping, Sequence

    from locoia_pat import Result, Secret
    from locoia_pat.stores import Entry
    from locoia_pat.stores.record import Record

Row: TypeAlias = "Mapping[str, Any]"
Part: TypeAlias = "Generator[Effect, Any, Done | None]"
"""A part of a machine: it ends the machine, or comes to its own end."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a caller asks of a name."""

    name: str
    scopes: Sequence[str] = ()
    expiration: int = 30
    """Days."""
    note: str = ""
    renew_within: float | None = None
    """Days left from which a token is renewed; a third of its lifetime by default."""
    overlap: float = 24
    """Hours for which the token before works on."""
    change_scopes: bool = False
    take_over: bool = False
    replaces: str | None = None
    """A row, made by hand, that the managed token takes the place of."""
    itself: bool = False
    """Whether the rotator is the managed token."""


def of(entry: Entry, key: str) -> Any:
    """What is kept beside a token under *key*."""
    return entry.beside.get(key)


def refused(result: Result, code: str) -> bool:
    """Whether *result* is a refusal of that code."""
    return result.problem is not None and result.problem.code == code


def rows_in(listed: Result) -> Sequence[Row]:
    """The rows that a list told; none where it failed."""
    rows: Sequence[Row] = (listed.data or {}).get("tokens", ())
    return rows


def row_of(entry: Entry, rows: Iterable[Row]) -> Row:
    """The row of *entry* among *rows*; an empty one where it is not there."""
    return next((row for row in rows if row.get("id") == of(entry, "id")), {})


def is_replaced(entry: Entry, row: Row) -> bool:
    """Whether its *row* has another expiry than when *entry* was minted: somebody gave it another secret."""
    witness = of(entry, "listed")
    return witness is not None and bool(row) and row.get("expiration") != witness


def is_over(row: Row) -> bool:
    """Whether the token of *row* has expired."""
    left = row.get("expires_in_days")
    return left is not None and left < 0


def other(slot: str) -> str:
    """The slot beside *slot*."""
    return "b" if slot == "a" else "a"


def slot_of(row: Row) -> str | None:
    """The slot that the marker of *row* names."""
    marker = marked(row.get("note"))
    return marker.slot if marker else None


class Tending:
    """One name: what is stored and journalled of it, kept in step with the world by its effects."""

    def __init__(self, wanted: Wanted, snapshot: Snapshot) -> None:
        self.wanted = wanted
        self.record = snapshot.record
        self.managed = snapshot.managed
        self.now = snapshot.now
        self.op = snapshot.op
        self.known = snapshot.known
        self.cut: dt.datetime | None = None
        """Until when the token before the last one should have worked, where this rotation ends it earlier."""

    def fence(self) -> Secret | None:
        """What authorises a change: the managed token itself, where it is the rotator.

        Its requests die with it, so none of them can come too late once it is retired.
        """
        current = self.record.current
        return current.token if self.wanted.itself and current is not None else None

    def works(self, listed: Result) -> bool:
        """Whether the token that asked for a list works: a narrow one may be known, and not be allowed to."""
        return listed.outcome is Outcome.DONE or (refused(listed, "forbidden") and not self.dead(listed))

    def dead(self, listed: Result) -> bool:
        """Whether the token that asked for a list works no more."""
        forbidden = refused(listed, "forbidden") and self.known.forbidden_is_dead(self.managed.scopes)
        return forbidden or refused(listed, "unauthorized")

    def settled(self, before: Entry | None = None) -> Generator[Effect, Any, None]:
        """Journal what was promoted, and what is to be retired when."""
        current = self.record.current
        assert current is not None  # noqa: S101  # it was promoted
        slot = of(current, "slot") or "a"
        rotated = self.managed.doing == "rotate"
        before_id = of(before, "id") if before is not None else self.managed.rows.get(other(slot)) if rotated else None
        rows = {**self.managed.rows, slot: of(current, "id")}
        due = self.now + dt.timedelta(hours=self.wanted.overlap)
        gone = [before_id] if before_id is not None and before_id != rows[slot] else []
        retire_ = [row for row in self.managed.retire if row.id not in (*gone, rows[slot])]
        if self.managed.doing == "create":  # what it takes the place of works on from now, however long it took
            retire_ = [row if row.due > self.now else Retire(row.id, due) for row in retire_]
        retire_ += [Retire(id_, due) for id_ in gone]
        if before_id is not None and rotated:
            rows[other(slot)] = before_id  # it is the other slot's turn next
        yield from self.write(doing=None, op=None, slot=slot, rows=rows, retire=tuple(retire_))

    def replaced(self) -> tuple[Retire, ...]:
        """The row that the managed token takes the place of, and when it goes; none where that is known already."""
        id_ = self.wanted.replaces
        waiting = (row.id for row in self.managed.retire)
        if id_ is None or id_ in {*self.managed.rows.values(), *self.managed.dead, *waiting}:
            return ()
        return (Retire(id_, self.now + dt.timedelta(hours=self.wanted.overlap)),)

    def slot(self) -> str:
        """The slot of the current token."""
        return (self.record.current and of(self.record.current, "slot")) or self.managed.slot

    def stored(self) -> list[str]:
        """The rows of which a secret is stored."""
        entries = (self.record.current, self.record.previous, self.record.pending)
        return [of(entry, "id") for entry in entries if entry is not None and of(entry, "id")]

    def expired(self, id_: str, rows: Sequence[Row]) -> bool:
        """Whether a row has expired for good: where it is known that no regenerate brings it back."""
        left = next((row.get("expires_in_days") for row in rows if row.get("id") == id_), None)
        return self.known.expired_renewable is False and left is not None and left < 0

    def held(self) -> set[str]:
        """The rows whose secret somebody holds, or that were made useless, or are to be."""
        waiting = (row.id for row in self.managed.retire)
        return {*self.stored(), *self.managed.rows.values(), *self.managed.dead, *waiting}

    def rows(self) -> Generator[Effect, Any, list[Row] | Done]:
        """All rows that the rotator sees, or why they cannot be told."""
        listed: Result = yield Call("list_pats", by=self.fence())
        if listed.outcome is not Outcome.DONE or listed.data is None:
            return Done(result=listed)
        self.now = listed.at or self.now  # expiries and promises are of the API's clock, and this one may be wrong
        return [row for row in listed.data["tokens"] if row.get("id")]

    def named(self, rows: Sequence[Row]) -> list[tuple[Row, Marker]]:
        """Those of *rows* that carry this name, with their markers."""
        markers = [(row, marked(row.get("note"))) for row in rows]
        return [(row, marker) for row, marker in markers if marker and marker.name == self.wanted.name]

    def mine(self, rows: Sequence[Row]) -> list[Row]:
        """Those of *rows* that carry this name and owner."""
        return [row for row, marker in self.named(rows) if marker.owner == self.managed.owner]

    def write(self, **changes: Any) -> Generator[Effect, Any, None]:
        """Journal *changes*, before anything else happens."""
        self.managed = replace(self.managed, **changes)
        yield Write(self.managed)

    def keep(self, record: Record) -> Part:
        """Store *record* in every place; what kept it out of one ends the machine."""
        error: Exception | None = yield Keep(record)
        if error is not None:
            return Done(problem="not_stored", message=str(error))
        self.record = record
        return None
