"""The rate limit of one bulk run, shared by all its threads.

After a rate limit (429, or a 403 with its signs) no worker sends until the time the API asked for, and half as many
requests may be in flight. Each response without one raises that number again, up to the concurrency of the run.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from typing import TYPE_CHECKING

from locoia_pat.http.exchange_types import Response
from locoia_pat.http.retry import is_rate_limited, requested_wait, retry_after

if TYPE_CHECKING:
    from locoia_pat.http.exchange_types import ResponseOrError

MAX_RETRY_AFTER = 900.0
"""Seconds an API may ask to wait. If it asks for more, the run stops, to be resumed later."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
"""Seconds to wait after a 429 without ``Retry-After``: the first time, and at most."""
_RECHECK = 60.0
"""Seconds after which a waiting thread checks again if no other thread woke it."""


class RateLimiter:
    """Decides when each request of a bulk run may be sent."""

    def __init__(self, concurrency: int, rate: float | None = None) -> None:
        """Allow *concurrency* requests in flight, and at most *rate* new ones a second."""
        self._concurrency = concurrency
        self._limit = float(concurrency)
        self._interval = 1 / rate if rate else 0.0
        self._in_flight = 0
        self._changed = threading.Condition()
        self._stopped = threading.Event()
        self._paused_until = 0.0
        self._next_start = 0.0
        self._consecutive = 0
        self.excessive_retry_after: float | None = None
        """Seconds the API asked to wait, if that is more than :data:`MAX_RETRY_AFTER`."""

    def sleep(self, seconds: float) -> None:
        """Sleep that long, or until the run is stopped."""
        self._stopped.wait(seconds)

    def stop(self) -> None:
        """End all waiting."""
        with self._changed:
            self._stopped.set()
            self._changed.notify_all()

    @property
    def pause_left(self) -> float:
        """Seconds until anything is sent again, after a 429."""
        return max(0.0, self._paused_until - time.monotonic())

    def acquire(self) -> float | None:
        """Wait until a request may start; return the seconds waited, or None if the run was stopped."""
        started = time.monotonic()
        with self._changed:
            while (delay := self._delay()) > 0:
                if self._stopped.is_set():
                    return None
                self._changed.wait(delay)
            self._in_flight += 1
            if self._interval:
                self._next_start = max(time.monotonic(), self._next_start) + self._interval
        return time.monotonic() - started

    def _delay(self) -> float:
        if self._in_flight >= self._limit:
            return _RECHECK
        earliest = max(self._paused_until, self._next_start)
        return earliest - time.monotonic() if earliest else 0.0

    def release(self, response: ResponseOrError | None) -> None:
        """Count a request as finished; a rate limit pauses all threads."""
        with self._changed:
            self._in_flight -= 1
            limited, seconds = _pause_of(response)
            if limited:
                self._pause_all(seconds)
            else:
                self._consecutive = 0
                self._limit = min(float(self._concurrency), self._limit + 1 / self._limit)
            self._changed.notify_all()

    def pause(self, tries: int) -> None:
        """Pause all threads after a result that is a rate limit, unless its response has done so.

        Only the spec of an action knows that a response with another status than 429 is a rate limit. *tries* is how
        often that item had such a result before.
        """
        with self._changed:
            if self.pause_left == 0:
                self._pause_all(min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(tries, 10)))

    def _pause_all(self, seconds: float | None) -> None:
        """Pause all threads; responses to requests that were in flight already count as one."""
        if seconds is not None and seconds > MAX_RETRY_AFTER:
            self.excessive_retry_after = seconds
            return
        if self.pause_left == 0:
            self._limit = max(1.0, self._limit / 2)
            self._consecutive += 1
        pause = seconds if seconds is not None else min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (self._consecutive - 1))
        self._paused_until = max(self._paused_until, time.monotonic() + pause)


def _pause_of(response: ResponseOrError | None) -> tuple[bool, float | None]:
    """Return whether *response* asks all workers to pause, and for how many seconds if it says so."""
    if not isinstance(response, Response):
        return False, None
    if response.status == 503:
        seconds = retry_after(response.headers, dt.datetime.now(dt.UTC))
        return seconds is not None, seconds
    return is_rate_limited(response), requested_wait(response.headers, dt.datetime.now(dt.UTC))
