"""Sending with retries."""

from __future__ import annotations

import datetime as dt
import logging
import random
import time
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from locoia_pat.http.exchange_types import TransportError
from locoia_pat.http.retry import seconds_until_retry, spec_repeatable
from locoia_pat.interrupts import held
from locoia_pat.outcomes import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from locoia_pat.http.exchange_types import Request, ResponseOrError
    from locoia_pat.response.classify import ParsedResponse
    from locoia_pat.secrets.secret import Secret
    from locoia_pat.spec.model import ActionSpec

_log = logging.getLogger("locoia_pat")
_STOPPED = TransportError("the bulk run was stopped before this was sent", sent=False)


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
        """Whether a request was sent again although the one before may have had its effect."""
        self._spec = spec
        self._added = dict(shared_headers(spec, shared)) if shared else {}
        if spec.request.idempotency_key:
            self._added[spec.request.idempotency_key.lower()] = str(uuid.uuid4())
        self._repeatable = spec_repeatable(spec)
        self._pause = 0.0
        self._timeout = timeout
        self._started = time.monotonic()

    def read_after(self, seconds: float) -> None:
        """Make the next request a read, *seconds* from now: another page, or whether an effect is done."""
        self._pause = seconds
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
        if not self._paused(limiter):
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
            seconds = seconds_until_retry(
                self._spec.effect,
                self._spec.request.method,
                response,
                attempts=attempts,
                elapsed=self._elapsed(),
                timeout=self._timeout,
                now=now(),
                jitter=random.random(),  # noqa: S311  # it spreads load and keeps no secret
                repeatable=self._repeatable,
            )
            if _log.isEnabledFor(logging.DEBUG):
                facts = {"method": request.method, "url": request.url, "attempt": attempts, "wait": seconds}
                facts["status"] = getattr(response, "status", None) or "no complete response"
                message = "%(method)s %(url)s: %(status)s, attempt %(attempt)d"
                _log.debug(message if seconds is None else f"{message}, the next in %(wait).1f s", facts)
            if seconds is None or (hold is not None and hold.pending):
                return response
            is_known_not_done = getattr(response, "status", None) == 429 or not getattr(response, "sent", True)
            self.may_have_acted |= not is_known_not_done
            if hold is not None and is_known_not_done:
                hold.phase = phase  # so a signal may end the pause
            (limiter.sleep if limiter is not None else time.sleep)(seconds)

    def _paused(self, limiter: RateLimiter | None) -> bool:
        """Wait as long as :meth:`read_after` said; return False, without waiting, if there is no time for it."""
        if self._pause:
            if self._pause >= self.remaining:
                return False
            (limiter.sleep if limiter is not None else time.sleep)(self._pause)
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


class ExchangeError(Exception):
    """The credential could not be exchanged, so the request of the action was not sent."""

    def __init__(self, parsed: ParsedResponse, attempts: int) -> None:
        """Carry what the response to the exchange means, and the attempts."""
        super().__init__("the credential could not be exchanged")
        self.parsed = parsed
        self.attempts = attempts

    @property
    def is_refused(self) -> bool:
        """Whether the API refused the credential."""
        return self.parsed.outcome is Outcome.REFUSED


def shared_headers(spec: ActionSpec, shared: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield those of the headers that are *shared* by all actions that *spec* does not set itself."""
    own = {name.lower() for name in spec.request.headers}
    yield from ((name.lower(), value) for name, value in shared.items() if name.lower() not in own)


def with_headers(request: Request, added: Mapping[str, str]) -> Request:
    """Return *request* with the headers that are *added*, which replace those of the same names."""
    others = [pair for pair in request.headers if pair[0] not in added]
    return replace(request, headers=(*others, *added.items()))


def now() -> dt.datetime:
    """Return the current UTC time."""
    return dt.datetime.now(dt.UTC)
