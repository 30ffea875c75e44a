"""Whether and when to retry: the action's effect and the response decide, within the timeout.

Pure: time and chance are arguments.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from locoia_pat.http.exchange_types import Response, ResponseOrError, TransportError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locoia_pat.spec.model import Effect, Method

MAX_ATTEMPTS = 3
DEFAULT_TIMEOUT = 60.0
"""Seconds for one action, all its attempts included."""
_FIRST_WAIT = 0.2
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

    """
    idempotent = effect == "read" or method in _IDEMPOTENT
    if attempts >= MAX_ATTEMPTS or not _is_retryable(response, idempotent=idempotent):
        return None
    requested = retry_after(response.headers, now) if isinstance(response, Response) else None
    seconds = requested if requested is not None else _FIRST_WAIT * 2 ** (attempts - 1) * (1 + jitter)
    return seconds if elapsed + seconds < timeout else None


def describe_policy(effect: Effect, method: Method) -> str:
    """Say in words when an action is retried."""
    if effect == "read" or method in _IDEMPOTENT:
        return f"up to {MAX_ATTEMPTS} attempts: after a lost response, 408, 429 and 5xx"
    return f"sent once; up to {MAX_ATTEMPTS} attempts only if the request provably never left, or after 429"


def _is_retryable(response: ResponseOrError, *, idempotent: bool) -> bool:
    match response:
        case TransportError(sent=sent):
            return idempotent or not sent
        case Response(status=429):
            return True
        case _:
            return idempotent and (response.status == 408 or response.status >= 500)


def retry_after(headers: Mapping[str, str], now: dt.datetime) -> float | None:
    """Return the seconds that ``Retry-After`` asks for, as a number or as a date (RFC 9110, 10.2.3), or None."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    date = parse_http_date(text)
    return max(0.0, (date - server_time(headers, now)).total_seconds()) if date else None


def server_time(headers: Mapping[str, str], now: dt.datetime) -> dt.datetime:
    """Return the server's ``Date``, or *now* if it sent none."""
    return parse_http_date(headers.get("date", "")) or now


def parse_http_date(text: str) -> dt.datetime | None:
    """Return *text* as a time if it is a date as HTTP and mail write it, or None."""
    from email.utils import parsedate_to_datetime  # noqa: PLC0415  # httpx has loaded it before there is a response

    try:
        date = parsedate_to_datetime(text)
        return date.replace(tzinfo=dt.UTC) if date.tzinfo is None else date.astimezone(dt.UTC)
    except (ValueError, OverflowError):  # not a date, or one beyond the calendar
        return None
