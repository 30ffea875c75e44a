"""What a run asks its connector to do: work on this computer, or an exchange with the API.

A step says what, never how: the sync and the async connector each perform it in their own way.
"""

from __future__ import annotations

import datetime as dt
import logging
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from locoia_pat.http import retry

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from locoia_pat.engine.action import CompiledAction
    from locoia_pat.http.exchange_types import Request, ResponseOrError
    from locoia_pat.outcomes import Result
    from locoia_pat.secrets.secret import Secret

_log = logging.getLogger("locoia_pat")

Steps: TypeAlias = "Generator[Exchange | Local, Any, Result]"


@dataclass(slots=True)
class Local:
    """Blocking work on this computer; what it returns, or the error it raises, is sent back."""

    work: Callable[[], Any]

    def done(self) -> Any:
        """Do it.  A refusal is a value here, for it must not end the run."""
        try:
            return self.work()
        except Exception as error:  # noqa: BLE001  # whatever a place does wrong, a minted token must not go with it
            return error


class Exchange:
    """One request and its tries; the answer of the last one is sent back."""

    def __init__(self, action: CompiledAction, request: Request, header: tuple[str, Secret], deadline: float) -> None:
        self._action = action
        self.request = request
        self._header = header
        self._deadline = deadline
        self._began = time.monotonic()
        self.tries = 0
        self.answer: ResponseOrError | None = None
        self.wait: float | None = None
        """Seconds until the next try; None when there is none."""

    def begin(self) -> tuple[Request, tuple[str, Secret], float]:
        """Begin a try: the request, its credential header and the seconds it may take."""
        self.tries += 1
        return self.request, self._header, self.left()

    def end(self, answer: ResponseOrError) -> None:
        """End it with *answer*."""
        self.answer = answer
        spec = self._action.spec
        if _log.isEnabledFor(logging.DEBUG):
            told = getattr(answer, "status", None) or "no whole answer"
            _log.debug("%s %s: %s, try %d", self.request.method, self.request.url, told, self.tries)
        self.wait = retry.seconds_until_retry(
            spec.effect,
            spec.request.method,
            answer,
            tries=self.tries,
            spent=self._spent(),
            deadline=self._deadline,
            now=now(),
            jitter=random.random(),  # noqa: S311  # it spreads load and keeps no secret
        )

    def hold(self, seconds: float) -> None:
        """Leave the *seconds* that it was kept waiting for its turn out of its time."""
        self._began += seconds

    def give_up(self, answer: ResponseOrError) -> None:
        """End it with *answer*, though nothing was sent and nothing will be."""
        self.answer, self.wait = answer, None

    def left(self) -> float:
        """Seconds that are left of its time."""
        return self._deadline - self._spent()

    def _spent(self) -> float:
        return time.monotonic() - self._began


class Pace(Protocol):
    """Whose turn it is to send, where several runs share what an API allows."""

    def send(self, exchange: Exchange, send: Callable[..., ResponseOrError]) -> None:
        """One try of *exchange* by *send*, when its turn has come."""
        ...

    def rest(self, seconds: float) -> None:
        """Let that much time pass before the next try."""
        ...


def now() -> dt.datetime:
    """This computer's time."""
    return dt.datetime.now(dt.UTC)
