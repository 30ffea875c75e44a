"""A hostile spec or answer ends in a clear error or a harmless value, within bounds of time and memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.cells import cell
from tests.support.cost import MEGABYTES, STAGES, UNITS, Cost, ended, written
from tests.support.hostile import CASES, ESCAPES, body
from tests.support.loopback import answer, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]

HARMLESS = {
    "load": {"CompiledAction", "SpecError", "InvalidError"},
    "plan": {"Plan", "SpecError", "InvalidError"},
    "run": {"done", "invalid"},
}
"""How the stages may end; of an answer that is hostile anything may come but a crash."""
OPEN = {"done", "refused", "not_done", "unknown"}


@pytest.fixture(scope="module")
def cost_of() -> Iterator[Callable[[str], dict[str, Cost]]]:
    """What measures a case: a process that holds nothing but the engine, and that coverage does not slow down."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    command = [sys.executable, "-W", "error", "-m", "tests.support.cost"]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        cases_in, costs_out = process.stdin, process.stdout
        assert cases_in is not None
        assert costs_out is not None

        def measure(case: str) -> dict[str, Cost]:
            print(case, file=cases_in, flush=True)
            costs: dict[str, Cost] = json.loads(costs_out.readline())
            return costs

        yield measure
        cases_in.close()


@pytest.mark.parametrize("case", CASES)
def test_a_hostile_case_costs_little_and_ends_well(case: str, cost_of: Callable[[str], dict[str, Cost]]) -> None:
    costs = cost_of(case)
    report = "\n".join(f"{stage}: {cost}" for stage, cost in costs.items())
    assert costs["check"]["end"].endswith(" findings"), report
    for stage, ends in HARMLESS.items():
        if stage in costs:
            hostile_answer = stage == "run" and case.startswith("answer: ")
            assert costs[stage]["end"] in (OPEN if hostile_answer else ends), report
    assert max(cost["units"] for cost in costs.values()) < UNITS, report
    assert max(cost["megabytes"] for cost in costs.values()) < MEGABYTES, report
    assert tuple(costs) == STAGES


def test_a_template_reaches_nothing_of_python(tmp_path: Path) -> None:
    with serving(answer(200, {})) as server:
        for name, source in ESCAPES.items():
            with cell(name):
                case = body(source)
                assert ended("run", written(case, tmp_path), case, server.url) == "invalid"
                assert server.connections == 0
