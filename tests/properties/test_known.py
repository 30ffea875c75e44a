"""The model once more, for servers of which something was measured: what is known of them makes no harm."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from locoia_pat.actions.lifecycle.capabilities import Capabilities
from tests.properties.sweep import PROTOCOLS, sweep

SERVERS: dict[str, dict[str, Any]] = {
    "ids change": {"renames": True},
    "ids change, as is known": {"renames": True, "known": Capabilities(keeps_id=False)},
    "ids change, and are not told": {"renames": True, "tells_id": False, "known": Capabilities(keeps_id=False)},
    "the dead are answered 403": {
        "dead": "forbidden",
        "known": Capabilities(dead_status=403, may_list={"embed": True}),
    },
    "narrow tokens may not regenerate": {"known": Capabilities(may_regenerate={"embed": False})},
    "expired rows are gone": {"known": Capabilities(expired_renewable=False)},
    "notes are kept, lists are late": {"known": Capabilities(markers=True, list_whole=True, list_lag=1)},
}
NAMES = ["create or adopt", "dual slot, by itself", "dual slot, by itself, first", "dual slot, by a rotator"]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("server", SERVERS)
def test_one_reconcile_repairs_what_two_faults_left(server: str, name: str) -> None:
    before = PROTOCOLS[name]
    found = sweep(replace(before, begin=lambda: replace(before.begin(), **SERVERS[server])), 2, every=3)
    assert found.plans > 200
    assert (found.dead_after, found.lingering) == ([], [])
    if SERVERS[server].get("tells_id", True):
        assert found.orphans == []  # else a row that was made useless has an id that nobody was told
