"""A world in which the shipped machines run: a server, a store and a journal, and faults at chosen effects."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from locoia_pat import Outcome, Problem, Result, Secret
from locoia_pat.actions.lifecycle.capabilities import Capabilities
from locoia_pat.actions.lifecycle.effects import (
    UNREADABLE,
    Call,
    Done,
    Keep,
    Load,
    Machine,
    Managed,
    Settle,
    Snapshot,
    Take,
    Write,
)
from locoia_pat.stores import Entry
from locoia_pat.stores.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from locoia_pat.stores import Keeps

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
NAME, OWNER = "ci", "k7q2aaaa"

Fault = tuple[str, int]
"""A kind, and for a late request how many effects it is late; -1 is after the end."""

LATE = [("late", 1), ("late", 2), ("late", 4), ("late", -1)]
FAULTS: dict[str, list[Fault]] = {
    "change": [("crash before", 0), ("crash after", 0), ("request lost", 0), ("answer lost", 0), *LATE],
    "list": [("crash before", 0), ("crash after", 0), ("answer lost", 0)],
    "keep": [("crash before", 0), ("crash after", 0), ("refused", 0)],
    "write": [("crash before", 0), ("crash after", 0)],
}


class Crash(BaseException):
    """The process is killed."""


@dataclass
class Row:
    id: str
    note: str
    scopes: list[str]
    secret: str
    days: int = 30

    @property
    def expiration(self) -> str:
        """A time that tells one secret from the next: seconds do."""
        return (NOW + dt.timedelta(days=30, seconds=int(self.secret[-8:]))).isoformat()


@dataclass
class World:
    """Everything outside of a machine."""

    itself: bool = False
    """Whether the managed token is the rotator."""
    on_arrival: bool = False
    """Whether a late request is authorised when it arrives, and not when it is done."""
    rows: dict[str, Row] = field(default_factory=dict)
    record: Record = field(default_factory=Record)
    managed: Managed = field(default_factory=lambda: Managed(NAME, OWNER))
    faults: dict[int, Fault] = field(default_factory=dict)
    count: int = 0
    minted: int = 0
    late: list[tuple[int, Call, bool]] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    runs: int = 0
    known: Capabilities = field(default_factory=Capabilities)
    """What was measured of the server."""
    renames: bool = False
    """Whether a regenerate gives the row another id."""
    tells_id: bool = True
    """Whether the answer to it tells the id; else the one that was asked for stands in."""
    ids: int = 0
    dead: str = "unauthorized"
    """How a secret is refused that works no more."""
    leased: bool = True
    used: set[str] = field(default_factory=set)
    """Secrets that were the current one at some time."""
    keeps: Keeps = "record"
    """What of a record is read again from the place."""

    def secret(self) -> str:
        self.minted += 1
        return f"secret-{self.minted:08}"

    # Effects

    def perform(self, effect: Any) -> Any:
        match effect:
            case Take():
                return self.leased
            case Load():
                self.runs += 1
                return Snapshot(self._read(), self.managed, NOW, f"{'ABCDEFGH'[self.runs % 8] * 16}", self.known)
            case Settle():
                self._arrive()
                return None
        kind = self._kind(effect)
        number, self.count = self.count, self.count + 1
        self.kinds.append(kind)
        fault, more = self.faults.get(number, ("", 0))
        self._arrive()
        if fault == "crash before":
            raise Crash
        answer = self._done(effect, fault, more)
        if fault == "crash after":
            raise Crash
        return answer

    def _kind(self, effect: Any) -> str:
        if isinstance(effect, Call):
            return "list" if effect.action == "list_pats" else "change"
        return "keep" if isinstance(effect, Keep) else "write"

    def _done(self, effect: Any, fault: str, more: int) -> Any:
        match effect:
            case Keep(record):
                if fault == "refused":
                    return OSError("no space")
                self.record = record
                self.used |= {record.current.token.reveal()} if record.current else set()
                return None
            case Write(managed):
                self.managed = managed
                return None
            case Call():
                return self._called(effect, fault, more)
        raise AssertionError(effect)

    def _called(self, call: Call, fault: str, more: int) -> Result:
        lost = Outcome.NOT_DONE if call.action == "list_pats" else Outcome.UNKNOWN
        if fault == "late":
            self.late.append((more, call, self._authorized(call)))
            return _failed(lost, "unknown")
        if fault == "request lost":
            return _failed(lost, "unknown")
        result = self.serve(call)
        return _failed(lost, "unknown") if fault == "answer lost" else result

    def _arrive(self, *, at_end: bool = False) -> None:
        """Requests that were late come in."""
        waiting, self.late = self.late, []
        for left, call, authorized in waiting:
            if left == 0 or at_end:
                if not self.on_arrival or authorized:
                    self.serve(call, authorized=self.on_arrival)
            else:
                self.late.append((left - 1 if left > 0 else left, call, authorized))

    def end(self) -> None:
        """All that was late has come."""
        self._arrive(at_end=True)

    def _read(self) -> Record:
        current = self.record.current
        if self.keeps == "record" or current is None:
            return self.record if self.keeps == "record" else Record()
        return Record(current=Entry(current.token if self.keeps == "token" else UNREADABLE, current.beside))

    # The server

    def _authorized(self, call: Call) -> bool:
        if call.by is None or call.by is UNREADABLE:
            return not self.itself or self.alive(self.record.current)
        return any(row.secret == call.by.reveal() for row in self.rows.values())

    def alive(self, entry: Entry | None) -> bool:
        return entry is not None and any(row.secret == entry.token.reveal() for row in self.rows.values())

    def serve(self, call: Call, *, authorized: bool = False) -> Result:
        if not authorized and not self._authorized(call):
            return _failed(Outcome.REFUSED, self.dead)
        inputs: Any = call.inputs
        match call.action:
            case "list_pats":
                return _done({"tokens": [_told(row) for row in self.rows.values()]})
            case "create_pat":
                row = Row(self._id(), inputs["note"], inputs["scopes"], self.secret())
                self.rows[row.id] = row
            case _:
                if inputs["token_id"] not in self.rows:
                    return _failed(Outcome.REFUSED, "not_found")
                row = self.rows[inputs["token_id"]]
                row.secret = self.secret()
                row.days = inputs["expiration"]
                if self.renames:
                    del self.rows[row.id]
                    row.id = self._id()
                    self.rows[row.id] = row
                if not self.tells_id:
                    return _done({"id": inputs["token_id"]}, Secret(row.secret))
        return _done(_told(row), Secret(row.secret))

    def _id(self) -> str:
        """An id that no row has had."""
        self.ids = max(self.ids, len(self.rows)) + 1
        return f"row-{self.ids}"

    # What must hold

    def orphans(self) -> list[str]:
        """Live rows whose secret nobody keeps and nobody threw away."""
        known = {*self.managed.rows.values(), *self.managed.dead, *(row.id for row in self.managed.retire)}
        stored = {entry.token.reveal() for entry in (self.record.current, self.record.previous) if entry}
        return [row.id for row in self.rows.values() if row.secret not in stored and row.id not in known]

    def lingering(self) -> list[str]:
        """Rows whose secret was current once, is not any more, and works all the same."""
        current = self.record.current.token.reveal() if self.record.current else None
        return [row.id for row in self.rows.values() if row.secret in self.used and row.secret != current]


def _told(row: Row) -> dict[str, Any]:
    return {
        "id": row.id,
        "note": row.note,
        "scopes": row.scopes,
        "expiration": row.expiration,
        "expires_in_days": row.days,
        "last_used": None,
    }


def _done(data: dict[str, Any], token: Secret | None = None) -> Result:
    return Result("x", Outcome.DONE, data=data, secrets={"token": token} if token else {})


def _failed(outcome: Outcome, code: Any) -> Result:
    return Result("x", outcome, problem=Problem(code, code))


def drive(world: World, machine: Callable[[], Machine], *, begins: int = 8) -> Done:
    """Run a machine as a user does: begun again after a kill, and where it says that it could not come to its end."""
    done = Done(problem="never began")
    for _ in range(begins):
        steps = machine()
        answer: Any = None
        try:
            while True:
                answer = world.perform(steps.send(answer))
        except StopIteration as end:
            done = end.value
            assert isinstance(done, Done)
            if not done.stopped:
                return done
        except Crash:
            pass
    return done


def with_token(world: World, *, standby: bool) -> World:
    """The world with a token in slot a, and perhaps a row in slot b whose secret nobody knows."""
    first = Row("row-1", f"CI ~lp1/{NAME}/a/{'Z' * 16}/{OWNER}", ["embed"], world.secret())
    world.rows["row-1"] = first
    world.record = Record(
        current=Entry(Secret(first.secret), {"id": "row-1", "slot": "a", "op": "Z" * 16, "listed": first.expiration})
    )
    world.used.add(first.secret)
    rows = {"a": "row-1"}
    if standby:
        world.rows["row-2"] = Row("row-2", f"CI ~lp1/{NAME}/b/{'Y' * 16}/{OWNER}", ["embed"], world.secret())
        rows["b"] = "row-2"
    world.managed = replace(world.managed, rows=rows, scopes=("embed",), note="CI")
    return world


Placement = Literal["create", "dual", "dual, first", "in place"]
