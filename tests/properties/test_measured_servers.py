"""The model against servers that were measured: acting on what is known of them does no harm."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from locoia_pat.actions.lifecycle.capabilities import Capabilities
from tests.properties.sweep import SCENARIOS, sweep

SERVERS: dict[str, dict[str, Any]] = {
    "ids change": {"renames": True},
    "ids change, which is known": {"renames": True, "capabilities": Capabilities(keeps_id=False)},
    "ids change, and are not in the response": {
        "renames": True,
        "responds_id": False,
        "capabilities": Capabilities(keeps_id=False),
    },
    "revoked tokens get a 403": {
        "revoked_code": "forbidden",
        "capabilities": Capabilities(dead_status=403, may_list={"embed": True}),
    },
    "narrow tokens may not regenerate": {"capabilities": Capabilities(may_regenerate={"embed": False})},
    "expired rows are gone": {"capabilities": Capabilities(expired_renewable=False)},
    "notes are kept, lists are late": {"capabilities": Capabilities(markers=True, list_whole=True, list_lag=1)},
}
NAMES = ["create or adopt", "dual slot, by itself", "dual slot, by itself, first", "dual slot, by a rotator"]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("server", SERVERS)
def test_one_reconcile_repairs_the_harm_of_two_faults(server: str, name: str) -> None:
    before = SCENARIOS[name]
    found = sweep(replace(before, begin=lambda: replace(before.begin(), **SERVERS[server])), 2, every=3)
    assert found.plans > 200
    assert (found.dead_after, found.lingering) == ([], [])
    if SERVERS[server].get("responds_id", True):
        assert found.orphans == []  # else a revoked row has an id that no response showed
