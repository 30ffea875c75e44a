"""What fencing is for: a worker that lost its lease and continues."""

from __future__ import annotations

import pytest

from tests.properties.lost_leases import SECOND, sweep_lost_leases
from tests.properties.sweep import SCENARIOS


@pytest.mark.parametrize("name", ["create or adopt", "dual slot, by itself", "dual slot, token alone", "in place"])
def test_a_lease_that_is_lost_at_any_step_leaves_no_dead_token_in_a_store_because_writes_are_fenced(name: str) -> None:
    fenced = sweep_lost_leases(SCENARIOS[name], SECOND["rotate"], fenced=True)
    assert fenced.orders > 200
    assert (fenced.dead, fenced.orphans) == ([], [])
    assert sweep_lost_leases(SCENARIOS[name], SECOND["rotate"], fenced=False).dead != []
