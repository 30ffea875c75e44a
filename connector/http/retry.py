"""When to try again: the effect and the answer decide, the deadline rules.

Pure: time and chance come in as arguments.  The connector does the waiting.
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
"""Seconds over all tries."""
_FIRST_WAIT = 0.2
_REPEATABLE: tuple[Method, ...] = ("PUT", "DELETE")
"""By the meaning of HTTP (RFC 9110, 9.2.2)."""


def seconds_until_retry(
    effect: Effect,
    method: Method,
    answer: ResponseOrError,
    *,
    tries: int,
    spent: float,
    deadline: float,
    now: dt.datetime,
    jitter: float,
) -> float | None:
    """Seconds to wait before the next try; None to stop.

    Args:
        effect: what the action does.
        method: how it is sent; PUT and DELETE may repeat.
        answer: what the last try gave.
        tries: tries begun so far.
        spent: seconds since the first try began.
        deadline: seconds there are over all tries; a wait that would pass it ends the action now.
        now: this computer's time, used where the server gives none.
        jitter: a random number from 0 to 1, so that many callers do not return at once.

    """
    if tries >= MAX_ATTEMPTS or not _may_repeat(answer, repeatable=effect == "read" or method in _REPEATABLE):
        return None
    asked = retry_after(answer.headers, now) if isinstance(answer, Response) else None
    seconds = asked if asked is not None else _FIRST_WAIT * 2 ** (tries - 1) * (1 + jitter)
    return seconds if spent + seconds < deadline else None


def describe_policy(effect: Effect, method: Method) -> str:
    """In words, when an action is tried again."""
    if effect == "read" or method in _REPEATABLE:
        return f"up to {MAX_ATTEMPTS} tries: after a lost answer, 408, 429 and 5xx"
    return f"sent once; up to {MAX_ATTEMPTS} tries only where it provably never left, or after 429"


def _may_repeat(answer: ResponseOrError, *, repeatable: bool) -> bool:
    match answer:
        case TransportError(sent=sent):
            return repeatable or not sent
        case Response(status=429):
            return True
        case _:
            return repeatable and (answer.status == 408 or answer.status >= 500)


def retry_after(headers: Mapping[str, str], now: dt.datetime) -> float | None:
    """Seconds that ``Retry-After`` asks for, as a number or as a date (RFC 9110, 10.2.3); None where it does not."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    until = http_date(text)
    return max(0.0, (until - server_time(headers, now)).total_seconds()) if until else None


def server_time(headers: Mapping[str, str], now: dt.datetime) -> dt.datetime:
    """The server's ``Date``, or *now* where it gave none."""
    return http_date(headers.get("date", "")) or now


def http_date(text: str) -> dt.datetime | None:
    """*Text* as a time, if it is a date as HTTP and mail write it."""
    from email.utils import parsedate_to_datetime  # noqa: PLC0415  # httpx has loaded it, before there is an answer

    try:
        found = parsedate_to_datetime(text)
        return found.replace(tzinfo=dt.UTC) if found.tzinfo is None else found.astimezone(dt.UTC)
    except (ValueError, OverflowError):  # no date, or one that no calendar holds
        return None
