"""The machines: ensure, rotate, retire, reconcile.

Pure.  A name has one row of the API, or two of which one is used: its slots.  A rotation gives the slot that nobody
uses a new secret, proves it, and lets the name point to it; the secret before it works on until it is retired.  Each
machine begins by looking at what is stored, journalled and listed, so after a crash it is simply begun again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from locoia_pat.actions.lifecycle.creating import Creating
from locoia_pat.actions.lifecycle.effects import UNREADABLE, Call, Done, Effect, Load, Machine, Take
from locoia_pat.actions.lifecycle.tending import Part, Row, Wanted, is_over, is_replaced, of, other, row_of, rows_in
from locoia_pat.actions.lifecycle.upkeep import is_due
from locoia_pat.stores.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from locoia_pat import Result


def ensure(wanted: Wanted) -> Machine:
    """One usable token of that name: created, adopted, or rotated when it is due."""
    return _begun(wanted, lambda tender: tender.ensure())


def rotate(wanted: Wanted) -> Machine:
    """A new token for a name that has one."""
    return _begun(wanted, lambda tender: tender.rotate())


def rotate_in_place(wanted: Wanted) -> Machine:
    """A new secret for the same row; consumers are without a token until they read it again."""
    return _begun(wanted, lambda tender: tender.rotate_in_place())


def retire(wanted: Wanted) -> Machine:
    """The end of a name: its rows are made useless, its places emptied."""
    return _begun(wanted, lambda tender: tender.end())


def reconcile(wanted: Wanted) -> Machine:
    """Whatever this state left unfinished under that name, finished or made useless."""
    return _begun(wanted, lambda tender: tender.reconcile())


def _begun(wanted: Wanted, work: Callable[[_Tender], Machine]) -> Machine:
    if not (yield Take()):
        return Done(problem="busy", message="another process is at work on this name")
    tender = _Tender(wanted, (yield Load()))
    done = tender.elsewhere() if tender.is_foreign() and not wanted.take_over else (yield from work(tender))
    due = min((row.due for row in tender.managed.retire), default=None)
    return replace(done, record=tender.record, retire_due=due, warnings=tuple(tender.remarks()))


class _Tender(Creating):
    """What callers ask for."""

    def remarks(self) -> Iterator[str]:
        """What is done, and may still not be what was meant."""
        if self.managed.rows and self.wanted.note and self.wanted.note != self.managed.note:
            yield f'its rows keep the note "{self.managed.note}": the API changes none'
        if self.cut is not None:
            until = self.cut.strftime("%Y-%m-%dT%H:%MZ")
            yield f"this rotation came within the overlap of another: a token that was promised until {until} is ended"
        if self.known.list_whole is False:
            yield "the API lists some rows alone, so one that a lost answer left may not be found"

    def is_foreign(self) -> bool:
        """Whether the places hold a token that this state knows nothing of."""
        current = self.record.current
        return current is not None and self.managed.doing is None and not self.managed.knows(current)

    def ensure(self) -> Machine:
        resumed = yield from self._resumed()
        if resumed.stopped:
            return resumed
        if (stop := (yield from self._replaceable())) is not None:
            return stop
        if self.record.current is None or self.is_foreign():
            return (yield from self._created())
        if gone := self.replaced():
            yield from self.write(retire=(*self.managed.retire, *gone))
        proven = yield from self._proven()
        if proven is None or proven.stopped or proven.change != "none":
            return proven or Done(resumed.change)
        if {*self.wanted.scopes} != {*self.managed.scopes}:
            return (yield from self._rescoped())
        rows = yield from self._alone()
        if isinstance(rows, Done):
            return rows
        if is_due(self.record.current, row_of(self.record.current, rows), self.wanted, self.now):
            return (yield from self._rotated(other(self.slot())))
        retired = yield from self.retired()
        return retired if retired.stopped or resumed.change == "none" else Done(resumed.change)

    def rotate(self) -> Machine:
        return (yield from self._renewed(lambda: other(self.slot())))

    def rotate_in_place(self) -> Machine:
        if self.wanted.itself:
            return Done(problem="unsafe", message="a token that rotates itself in place is lost with a lost answer")
        return (yield from self._renewed(self.slot))

    def end(self) -> Machine:
        rows = yield from self.rows()
        if isinstance(rows, Done):
            return rows
        dead = self.managed.dead
        made = [row["id"] for row in self.mine(rows) if row["id"] not in dead and not is_over(row)]  # by a lost answer
        waiting = (row.id for row in self.managed.retire)
        ids = dict.fromkeys([*self.managed.rows.values(), *waiting, *self.stored(), *made])
        if not ids:
            message = f"there is no token of the name {self.wanted.name}"
            return Done() if self.managed.ended else Done(problem="not_found", message=message)
        yield from self.write(doing="retire", op=self.managed.op or self.op)
        own = of(self.record.current, "id") if self.record.current and self.wanted.itself else None
        for id_ in sorted(ids, key=lambda id_: id_ == own):  # the token that authorises all this goes last
            if (stop := (yield from self.useless(id_, 1))) is not None:
                return stop
        if (stop := (yield from self.keep(Record(api=self.record.api, name=self.record.name)))) is not None:
            return stop
        gone = [*ids, *self.managed.rows.values()]  # which may have been renamed
        dead = tuple(dict.fromkeys([*self.managed.dead, *gone]))
        yield from self.write(doing=None, op=None, rows={}, retire=(), dead=dead, ended=True)
        return Done("retired")

    def reconcile(self) -> Machine:
        resumed = yield from self._resumed()
        if resumed.stopped:
            return resumed
        if self.record.current is not None:
            proven = yield from self._proven()
            if proven is not None and (proven.stopped or proven.change != "none"):
                return proven
        return (yield from self.cleared()) or resumed

    # Beginning again

    def _resumed(self) -> Machine:
        """Finish what was under way."""
        match self.managed.doing:
            case None:
                return Done()
            case "retire":
                return (yield from self.end())
            case "create":
                return (yield from self._created())
            case _:
                return (yield from self._rotated(self.managed.slot))

    def _renewed(self, slot: Callable[[], str]) -> Machine:
        resumed = yield from self._resumed()
        if resumed.stopped or resumed.change == "rotated":
            return resumed
        if self.record.current is None:
            return Done(problem="not_found", message=f"there is no token of the name {self.wanted.name}")
        proven = yield from self._proven()
        if proven is not None and (proven.stopped or proven.change == "rotated"):
            return proven
        rows = yield from self._alone()
        return rows if isinstance(rows, Done) else (yield from self._rotated(slot()))

    def _alone(self) -> Generator[Effect, Any, list[Row] | Done]:
        """All rows, once no other state has one of this name that works, or it is taken over."""
        rows = yield from self.rows()
        if isinstance(rows, Done):
            return rows
        others = self.others(rows)
        if isinstance(others, Done):
            return others
        if others:
            yield from self.write(retire=(*self.managed.retire, *others))
        return rows

    # Rotating

    def _rotated(self, slot: str) -> Machine:
        if self.managed.doing is None:
            in_place = slot == self.slot()
            if (stop := self._unmarkable(slot)) is not None:
                return stop
            waiting = {row.id: row.due for row in self.managed.retire if row.due > self.now}
            self.cut = None if in_place else waiting.get(self.managed.rows.get(slot, ""))
            yield from self.write(doing="in_place" if in_place else "rotate", op=self.op, slot=slot)
        before = self.record.previous if self._is_promoted() else self.record.current
        if (stop := (yield from self._promoted(slot))) is not None:
            return stop
        yield from self.settled(before)
        if (stop := (yield from self.cleared())) is not None:
            return stop
        retired = yield from self.retired()
        return retired if retired.stopped else Done("rotated")

    # Proving and repairing

    def _proven(self) -> Part:
        """Whether the current token works; if it does not, the one before it, or a new secret."""
        current = self.record.current
        assert current is not None  # noqa: S101  # the callers looked
        listed: Result = yield Call("list_pats", by=current.token)
        replaced = current.token is UNREADABLE and is_replaced(current, row_of(current, rows_in(listed)))
        if not replaced and self.works(listed):
            if of(current, "id") in [row.id for row in self.managed.retire]:
                return (yield from self._rotated(other(self.slot())))  # an old one was put back, and is to end
            return Done()
        if not replaced and not self.dead(listed):
            return Done(result=listed)
        previous = self.record.previous
        if previous is not None:
            listed = yield Call("list_pats", by=previous.token)
            if self.works(listed):
                back = replace(self.record, current=previous, previous=None)
                if (stop := (yield from self.keep(back))) is not None:
                    return stop
                waiting = tuple(row for row in self.managed.retire if row.id != of(previous, "id"))
                yield from self.write(slot=of(previous, "slot") or "a", retire=waiting)
                return (yield from self._rotated(other(self.slot())))
            if not self.dead(listed):
                return Done(result=listed)
        return Done(result=listed) if self.wanted.itself else (yield from self._repaired())

    def _repaired(self) -> Part:
        """A new secret by the rotator, where every stored one is dead."""
        rows = yield from self.rows()
        if isinstance(rows, Done):
            return rows
        for _, marker in self.named(rows):
            if marker.owner != self.managed.owner:  # it took the name over, and made our token useless
                return self.elsewhere(marker.owner)
        return (yield from self._rotated(self.slot()))
