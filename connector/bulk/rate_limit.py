"""Whose turn it is: what an API allows, shared by all that runs at a time.

One 429 keeps all of them back until the time that the API asked for, and halves how many send at a time; each answer
that is none lets that number grow again.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from locoia_pat.engine.exchange import now
from locoia_pat.http.exchange_types import Response, TransportError
from locoia_pat.http.retry import retry_after

if TYPE_CHECKING:
    from collections.abc import Callable

    from locoia_pat.engine.exchange import Exchange
    from locoia_pat.http.exchange_types import ResponseOrError

PATIENCE = 900.0
"""Seconds that an API may ask to wait; where it asks for longer, the run is better gone on with later."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
"""Seconds to wait after a 429 that does not say how long: at first, and after many of them at most."""
_LOOK_AGAIN = 60.0
"""Seconds after which a thread that nobody woke looks again."""
STOPPED = TransportError("the bulk run was stopped before it was sent", sent=False)


class Pace:
    """The turns of one bulk run."""

    def __init__(self, width: int, rate: float | None = None) -> None:
        """Let *width* requests be under way at a time, and *rate* a second begin at most."""
        self._width = width
        self._limit = float(width)
        self._gap = 1 / rate if rate else 0.0
        self._under_way = 0
        self._turn = threading.Condition()
        self._stopped = threading.Event()
        self._until = 0.0
        self._next = 0.0
        self._streak = 0
        self.asked: float | None = None
        """Seconds that the API asked to wait, where that is more than there is patience for."""

    def send(self, exchange: Exchange, send: Callable[..., ResponseOrError]) -> None:
        """One try of *exchange* by *send*, when its turn has come; none where the run was stopped before."""
        waited = self._taken()
        if waited is None:
            exchange.give_up(STOPPED)
            return
        exchange.hold(waited)
        answer: ResponseOrError | None = None
        try:
            answer = send(*exchange.begin())
            exchange.end(answer)
        finally:
            self._given_back(answer)

    def rest(self, seconds: float) -> None:
        """Let that much time pass, or less where the run is stopped."""
        self._stopped.wait(seconds)

    def stop(self) -> None:
        """Let nobody wait any more."""
        with self._turn:
            self._stopped.set()
            self._turn.notify_all()

    @property
    def waiting(self) -> float:
        """Seconds for which all are kept back."""
        return max(0.0, self._until - time.monotonic())

    def _taken(self) -> float | None:
        """Take a turn: the seconds that were waited for it, or None where the run was stopped."""
        began = time.monotonic()
        with self._turn:
            while (seconds := self._due()) > 0:
                if self._stopped.is_set():
                    return None
                self._turn.wait(seconds)
            self._under_way += 1
            if self._gap:
                self._next = max(time.monotonic(), self._next) + self._gap
        return time.monotonic() - began

    def _due(self) -> float:
        if self._under_way >= self._limit:
            return _LOOK_AGAIN
        due = max(self._until, self._next)
        return due - time.monotonic() if due else 0.0

    def _given_back(self, answer: ResponseOrError | None) -> None:
        with self._turn:
            self._under_way -= 1
            asked = retry_after(answer.headers, now()) if isinstance(answer, Response) and _busy(answer) else None
            if isinstance(answer, Response) and (answer.status == 429 or asked is not None):
                self._keep_back(asked)
            else:
                self._streak = 0
                self._limit = min(float(self._width), self._limit + 1 / self._limit)
            self._turn.notify_all()

    def _keep_back(self, asked: float | None) -> None:
        """Nobody sends for a while; those that were under way already count as one."""
        if asked is not None and asked > PATIENCE:
            self.asked = asked
            return
        if self.waiting == 0:
            self._limit = max(1.0, self._limit / 2)
            self._streak += 1
        pause = asked if asked is not None else min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (self._streak - 1))
        self._until = max(self._until, time.monotonic() + pause)


def _busy(reply: Response) -> bool:
    return reply.status in (429, 503)
