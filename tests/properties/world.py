"""A world in which the shipped protocols run: a server, a token store and a journal, and faults at chosen effects."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from locoia_pat import Outcome, Problem, Result, Secret
from locoia_pat.actions.lifecycle.capabilities import Capabilities
from locoia_pat.actions.lifecycle.effects import (
    UNREADABLE,
    AcquireLease,
    CallApi,
    Finished,
    JournalEntry,
    LoadState,
    Snapshot,
    StoreRecord,
    WaitInFlight,
    WriteJournal,
)
from locoia_pat.stores import TokenEntry
from locoia_pat.stores.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from locoia_pat.actions.lifecycle.effects import Effect
    from locoia_pat.stores import Readback

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
NAME, OWNER = "ci", "k7q2aaaa"

Fault = tuple[str, int]
"""A kind, and for a late request how many effects it is late; -1 is after the end."""

LATE = [("late", 1), ("late", 2), ("late", 4), ("late", -1)]
FAULTS: dict[str, list[Fault]] = {
    "change": [("crash before", 0), ("crash after", 0), ("request lost", 0), ("response lost", 0), *LATE],
    "list": [("crash before", 0), ("crash after", 0), ("response lost", 0)],
    "store": [("crash before", 0), ("crash after", 0), ("refused", 0)],
    "journal": [("crash before", 0), ("crash after", 0)],
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
        """A time that differs for each secret, by seconds."""
        return (NOW + dt.timedelta(days=30, seconds=int(self.secret[-8:]))).isoformat()


@dataclass
class World:
    """Everything outside of a protocol."""

    self_rotating: bool = False
    """Whether the managed token is the rotator."""
    on_arrival: bool = False
    """Whether a late request is authorised when it arrives, and not when it takes effect."""
    rows: dict[str, Row] = field(default_factory=dict)
    record: Record = field(default_factory=Record)
    journal: JournalEntry = field(default_factory=lambda: JournalEntry(NAME, OWNER))
    faults: dict[int, Fault] = field(default_factory=dict)
    count: int = 0
    """Effects so far."""
    minted: int = 0
    in_flight: list[tuple[int, CallApi, bool]] = field(default_factory=list)
    """Late requests: in how many effects each takes effect, and whether it was authorised on arrival."""
    kinds: list[str] = field(default_factory=list)
    """The kind of each effect so far."""
    runs: int = 0
    capabilities: Capabilities = field(default_factory=Capabilities)
    """What was measured of the server."""
    renames: bool = False
    """Whether a regenerate gives the row another id."""
    responds_id: bool = True
    """Whether the response to it has the new id; else it repeats the one that was asked for."""
    ids: int = 0
    revoked_code: str = "unauthorized"
    """How a revoked secret is refused."""
    used: set[str] = field(default_factory=set)
    """Secrets that were current at some time."""
    readback: Readback = "record"
    """What of a record can be read back from the token store."""

    def new_secret(self) -> str:
        self.minted += 1
        return f"secret-{self.minted:08}"

    # Effects

    def perform(self, effect: Any) -> Any:
        match effect:
            case AcquireLease():
                return None
            case LoadState():
                self.runs += 1
                operation_id = "ABCDEFGH"[self.runs % 8] * 16
                return Snapshot(self._read(), self.journal, NOW, operation_id, self.capabilities)
            case WaitInFlight():
                self._arrive()
                return None
        kind = self._kind(effect)
        number, self.count = self.count, self.count + 1
        self.kinds.append(kind)
        fault, delay = self.faults.get(number, ("", 0))
        self._arrive()
        if fault == "crash before":
            raise Crash
        result = self._perform(effect, fault, delay)
        if fault == "crash after":
            raise Crash
        return result

    def _kind(self, effect: Any) -> str:
        if isinstance(effect, CallApi):
            return "list" if effect.action == "list_pats" else "change"
        return "store" if isinstance(effect, StoreRecord) else "journal"

    def _perform(self, effect: Any, fault: str, delay: int) -> Any:
        match effect:
            case StoreRecord(record):
                if fault == "refused":
                    return OSError("no space")
                self.record = record
                self.used |= {record.current.token.reveal()} if record.current else set()
                return None
            case WriteJournal(entry):
                self.journal = entry
                return None
            case CallApi():
                return self._call(effect, fault, delay)
        raise AssertionError(effect)

    def _call(self, call: CallApi, fault: str, delay: int) -> Result:
        lost = Outcome.NOT_DONE if call.action == "list_pats" else Outcome.UNKNOWN
        if fault == "late":
            self.in_flight.append((delay, call, self._is_authorized(call)))
            return _failed(lost, "unknown")
        if fault == "request lost":
            return _failed(lost, "unknown")
        result = self.serve(call)
        return _failed(lost, "unknown") if fault == "response lost" else result

    def _arrive(self, *, at_end: bool = False) -> None:
        """Serve the late requests that arrive now."""
        waiting, self.in_flight = self.in_flight, []
        for left, call, authorized in waiting:
            if left == 0 or at_end:
                if not self.on_arrival or authorized:
                    self.serve(call, authorized=self.on_arrival)
            else:
                self.in_flight.append((left - 1 if left > 0 else left, call, authorized))

    def end(self) -> None:
        """Serve all late requests."""
        self._arrive(at_end=True)

    def _read(self) -> Record:
        current = self.record.current
        if self.readback == "record" or current is None:
            return self.record if self.readback == "record" else Record()
        return Record(current=TokenEntry(current.token if self.readback == "token" else UNREADABLE, current.metadata))

    # The server

    def _is_authorized(self, call: CallApi) -> bool:
        if call.by is None or call.by is UNREADABLE:
            return not self.self_rotating or self.works(self.record.current)
        return any(row.secret == call.by.reveal() for row in self.rows.values())

    def works(self, entry: TokenEntry | None) -> bool:
        return entry is not None and any(row.secret == entry.token.reveal() for row in self.rows.values())

    def serve(self, call: CallApi, *, authorized: bool = False) -> Result:
        if not authorized and not self._is_authorized(call):
            return _failed(Outcome.REFUSED, self.revoked_code)
        inputs: Any = call.inputs
        match call.action:
            case "list_pats":
                return _done({"tokens": [_as_listed(row) for row in self.rows.values()]})
            case "create_pat":
                row = Row(self._new_id(), inputs["note"], inputs["scopes"], self.new_secret())
                self.rows[row.id] = row
            case _:
                if inputs["token_id"] not in self.rows:
                    return _failed(Outcome.REFUSED, "not_found")
                row = self.rows[inputs["token_id"]]
                row.secret = self.new_secret()
                row.days = inputs["expiration"]
                if self.renames:
                    del self.rows[row.id]
                    row.id = self._new_id()
                    self.rows[row.id] = row
                if not self.responds_id:
                    return _done({"id": inputs["token_id"]}, Secret(row.secret))
        return _done(_as_listed(row), Secret(row.secret))

    def _new_id(self) -> str:
        """Return an id that no row has had."""
        self.ids = max(self.ids, len(self.rows)) + 1
        return f"row-{self.ids}"

    # What must hold

    def orphans(self) -> list[str]:
        """Return the rows whose secret works, is not stored and was not revoked on purpose."""
        retirements = (row.id for row in self.journal.retirements)
        accounted = {*self.journal.rows.values(), *self.journal.revoked, *retirements}
        stored = {entry.token.reveal() for entry in (self.record.current, self.record.previous) if entry}
        return [row.id for row in self.rows.values() if row.secret not in stored and row.id not in accounted]

    def lingering(self) -> list[str]:
        """Return the rows whose secret was current once, is no longer, and still works."""
        current = self.record.current.token.reveal() if self.record.current else None
        return [row.id for row in self.rows.values() if row.secret in self.used and row.secret != current]


def _as_listed(row: Row) -> dict[str, Any]:
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


def drive(world: World, start: Callable[[], Generator[Effect, Any, Finished]], *, attempts: int = 8) -> Finished:
    """Run a protocol as a user does: start it again after a kill, and when it stopped before it was done."""
    finished = Finished(problem="unknown", message="never started")
    for _ in range(attempts):
        protocol = start()
        result: Any = None
        try:
            while True:
                result = world.perform(protocol.send(result))
        except StopIteration as end:
            finished = end.value
            assert isinstance(finished, Finished)
            if not finished.stopped:
                return finished
        except Crash:
            pass
    return finished


def with_token(world: World, *, standby: bool) -> World:
    """Return the world with a token in slot a, and perhaps a row in slot b whose secret is not stored."""
    first = Row("row-1", f"CI ~lp1/{NAME}/a/{'Z' * 16}/{OWNER}", ["embed"], world.new_secret())
    world.rows["row-1"] = first
    metadata = {"id": "row-1", "slot": "a", "op": "Z" * 16, "listed": first.expiration}
    world.record = Record(current=TokenEntry(Secret(first.secret), metadata))
    world.used.add(first.secret)
    rows = {"a": "row-1"}
    if standby:
        world.rows["row-2"] = Row("row-2", f"CI ~lp1/{NAME}/b/{'Y' * 16}/{OWNER}", ["embed"], world.new_secret())
        rows["b"] = "row-2"
    world.journal = replace(world.journal, rows=rows, scopes=("embed",), note="CI")
    return world
