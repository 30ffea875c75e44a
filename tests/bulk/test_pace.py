"""What an API allows is shared by all that runs at a time."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from locoia_pat.bulk.rate_limit import RateLimiter
from locoia_pat.http.exchange_types import Response
from locoia_pat.secrets.secret import Secret
from tests.support.bulk_shop import all_done, calling, outcomes
from tests.support.loopback import answer, serving
from tests.support.waiting import eventually

if TYPE_CHECKING:
    import socket

LIMITED = {"message": "too many requests"}


@dataclass
class Limited:
    """Answers some requests with 429, and notes when each came."""

    refused: set[int]
    headers: dict[str, str] | None = None
    status: int = 429
    slow: int = 0
    """How many requests after a refused one are answered late, so that the refusal is read before them."""
    at: list[float] = field(default_factory=list[float])
    most: int = 0
    _now: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, connection: socket.socket) -> bool:
        with self._lock:
            number = len(self.at)
            self.at.append(time.monotonic())
            self._now += 1
            self.most = max(self.most, self._now)
        is_late = any(0 < number - refused <= self.slow for refused in self.refused)
        time.sleep(0.5 if is_late else 0.005)
        with self._lock:
            self._now -= 1
        if number in self.refused:
            return bool(answer(self.status, LIMITED, self.headers)(connection))
        return bool(answer(200, [])(connection))


def test_one_429_keeps_all_back_until_the_time_that_was_asked_for() -> None:
    script = Limited({10}, {"Retry-After": "1"}, slow=3)
    with serving(script) as server, calling(server.url) as connector:
        assert outcomes(connector.run_many("list_pats", [{}] * 40, concurrency=4)) == all_done(40)
    gaps = [later - before for before, later in zip(script.at, script.at[1:], strict=False)]
    longest = max(range(len(gaps)), key=gaps.__getitem__)
    assert gaps[longest] > 0.9
    assert 10 <= longest <= 14  # but for those that were under way
    assert script.most <= 4


def test_a_limit_that_is_sent_as_403_keeps_all_back_as_well() -> None:
    for headers in ({"Retry-After": "1"}, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"}, None):
        script = Limited({4}, headers, status=403)
        with serving(script) as server, calling(server.url) as connector:
            assert outcomes(connector.run_many("list_pats", [{}] * 12, concurrency=2)) == all_done(12), headers
        gap = max(later - before for before, later in zip(script.at, script.at[1:], strict=False))
        assert gap > (0.9 if headers else 0.4), headers


def test_an_item_that_was_told_to_come_later_again_and_again_is_done_in_the_end() -> None:
    script = Limited(set(range(7)), {"Retry-After": "0"})
    with serving(script) as server, calling(server.url) as connector:
        (done,) = connector.run_many("list_pats", [{}])
    assert done.result.outcome == "done"
    assert done.result.attempts == 8


def test_a_429_that_says_no_time_keeps_all_back_as_well() -> None:
    script = Limited({3, 4})
    with serving(script) as server, calling(server.url) as connector:
        assert outcomes(connector.run_many("list_pats", [{}] * 12, concurrency=2)) == all_done(12)
    assert max(later - before for before, later in zip(script.at, script.at[1:], strict=False)) > 0.4


def test_a_503_that_asks_for_time_has_it_and_another_does_not() -> None:
    took: list[float] = []
    for headers in ({"Retry-After": "4"}, None):
        script = Limited({2}, headers, status=503)
        with serving(script) as server, calling(server.url) as connector:
            began = time.monotonic()
            assert outcomes(connector.run_many("list_pats", [{}] * 8, concurrency=2)) == all_done(8)
            took.append(time.monotonic() - began)
    asked, not_asked = took
    assert asked >= 3.9
    assert not_asked < 3.9


def test_a_wait_beyond_all_patience_stops_the_run() -> None:
    script = Limited(set(range(1, 1000)), {"Retry-After": "86400"})
    with serving(script) as server, calling(server.url) as connector:
        bulk = connector.run_many("list_pats", [{}] * 20, concurrency=2)
        told = outcomes(bulk)
    assert list(told.values()).count("not_done") >= 17
    assert len(told) == 20
    assert bulk.stopped == "the API asks to wait 86400 s"
    assert len(script.at) <= 5


def test_who_waits_is_told_and_does_not_wait_any_more_once_it_is_stopped() -> None:
    script = Limited(set(range(1, 1000)), {"Retry-After": "30"})
    with serving(script) as server, calling(server.url) as connector:
        bulk = connector.run_many("list_pats", [{}] * 20, concurrency=2)
        assert bulk.pause_left == 0
        assert next(bulk).result.outcome == "done"
        began = time.monotonic()
        eventually(lambda: bulk.pause_left, within=20)
        bulk.stop("enough")
        rest = list(bulk)
        assert time.monotonic() - began < 25  # the API asked for 30 s
    assert {one.result.outcome.value for one in rest} <= {"not_done", "done"}
    assert bulk.stopped == "enough"
    assert len(rest) < 19


def test_a_pause_that_a_response_asked_for_is_not_replaced_by_a_shorter_one() -> None:
    limiter = RateLimiter(1)
    limiter.pause(10)
    assert 20 < limiter.pause_left <= 30  # it grows with each result of the item, up to that
    limiter = RateLimiter(1)
    limiter.acquire()
    limiter.release(Response(429, {"retry-after": "60"}, Secret("")))
    left = limiter.pause_left
    limiter.pause(0)
    assert 50 < limiter.pause_left <= left
