"""What a run of the command costs: its time, and its peak of memory above what the process had before.

Run as a module, it runs the command with its arguments twice, in one process: the first run loads what is loaded late,
and must have a harmless response; the second one is measured.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from locoia_pat.cli import main

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).parents[2]


class CommandCost(TypedDict):
    """What one run of the command cost."""

    outcome: str
    """Of its envelope, or of the last line of a bulk run."""
    seconds: float
    processor: float
    """Seconds of processor time."""
    megabytes: int
    """The peak of memory, above what the process had before the run."""


def cost_of(arguments: Sequence[str], environment: Mapping[str, str], stdin: Any = None) -> CommandCost:
    """Return what the command with *arguments* costs in a process of its own."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("COV")} | dict(environment)
    command = [sys.executable, "-m", __name__, *arguments]
    ran = subprocess.run(
        command, check=False, cwd=ROOT, env=variables, stdin=stdin, capture_output=True, text=True, timeout=100
    )
    try:
        cost: CommandCost = json.loads(ran.stderr.splitlines()[-1])
    except (ValueError, IndexError):
        raise RuntimeError(f"{ran.returncode}: {ran.stderr[-500:]}") from None
    lines = ran.stdout.splitlines()
    return {**cost, "outcome": json.loads(lines[-1])["outcome"] if lines and lines[-1][:1] == "{" else ""}


def _run(arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    os.environ.update(environment)  # the command takes its credential out
    try:
        main(arguments)
    except SystemExit:
        sys.stdout.flush()


def _memory(key: str) -> int:
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(key)]
    return int(line.split()[1]) >> 10


def measure(arguments: Sequence[str]) -> None:
    """Run the command with *arguments* twice, and print what the second run cost."""
    environment = dict(os.environ)
    out = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    _run(arguments, environment)
    os.dup2(out, 1)
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before, began, processor = _memory("VmRSS"), time.monotonic(), time.process_time()
    _run(arguments, environment)
    cost = {
        "seconds": round(time.monotonic() - began, 2),
        "processor": round(time.process_time() - processor, 2),
        "megabytes": _memory("VmHWM") - before,
    }
    sys.stderr.write(json.dumps(cost))


if __name__ == "__main__":
    measure(sys.argv[1:])
