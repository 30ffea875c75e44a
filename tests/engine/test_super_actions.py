"""Super actions are found by their names, from wherever the connector is imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from locoia_pat.actions.sandbox.sandbox_store import SandboxStore
from locoia_pat.actions.sandbox.server import first_token, running

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = """
import json, sys
from locoia_pat.connector import Connector

with Connector() as connector:
    result = connector.run(
        "ensure_pat",
        {"name": "ci", "expiration": 30, "scopes": ["automation:view"], "note": "CI"},
        token_to=["file:" + sys.argv[1]],
    )
print(json.dumps(result.to_dict()))
"""


def test_a_connector_imported_from_its_own_module_runs_super_actions(tmp_path: Path) -> None:
    store = SandboxStore()
    token = first_token(store)
    assert token is not None
    with running(store=store) as (url, _):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(tmp_path / "ci.json")],
            env={
                **os.environ,
                "LOCOIA_TOKEN": token.reveal(),
                "LOCOIA_BASE_URL": url,
                "XDG_STATE_HOME": str(tmp_path / "state"),
            },
            capture_output=True,
            text=True,
            check=True,
        )
    store.close()
    result = json.loads(done.stdout)
    assert (result["outcome"], result["action"], result["token_ref"]) == (
        "done",
        "ensure_pat",
        f"file:{tmp_path}/ci.json#current",
    )
