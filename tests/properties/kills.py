"""Kill ensure, rotate, retire, fleet and bulk at random moments, with two to four token stores each.

After one more command, every stored token works, every store holds it, every active row is known, and no file is left.

500 kills:  python -m tests.properties.kills 500 SEED
One of them:  python -m tests.properties.kills 1 SEED FIRST
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from locoia_pat import Connector, ConnectorAuth
from locoia_pat.actions import list_pats
from locoia_pat.actions.lifecycle.effects import JournalEntry
from locoia_pat.actions.sandbox.faults import Fault, Faults
from locoia_pat.actions.sandbox.sandbox_store import SandboxStore
from locoia_pat.actions.sandbox.server import first_token, running
from locoia_pat.state.journal import State
from locoia_pat.stores import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locoia_pat import Secret

KINDS = ("ensure", "rotate", "retire", "fleet", "bulk")
LINES = 4
"""Names of a fleet, and lines of a bulk run."""
ENV_FILE = 'A=1\nSCRIPT="#!/bin/sh\nCI_TOKEN=none\n"\n'


@dataclass
class Harm:
    """What a kill did; each entry names its seed."""

    kills: int = 0
    """Commands that were killed before they had ended."""
    kinds: Counter[str] = field(default_factory=Counter[str])
    failed: list[str] = field(default_factory=list)
    """The next command failed."""
    lost: list[str] = field(default_factory=list)
    """A stored token does not work, or works though its name was retired."""
    unowned: list[str] = field(default_factory=list)
    """A row is active and neither stored nor known."""
    behind: list[str] = field(default_factory=list)
    """A store does not hold the token that another one holds."""
    files: list[str] = field(default_factory=list)
    """A file is left."""

    def all(self) -> list[str]:
        """Return everything that went wrong."""
        return list(chain(self.failed, self.lost, self.unowned, self.behind, self.files))


class Killer:
    """Runs jobs in child processes, and kills them."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.support.kill_worker"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.durations: dict[str, float] = {}

    def run(self, what: str, after: float | None = None, **job: Any) -> int:
        """Run a job, kill it *after* so many seconds, and return how it ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        began = time.monotonic()
        self._process.stdin.write(json.dumps({"what": what, **job}) + "\n")
        self._process.stdin.flush()
        pid = int(self._process.stdout.readline())
        if after is not None:
            time.sleep(after)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        code = int(self._process.stdout.readline())
        if after is None:
            self.durations[what] = time.monotonic() - began
        return code

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


def choose_stores(chance: random.Random, folder: Path, name: str) -> list[str]:
    """Return two to four stores for a token, the first of them readable."""
    program = folder / f"{name}.sh"
    program.write_text(f"#!/bin/sh\ncat >> {folder}/{name}.given\n")
    program.chmod(0o700)
    env = folder / f"{name}.env"
    env.write_text(ENV_FILE)
    readable = [f"file:{folder}/{name}.json", f"file:{folder}/{name}2.json", f"text:{folder}/{name}.txt",
                f"env-file:{env}#CI_TOKEN"]  # fmt: skip
    chance.shuffle(readable)
    chosen = readable[: chance.randint(2, 4)]
    return [*chosen[:3], f"command:{program}"] if chance.random() < 0.25 else chosen


class Round:
    """One kill, in a folder of its own."""

    def __init__(self, killer: Killer, url: str, store: SandboxStore, rotator: Secret, folder: Path) -> None:
        self._killer, self._url, self._store, self._rotator, self._folder = killer, url, store, rotator, folder
        self._tokens = folder / "tokens"
        self._tokens.mkdir()
        (folder / "rotator").write_text(rotator.reveal())

    def run(self, chance: random.Random, kind: str, faults: Faults, harm: Harm, seed: str) -> None:
        """Prepare, kill, run the next command, and judge."""
        many = kind in ("fleet", "bulk")
        stores: Any = choose_stores(chance, self._tokens, "ci")
        if many:
            stores = [choose_stores(chance, self._tokens, f"ci-{number}") for number in range(LINES)]
        all_stores: list[list[str]] = stores if many else [stores]
        job = {"url": self._url, "auth": f"file:{self._folder}/rotator", "folder": f"{self._folder}/state",
               "name": f"ci{seed}", "stores": stores}  # fmt: skip
        if kind in ("rotate", "retire"):
            assert self._killer.run("ensure", **job) == 0, seed
            record = next((ref for ref in stores if ref.startswith("file:")), None)
            if kind == "rotate" and record is not None and chance.random() < 0.3:
                job["auth"] = record  # it rotates itself
        before = {row.id for row in self._rows()}
        if chance.random() < 0.2:
            faults.add(chance.choice([Fault("lost", method="POST"), Fault("slow", method="POST", seconds=0.05)]))
        after = chance.uniform(0, 1.1 * self._killer.durations.get(kind, 0.3))
        killed = self._killer.run(kind, after=after, **job) == -signal.SIGKILL
        faults.clear()
        harm.kills += killed
        harm.kinds[kind] += killed
        following = chance.choice(["ensure", "rotate", "reconcile"]) if kind == "rotate" else kind
        # A bulk run that was complete would start again, and find its stores in use.
        was_complete = kind == "bulk" and not self._journals() and self._token(all_stores[0][0]) is not None
        if not was_complete and self._killer.run(following, **job) != 0:
            harm.failed.append(f"{seed} {kind}: {following} failed")
            return
        names = [f"ci{seed}-{number}" for number in range(LINES)] if many else [f"ci{seed}"]
        self._judge(kind, dict(zip(names, all_stores, strict=True)), before, harm, f"{seed} {kind}")

    def _rows(self) -> list[Any]:
        with Connector(ConnectorAuth(self._rotator), base_url=self._url) as connector:
            return list_pats(connector)

    def _journals(self) -> list[Path]:
        """Return the journals of bulk runs that are not complete: a complete one has no table "run", and is removed."""
        journals: list[Path] = []
        for file in (self._folder / "state" / "bulk").glob("*.sqlite3"):
            with closing(sqlite3.connect(file)) as database:
                journals += [file for _ in database.execute("SELECT 1 FROM sqlite_master WHERE name = 'run'")]
        return journals

    def _judge(self, kind: str, all_stores: dict[str, list[str]], before: set[str], harm: Harm, seed: str) -> None:
        known = set[str]()
        for name, stores in all_stores.items():
            entry = State(self._folder / "state").load(self._url, name)
            if entry is not None:
                journal = JournalEntry.from_json(entry)
                known |= {*journal.rows.values(), *journal.revoked, *(row.id for row in journal.retirements)}
            tokens = [self._token(ref) for ref in stores]
            if kind == "retire":
                kept = [token for ref, token in zip(stores, tokens, strict=True) if token and "command:" not in ref]
                harm.behind += [f"{seed}: a store keeps a token"] if kept else []
                alive = [token for token in tokens if token and self._store.authenticate(token)]
                harm.lost += [f"{seed}: a token of a retired name works"] if alive else []
                continue
            row = self._store.authenticate(tokens[0]) if tokens[0] else None
            if row is None:
                harm.lost.append(f"{seed}: {stores[0]}")
                continue
            known.add(row.id)
            for ref, token in zip(stores, tokens, strict=True):
                if token is None or token != tokens[0]:
                    harm.behind.append(f"{seed}: {ref}")
        for row in self._rows():
            active = row.expires_in_days is None or row.expires_in_days > 1  # a revoked row stays listed for a day
            if row.id not in before | known and active:
                harm.unowned.append(f"{seed}: {row.id}")
        endings = (".json", ".txt", ".env", ".sh", ".given")
        left = [path.name for path in self._tokens.iterdir() if path.suffix not in endings]
        left += [str(path) for path in self._journals()]
        left += [str(path) for path in self._folder.rglob("*.tmp")]
        harm.files += [f"{seed}: {name}" for name in left]
        for env in self._tokens.glob("*.env"):
            harm.lost += [] if env.read_text().startswith(ENV_FILE) else [f"{seed}: {env.name} was damaged"]

    def _token(self, ref: str) -> Secret | None:
        if ref.startswith("command:"):
            given = Path(ref.removeprefix("command:")).with_suffix(".given")
            ref = f"text:{given}.last"
            lines = given.read_text().split() if given.exists() else [""]
            Path(f"{given}.last").write_text(lines[-1])
        current = open_store(ref).record().current
        Path(ref.removeprefix("text:")).unlink() if ref.endswith(".last") else None
        return current.token if current else None


@contextmanager
def prepared() -> Iterator[tuple[Killer, str, SandboxStore, Secret, Faults]]:
    """Run a sandbox and a killer."""
    store, faults, killer = SandboxStore(), Faults(), Killer()
    token = first_token(store)
    assert token is not None
    try:
        with running(store=store, faults=faults) as (url, _):
            yield killer, url, store, token, faults
    finally:
        killer.close()
        store.close()


def sweep(count: int, seed: int, first: int = 0, *, verbose: bool = False) -> Harm:
    """Kill *count* commands; the moments and the stores of each follow from *seed* and its number."""
    harm, told = Harm(), list[str]()
    with prepared() as (killer, url, store, token, faults):
        for number in range(first, first + count):
            name = f"{seed}-{number}"
            chance = random.Random(name)  # noqa: S311  # to be repeated, not to be secret
            with tempfile.TemporaryDirectory() as folder:
                kind = KINDS[number % len(KINDS)]
                Round(killer, url, store, token, Path(folder)).run(chance, kind, faults, harm, name)
            if verbose and len(harm.all()) > len(told):
                told = harm.all()
                print(name, told, flush=True)
    return harm


def main() -> None:
    """Print what the kills did."""
    count, seed, first = (int(text) for text in [*sys.argv[1:], "500", "1", "0"][:3])
    if len(sys.argv) == 2:
        seed, first = 1, 0
    harm = sweep(count, seed, first, verbose=True)
    print(f"seed {seed}: {count} commands, {harm.kills} killed at work: {dict(harm.kinds)}")
    for name in ("failed", "lost", "unowned", "behind", "files"):
        found = getattr(harm, name)
        print(f"{name}: {len(found)}", *found, sep="\n  ")


if __name__ == "__main__":
    main()
