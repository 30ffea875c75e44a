#!/bin/sh
# aiolimiter's AsyncLimiter(20, 2) lets 39 calls through in the first 2 seconds, not 20.
#
# Versions: aiolimiter 1.3.0; limits 5.8.0 beside it.
# Behaviour: its documentation says "at most max_rate within a time_period". It is a leaky bucket that begins empty: max_rate calls
#   pass at once, and while the period runs the bucket leaks as many again. An API that counts by the window answers 429 to the
#   second half, at the start of every run and after each pause. The moving window of limits lets 20 through.
# Source: the program below, on a clock of its own.
# Seen:
#   calls in the first period: aiolimiter 39, limits 20
# For us: a credential's rate is a pace between requests, with no burst (docs/bulk.md).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet aiolimiter==1.3.0 limits==5.8.0
cat >"$folder/run.py" <<'PY'
import asyncio
import time
from unittest import mock

import aiolimiter
from limits import RateLimitItemPerSecond, storage, strategies


class Clock(asyncio.SelectorEventLoop):
    """An event loop whose time moves on at once when everything waits."""

    now = 0.0

    def time(self):
        return self.now

    def _run_once(self):
        if not self._ready and self._scheduled:
            self.now = max(self.now, self._scheduled[0].when()) + 1e-6
        super()._run_once()


async def by_aiolimiter():
    limiter = aiolimiter.AsyncLimiter(20, 2)
    times = []

    async def call():
        async with limiter:
            times.append(asyncio.get_running_loop().time())

    await asyncio.gather(*(call() for _ in range(100)))
    return sum(moment < 2 for moment in times)


def by_limits():
    start = time.time()
    passed = 0
    window = strategies.MovingWindowRateLimiter(storage.MemoryStorage())
    for step in range(200):  # a call each hundredth of a second
        with mock.patch("time.time", lambda: start + step / 100):
            passed += window.hit(RateLimitItemPerSecond(20, 2), "credential")
    return passed


loop = Clock()
first, second = loop.run_until_complete(by_aiolimiter()), by_limits()
print(f"calls in the first period: aiolimiter {first}, limits {second}")
assert (first, second) == (39, 20)
PY
"$folder/venv/bin/python" "$folder/run.py"
