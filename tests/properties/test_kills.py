"""A sample of the kills at random moments; the command in kills.py runs as many as you like."""

from __future__ import annotations

import pytest

from tests.properties.kills import KINDS, sweep

SEED = 20261128


@pytest.mark.timeout(300)
def test_a_killed_command_with_several_stores_loses_nothing_and_leaves_nothing() -> None:
    harm = sweep(len(KINDS), SEED)
    assert harm.all() == [], f"seed {SEED}"
    assert harm.kills
