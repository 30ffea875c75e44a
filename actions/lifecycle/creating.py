"""The first token of a name, and how a proven secret takes its place.

Pure.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from locoia_pat.actions.lifecycle.effects import Done, Machine
from locoia_pat.actions.lifecycle.tending import Part, of, other, slot_of
from locoia_pat.actions.lifecycle.upkeep import Upkeep


class Creating(Upkeep):
    """The rows of one name: found, made, adopted."""

    def _created(self) -> Machine:
        if self.managed.doing is None:
            found = yield from self._found()
            if found.stopped:
                return found
            if (stop := self._unmarkable(self.managed.slot)) is not None:
                return stop
            retire_ = (*self.managed.retire, *self.replaced())
            yield from self.write(doing="create", op=self.op, ended=False, retire=retire_, **self._wishes())
        known = self.managed.rows.get(self.managed.slot)
        if (stop := (yield from self._promoted(self.managed.slot))) is not None:
            return stop
        yield from self.settled(self.record.previous)
        if (stop := (yield from self.cleared())) is not None:
            return stop
        retired = yield from self.retired()
        return retired if retired.stopped else Done("adopted" if known else "created")

    def _unmarkable(self, slot: str | None) -> Done | None:
        """Refuse to make a row that could not be found again: its answer may be lost, and notes are known to change."""
        if self.known.markers is not False or slot in self.managed.rows:
            return None
        return Done(problem="unmarked", message="this API changes notes: a token whose answer is lost is not found")

    def _replaceable(self) -> Part:
        """Refuse to replace a row that is not there: a misspelt id would leave the row alive."""
        if not self.replaced():
            return None
        rows = yield from self.rows()
        if isinstance(rows, Done):
            return rows
        if self.wanted.replaces in [row["id"] for row in rows]:
            return None
        return Done(problem="nothing_to_replace", message=f"there is no row {self.wanted.replaces} to replace")

    def _wishes(self) -> dict[str, Any]:
        return {"scopes": tuple(self.wanted.scopes), "note": self.wanted.note, "days": self.wanted.expiration}

    def _rescoped(self) -> Machine:
        """A token of other scopes: a regenerate cannot change them, so it is a new row, and those before it go.

        What was promised to work on for a while does so.
        """
        if not self.wanted.change_scopes:
            there = ", ".join(self.managed.scopes)
            return Done(problem="scopes_differ", message=f"the token of the name {self.wanted.name} has {there}")
        if (stop := self._unmarkable(None)) is not None:
            return stop
        slot = other(self.slot())
        yield from self.write(doing="create", op=self.op, slot=slot, rows={}, **self._wishes())
        return (yield from self._created())

    def _found(self) -> Machine:
        """Rows that already carry the name: ours are adopted; those of another state go, where that was asked for.

        A row that was taken over keeps the marker of the other state, which may still work on it: so it is no slot of
        ours, but made useless once the overlap has passed, and no working token of either state dies by the other.
        """
        rows = yield from self.rows()
        if isinstance(rows, Done):
            return rows
        others = self.others(rows)
        if isinstance(others, Done):
            return others
        slots: dict[str, str] = {}
        unfit: list[str] = []
        for row in self.mine(rows):
            if row["id"] in self.managed.dead:
                continue
            if {*(row.get("scopes") or self.wanted.scopes)} != {*self.wanted.scopes}:
                unfit.append(row["id"])  # a regenerate cannot change what a row may do
            else:
                slots.setdefault(slot_of(row) or "a", row["id"])
        slots = {slot: id_ for slot, id_ in {**slots, **self.managed.rows}.items() if id_ not in unfit}
        # The slot that was used last: its secret may stand where nobody looks any more, and goes with its next one.
        slot = self.managed.slot if self.managed.slot in slots else min(slots, default="a")
        yield from self.write(rows=slots, slot=slot, retire=(*self.managed.retire, *others))
        return Done()

    def _promoted(self, slot: str) -> Part:
        """A proven secret of *slot* as the current one, in every place."""
        if self._is_promoted():
            return None
        if (stop := (yield from self.pending(slot))) is not None:
            return stop
        pending, current = self.record.pending, self.record.current
        same_row = current is not None and pending is not None and of(current, "id") == of(pending, "id")
        return (
            yield from self.keep(
                replace(self.record, current=pending, previous=None if same_row else current, pending=None)
            )
        )

    def _is_promoted(self) -> bool:
        current = self.record.current
        return current is not None and self.managed.op is not None and of(current, "op") == self.managed.op
