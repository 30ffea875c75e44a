"""A sample of the interruptions; all of them:  python -m tests.properties.interruptions 300 [SEED]."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest

from tests.properties.interruptions import ASYNC, COMMANDS, interrupt

if TYPE_CHECKING:
    from pathlib import Path

WAYS = len(COMMANDS) + 2 + len(ASYNC)


@pytest.mark.timeout(300)
def test_an_interrupted_run_stores_or_revokes_its_token_and_says_so(tmp_path: Path) -> None:
    """Each way once: it starts a dozen processes, so it takes some seconds."""
    seed = int(os.environ.get("INTERRUPT_SEED", str(random.randrange(10**6))))  # noqa: S311  # no secret
    print(f"INTERRUPT_SEED={seed}")  # pytest shows it where the test fails
    found = interrupt(WAYS, seed, tmp_path)
    assert found.harm == [], f"INTERRUPT_SEED={seed}: {found.counts}"
