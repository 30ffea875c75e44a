"""A large fleet in simulated time: how long its daily runs take, how many calls they make, and how these are spread.

Run it:  python -m tests.benchmarks.scale

The protocols are the shipped ones: ``under_lease(ensure)`` is driven as the driver does, by a simulated API, clock,
journal and token store.  Credentials are independent of each other but for the workers, so a sample of credentials is
simulated in full, with its share of the workers, and counts are scaled up.
"""

from __future__ import annotations

import datetime as dt
import heapq
import random
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from locoia_pat import Outcome, Problem, Result, Secret
from locoia_pat.actions.fleet.fleet_file import spread_lifetime
from locoia_pat.actions.lifecycle.desired import DesiredToken
from locoia_pat.actions.lifecycle.effects import (
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
from locoia_pat.actions.lifecycle.lifetime import Clock, is_due, lifetime
from locoia_pat.actions.lifecycle.rotation import ensure, under_lease
from locoia_pat.stores.record import Record

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from locoia_pat.actions.lifecycle.effects import Effect
    from locoia_pat.stores import TokenEntry

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
DAY = 86_400.0
OWNER = "k7q2aaaa"
LATENCY = {"list_pats": 0.2, "create_pat": 0.15, "regenerate_pat": 0.15}
"""Seconds of a call; a list has the rows of a thousand names."""
JOURNAL, STORE, LEASE, IN_FLIGHT = 0.003, 0.15, 0.003, 5.0
"""Seconds of a transaction, of a write to a secret store with its read-back, of a lease, and of a wait."""
ATTEMPTS, TAKEN_OVER = 3, 60.0
"""How often a read is tried, and seconds until the work of a killed worker is taken up."""


@dataclass(frozen=True)
class Setting:
    """A fleet, its workers, and what goes wrong."""

    credentials: int = 1000
    names: int = 1000
    """For each credential."""
    workers: int = 50
    slots: int = 8
    """Names that a worker handles at once."""
    days: int = 120
    expiration: int = 30
    renew_within: float | None = None
    overlap: float = 24.0
    rate: float = 120.0
    """Calls a minute that the API takes by one credential."""
    lost: float = 0.005
    """The share of calls whose response is lost; half of them took effect."""
    refused: float = 0.001
    """The share of writes that a token store refuses."""
    kills: float = 1.0
    """How often a worker is killed, an hour."""
    is_spread: bool = True
    """Whether lifetimes are spread by name, as a fleet file does."""
    at_once: bool = True
    """Whether all names are created on the first day, or over one lifetime."""


@dataclass
class Row:
    note: str
    scopes: list[str]
    secret: str
    expires: float


@dataclass
class Name:
    """A managed name: its rows at the API, its token store and its journal entry."""

    desired: DesiredToken
    journal: JournalEntry
    record: Record = field(default_factory=Record)
    rows: dict[str, Row] = field(default_factory=dict)
    minted: int = 0
    idle_until: float = 0.0
    """Before this time, nothing is to do; only to save the simulation's own time."""

    def works(self, entry: TokenEntry | None, now: float) -> bool:
        return entry is not None and self.is_authorized(entry.token, now)

    def is_authorized(self, token: Secret, now: float) -> bool:
        return any(row.secret == token.reveal() and row.expires > now for row in self.rows.values())

    def is_to_do(self, now: float) -> bool:
        """Whether the plan of a fleet finds something to do, by the shipped rules."""
        if now < self.idle_until:
            return False
        current, clock = self.record.current, Clock(time_at(now), time_at(now))
        if current is None or self.journal.operation is not None:
            return True
        row = self.rows.get(current.id or "")
        listed = {} if row is None else {"expiration": time_at(row.expires).isoformat()}
        retired = [(row.due - START).total_seconds() for row in self.journal.retirements]
        if min(retired, default=now + 1) <= now or is_due(current, listed, self.desired, clock):
            return True
        end = lifetime(current, listed, self.desired).end
        assert end is not None
        self.idle_until = min([(end - START).total_seconds() - self.desired.expiration * DAY / 2, *retired])
        return False

    def serve(self, call: CallApi, now: float) -> Result:
        """Answer as the API does; of a list, only the rows of this name, as the protocols ignore all others."""
        if call.by is not None and not self.is_authorized(call.by, now):
            return failed(Outcome.REFUSED, "unauthorized")
        inputs: Any = call.inputs
        if call.action == "list_pats":
            return done({"tokens": [listed(id_, row, now) for id_, row in self.rows.items()]})
        self.minted += 1
        secret = f"secret-{self.minted:08}-of-{self.desired.name}"
        if call.action == "create_pat":
            id_ = f"row-{self.minted}"
            self.rows[id_] = Row(inputs["note"], inputs["scopes"], secret, 0)
        else:
            id_ = inputs["token_id"]
            self.rows[id_].secret = secret
        self.rows[id_].expires = now + inputs["expiration"] * DAY
        return done(listed(id_, self.rows[id_], now), Secret(secret))


def time_at(seconds: float) -> dt.datetime:
    return START + dt.timedelta(seconds=seconds)


def listed(id_: str, row: Row, now: float) -> dict[str, Any]:
    return {
        "id": id_,
        "note": row.note,
        "scopes": row.scopes,
        "expiration": time_at(row.expires).isoformat(),
        "expires_in_days": int((row.expires - now) // DAY),
        "last_used": None,
    }


def done(data: dict[str, Any], token: Secret | None = None) -> Result:
    return Result("x", Outcome.DONE, data=data, secrets={"token": token} if token else {})


def failed(outcome: Outcome, code: Any) -> Result:
    return Result("x", outcome, problem=Problem(code, code))


@dataclass
class Credential:
    """A credential with its names, and when the API takes its next call."""

    names: list[Name]
    free_at: float = 0.0


@dataclass
class Day:
    """What one daily run did in the sample."""

    calls: Counter[str] = field(default_factory=Counter[str])
    changes: Counter[str] = field(default_factory=Counter[str])
    seconds: float = 0.0
    """Until the last name was done."""
    kills: int = 0
    failures: int = 0
    """Runs of a name that stopped before they were done; the next day's run resumes them."""
    expired: int = 0
    """Names whose current token did not work at the end of the run."""


@dataclass
class Simulation:
    """Some credentials of a setting, with their share of the workers."""

    setting: Setting
    sample: int
    seed: int = 1
    now: float = 0.0
    today: Day = field(default_factory=Day)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)  # noqa: S311  # a simulation
        self.credentials = [
            Credential([self._name(c, n) for n in range(self.setting.names)]) for c in range(self.sample)
        ]
        everyone = self.setting.workers * self.setting.slots
        self.slots = max(1, round(everyone * self.sample / self.setting.credentials))  # few: a sample that is too small

    def _name(self, credential: int, number: int) -> Name:
        setting, name = self.setting, f"c{credential}-n{number}"
        days = spread_lifetime(name, setting.expiration) if setting.is_spread else setting.expiration
        within = setting.renew_within
        desired = DesiredToken(name, ["embed"], days, "CI", renew_within=within, overlap=setting.overlap)
        return Name(desired, JournalEntry(name, OWNER))

    def run(self) -> Iterator[Day]:
        """Run the fleet once a day; yield what each run did."""
        first_day = 1 if self.setting.at_once else self.setting.expiration * 2 // 3
        for day in range(self.setting.days):
            begin = day * DAY
            self.today = Day()
            names = self.setting.names if day >= first_day else self.setting.names * (day + 1) // first_day
            queue: deque[tuple[Credential, Name]] = deque()
            for credential in self.credentials:
                credential.free_at = max(credential.free_at, begin)
                self.now = begin
                self._call_time(credential, "list_pats")  # the plan
                queue += [(credential, name) for name in credential.names[:names] if name.is_to_do(begin)]
            self.random.shuffle(queue)
            end = self._work(queue, begin)
            self.today.seconds = end - begin
            self.today.expired = sum(
                name.record.current is not None and not name.works(name.record.current, end)
                for credential in self.credentials
                for name in credential.names
            )
            yield self.today

    def _work(self, queue: deque[tuple[Credential, Name]], begin: float) -> float:
        """Handle all of *queue*; return when the last one is done."""
        running: list[tuple[float, int, Credential, Name, Generator[Effect, Any, Finished], Any]] = []
        number, end = 0, begin

        def start(at: float, credential: Credential, name: Name) -> None:
            nonlocal number
            number += 1
            heapq.heappush(running, (at, number, credential, name, under_lease(ensure, name.desired), None))

        for _ in range(min(self.slots, len(queue))):
            start(begin, *queue.popleft())
        while running:
            self.now, order, credential, name, protocol, result = heapq.heappop(running)
            try:
                effect = protocol.send(result)
            except StopIteration as ended:
                finished: Finished = ended.value
                self.today.changes[finished.change] += 1
                self.today.failures += finished.stopped
                end = max(end, self.now)
                if queue:
                    start(self.now, *queue.popleft())
                continue
            began = self.now
            result, until = self._perform(effect, credential, name)
            if self.random.random() < (until - began) * self.setting.kills / self.setting.slots / 3600:
                self.today.kills += 1  # after the effect; the worst moment
                start(until + TAKEN_OVER, credential, name)
            else:
                heapq.heappush(running, (until, order, credential, name, protocol, result))
        return end

    def _perform(self, effect: Effect, credential: Credential, name: Name) -> tuple[Any, float]:
        """Perform an effect now; return its result, and when it is there."""
        match effect:
            case AcquireLease():
                return None, self.now + LEASE
            case LoadState():
                operation_id = f"{self.random.getrandbits(80):020X}"[-16:].translate(_BASE32)
                return Snapshot(name.record, name.journal, time_at(self.now), operation_id), self.now + JOURNAL
            case WaitInFlight():
                return None, self.now + IN_FLIGHT
            case WriteJournal(entry):
                name.journal, name.idle_until = entry, 0.0
                return None, self.now + JOURNAL
            case StoreRecord(record):
                if self.random.random() < self.setting.refused:
                    return OSError("refused"), self.now + STORE
                name.record, name.idle_until = record, 0.0
                return None, self.now + STORE
            case CallApi():
                return self._call(effect, credential, name)

    def _call(self, call: CallApi, credential: Credential, name: Name) -> tuple[Result, float]:
        is_read = call.action == "list_pats"
        arrives = self.now
        for _ in range(ATTEMPTS if is_read else 1):
            arrives = self._call_time(credential, call.action)
            chance = self.random.random()
            if chance >= self.setting.lost:
                return name.serve(call, arrives), arrives
            if chance < self.setting.lost / 2:
                name.serve(call, arrives)
        return failed(Outcome.NOT_DONE if is_read else Outcome.UNKNOWN, "unknown"), arrives

    def _call_time(self, credential: Credential, action: str) -> float:
        """Count a call, which waits for the rate of its credential; return when its response arrives."""
        self.today.calls[action] += 1
        begins = max(self.now, credential.free_at)
        credential.free_at = begins + 60 / self.setting.rate
        return begins + LATENCY[action] * self.random.uniform(0.5, 2)


_BASE32 = str.maketrans("0189", "WXYZ")


def orphans(simulation: Simulation) -> int:
    """Count the rows whose token works, is in no store, and is not waiting to be revoked."""
    count = 0
    for name in (name for credential in simulation.credentials for name in credential.names):
        waiting = {row.id for row in name.journal.retirements}
        accounted = {*name.journal.rows.values(), *name.journal.revoked, *waiting}
        stored = {entry.token.reveal() for entry in name.record.entries}
        count += sum(id_ not in accounted and row.secret not in stored for id_, row in name.rows.items())
    return count


def summarize(simulation: Simulation, days: list[Day]) -> dict[str, float]:
    """Return the figures of a simulation, scaled up to all credentials."""
    setting = simulation.setting
    scale = setting.credentials / simulation.sample
    steady = days[setting.expiration * 2 :]  # after the beginning
    renewals = [day.changes["rotated"] for day in steady]
    mean = sum(renewals) / len(renewals)
    calls = [day.calls.total() for day in days]
    later_runs = sorted(day.seconds / 60 for day in steady)
    return {
        "calls a name, a year": round(sum(calls) / len(days) * 365 / (setting.names * simulation.sample)),
        "renewals, average day": round(mean * scale),
        "renewals, busiest day": round(max(renewals) * scale),
        "busiest by average": round(max(renewals) / mean, 1),
        "calls, busiest day": round(max(calls) * scale),
        "first run, minutes": round(days[0].seconds / 60),
        "later runs, median minutes": round(later_runs[len(later_runs) // 2], 1),
        "later runs, longest minutes": round(later_runs[-1]),
        "killed in the middle": round(sum(day.kills for day in days) * scale),
        "stopped, resumed the next day": round(sum(day.failures for day in days) * scale),
        "names with an expired token": round(sum(day.expired for day in days) * scale),
        "tokens in no store": round(orphans(simulation) * scale),
    }


SETTINGS = {
    "a fleet file": Setting(),
    "created over 20 days": Setting(at_once=False),
    "lifetimes not spread": Setting(is_spread=False),
    "overlap 0": Setting(overlap=0.0),
    "renew_within 5": Setting(renew_within=5.0),
    "90 days": Setting(expiration=90, days=270),
    "25 workers": Setting(workers=25),
    "rate 30": Setting(rate=30.0),
}


@click.command()
@click.option("--credentials", default=5, type=click.IntRange(1), show_default=True, help="How many are simulated.")
@click.option("--seed", default=1, show_default=True)
@click.option("--only", multiple=True, type=click.Choice([*SETTINGS]), help="Some settings; by default all.")
def main(credentials: int, seed: int, only: tuple[str, ...]) -> None:
    """Simulate a million names, and print a table."""
    columns: dict[str, dict[str, float]] = {}
    for label in only or SETTINGS:
        begin = time.perf_counter()
        simulation = Simulation(SETTINGS[label], credentials, seed)
        columns[label] = summarize(simulation, list(simulation.run()))
        print(f"{label}: {time.perf_counter() - begin:.0f} s", flush=True)
    print("\n| | " + " | ".join(columns) + " |\n|---|" + "---:|" * len(columns))
    for figure in next(iter(columns.values())):
        print(f"| {figure} | " + " | ".join(f"{column[figure]:,}" for column in columns.values()) + " |")


if __name__ == "__main__":
    main()
