"""When to try again: the effect and the answer decide, the timeout rules."""

from __future__ import annotations

import datetime as dt
import time as clock
from email.utils import format_datetime
from itertools import product
from typing import TYPE_CHECKING, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locoia_pat.http.exchange_types import Response, ResponseOrError, TransportError
from locoia_pat.http.retry import (
    DEFAULT_TIMEOUT,
    MAX_ATTEMPTS,
    parse_http_date,
    retry_after,
    seconds_until_retry,
    server_time,
)
from locoia_pat.secrets.secret import Secret
from locoia_pat.spec.model import Effect, Method
from tests.support.cells import cell

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
EFFECTS: list[Effect] = list(get_args(Effect))
METHODS: list[Method] = list(get_args(Method))
LOST = TransportError("the answer was cut", sent=True)
UNSENT = TransportError("no connection", sent=False)


def _reply(status: int, headers: Mapping[str, str] | None = None, text: str = "") -> Response:
    return Response(status, headers or {}, Secret(text))


def _wait(
    effect: Effect,
    method: Method,
    answer: ResponseOrError,
    *,
    attempts: int = 1,
    elapsed: float = 0.0,
    timeout: float = DEFAULT_TIMEOUT,
    jitter: float = 0.0,
) -> float | None:
    return seconds_until_retry(
        effect, method, answer, attempts=attempts, elapsed=elapsed, timeout=timeout, now=NOW, jitter=jitter
    )


times = st.datetimes(  # hypothesis draws naive times and adds the zone
    dt.datetime(1990, 1, 1),  # noqa: DTZ001  # as above
    dt.datetime(2090, 1, 1),  # noqa: DTZ001  # as above
    timezones=st.integers(-14, 14).map(lambda hours: dt.timezone(dt.timedelta(hours=hours))),
).map(lambda time: time.replace(microsecond=0))
headers = st.fixed_dictionaries(
    {},
    optional={
        "retry-after": st.integers(0, 10**12).map(str)
        | st.sampled_from(["-1", "soon", "", "1.5", "1e3", "Wed, 31 Dec 2025 23:00:00 GMT"])
        | times.map(format_datetime),
        "date": times.map(format_datetime),
    },
)
any_answer = st.builds(_reply, st.integers(100, 599), headers) | st.builds(
    TransportError, st.just("lost"), sent=st.booleans()
)


def test_what_may_have_happened_repeats_only_where_that_is_harmless() -> None:
    for effect, method in product(EFFECTS, METHODS):
        with cell(method, effect):
            harmless = effect == "read" or method in {"PUT", "DELETE"}
            answers: list[ResponseOrError] = [LOST, *map(_reply, (408, 500, 502, 503, 504, 599))]
            for answer in answers:
                assert (_wait(effect, method, answer) is not None) == harmless, answer


def test_what_provably_did_not_happen_repeats() -> None:
    for effect, method in product(EFFECTS, METHODS):
        with cell(method, effect):
            assert _wait(effect, method, UNSENT) is not None
            assert _wait(effect, method, _reply(429)) is not None


def test_an_answer_that_would_come_again_does_not_repeat() -> None:
    for status, effect, method in product(
        [200, 201, 204, 301, 304, 400, 401, 403, 404, 407, 409, 422, 428, 430, 499], EFFECTS, METHODS
    ):
        with cell(method, effect, status):
            assert _wait(effect, method, _reply(status)) is None


LIMITS: tuple[tuple[dict[str, str], str, float | None], ...] = (
    ({"retry-after": "7"}, "", 7),
    ({"retry-after": "Thu, 01 Jan 2026 00:00:09 GMT"}, "", 9),
    ({"x-ratelimit-remaining": "0"}, "", None),
    ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW.timestamp()) + 5)}, "", 5),
    ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW.timestamp() + 5) * 1000)}, "", 5),
    ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW.timestamp()) - 5)}, "", 0),
    ({"x-ratelimit-remaining": " 0 ", "x-ratelimit-reset": "11"}, "", 11),
    ({"x-rate-limit-remaining": "0", "x-rate-limit-reset": "12"}, "", 12),
    ({"ratelimit-remaining": "0", "ratelimit-reset": "13"}, "", 13),
    ({"ratelimit": "limit=100, remaining=0, reset=14"}, "", 14),
    ({"ratelimit": '"default";r=0;t=15'}, "", 15),
    ({}, '{"message": "You have exceeded a secondary rate limit. Please wait."}', None),
    ({}, '{"error": "API rate limit exceeded for user ID 1."}', None),
    ({}, '{"message": "Too Many Requests"}', None),
    ({}, '{"code": "TOO_MANY_REQUESTS"}', None),
    ({}, '{"errors": [{"reason": "rateLimitExceeded"}]}', None),
    ({}, '{"errors": [{"reason": "userRateLimitExceeded"}]}', None),
    ({}, "<h1>Request was throttled.</h1>", None),
    ({}, '{"__type": "ThrottlingException"}', None),
    ({}, '{"message": "You have triggered an abuse detection mechanism."}', None),
    (
        {},
        '{"error": {"errors": [{"reason": "quotaExceeded"}], "message": "The request quota has been exceeded."}}',
        None,
    ),
)
NO_LIMITS: tuple[tuple[dict[str, str], str], ...] = (
    ({}, ""),
    ({}, '{"message": "Resource not accessible by personal access token"}'),
    ({}, '{"message": "You may not change the rate limit of this project."}'),
    ({}, '{"message": "You have exceeded your permissions"}'),
    ({}, '{"message": "The seat limit is reached"}'),
    ({}, '{"scope": "rate_limits:read is required"}'),
    ({"retry-after": "soon"}, ""),
    ({"retry-after": ""}, ""),
    ({"x-ratelimit-remaining": "4999", "x-ratelimit-reset": "1"}, '{"message": "Forbidden"}'),
    ({"x-ratelimit-remaining": "none"}, ""),
    ({"ratelimit": '"default";r=10;t=15'}, ""),
)


def test_a_limit_that_is_sent_as_403_is_waited_for_as_a_429_is() -> None:
    for effect, method in product(EFFECTS, METHODS):
        for given_headers, text, seconds in LIMITS:
            waited = _wait(effect, method, _reply(403, given_headers, text))
            assert waited is not None, (given_headers, text)
            assert seconds is None or waited == seconds, (given_headers, text)
            assert seconds is None or _wait(effect, method, _reply(429, given_headers)) == seconds
        for given_headers, text in NO_LIMITS:
            assert _wait(effect, method, _reply(403, given_headers, text)) is None, (given_headers, text)
            assert _wait(effect, method, _reply(400, given_headers, text)) is None


def test_there_are_three_tries() -> None:
    assert [_wait("read", "GET", UNSENT, attempts=attempts) is None for attempts in (1, 2, 3, 4)] == [
        False,
        False,
        True,
        True,
    ]
    assert MAX_ATTEMPTS == 3


def test_waits_double_and_chance_adds_up_to_as_much_again() -> None:
    first, second = (_wait("read", "GET", LOST, attempts=attempts) for attempts in (1, 2))
    assert first == pytest.approx(0.2)
    assert second == pytest.approx(0.4)
    assert _wait("read", "GET", LOST, jitter=1.0) == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("asked", "waited"), [("0", 0.0), ("7", 7.0), ("59", 59.0), ("60", None), ("3600", None), ("9" * 400, None)]
)
def test_a_server_is_waited_for_as_long_as_it_asks_or_not_at_all(asked: str, waited: float | None) -> None:
    assert _wait("create", "POST", _reply(429, {"retry-after": asked}), jitter=1.0) == waited
    assert _wait("read", "GET", _reply(503, {"retry-after": asked}), jitter=1.0) == waited


def test_the_time_spent_counts_against_the_deadline() -> None:
    answer = _reply(429, {"retry-after": "10"})
    assert _wait("create", "POST", answer, elapsed=49.0) == 10.0
    assert _wait("create", "POST", answer, elapsed=50.0) is None


@given(
    effect=st.sampled_from(EFFECTS),
    method=st.sampled_from(METHODS),
    answer=any_answer,
    attempts=st.integers(1, 5),
    elapsed=st.floats(0, 120),
    timeout=st.floats(0, 100),
    jitter=st.floats(0, 1),
)
def test_no_wait_passes_the_deadline(
    *,
    effect: Effect,
    method: Method,
    answer: ResponseOrError,
    attempts: int,
    elapsed: float,
    timeout: float,
    jitter: float,
) -> None:
    seconds = _wait(effect, method, answer, attempts=attempts, elapsed=elapsed, timeout=timeout, jitter=jitter)
    if seconds is not None:
        assert seconds >= 0
        assert elapsed + seconds < timeout
        assert attempts < MAX_ATTEMPTS


@given(
    effect=st.sampled_from([effect for effect in EFFECTS if effect != "read"]),
    method=st.sampled_from(["POST", "PATCH"]),
    answer=any_answer,
    attempts=st.integers(1, 5),
)
def test_a_post_that_may_have_arrived_is_never_repeated(
    effect: Effect, method: Method, answer: ResponseOrError, attempts: int
) -> None:
    if _wait(effect, method, answer, attempts=attempts) is not None:
        match answer:
            case TransportError(sent=sent):
                assert not sent
            case Response(status=status):
                assert status == 429


def test_retry_after_is_a_number_or_a_date_by_the_clock_of_the_server() -> None:
    for found, seconds in [
        ({}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "1.5"}, None),
        ({"retry-after": "²"}, None),
        ({"retry-after": "٣"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": " 120 "}, 120.0),
        ({"retry-after": "007"}, 7.0),
        ({"retry-after": "9" * 400}, 999999999.0),
        ({"retry-after": "Thu, 01 Jan 2026 00:00:30 GMT"}, 30.0),
        ({"retry-after": "Thu, 01 Jan 2026 01:00:30 +0100"}, 30.0),
        ({"retry-after": "Wed, 31 Dec 2025 23:59:00 GMT"}, 0.0),
        ({"retry-after": "Thu, 32 Jan 2026 00:00:30 GMT"}, None),
        ({"retry-after": "Thu, 01 Jan 2026 00:00:30 GMT", "date": "Thu, 01 Jan 2026 00:00:10 GMT"}, 20.0),
        ({"retry-after": "Thu, 01 Jan 2026 00:00:30 GMT", "date": "nonsense"}, 30.0),
    ]:
        with cell(found, seconds):
            assert retry_after(found, NOW) == seconds


def test_the_time_is_the_servers_else_ours() -> None:
    assert server_time({"date": "Thu, 01 Jan 2026 12:00:00 GMT"}, NOW) == dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
    assert server_time({"date": "yesterday"}, NOW) == NOW
    assert server_time({}, NOW) == NOW


def test_a_date_of_http_is_a_time_in_utc() -> None:
    for text, time in [
        ("Wed, 21 Oct 2015 07:28:00 GMT", dt.datetime(2015, 10, 21, 7, 28, tzinfo=dt.UTC)),
        ("Wed, 21 Oct 2015 09:28:00 +0200", dt.datetime(2015, 10, 21, 7, 28, tzinfo=dt.UTC)),
        ("Wed, 21 Oct 2015 07:28:00 -0000", dt.datetime(2015, 10, 21, 7, 28, tzinfo=dt.UTC)),
        ("21 Oct 2015 07:28:00", dt.datetime(2015, 10, 21, 7, 28, tzinfo=dt.UTC)),
        ("", None),
        ("2015-10-21T07:28:00Z", None),
        ("Wed, 21 Oct 2015", None),
        ("Wed, 99 Oct 2015 07:28:00 GMT", None),
        ("Wed, 21 Oct 99999 07:28:00 GMT", None),
        ("Wed, 21 Oct 2015 25:28:00 GMT", None),
        ("Wed, 21 Oct 2015 07:28:00 +9999", None),
        ("\x00", None),
        ("\ud800", None),
        ("()", None),
    ]:
        with cell(text, time):
            found = parse_http_date(text)
            assert found == time
            assert found is None or found.utcoffset() == dt.timedelta(0)


@pytest.fixture
def in_tokyo() -> Iterator[None]:
    """This computer stands in another zone than UTC."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TZ", "Asia/Tokyo")
        clock.tzset()
        yield
    clock.tzset()


@pytest.mark.usefixtures("in_tokyo")
@pytest.mark.parametrize("zone", ["", " GMT", " -0000", " +0000"])
def test_a_date_without_a_zone_is_utc_wherever_this_computer_stands(zone: str) -> None:
    assert parse_http_date(f"Wed, 21 Oct 2015 07:28:00{zone}") == dt.datetime(2015, 10, 21, 7, 28, tzinfo=dt.UTC)


@given(times)
def test_every_date_of_http_is_read_back(time: dt.datetime) -> None:
    assert parse_http_date(format_datetime(time)) == time
