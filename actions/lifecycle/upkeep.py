"""What keeps a name in order over time: is it due, what has to go, what is nobody's.

Pure.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from locoia_pat.actions.lifecycle.effects import Change, Done, Machine, Retire
from locoia_pat.actions.lifecycle.marker import marked
from locoia_pat.actions.lifecycle.minting import Minting
from locoia_pat.actions.lifecycle.tending import Part, Row, is_over, of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from locoia_pat.actions.lifecycle.effects import Managed
    from locoia_pat.actions.lifecycle.tending import Wanted
    from locoia_pat.stores import Entry


class Stranger(NamedTuple):
    """A row that another state made for the same name."""

    id: str
    owner: str


def strangers(rows: Iterable[Row], managed: Managed) -> list[Stranger]:
    """Those of *rows* that carry the name, are another state's and may work; not those that are dealt with already."""
    known = {*managed.dead, *(row.id for row in managed.retire)}
    named = ((row, marked(row.get("note"))) for row in rows if row["id"] not in known and not is_over(row))
    return [
        Stranger(row["id"], marker.owner)
        for row, marker in named
        if marker is not None and (marker.name, marker.owner != managed.owner) == (managed.name, True)
    ]


def is_due(current: Entry, row: Row, wanted: Wanted, now: dt.datetime) -> bool:
    """Whether a token is to be renewed, by its *row* as the rotator's list has it, or by what it was minted with."""
    left = row.get("expires_in_days") if row else _left(of(current, "expiration"), now)
    within = wanted.expiration / 3 if wanted.renew_within is None else wanted.renew_within
    return left is not None and left < within


class Upkeep(Minting):
    """The upkeep of one name."""

    def elsewhere(self, owner: str = "") -> Done:
        """The end, for the name is another state's."""
        return Done(
            problem="managed_elsewhere",
            message=f"the token of the name {self.wanted.name} is not managed by this state, but elsewhere ({owner})"
            if owner
            else f"the place holds a token that this state does not know as that of the name {self.wanted.name}",
        )

    def others(self, rows: Sequence[Row]) -> list[Retire] | Done:
        """The rows of this name that another state made, to be retired where it is taken over; else the end."""
        found = strangers(rows, self.managed)
        if found and not self.wanted.take_over:
            return self.elsewhere(found[0].owner)
        due = self.now + dt.timedelta(hours=self.wanted.overlap)
        return [Retire(row.id, due) for row in found]

    def retired(self) -> Machine:
        """Make useless what is due: the secrets before the current one."""
        change: Change = "none"
        for row in self.managed.retire:
            if row.due > self.now or (self.record.current is not None and row.id == of(self.record.current, "id")):
                continue
            if (stop := (yield from self.useless(row.id, self._days_of(row.id)))) is not None:
                return stop
            previous = self.record.previous
            gone = previous is not None and of(previous, "id") == row.id
            if gone and (stop := (yield from self.keep(replace(self.record, previous=None)))) is not None:
                return stop
            left = tuple(other for other in self.managed.retire if other.id != row.id)
            dead = self.managed.dead if row.id in self.managed.rows.values() else (*self.managed.dead, row.id)
            yield from self.write(retire=left, dead=dead)
            change = "retired"
        return Done(change)

    def _days_of(self, id_: str) -> int:
        """A slot keeps its lifetime for its next turn; any other row may run out."""
        return self.wanted.expiration if id_ in self.managed.rows.values() else 1

    def cleared(self) -> Part:
        """Make useless each row of this name and owner that nobody holds the secret of."""
        rows = yield from self.rows()
        if isinstance(rows, Done):
            return rows
        for row in self.mine(rows):
            if row["id"] not in self.held() and not self.expired(row["id"], rows):
                if (stop := (yield from self.useless(row["id"], 1))) is not None:
                    return stop
                yield from self.write(dead=(*self.managed.dead, row["id"]))
        return None


def _left(expiration: str | None, now: dt.datetime) -> float | None:
    """Days until *expiration*, as it was told when the token was minted; the list may be without its row."""
    return (dt.datetime.fromisoformat(expiration) - now) / dt.timedelta(days=1) if expiration else None
