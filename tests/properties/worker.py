"""One worker of :mod:`tests.properties.workers`, in a process of its own that loads no more than it needs.

It creates and rotates each name once:  python -m tests.properties.worker URL DATABASE FOLDER SEED
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
import sys
import time
from pathlib import Path
from typing import Any

from locoia_pat import Connector, ConnectorAuth, ConnectorError, Secret
from locoia_pat.actions.managed import run_ensure_pat, run_rotate_pat
from locoia_pat.state.journal import State

LEASE_SECONDS = 5.0


def work(url: str, database: str, folder: Path, seed: str) -> None:
    """Create and rotate each name once, in an order of its own; leave what another worker is working on for later."""
    rotators: list[str] = json.loads((folder / "rotators.json").read_text())
    names: list[str] = json.loads((folder / "names.json").read_text())
    chance = random.Random(seed)  # noqa: S311  # to be repeated, not to be secret
    chance.shuffle(names)
    connectors = [Connector(ConnectorAuth(Secret(token)), base_url=url, timeout=5) for token in rotators]
    state: State | None = None
    while names:
        name = names.pop(0)
        outcome = "unavailable"
        try:
            if state is None:
                state = State(database, lease_seconds=LEASE_SECONDS)
                finished = {each["name"] for each in state.history() if each["change"] == "rotated"}
                names = [each for each in names if each not in finished]
            outcome = _tend(connectors[_number(name) % len(connectors)], state, name, folder)
        except (OSError, ConnectorError):
            state = None  # the database is away
        print(outcome, flush=True)
        if outcome not in {"done", "finished"}:
            names.append(name)
            time.sleep(0.02)


def _tend(connector: Connector, state: State, name: str, folder: Path) -> str:
    """Create and rotate *name*, unless a worker has finished it, and return how it ended."""
    api = connector.base_url
    if any(receipt["change"] == "rotated" for receipt in state.receipts(api, name)):
        return "finished"
    options: dict[str, Any] = {
        "token_to": [f"file:{folder}/tokens/{name}.json"],
        "state": state,
        "settle": 0,
        "wait": 0,
    }
    wishes = {"name": name, "scopes": ["embed"], "expiration": 30, "note": "CI"}
    created = run_ensure_pat(connector, wishes, **options)
    if created.problem is not None:
        return created.problem.code
    once = base64.b32encode(hashlib.sha256(name.encode()).digest()[:10]).decode()
    wishes = {"name": name, "expiration": 30, "overlap": 0}
    rotated = run_rotate_pat(connector, wishes, operation_id=once, **options)
    return rotated.problem.code if rotated.problem is not None else "done"


def _number(name: str) -> int:
    return int(name.removeprefix("name-"))


if __name__ == "__main__":
    work(sys.argv[1], sys.argv[2], Path(sys.argv[3]), sys.argv[4])
