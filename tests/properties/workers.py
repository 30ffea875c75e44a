"""Workers on several machines create and rotate many names, while they are killed and the database is restarted.

Each worker is a process with a home of its own; they share a PostgreSQL database and the folder of the tokens.

The full size:  python -m tests.properties.workers 2000 20 4 SEED
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from locoia_pat.actions.lifecycle.effects import JournalEntry
from locoia_pat.actions.lifecycle.marker import find_marker
from locoia_pat.actions.sandbox.faults import Fault, Faults
from locoia_pat.actions.sandbox.sandbox_store import SandboxStore
from locoia_pat.actions.sandbox.server import running
from locoia_pat.actions.scopes import NAMES
from locoia_pat.state.journal import State
from locoia_pat.stores import read_token
from tests.support.postgres_server import find_programs, running_postgres

if TYPE_CHECKING:
    from locoia_pat.actions.sandbox.faults import Kind
    from tests.support.postgres_server import PostgresServer

FAULTS: tuple[Kind, ...] = ("lost", "dropped", "cut", "no_token", "status", "slow")
FAULT_SHARE = 0.1
"""The share of requests that go wrong."""


class RandomFaults(Faults):
    """Lets a share of all requests go wrong, however fast they come."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self._chance = chance
        self.count = 0

    def take(self, method: str, path: str) -> Fault | None:
        """Return a fault for this request, or None."""
        if self._chance.random() >= FAULT_SHARE:
            return super().take(method, path)
        self.count += 1
        return Fault(self._chance.choice(FAULTS))


@dataclass
class Report:
    """What was found in the end."""

    seconds: float = 0
    kills: int = 0
    restarts: int = 0
    faults: int = 0
    outcomes: Counter[str] = field(default_factory=Counter[str])
    """How the calls of the workers ended."""
    dead: list[str] = field(default_factory=list)
    """Names whose stored token does not work."""
    unfinished: list[str] = field(default_factory=list)
    """Names with an operation in progress."""
    twice: list[str] = field(default_factory=list)
    """Names that were rotated more than once, or not at all."""
    unowned: list[str] = field(default_factory=list)
    """Rows that work and are in no journal."""
    leaked: list[str] = field(default_factory=list)
    """Names whose token is in the database."""

    def harm(self) -> list[str]:
        return [*self.dead, *self.unfinished, *self.twice, *self.unowned, *self.leaked]


# The run


class Run:
    """One run: a sandbox, a database, and workers."""

    def __init__(self, folder: Path, postgres: PostgresServer, names: int, credentials: int, seed: str) -> None:
        self.report = Report()
        self._folder, self._postgres = folder, postgres
        self._url = postgres.new_database()
        self._database = self._url.rpartition("/")[2]
        self._names = [f"name-{number}" for number in range(names)]
        self._store = SandboxStore()
        self._owners = [f"user-{number}" for number in range(credentials)]
        self._seed = seed
        self._chance = random.Random(seed)  # noqa: S311  # to be repeated, not to be secret
        self._faults = RandomFaults(random.Random(f"{seed} faults"))  # noqa: S311  # as above
        self._started = 0
        self._outcomes: dict[int, Path] = {}
        """The file of each worker's outcomes, by its process id."""
        tokens = [
            self._store.create(owner=owner, days=None, scopes=list(NAMES), note="rotator")[1] for owner in self._owners
        ]
        (folder / "tokens").mkdir()
        (folder / "rotators.json").write_text(json.dumps([token.reveal() for token in tokens]))
        (folder / "names.json").write_text(json.dumps(self._names))
        State(self._url)

    def run(self, workers: int, kills: int, every: float, restarts: int) -> Report:
        """Let the workers finish all names, and judge."""
        with running(store=self._store, faults=self._faults) as (url, _):
            began = time.monotonic()
            processes = [self._start(url) for _ in range(workers)]
            try:
                self._disturb(processes, url, kills, every, restarts)
            finally:
                for process in processes:
                    process.kill()
                    process.wait()
            self.report.seconds, self.report.faults = time.monotonic() - began, self._faults.count
            self._judge(url)
        self._store.close()
        return self.report

    def _start(self, url: str) -> subprocess.Popen[bytes]:
        self._started += 1
        home = self._folder / f"home-{self._started}"
        home.mkdir()
        environment = {**os.environ, "HOME": str(home), "XDG_STATE_HOME": str(home / "state")}
        command = [sys.executable, "-m", "tests.properties.worker", url, self._url, str(self._folder)]
        with (home / "outcomes").open("wb") as outcomes:
            process = subprocess.Popen(
                [*command, f"{self._seed}-{self._started}"],
                stdout=outcomes,
                env=environment,
                cwd=Path(__file__).parents[2],
            )
        self._outcomes[process.pid] = home / "outcomes"
        return process

    def _disturb(
        self, processes: list[subprocess.Popen[bytes]], url: str, kills: int, every: float, restarts: int
    ) -> None:
        """Kill a worker now and then, and restart the database, until all workers have ended."""
        next_kill = next_look = time.monotonic() + every
        while any(process.poll() is None for process in processes):
            number = self._chance.randrange(len(processes))
            if self.report.kills < kills and time.monotonic() >= next_kill and self._has_begun(processes[number]):
                processes[number].kill()
                processes[number].wait()
                processes[number] = self._start(url)
                self.report.kills += 1
                next_kill = time.monotonic() + every
            if time.monotonic() >= next_look:
                next_look = time.monotonic() + every
                if self._finished() > len(self._names) * (self.report.restarts + 1) / (restarts + 1):
                    self._postgres.stop()
                    self._postgres.start()
                    self.report.restarts += 1
            time.sleep(0.05)
        assert all(process.returncode == 0 for process in processes), [process.returncode for process in processes]

    def _has_begun(self, process: subprocess.Popen[bytes]) -> bool:
        """Return whether a worker has worked on a name: on a busy machine it takes a while to start."""
        return process.poll() is None and self._outcomes[process.pid].stat().st_size > 0

    def _finished(self) -> int:
        count = "SELECT count(DISTINCT name) FROM locoia_pat.receipts WHERE receipt LIKE '%\"rotated\"%'"
        return int(self._postgres.execute(count, self._database)[0][0])

    def _judge(self, url: str) -> None:
        report, state = self.report, State(self._url)
        for outcomes in self._folder.glob("home-*/outcomes"):
            report.outcomes.update(outcomes.read_text().split())
        dump = "".join(
            str(row)
            for table in ("names", "events", "tokens", "deliveries", "receipts", "leases")
            for row in self._postgres.execute(f"TABLE locoia_pat.{table}", self._database)
        )
        accounted = set[str]()
        for name in self._names:
            token = read_token(f"file:{self._folder}/tokens/{name}.json")
            entry = JournalEntry.from_json(state.load(url, name) or {})
            rotations = {
                event["operation_id"] for _, event in state.events(url, name) if event["operation"] == "rotate"
            }
            report.dead += [name] if self._store.authenticate(token) is None else []
            report.unfinished += [name] if entry.operation is not None else []
            report.twice += [name] if len(rotations) != 1 else []
            report.leaked += [name] if token.reveal() in dump else []
            accounted |= {*entry.rows.values(), *entry.revoked, *(row.id for row in entry.retirements)}
        rows = [row for owner in self._owners for row in self._store.owned_by(owner)]
        report.unowned += [row.id for row in rows if find_marker(row.note) and row.id not in accounted]


def run_workers(
    names: int, credentials: int, workers: int, seed: str, *, kills: int, every: float, restarts: int
) -> Report:
    """Run *workers* over *names*, and kill one of them *every* so many seconds, at most so often."""
    programs = find_programs()
    assert programs is not None, "PostgreSQL is not installed: apt-get install postgresql"
    with tempfile.TemporaryDirectory() as folder, running_postgres(programs) as postgres:
        return Run(Path(folder), postgres, names, credentials, seed).run(workers, kills, every, restarts)


def main() -> None:
    """Run the full size and print what was found."""
    names, credentials, workers, seed = (int(text) for text in sys.argv[1:5])
    report = run_workers(names, credentials, workers, str(seed), kills=10**6, every=3, restarts=2)
    print(report)
    print(f"{names / report.seconds:.1f} names a second; harm: {len(report.harm())}")


if __name__ == "__main__":
    main()
