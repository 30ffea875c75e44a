"""Contenders side by side: each in a process and an environment of its own, taking turns in rotating order."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
import venv
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.benchmarks.api import Api

_One = TypeVar("_One")
HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@dataclass(frozen=True)
class Contender:
    """Who takes part."""

    name: str
    script: str
    requirements: tuple[str, ...]
    module: str
    """What is imported to use it."""


BARE = Contender("httpx alone", "bare", ("httpx==0.28.1",), "import httpx")
OURS = Contender("locoia-pat", "ours", (str(ROOT),), "from locoia_pat import Connector")
REQUESTS = Contender("requests alone", "plain_requests", ("requests==2.34.2",), "import requests")
CDK = Contender(
    "Airbyte CDK",
    "airbyte_cdk_requester",
    ("airbyte-cdk==7.39.1",),
    "from airbyte_cdk.sources.declarative.requesters import HttpRequester",
)
AGENT = Contender(
    "Airbyte agent SDK",
    "airbyte_agent",
    ("airbyte-agent-sdk==0.1.380",),
    "from airbyte_agent_sdk.executor.local_executor import LocalExecutor",
)
DLT = Contender("dlt", "dlt_client", ("dlt==1.31.0",), "from dlt.sources.helpers.rest_client import RESTClient")
SINGER = Contender("Singer SDK", "singer_stream", ("singer-sdk==0.54.9",), "from singer_sdk.streams import RESTStream")
ALL = (BARE, OURS, REQUESTS, SINGER, DLT, AGENT, CDK)
SERVER = Contender("the server", "server", ("trustme==1.2.1",), "import trustme")
"""What makes the server's certificate."""


class Took(NamedTuple):
    """What something took: the median and the least of the rounds, in seconds, and memory in MB."""

    median: float
    least: float
    cpu: float = 0.0
    """Of the contender's processor, the median."""
    peak: float = 0.0

    @classmethod
    def of(cls, walls: Sequence[float], cpus: Sequence[float] = (0.0,), peak: float = 0.0) -> Took:
        """Of all rounds."""
        return cls(statistics.median(walls), min(walls), statistics.median(cpus), peak)

    def each(self, times: int) -> Took:
        """The same for each of so many."""
        return Took(self.median / times, self.least / times, self.cpu / times, self.peak)


class Environments:
    """An environment for each contender, in a folder that may be used again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: set[Path] = set()

    def bin(self, contender: Contender) -> Path:
        """Where its programs are; it is made where it is not there, and ours anew each time."""
        place = self._folder / contender.script
        programs = place / ("Scripts" if os.name == "nt" else "bin")
        done = place / "requirements.txt"
        wanted = "\n".join(contender.requirements)
        kept = done.exists() and done.read_text(encoding="utf-8") == wanted and contender is not OURS
        if place not in self._made and not kept:
            print(f"making an environment for {contender.name}", file=sys.stderr, flush=True)
            venv.create(place, with_pip=True, clear=True)
            pip = [str(programs / "python"), "-m", "pip", "install", "--quiet", *contender.requirements]
            subprocess.run(pip, check=True)  # what stands above
            done.write_text(wanted, encoding="utf-8")
        self._made.add(place)
        return programs

    def python(self, contender: Contender) -> str:
        """Its Python."""
        return str(self.bin(contender) / "python")


def rotated(contenders: Sequence[_One], number: int) -> list[_One]:
    """*Contenders* in another order in each round, so that each is first, and each is behind each other."""
    cycle, by = divmod(number, len(contenders))
    turned = [*contenders[by:], *contenders[:by]]
    return turned[::-1] if cycle % 2 else turned


class Process:
    """A contender that waits for orders."""

    def __init__(self, python: str, contender: Contender, url: str) -> None:
        script = str(HERE / "contenders" / f"{contender.script}.py")
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self._process: subprocess.Popen[str] = subprocess.Popen([python, script, url], env=_quiet(), **pipes)  # ours
        self._told()

    def do(self, order: dict[str, Any]) -> dict[str, float]:
        """What the order took."""
        assert self._process.stdin is not None
        print(json.dumps(order), file=self._process.stdin, flush=True)
        told: dict[str, float] = json.loads(self._told())
        return told

    def _told(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("a contender ended; what it said stands above")
        return line

    def close(self) -> None:
        """End it."""
        self._process.communicate()


def _quiet() -> dict[str, str]:
    """The environment without what would change what is measured, and with everybody's telemetry off."""
    off = {"AIRBYTE_TELEMETRY_MODE": "disabled", "DO_NOT_TRACK": "1", "RUNTIME__DLTHUB_TELEMETRY": "false"}
    return {name: value for name, value in os.environ.items() if not name.startswith("LOCOIA")} | off


def warm(
    envs: Environments, api: Api, orders: Sequence[tuple[Contender, dict[str, Any]]], rounds: int
) -> tuple[list[Took], list[Counter[str]]]:
    """What each order took, in processes that did it once before; and all that the server was sent for each."""
    walls: list[list[float]] = [[] for _ in orders]
    cpus: list[list[float]] = [[] for _ in orders]
    peaks = [0.0 for _ in orders]
    sent: list[Counter[str]] = [Counter() for _ in orders]
    with ExitStack() as stack:
        processes = {contender: Process(envs.python(contender), contender, api.url) for contender, _ in orders}
        for process in processes.values():
            stack.callback(process.close)
        for contender, order in orders:
            processes[contender].do({**order, "times": min(order["times"], 50)})
        api.sent()
        for number in range(rounds):
            for at in rotated(range(len(orders)), number):
                contender, order = orders[at]
                told = processes[contender].do(order)
                walls[at].append(told["wall"])
                cpus[at].append(told["cpu"])
                peaks[at] = max(peaks[at], told["peak"])
                sent[at] += api.sent()
    return [Took.of(*found) for found in zip(walls, cpus, peaks, strict=True)], sent


def fresh(commands: Sequence[Sequence[str]], rounds: int, env: dict[str, str] | None = None) -> list[Took]:
    """What each command took, as a process of its own, from its start to its end."""
    walls: list[list[float]] = [[] for _ in commands]
    for number in range(rounds + 1):
        for at in rotated(range(len(commands)), number):
            began = time.perf_counter()
            done = subprocess.run(commands[at], check=False, capture_output=True, text=True, env=_quiet() | (env or {}))
            walls[at].append(time.perf_counter() - began)
            if done.returncode:
                raise RuntimeError(f"{' '.join(commands[at])} ended with {done.returncode}: {done.stderr[-2000:]}")
    return [Took.of(found[1:]) for found in walls]  # the first fills the caches of the system
