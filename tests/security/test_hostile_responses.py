"""A hostile response costs the command little memory and little time, and ends in an outcome.

These are some of the responses of ``python -m tests.benchmarks.hostile_responses``, which measures all of them.
"""

from __future__ import annotations

import pytest

from tests.benchmarks.hostile_responses import MEGABYTES, TIMEOUT, measured
from tests.support.cells import cell

SAMPLE = {
    "a bomb in a bomb": "not_done",
    "long rows of wide characters": "done",
    "the token in each scope": "done",
    "pages of empty rows": "done",
}


@pytest.mark.skipif("sys.platform != 'linux'", reason="the peak of memory is read from /proc")
def test_a_hostile_response_costs_little_memory_and_time() -> None:
    """It takes a process for each, because a peak of memory cannot be measured twice in one."""
    for name, outcome in SAMPLE.items():
        with cell(name):
            cost = measured(name)
            assert cost["outcome"] == outcome
            assert cost["megabytes"] <= MEGABYTES
            assert cost["processor"] <= 1.2 * TIMEOUT  # time on the wall is that of other processes too
