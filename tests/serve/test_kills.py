"""SIGKILL at random moments during calls with idempotency keys: after the retry there is one live row for each key.

The suite kills a few times.  This kills a hundred times, and a seed that failed is run again the same way:

    KILLS=100 KILL_SEED=1 python -m pytest tests/serve/test_kills.py
"""

from __future__ import annotations

import datetime as dt
import json
import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat import Secret
from locoia_pat.actions.sandbox.faults import Fault
from locoia_pat.state.journal import State
from tests.support.served_process import ServedProcess, new_key, start

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.lifecycle_sandbox import ManagedSandbox

KILLS = int(os.environ.get("KILLS", "5"))
SEED = int(os.environ.get("KILL_SEED", "1"))
CALLS = 4
"""At a time, for each kill."""
CREATE = {"expiration": 30, "scopes": ["embed"]}


def batch(number: int, folder: Path) -> list[tuple[str, dict[str, Any], str]]:
    """The calls before one kill, each with its key; the rotation is of the name that the first batch creates."""
    creates = [
        ("create_pat", {**CREATE, "note": f"row {key}.", "token_to": f"{kind}:{folder / key}"}, key)
        for kind, key in (("file", f"c{number}a"), ("text", f"c{number}b"))
    ]
    name = {"name": "kept", "token_to": f"file:{folder / 'kept'}"}
    kept = ("ensure_pat", {**CREATE, **name, "note": "kept", "overlap": 0}, f"e{number}")
    if number > 0:
        kept = ("rotate_pat", {**name, "expiration": 30, "overlap": 0}, f"r{number}")
    own = {**CREATE, "name": f"own{number}", "note": "own", "token_to": f"file:{folder / f'own{number}'}"}
    return [*creates, kept, ("ensure_pat", own, f"o{number}")]


def call_until_done(server: ServedProcess, call: tuple[str, dict[str, Any], str], key: str) -> None:
    """Retry as a platform does, where the status allows it."""
    action, fields, idempotency_key = call
    for _ in range(50):
        answer = server.call(action, fields, key=key, idempotency_key=idempotency_key)
        assert answer is not None
        if answer.status_code == 200:
            return
        assert "retry-after" in answer.headers, f"{call}: {answer.status_code} {answer.text}"
        time.sleep(0.1)
    raise AssertionError(call)


@pytest.mark.timeout(1200)
def test_a_killed_server_finds_its_rows_again(sandbox: ManagedSandbox, tmp_path: Path) -> None:
    print(f"seed {SEED}")  # noqa: T201  # pytest shows it where the test fails
    chance = random.Random(SEED)  # noqa: S311  # to be run again, not to be secret
    folder = tmp_path / "tokens"
    folder.mkdir()
    variables = {
        "LOCOIA_PAT_STATE": str(tmp_path / "state"),
        "LOCOIA_BASE_URL": sandbox.url,
        "LOCOIA_TOKEN": sandbox.rotator.reveal(),
    }
    places = ["--places", f"file:{folder}/*", "--places", f"text:{folder}/*"]
    key = new_key("all", "--allow", "*", "--names", "*", *places, **variables)
    server = start(tmp_path / "log", **variables)
    with ThreadPoolExecutor(CALLS) as pool:
        for number in range(KILLS):
            calls = batch(number, folder)
            if chance.random() < 0.5:  # the row is created, and its response is late
                sandbox.faults.add(Fault("slow", method="POST", times=2, seconds=0.15))
            sent = [
                pool.submit(partial(server.call, action, fields, key=key, idempotency_key=idempotency_key))
                for action, fields, idempotency_key in calls
            ]
            time.sleep(chance.random() * 0.4)
            server.kill()
            for one in sent:
                one.result()
            sandbox.faults.clear()
            server = start(tmp_path / "log", **variables)
            list(pool.map(lambda call: call_until_done(server, call, key), calls))  # noqa: B023  # ends in this round
            for action, fields, idempotency_key in calls:  # and the answer does not change
                again = server.call(action, fields, key=key, idempotency_key=idempotency_key)
                assert again is not None
                assert again.headers.get("idempotency-replayed") == "true", again.text
    assert server.stop() == 0
    check(sandbox, tmp_path, folder)


def check(sandbox: ManagedSandbox, tmp_path: Path, folder: Path) -> None:
    """Hold one live row for each key, and each stored token works."""
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(days=2)  # a row whose token was revoked ends after a day
    live = [row for row in sandbox.store.owned_by("sandbox") if row.expiration is not None and row.expiration > soon]
    for number in range(KILLS):
        for letter in "ab":
            marked = [row for row in live if row.note.startswith(f"row c{number}{letter}. ")]
            assert len(marked) == 1, f"c{number}{letter}: {[row.note for row in marked]}"
        owned = [row for row in live if f"~lp1/own{number}/" in row.note]
        assert len(owned) == 1, f"own{number}"
    for file in folder.iterdir():
        text = file.read_text()
        token = json.loads(text)["current"]["token"] if text.startswith("{") else text.strip()
        assert sandbox.accepts(Secret(token)), file.name
    receipts = State(tmp_path / "state").receipts(sandbox.url, "kept")
    rotated = {receipt["fingerprint"] for receipt in receipts if receipt["change"] == "rotated"}
    assert len(rotated) == KILLS - 1, "each rotation with a key rotates once"
