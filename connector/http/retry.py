"""Sending with retries: the action's effect and the response decide whether and when, within the timeout.

What decides, :func:`seconds_until_retry` and what it calls, is pure: time and chance are arguments.
"""

from __future__ import annotations

import datetime as dt
import logging
import random
import re
import time
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from locoia_pat.http.exchange_types import Response, ResponseOrError, TransportError
from locoia_pat.interrupts import held
from locoia_pat.secrets.secret import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from locoia_pat.http.exchange_types import Request
    from locoia_pat.secrets.secret import Secret
    from locoia_pat.spec.model import ActionSpec, Effect, Method

_log = logging.getLogger("locoia_pat")
_STOPPED = TransportError("the bulk run was stopped before this was sent", sent=False)
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


class RateLimiter(Protocol):
    """Decides when each attempt may begin, where several runs share an API's rate limit."""

    def acquire(self) -> float | None:
        """Wait for a turn to send.

        Returns:
            The seconds waited; None if the bulk run was stopped and nothing may be sent.

        """
        ...

    def release(self, response: ResponseOrError | None) -> None:
        """Give the turn back, with the *response* of the attempt; None if it was interrupted."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait before a retry, or until the bulk run is stopped."""
        ...


class Exchange:
    """The requests of one run: they share its deadline, its credential and its count of attempts."""

    def __init__(
        self,
        spec: ActionSpec,
        header: tuple[str, Secret] | None,
        timeout: float,
        shared: Mapping[str, str] | None = None,
    ) -> None:
        """Begin the time of a run of *spec*.

        Args:
            spec: the action; its effect and method decide what may be retried.
            header: the name and value of the credential's header; None for a request without a credential.
            timeout: seconds for all requests and retries together.
            shared: the headers of all actions of the connector.

        """
        self.header = header
        self.attempts = 0
        """Attempts begun, over all requests."""
        self.may_have_acted = False
        """Whether the request of an effect was sent again although the attempt before may have had it."""
        self._spec = spec
        self._added = dict(shared_headers(spec, shared)) if shared else {}
        if spec.request.idempotency_key:
            self._added[spec.request.idempotency_key.lower()] = str(uuid.uuid4())
        self._has_effect = spec.effect != "read"
        """Whether the next request may change something."""
        self._repeatable = spec_repeatable(spec)
        self._pause = 0.0
        self._timeout = timeout
        self._started = time.monotonic()

    def read_after(self, seconds: float) -> None:
        """Make the next request a read, *seconds* from now: another page, or whether an effect is done."""
        self._pause = seconds
        self._has_effect = False
        self._repeatable = True
        self._added.pop((self._spec.request.idempotency_key or "").lower(), None)

    def send(
        self,
        request: Request,
        send: Callable[[Request, tuple[str, Secret] | None, float], ResponseOrError],
        limiter: RateLimiter | None = None,
    ) -> ResponseOrError:
        """Send *request*, retry it as far as that is safe, and return the last response.

        Args:
            request: what to send.
            send: makes one attempt, given the request, the credential header and the seconds that are left.
            limiter: decides when each attempt may begin.

        """
        attempts = 0
        if self._added:
            request = with_headers(request, self._added)
        hold = held()
        phase = hold.phase if hold is not None else "idle"
        if self._pause and not self._paused(limiter):
            return TransportError(f"no time was left to wait another {self._pause:.0f} s", sent=False)
        while True:
            if self._elapsed() >= self._timeout:
                return TransportError("no time was left to send it", sent=False)
            if limiter is not None:
                waited = limiter.acquire()
                if waited is None:
                    return _STOPPED
                self._started += waited  # waiting for a turn does not use up the run's time
            attempts += 1
            self.attempts += 1
            response = self._attempt(request, send, limiter)
            seconds = self._seconds_until_retry(response, attempts)
            if _log.isEnabledFor(logging.DEBUG):
                url = redact(request.url, [self.header[1]] if self.header else [])  # a next URL may repeat it
                facts = {"method": request.method, "url": url, "attempt": attempts, "wait": seconds}
                facts["status"] = getattr(response, "status", None) or "no complete response"
                message = "%(method)s %(url)s: %(status)s, attempt %(attempt)d"
                _log.debug(message if seconds is None else f"{message}, the next in %(wait).1f s", facts)
            if seconds is None or (hold is not None and hold.pending):
                return response
            is_known_not_done = getattr(response, "status", None) == 429 or not getattr(response, "sent", True)
            self.may_have_acted |= self._has_effect and not is_known_not_done
            if hold is not None and is_known_not_done:
                hold.phase = phase  # so a signal may end the pause
            _sleep(seconds, limiter)

    def _seconds_until_retry(self, response: ResponseOrError, attempts: int) -> float | None:
        if isinstance(response, Response) and response.status < 400:
            return None
        return seconds_until_retry(
            self._spec.effect,
            self._spec.request.method,
            response,
            attempts=attempts,
            elapsed=self._elapsed(),
            timeout=self._timeout,
            now=dt.datetime.now(dt.UTC),
            jitter=random.random(),  # noqa: S311  # it spreads load and keeps no secret
            repeatable=self._repeatable,
        )

    def _paused(self, limiter: RateLimiter | None) -> bool:
        """Wait as long as :meth:`read_after` said; return False, without waiting, if there is no time for it."""
        if self._pause >= self.remaining:
            return False
        _sleep(self._pause, limiter)
        self._pause = 0.0
        return True

    def _attempt(
        self,
        request: Request,
        send: Callable[[Request, tuple[str, Secret] | None, float], ResponseOrError],
        limiter: RateLimiter | None,
    ) -> ResponseOrError:
        response: ResponseOrError | None = None
        try:
            response = send(request, self.header, self.remaining)
            return response
        finally:
            if limiter is not None:
                limiter.release(response)

    @property
    def remaining(self) -> float:
        """The seconds that are left."""
        return self._timeout - self._elapsed()

    def _elapsed(self) -> float:
        return time.monotonic() - self._started


def _sleep(seconds: float, limiter: RateLimiter | None) -> None:
    (limiter.sleep if limiter is not None else time.sleep)(seconds)


def shared_headers(spec: ActionSpec, shared: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield those of the headers that are *shared* by all actions that *spec* does not set itself."""
    own = {name.lower() for name in spec.request.headers}
    yield from ((name.lower(), value) for name, value in shared.items() if name.lower() not in own)


def with_headers(request: Request, added: Mapping[str, str]) -> Request:
    """Return *request* with the headers that are *added*, which replace those of the same names."""
    others = [pair for pair in request.headers if pair[0] not in added]
    return replace(request, headers=(*others, *added.items()))


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
    idempotent = _is_idempotent(effect, method, repeatable)
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
    polls = f"; if it is only accepted, up to {spec.poll.max_polls} polls" if spec.poll else ""
    if _is_idempotent(spec.effect, spec.request.method, spec_repeatable(spec)):
        return f"up to {MAX_ATTEMPTS} attempts: after a lost response, 408, 429 and 5xx{polls}"
    return f"sent once; up to {MAX_ATTEMPTS} attempts only if the request provably never left, or after 429{polls}"


def _is_idempotent(effect: Effect, method: Method, repeatable: bool | None) -> bool:
    """Return whether a request may be sent twice: what the spec says, else what effect and method mean."""
    return repeatable if repeatable is not None else effect == "read" or method in _IDEMPOTENT


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
    if not text:
        return None
    from email.utils import parsedate_to_datetime  # noqa: PLC0415  # httpx has loaded it before there is a response

    try:
        date = parsedate_to_datetime(text)
        return date.replace(tzinfo=dt.UTC) if date.tzinfo is None else date.astimezone(dt.UTC)
    except (ValueError, OverflowError):  # not a date, or one beyond the calendar
        return None
