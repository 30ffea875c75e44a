"""New secrets of one name: minted, stored as pending ones and proven; and made useless.

Pure.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from locoia_pat import Outcome
from locoia_pat.actions.lifecycle.capabilities import may
from locoia_pat.actions.lifecycle.effects import Call, Done, Effect, Settle
from locoia_pat.actions.lifecycle.marker import Marker, marked, noted
from locoia_pat.actions.lifecycle.tending import Part, Tending, of, refused, row_of, rows_in, slot_of
from locoia_pat.stores import Entry

if TYPE_CHECKING:
    from collections.abc import Generator

    from locoia_pat import Result
    from locoia_pat.actions.lifecycle.tending import Row

ROUNDS = 5
"""How often a step is begun again before the machine stops, loudly."""


class Minting(Tending):
    """The secrets of one name."""

    def minted(self, slot: str) -> Generator[Effect, Any, Entry | Done]:
        """A fresh secret of *slot*: of its row, of a row this operation made before, or of a new one."""
        row = self.managed.rows.get(slot)
        if row is not None and self.known.expired_renewable is False:
            rows = yield from self.rows()
            if isinstance(rows, Done):
                return rows
            row = None if self.expired(row, rows) else row
        for _ in range(ROUNDS):
            if row is None:
                rows = yield from self.rows()
                if isinstance(rows, Done):
                    return rows
                row = next((found["id"] for found in self.mine(rows) if self._made(found)), None)
            result: Result = yield self._request(slot, row)
            if result.outcome is Outcome.DONE and result.token is not None:
                return self._entry(result, (yield from self._named(result, row, slot)), slot)
            if result.outcome is Outcome.UNKNOWN:
                yield Settle(self.known.list_lag)
            elif row is not None and refused(result, "not_found"):
                row = None  # it expired, or somebody took it away
                yield from self.write(rows={name: id_ for name, id_ in self.managed.rows.items() if name != slot})
            else:
                return Done(result=result)
        return Done(problem="unknown", message=f"no whole answer came in {ROUNDS} tries")

    def _made(self, row: Row) -> bool:
        """Whether the operation under way made *row*."""
        marker = marked(row.get("note"))
        return marker is not None and marker.op == self.managed.op

    def _request(self, slot: str, row: str | None) -> Call:
        days = self.wanted.expiration
        if row is not None:
            return Call("regenerate_pat", {"token_id": row, "expiration": days}, by=self.fence())
        marker = Marker(self.wanted.name, slot, self.managed.op or self.op, self.managed.owner)
        note, scopes = noted(self.managed.note, marker), list(self.managed.scopes)
        return Call("create_pat", {"expiration": days, "scopes": scopes, "note": note}, by=self.fence())

    def _named(self, result: Result, row: str | None, slot: str | None) -> Generator[Effect, Any, str | None]:
        """The id of the row now: as answered; where ids may change and the answer tells none, as the list has it."""
        told: str | None = (result.data or {}).get("id") or row
        if row is None or told != row or self.known.keeps_id is True:
            return told
        rows = yield from self.rows()
        if isinstance(rows, Done) or (self.known.keeps_id is None and row in [found["id"] for found in rows]):
            return told
        new = [row["id"] for row in self.mine(rows) if row["id"] not in self.held() and slot_of(row) == slot]
        return new[0] if len(new) == 1 else told

    def _entry(self, result: Result, row: str | None, slot: str) -> Entry:
        data = result.data or {}
        kept = {"id": row, **{key: data.get(key) for key in ("expiration", "scopes")}}
        assert result.token is not None  # noqa: S101  # the caller looked
        return Entry(result.token, {**kept, "slot": slot, "op": self.managed.op})

    def pending(self, slot: str) -> Part:
        """A fresh secret of *slot*, stored as the pending one and proven."""
        pending = self.record.pending
        if pending is not None and of(pending, "op") != self.managed.op:
            pending = None  # left by something else; its row is known by the list
        for _ in range(ROUNDS):
            if pending is None:
                minted = yield from self.minted(slot)
                if isinstance(minted, Done):
                    return minted
                pending = minted
                if (stop := (yield from self.keep(replace(self.record, pending=pending)))) is not None:
                    return stop
            listed: Result = yield Call("list_pats", by=pending.token)
            if self.works(listed):
                self.record = replace(self.record, pending=_witnessed(pending, listed))
                return None
            if not self.dead(listed):
                return Done(result=listed)
            pending = None  # a request from before came late and replaced it
        return Done(problem="unknown", message="each new secret was replaced before it could be used")

    def useless(self, id_: str, days: int) -> Part:
        """Give the row a secret that nobody knows."""
        by = (
            self.record.current.token
            if self.record.current is not None and of(self.record.current, "id") != id_
            else None
        )
        if may(self.known.may_regenerate, self.managed.scopes) is False:
            by = None  # it is known that it may not
        by = by or self.fence()
        for _ in range(ROUNDS):
            result: Result = yield Call("regenerate_pat", {"token_id": id_, "expiration": days}, by=by)
            if result.outcome is Outcome.DONE:
                return (yield from self._renamed(id_, result))
            if refused(result, "not_found"):
                return None
            if result.outcome is Outcome.UNKNOWN:
                yield Settle()
            elif by is not None and not self.wanted.itself and result.outcome is Outcome.REFUSED:
                by = None  # a narrow token may not; the rotator may
            else:
                return Done(result=result)
        return Done(problem="unknown", message=f"no whole answer came in {ROUNDS} tries")

    def _renamed(self, before: str, result: Result) -> Part:
        """Journal the id that a row has now, where a regenerate changes it."""
        slot = next((slot for slot, row in self.managed.rows.items() if row == before), None)
        now = yield from self._named(result, before, slot)
        if now is None or now == before:
            return None
        if slot is not None:
            yield from self.write(rows={**self.managed.rows, slot: now})
        else:
            yield from self.write(dead=(*self.managed.dead, now))
        return None


def _witnessed(entry: Entry, listed: Result) -> Entry:
    """*Entry* with the expiry that the list shows, which moves when somebody gives its row another secret."""
    return replace(entry, beside={**entry.beside, "listed": row_of(entry, rows_in(listed)).get("expiration")})
