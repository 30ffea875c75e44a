"""Whether and when to retry: the action's effect and the response decide, within the timeout.

Pure: time and chance are arguments.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING

from locoia_pat.http.exchange_types import Response, ResponseOrError, TransportError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locoia_pat.spec.model import ActionSpec, Effect, Method

MAX_ATTEMPTS = 3
DEFAULT_TIMEOUT = 60.0
"""Seconds for one action, all its attempts included."""
_FIRST_WAIT = 0.2
_SEARCHED = 4_000
"""Characters of a response that are searched for the words of a limit."""
_LIMIT_WORDS = re.compile(
    r"(?i)(rate|request|quota|api)[ _-]*limit[\w \"':,_-]{0,40}(exceeded|reached|hit\b)"
    r"|(exceed|reach|hit)(ed)?\b[^.\n]{0,60}(rate[ _-]*limit|quota)|rate[ _-]?limited|too[ _-]?many[ _-]?requests"
    r"|requests?[ _-]*(was|were|is|are|has been)?[ _-]*throttled|throttling(error|exception)?\b|abuse detection"
)
_EPOCH = 10**9
"""A reset from here on is a time in seconds, or in milliseconds, and not a number of seconds to wait."""
_FIRST_YEAR = 2020
"""This package is younger: a server's clock that shows an earlier year was never set."""
_IDEMPOTENT: tuple[Method, ...] = ("PUT", "DELETE")
"""By the meaning of HTTP (RFC 9110, 9.2.2)."""


def seconds_until_retry(
    effect: Effect,
    method: Method,
    response: ResponseOrError,
    *,
    attempts: int,
    elapsed: float,
    timeout: float,
    now: dt.datetime,
    jitter: float,
    repeatable: bool | None = None,
) -> float | None:
    """Return the seconds to wait before the next attempt, or None if there is to be none.

    Args:
        effect: what the action does.
        method: how it is sent; PUT and DELETE are safe to retry.
        response: the result of the last attempt.
        attempts: attempts begun so far.
        elapsed: seconds since the first attempt began.
        timeout: seconds for all attempts; a wait that would pass it ends the action now.
        now: the current time, used where the server sent no ``Date``.
        jitter: a random number from 0 to 1, so that many callers do not return at once.
        repeatable: whether the request may be sent twice, if the spec says so; else effect and method decide.

    """
    idempotent = repeatable if repeatable is not None else effect == "read" or method in _IDEMPOTENT
    if attempts >= MAX_ATTEMPTS or not _is_retryable(response, idempotent=idempotent):
        return None
    requested = requested_wait(response.headers, now) if isinstance(response, Response) else None
    seconds = requested if requested is not None else _FIRST_WAIT * 2 ** (attempts - 1) * (1 + jitter)
    return seconds if elapsed + seconds < timeout else None


def spec_repeatable(spec: ActionSpec) -> bool | None:
    """Return whether the request of *spec* may be sent twice, or None if effect and method decide."""
    return True if spec.request.idempotency_key else spec.repeatable


def describe_policy(spec: ActionSpec) -> str:
    """Say in words when the request of *spec* is retried, and whether its end is polled."""
    repeatable = spec_repeatable(spec)
    polls = f"; if it is only accepted, up to {spec.poll.max_polls} polls" if spec.poll else ""
    if repeatable if repeatable is not None else spec.effect == "read" or spec.request.method in _IDEMPOTENT:
        return f"up to {MAX_ATTEMPTS} attempts: after a lost response, 408, 429 and 5xx{polls}"
    return f"sent once; up to {MAX_ATTEMPTS} attempts only if the request provably never left, or after 429{polls}"


def _is_retryable(response: ResponseOrError, *, idempotent: bool) -> bool:
    match response:
        case TransportError(sent=sent):
            return idempotent or not sent
        case Response() if is_rate_limited(response):
            return True
        case _:
            return idempotent and (response.status == 408 or response.status >= 500)


def is_rate_limited(response: Response) -> bool:
    """Return whether the API refused only because there were too many requests: 429, or 403 with the signs of a limit.

    GitHub and others answer 403 (https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api), with a
    ``Retry-After``, with no requests remaining, or only with words.
    """
    if response.status != 403:
        return response.status == 429
    headers = response.headers
    return (
        retry_after(headers, dt.datetime.fromtimestamp(0, dt.UTC)) is not None
        or _remaining(headers) == 0
        or _LIMIT_WORDS.search(response.text.reveal()[:_SEARCHED]) is not None
    )


def requested_wait(headers: Mapping[str, str], now: dt.datetime) -> float | None:
    """Return the seconds that a response asks to wait, or None: ``Retry-After``, else when a used-up limit is reset."""
    seconds = retry_after(headers, now)
    if seconds is not None or _remaining(headers) != 0:
        return seconds
    reset = _limit_field(headers, "reset", "t")
    if reset is None or reset < _EPOCH:
        return reset
    reset = reset / 1000 if reset > 1000 * _EPOCH else reset
    return max(0.0, reset - server_time(headers, now).timestamp())


def _remaining(headers: Mapping[str, str]) -> float | None:
    return _limit_field(headers, "remaining", "r")


def _limit_field(headers: Mapping[str, str], name: str, letter: str) -> float | None:
    """Return a number of the rate limit: of its own header, or of ``RateLimit`` in either form of the IETF draft."""
    # https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/
    texts = [headers.get(f"{prefix}-{name}", "").strip() for prefix in ("x-ratelimit", "x-rate-limit", "ratelimit")]
    match = re.search(rf"(?i)\b(?:{name}|{letter})=([0-9]+)", headers.get("ratelimit", "")[:1000])
    texts.append(match[1] if match else "")
    return next((float(text[:15]) for text in texts if text.isascii() and text.isdigit()), None)


def retry_after(headers: Mapping[str, str], now: dt.datetime) -> float | None:
    """Return the seconds that ``Retry-After`` asks for, as a number or as a date (RFC 9110, 10.2.3), or None."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    date = parse_http_date(text)
    return max(0.0, (date - server_time(headers, now)).total_seconds()) if date else None


def server_time(headers: Mapping[str, str], now: dt.datetime) -> dt.datetime:
    """Return the server's ``Date``, or *now* if it sent none, or one of a clock that was never set."""
    date = parse_http_date(headers.get("date", ""))
    return now if date is None or date.year < _FIRST_YEAR else date


def parse_http_date(text: str) -> dt.datetime | None:
    """Return *text* as a time if it is a date as HTTP and mail write it, or None."""
    from email.utils import parsedate_to_datetime  # noqa: PLC0415  # httpx has loaded it before there is a response

    try:
        date = parsedate_to_datetime(text)
        return date.replace(tzinfo=dt.UTC) if date.tzinfo is None else date.astimezone(dt.UTC)
    except (ValueError, OverflowError):  # not a date, or one beyond the calendar
        return None
