"""What a hostile spec or answer costs: run as a module, it measures each case it is asked for, in a process of its own.

Time is the processor time of the thread in units of what reading a small harmless spec takes on the same machine at the
same moment, at best of a few attempts: a slow or busy machine makes both slower.  Memory is what the process grew by.
The system ends a process that takes far too much, so a case that hangs ends as well.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypedDict

from locoia_pat import Connector, ConnectorAuth, InvalidError, Secret
from locoia_pat.engine.action import CompiledAction
from locoia_pat.engine.checker import check_specs
from locoia_pat.spec.load import SpecFolder
from locoia_pat.spec.yaml import load
from tests.support.hostile import CASES, USUAL, Case
from tests.support.loopback import send, serving

if TYPE_CHECKING:
    from collections.abc import Callable

STAGES = ("check", "load", "plan", "run")
UNITS = 400
"""The units that a stage may take: about twice what the most expensive case takes."""
MEGABYTES = 64
_ATTEMPTS = 5
_GIVEN_UP = 5 * UNITS
"""Units from which on a measurement is not repeated: so much is no noise."""
_MOST_SECONDS = 30
_HARMLESS = "".join(f"key_{number}: {{a: [1, two, 'three'], b: \"four\", c: {{d: true}}}}\n" for number in range(40))
_MOST_BYTES = 3 * 1024**3

CREDENTIAL = Secret("fake-acme-credential-0123456789")


class Cost(TypedDict):
    """What one stage of a case costs, and how it ends."""

    units: float
    megabytes: int
    end: str


def written(case: Case, folder: Path) -> Path:
    """*Folder*, with the specs of *case* in it."""
    for name, text in (("connector.yaml", case.connector), ("act.yaml", case.action)):
        (folder / name).write_text(text, encoding="utf-8")
    if case.size:
        os.truncate(folder / "act.yaml", case.size)  # takes no place on the disk
    return folder


def ended(stage: str, folder: Path, case: Case, url: str) -> str:
    """How *stage* of a case ends: with a harmless value, or with an error that says what is wrong."""
    try:
        match stage:
            case "check":
                return f"{len(check_specs(SpecFolder(folder)))} findings"
            case "load":
                return type(CompiledAction(SpecFolder(folder).action("act"))).__name__
        with Connector(ConnectorAuth(CREDENTIAL), specs=folder, base_url=url, timeout=30) as connector:
            if stage == "plan":
                return type(connector.plan("act", case.inputs)).__name__
            return connector.run("act", case.inputs).outcome.value
    except InvalidError as error:
        return type(error).__name__


def unit() -> float:
    """Seconds of processor time that reading a small harmless spec takes, at best of several."""
    times: list[float] = []
    for _ in range(5):
        began = time.thread_time()
        load(_HARMLESS, "harmless.yaml")
        times.append(time.thread_time() - began)
    return min(times)


def measured(stage: str, folder: Path, case: Case, seconds: float) -> Cost:
    """What *stage* of a case costs, done once, where a unit is so many *seconds*."""
    with serving(send(case.answer)) as server:
        before, began = _most(), time.thread_time()
        end = ended(stage, folder, case, server.url)
        units = round((time.thread_time() - began) / seconds, 1)
        return {"units": units, "megabytes": (_most() - before) >> 20, "end": end}


def at_best(stage: str, folder: Path, case: Case, seconds: float) -> Cost:
    """What *stage* costs at best of a few attempts, each in a process that has not done it before."""
    best = in_child(partial(measured, stage, folder, case, seconds))
    for _ in range(1, _ATTEMPTS):
        if not UNITS < best["units"] < _GIVEN_UP:
            break
        again = in_child(partial(measured, stage, folder, case, unit()))
        best = min(best, again, key=lambda cost: cost["units"])
    return best


def _most() -> int:
    """Bytes that this process had at most."""
    size = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * size


def in_child(work: Callable[[], Cost]) -> Cost:
    """What *work* gives in a process that ends with it."""
    here, there = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(here)
        _give(work, there)
    os.close(there)
    with os.fdopen(here) as lines:
        given = lines.read()
    os.waitpid(child, 0)
    cost: Cost = json.loads(given) if given else {"units": _GIVEN_UP, "megabytes": 0, "end": "ended by the system"}
    return cost


def _give(work: Callable[[], Cost], to: int) -> NoReturn:
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (_MOST_SECONDS, _MOST_SECONDS))
        resource.setrlimit(resource.RLIMIT_AS, (_MOST_BYTES, _MOST_BYTES))
        with os.fdopen(to, "w") as lines:
            try:
                given = work()
            except BaseException as error:  # noqa: BLE001  # one that is none of ours is what is looked for
                given = {"units": 0, "megabytes": 0, "end": f"raised {type(error).__name__}: {error}"[:200]}
            lines.write(json.dumps(given))
    finally:
        os._exit(0)


def main() -> None:
    """For each line with the name of a case, a line with what its stages cost."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for stage in STAGES:
            ended(stage, written(USUAL, folder), USUAL, "http://127.0.0.1:1/v1")  # imports are no part of a case
        for line in sys.stdin:
            case = CASES[line.strip()]()
            written(case, folder)
            costs: dict[str, Cost] = {}
            seconds = unit()
            for stage in STAGES:
                costs[stage] = at_best(stage, folder, case, seconds)
                if costs[stage]["units"] >= _GIVEN_UP:
                    break  # the other stages do the same, and more
            print(json.dumps(costs), flush=True)  # noqa: T201  # the test reads it


if __name__ == "__main__":
    main()
