"""What following secrets costs an action whose texts hold none.

Run it:  python -m tests.benchmarks.redaction

It times, in this process and alternately, the part of a run that redacts: the answer's data, its warnings and its
message, against a credential that was used before and a token that was minted just now.
"""

from __future__ import annotations

import secrets
import statistics
import time
from typing import TYPE_CHECKING

from locoia_pat.secrets.detect import find_secrets
from locoia_pat.secrets.secret import Secret, redact, redacted

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS, CALLS = 30, 2000

DATA = {
    "id": "5a1f3c1e-0000-4000-8000-000000000001",
    "expiration": "2099-12-23T16:36:49Z",
    "expires_in_days": 30,
    "note": "A token for the nightly report of the sales team",
    "last_used": None,
    "scopes": ["automation:view", "connectors:view"],
}
WARNING = "the API answered 200, where 201 is documented"
MESSAGE = "the API answered 422: scopes: unknown scope automation:all; note: at most 255 characters"


def cases() -> dict[str, Callable[[], object]]:
    """Each part of the work, ready to be called."""
    credential = Secret(secrets.token_urlsafe(32))
    redact("", [credential])
    minted = [secrets.token_urlsafe(32) for _ in range(CALLS)]
    turn = iter(minted * (ROUNDS * 4))

    def create() -> None:
        new = Secret(next(turn))
        redacted(DATA, [new])
        redacted(DATA, [credential])
        redact(WARNING, [credential, new])

    def refused() -> None:
        find_secrets(MESSAGE)
        redact(MESSAGE, [])
        redact(MESSAGE, [credential])

    return {
        "create_pat, done, with a warning": create,
        "list_pats, done, one row": lambda: redacted({"tokens": [DATA]}, [credential]),
        "any action, refused": refused,
    }


def main() -> None:
    """Print a table of medians, in microseconds for each action."""
    timed: dict[str, list[float]] = {}
    work = cases()
    for _ in range(ROUNDS):
        for name, call in work.items():
            began = time.perf_counter()
            for _ in range(CALLS):
                call()
            timed.setdefault(name, []).append((time.perf_counter() - began) / CALLS * 1e6)
    print(f"{'microseconds for each action':<36}{'median':>8}{'least':>8}")
    for name, times in timed.items():
        print(f"{name:<36}{statistics.median(times):>8.1f}{min(times):>8.1f}")


if __name__ == "__main__":
    main()
