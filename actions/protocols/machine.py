"""The machines: ensure, rotate, retire, reconcile.

Pure.  A name has one row of the API, or two of which one is used: its slots.  A rotation gives the slot that nobody
uses a new secret, proves it, and lets the name point to it; the secret before it works on until it is retired.  Each
machine begins by looking at what is stored, journalled and listed, so after a crash it is simply begun again.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from locoia_pat.sinks.record import Record

from .effects import UNREADABLE, Call, Done, Load, Machine, Retire, Take
from .tending import Part, Wanted, of, other, row_of
from .upkeep import Upkeep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from locoia_pat import Result
    from locoia_pat.sinks import Entry


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
    done = yield from work(tender) if not tender.is_foreign() or wanted.take_over else tender.elsewhere()
    due = min((row.due for row in tender.managed.retire), default=None)
    return replace(done, record=tender.record, retire_due=due, warnings=tuple(tender.remarks()))


class _Tender(Upkeep):
    """What callers ask for."""

    def remarks(self) -> Iterator[str]:
        """What is done, and may still not be what was meant."""
        if self.wanted.note and self.wanted.note != self.managed.note:
            yield f'its rows keep the note "{self.managed.note}": the API changes none'
        if self.known.list_whole is False:
            yield "the API lists some rows alone, so one that a lost answer left may not be found"

    def is_foreign(self) -> bool:
        """Whether the places hold a token that this state knows nothing of."""
        known = bool(self.managed.rows) or self.managed.doing is not None
        return self.record.current is not None and not known

    def elsewhere(self, owner: str = "") -> Machine:
        """End, for the name is another state's."""
        who = f" ({owner})" if owner else ""
        message = f"the token of the name {self.wanted.name} is not managed by this state, but elsewhere{who}"
        yield from ()
        return Done(problem="managed_elsewhere", message=message)

    def ensure(self) -> Machine:
        resumed = yield from self._resumed()
        if resumed.stopped:
            return resumed
        if (stop := (yield from self._replaceable())) is not None:
            return stop
        if self.record.current is None or self.is_foreign():
            return (yield from self._created())
        proven = yield from self._proven()
        if proven is None or proven.stopped or proven.change != "none":
            return proven or Done(resumed.change)
        if {*self.wanted.scopes} != {*self.managed.scopes}:
            return (yield from self._rescoped())
        due = yield from self.is_due()
        if isinstance(due, Done):
            return due
        if due:
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
        ids = dict.fromkeys([*self.managed.rows.values(), *(row.id for row in self.managed.retire), *self.stored()])
        if not ids:
            return Done()
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
        return (yield from self._rotated(slot()))

    # Creating

    def _created(self) -> Machine:
        if self.managed.doing is None:
            found = yield from self._found()
            if found.stopped:
                return found
            if (stop := self._unmarkable(self.managed.slot)) is not None:
                return stop
            wishes = self._wishes()
            yield from self.write(doing="create", op=self.op, slot=self.managed.slot, ended=False, **wishes)
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
        id_ = self.wanted.replaces
        if id_ is None or id_ in self.managed.dead or id_ in [row.id for row in self.managed.retire]:
            return None
        rows = yield from self.rows()
        if isinstance(rows, Done):
            return rows
        if id_ in [row["id"] for row in rows]:
            return None
        return Done(problem="nothing_to_replace", message=f"there is no row {id_} to replace")

    def _wishes(self) -> dict[str, Any]:
        return {"scopes": tuple(self.wanted.scopes), "note": self.wanted.note, "days": self.wanted.expiration}

    def _rescoped(self) -> Machine:
        """A token of other scopes: a regenerate cannot change them, so it is a new row, and those before it go."""
        if not self.wanted.change_scopes:
            there = ", ".join(self.managed.scopes)
            return Done(problem="scopes_differ", message=f"the token of the name {self.wanted.name} has {there}")
        if (stop := self._unmarkable(None)) is not None:
            return stop
        wishes = self._wishes()
        slot = other(self.slot())
        yield from self.write(doing="create", op=self.op, slot=slot, rows={}, retire=(), **wishes)
        return (yield from self._created())

    def _found(self) -> Machine:
        """Rows that already carry the name: ours are adopted; those of another state go, where that was asked for.

        A row that was taken over keeps the marker of the other state, which may still work on it: so it is no slot of
        ours, but made useless once the overlap has passed, and no working token of either state dies by the other.
        """
        rows = yield from self.rows()
        if isinstance(rows, Done):
            return rows
        slots: dict[str, str] = {}
        unfit: list[str] = []
        others: list[Retire] = []
        due = self.now + dt.timedelta(hours=self.wanted.overlap)
        for row, marker in self.named(rows):
            if row["id"] in self.managed.dead:
                continue
            if marker.owner == self.managed.owner:
                if {*(row.get("scopes") or self.wanted.scopes)} != {*self.wanted.scopes}:
                    unfit.append(row["id"])  # a regenerate cannot change what a row may do
                else:
                    slots.setdefault(marker.slot, row["id"])
            elif self.wanted.take_over:
                others.append(Retire(row["id"], due))
            else:
                return (yield from self.elsewhere(marker.owner))
        slots = {slot: id_ for slot, id_ in {**slots, **self.managed.rows}.items() if id_ not in unfit}
        slot = "a" if "a" in slots or not slots else "b"
        yield from self.write(rows=slots, slot=slot, retire=(*self.managed.retire, *others))
        return Done()

    # Rotating

    def _rotated(self, slot: str) -> Machine:
        in_place = slot == self.slot() and self.managed.doing != "rotate"
        if self.managed.doing is None:
            if (stop := self._unmarkable(slot)) is not None:
                return stop
            yield from self.write(doing="in_place" if in_place else "rotate", op=self.op, slot=slot)
        before = self.record.previous if self._is_promoted() else self.record.current
        if (stop := (yield from self._promoted(slot))) is not None:
            return stop
        yield from self.settled(before)
        if (stop := (yield from self.cleared())) is not None:
            return stop
        retired = yield from self.retired()
        return retired if retired.stopped else Done("rotated")

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

    # Proving and repairing

    def _proven(self) -> Part:
        """Whether the current token works; if it does not, the one before it, or a new secret."""
        current = self.record.current
        assert current is not None  # noqa: S101  # the callers looked
        listed: Result = yield Call("list_pats", by=current.token)
        replaced = current.token is UNREADABLE and _is_replaced(current, listed)
        if not replaced and self.works(listed):
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
                yield from self.write(slot=of(previous, "slot") or "a", retire=())
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
                return (yield from self.elsewhere(marker.owner))
        return (yield from self._rotated(self.slot()))


def _is_replaced(entry: Entry, listed: Result) -> bool:
    """Whether the row of a token that cannot be tried has another expiry than when it was minted."""
    witness, row = of(entry, "listed"), row_of(entry, listed)
    return witness is not None and bool(row) and row.get("expiration") != witness
