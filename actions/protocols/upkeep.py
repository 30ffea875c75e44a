"""What keeps a name in order over time: is it due, what has to go, what is nobody's.

Pure.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING

from .effects import Change, Done, Machine, Retire
from .minting import Minting
from .tending import Part, Row, of

if TYPE_CHECKING:
    from collections.abc import Sequence


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
        waiting = (row.id for row in self.managed.retire)
        known = {*self.managed.dead, *waiting}
        found = [
            (row["id"], marker.owner)
            for row, marker in self.named(rows)
            if marker.owner != self.managed.owner and row["id"] not in known and not _is_over(row)
        ]
        if found and not self.wanted.take_over:
            return self.elsewhere(found[0][1])
        due = self.now + dt.timedelta(hours=self.wanted.overlap)
        return [Retire(id_, due) for id_, _ in found]

    def is_due(self, rows: Sequence[Row]) -> bool:
        """Whether the current token is to be renewed, by what the rotator's list says of its row."""
        current = self.record.current
        assert current is not None  # noqa: S101  # the callers looked
        row = next((row for row in rows if row.get("id") == of(current, "id")), None)
        left = row.get("expires_in_days") if row else self._left(of(current, "expiration"))
        within = self.wanted.expiration / 3 if self.wanted.renew_within is None else self.wanted.renew_within
        return left is not None and left < within

    def _left(self, expiration: str | None) -> float | None:
        """Days until *expiration*, as it was told when the token was minted; the list may be without its row."""
        return (dt.datetime.fromisoformat(expiration) - self.now) / dt.timedelta(days=1) if expiration else None

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


def _is_over(row: Row) -> bool:
    """Whether the token of *row* has expired."""
    left = row.get("expires_in_days")
    return left is not None and left < 0
