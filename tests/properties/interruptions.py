"""Signals and cancellations at random moments: each minted token is stored or revoked, and an envelope says so.

300 of them, and the same ones again:  python -m tests.properties.interruptions 300 [SEED]
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio

from locoia_pat import AsyncConnector, ConnectorAuth, Secret
from locoia_pat.actions.sandbox.faults import Fault, Faults
from locoia_pat.actions.sandbox.sandbox_store import Row, SandboxStore
from locoia_pat.actions.sandbox.server import OWNER, first_token, running
from locoia_pat.outcomes import Outcome
from locoia_pat.stores import open_store

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import TypeAlias

    _Cancel: TypeAlias = Callable[[Callable[[], Awaitable[Any]], float], Awaitable[Any]]

CREATE = {"expiration": 30, "scopes": ["embed"], "note": "CI"}
_PAIRS = ("expiration=30", "scopes=embed", "note=CI")
_REVOKING_DAYS = 1
"""A token that is minted to revoke another one lives this long, and is thrown away on purpose."""
_START = (
    "import os, sys; os.write(int(sys.argv.pop(1)), b'.'); sys.argv[0] = 'locoia-pat'\n"
    "from locoia_pat.__main__ import run; run()"
)
"""The command; it says when its first import begins."""
_LIBRARY = """
import os, sys
os.write(int(sys.argv[1]), b".")
from locoia_pat import Connector
with Connector() as connector:
    inputs = {"expiration": 30, "scopes": ["embed"], "note": "CI"}
    result = connector.run("create_pat", inputs, token_to=sys.argv[2:] or ())
    if result.token is not None and not result.token_refs:
        print(result.token.reveal(), flush=True)
        os._exit(0)  # what comes after that is the program's
"""
"""A program that calls the connector in its main thread."""


class MintingStore(SandboxStore):
    """A sandbox's data, which remembers the tokens it mints."""

    minted: list[tuple[Secret, int | None]]

    def create(self, **options: Any) -> tuple[Row, Secret]:
        """Create a token."""
        row, token = super().create(**options)
        self.minted.append((token, options["days"]))
        return row, token

    def regenerate(self, row_id: str, **options: Any) -> tuple[Row, Secret] | None:
        """Give a row a new secret."""
        regenerated = super().regenerate(row_id, **options)
        if regenerated is not None:
            self.minted.append((regenerated[1], options["days"]))
        return regenerated


@dataclass
class Interruptions:
    """The rounds of one seed, and what they found."""

    chance: random.Random
    folder: Path
    store: MintingStore
    faults: Faults
    url: str = ""
    durations: dict[str, float] = field(default_factory=dict)
    """Seconds that each way takes when nothing interrupts it."""
    counts: Counter[str] = field(default_factory=Counter)
    harm: list[str] = field(default_factory=list)

    def run(self, rounds: int) -> None:
        """Interrupt so many runs."""
        self.store.minted = []
        token = first_token(self.store)
        assert token is not None
        (self.folder / "credential").write_text(token.reveal())
        with running(store=self.store, faults=self.faults) as (self.url, _):
            ways = [*COMMANDS, "library", "library without a store", *(f"async {name}" for name in ASYNC)]
            for number in range(rounds):
                way = ways[number % len(ways)]
                folder = self.folder / str(number)
                folder.mkdir()
                self.store.minted.clear()
                self.faults.clear()
                if self.chance.random() < 0.5:
                    self.faults.add(Fault("slow", method="POST", seconds=self.chance.choice([0.05, 0.3])))
                if way.startswith("async "):
                    printed = self._cancel(ASYNC[way.removeprefix("async ")], folder)
                else:
                    printed = self._signal(way, folder)
                self._judge_tokens(f"round {number}, {way}", folder, printed)

    def _judge_tokens(self, name: str, folder: Path, printed: str) -> None:
        """Each token that was minted is dead, printed or stored."""
        records = [open_store(f"file:{file}").record() for file in folder.glob("*.json")]
        entries = [entry for record in records for entry in (record.current, record.previous, record.pending)]
        stored = {entry.token.reveal() for entry in entries if entry is not None}
        for token, days in self.store.minted:
            self.counts["tokens"] += 1
            if token.reveal() in stored:
                self.counts["stored"] += 1
            elif token.reveal() in printed:
                self.counts["printed"] += 1
            elif days == _REVOKING_DAYS:
                self.counts["minted to revoke"] += 1
            elif self.store.authenticate(token) is None:
                self.counts["revoked"] += 1
            else:
                self.harm.append(f"{name}: a token is alive and stored nowhere; it printed {printed!r}")

    # Signals

    def _signal(self, way: str, folder: Path) -> str:
        if way not in self.durations:
            (folder / "first").mkdir()
            began = time.monotonic()
            self._interrupt(way, folder / "first", None, 0)
            self.durations[way] = time.monotonic() - began
            self.store.minted.clear()
        number = self.chance.choice([signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
        if way.startswith("library") and number is signal.SIGHUP:
            number = signal.SIGTERM
        return self._interrupt(way, folder, number, self.chance.uniform(0, 1.1 * self.durations[way]))

    def _interrupt(self, way: str, folder: Path, number: signal.Signals | None, after: float) -> str:
        """Start a program, send it a signal so many seconds after its first import, and return what it printed."""
        theirs, ours = os.pipe()
        arguments, script = ([f"file:{folder}/t.json"], _LIBRARY) if way.startswith("library") else ([], _START)
        if way == "library without a store":
            arguments = []
        elif way in COMMANDS:
            arguments = COMMANDS[way](self, folder)
        before = len(self.store.minted)
        with subprocess.Popen(
            [sys.executable, "-c", script, str(ours), *arguments],
            env={
                **os.environ,
                "LOCOIA_BASE_URL": self.url,
                "LOCOIA_TOKEN": (self.folder / "credential").read_text(),
                "LOCOIA_PAT_STATE": str(folder / "state"),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            pass_fds=[ours],
        ) as process:
            os.close(ours)
            assert os.read(theirs, 1)
            os.close(theirs)
            if number is not None:
                if self.chance.random() < 0.5:
                    time.sleep(after)
                else:  # close to the moment when a token is minted
                    while len(self.store.minted) == before and process.poll() is None:
                        time.sleep(0.001)
                    time.sleep(self.chance.uniform(0, 0.1))
                process.send_signal(number)
            out, err = process.communicate(timeout=60)
        minted = len(self.store.minted) > before
        if way in COMMANDS and number is not None:
            self._judge_output(f"{way}, {number.name} after {after:.4f} s", process.returncode, out, err, minted=minted)
        return out

    def _judge_output(self, name: str, code: int, out: str, err: str, *, minted: bool) -> None:
        """There is an envelope, whole, and an exit code of the table."""
        try:
            envelopes = [json.loads(line) for line in out.splitlines()]
        except ValueError:
            self.harm.append(f"{name}: the output is cut: {out!r}")
            return
        if (code >= 0 or envelopes) and ("Traceback" in err or "Exception ignored" in err):
            self.harm.append(f"{name}: {err}")
        if code < 0 and not envelopes:
            self.counts["ended before the signal handlers were set"] += 1
            if minted:
                self.harm.append(f"{name}: ended by the signal after it minted")
        elif name.startswith(("fleet", "each")):
            self.counts["ended, line by line"] += 1
        elif len(envelopes) != 1:
            self.harm.append(f"{name}: {len(envelopes)} envelopes, exit code {code}")
        else:
            (envelope,) = envelopes
            self.counts[f"envelope: {envelope['outcome']}"] += 1
            if envelope["outcome"] == "not_done" and minted:
                self.harm.append(f"{name}: it says not_done, and minted")
        if code not in {*range(7), 129, 130, 143, -1, -2, -15}:
            self.harm.append(f"{name}: exit code {code}: {err}")

    # Cancellations

    def _cancel(self, way: _Cancel, folder: Path) -> str:
        """Cancel a create in a task, and return the token it returned, if any."""
        backend = "trio" if way is _by_trio_scope else "asyncio"
        auth = ConnectorAuth(Secret((self.folder / "credential").read_text()))
        token_to = (f"file:{folder}/t.json",) if self.chance.random() < 0.5 else ()
        seconds = self.chance.uniform(0, 0.1 if self.faults.pending() else 0.03)

        async def main() -> str:
            async with AsyncConnector(auth, base_url=self.url) as connector:
                call = partial(connector.run, "create_pat", CREATE, token_to=token_to)
                try:
                    result = await way(call, seconds)
                except (asyncio.CancelledError, TimeoutError, ExceptionGroup):
                    self.counts["cancelled"] += 1
                    return ""
                assert result.outcome is Outcome.DONE
                self.counts["not cancelled in time"] += 1
                return str(result.token.reveal())

        return anyio.run(main, backend=backend)


def _store_option(folder: Path) -> list[str]:
    return ["--token-to", f"file:{folder}/t.json"]


def _each(_: Interruptions, folder: Path) -> list[str]:
    items = [json.dumps({**CREATE, "note": f"n{number}"}) for number in range(6)]
    (folder / "in.jsonl").write_text("\n".join(items))
    store = f"file:{folder}/{{note}}.json"
    return ["run", "create_pat", "--each", f"{folder}/in.jsonl", "--concurrency", "2", "--token-to", store]


def _fleet(rounds: Interruptions, folder: Path) -> list[str]:
    tokens = [
        {"name": f"{folder.name}-{n}", "scopes": ["embed"], "note": "CI", "to": [f"file:{folder}/{n}.json"]}
        for n in range(3)
    ]
    defaults = {"overlap": 0, "auth": f"file:{rounds.folder}/credential"}
    (folder / "fleet.yaml").write_text(json.dumps({"fleet": 1, "defaults": defaults, "tokens": tokens}))
    return ["fleet", "apply", f"{folder}/fleet.yaml"]


def _regenerate(rounds: Interruptions, folder: Path) -> list[str]:
    row, _ = rounds.store.create(owner=OWNER, days=30, scopes=["embed"], note="CI")
    rounds.store.minted.clear()
    return ["run", "regenerate_pat", f"token_id={row.id}", "expiration=30", *_store_option(folder)]


COMMANDS: dict[str, Callable[[Interruptions, Path], list[str]]] = {
    "create": lambda _, folder: ["run", "create_pat", *_PAIRS, *_store_option(folder)],
    "reveal": lambda _, __: ["run", "create_pat", *_PAIRS, "--reveal"],
    "list": lambda _, __: ["run", "list_pats"],
    "regenerate": _regenerate,
    "ensure": lambda _, folder: ["run", "ensure_pat", f"name=n{folder.name}", *_PAIRS, *_store_option(folder)],
    "each": _each,
    "fleet": _fleet,
}


async def _by_task(call: Callable[[], Awaitable[Any]], seconds: float) -> Any:
    task = asyncio.ensure_future(call())
    await asyncio.sleep(seconds)
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
    return await task


async def _by_wait_for(call: Callable[[], Awaitable[Any]], seconds: float) -> Any:
    return await asyncio.wait_for(call(), seconds)


async def _by_timeout(call: Callable[[], Awaitable[Any]], seconds: float) -> Any:
    async with asyncio.timeout(seconds):
        return await call()


async def _by_sibling(call: Callable[[], Awaitable[Any]], seconds: float) -> Any:
    async def fail() -> None:
        await asyncio.sleep(seconds)
        raise TimeoutError

    tasks: list[asyncio.Task[Any]] = []
    try:
        async with asyncio.TaskGroup() as group:
            tasks.append(group.create_task(call()))  # type: ignore[arg-type]  # it is a coroutine
            group.create_task(fail())
    except ExceptionGroup:
        if tasks[0].cancelled():
            raise
    return tasks[0].result()


async def _by_scope(call: Callable[[], Awaitable[Any]], seconds: float) -> Any:
    with anyio.fail_after(seconds):
        return await call()


async def _by_trio_scope(call: Callable[[], Awaitable[Any]], seconds: float) -> Any:
    return await _by_scope(call, seconds)


ASYNC: dict[str, _Cancel] = {
    "task": _by_task,
    "wait_for": _by_wait_for,
    "timeout": _by_timeout,
    "task group": _by_sibling,
    "anyio": _by_scope,
    "trio": _by_trio_scope,
}


def interrupt(rounds: int, seed: int, folder: Path) -> Interruptions:
    """Interrupt so many runs, and return what became of them."""
    found = Interruptions(random.Random(seed), folder, MintingStore(), Faults())  # noqa: S311  # no secret
    found.run(rounds)
    return found


def main() -> int:
    """Print what became of so many interrupted runs."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(10**6)  # noqa: S311  # no secret
    print(f"seed {seed}, {rounds} rounds", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        found = interrupt(rounds, seed, Path(folder))
    for name, count in sorted(found.counts.items()):
        print(f"{count:>6}  {name}")
    print("\n".join(found.harm) or "no harm")
    return min(len(found.harm), 1)


if __name__ == "__main__":
    assert threading.current_thread() is threading.main_thread()
    sys.exit(main())
