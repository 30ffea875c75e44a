"""``Witness``: a connector that keeps what was sent and what came, for those who look at the answers themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from locoia_pat.connector import Connector

if TYPE_CHECKING:
    from locoia_pat.engine.exchange import Exchange
    from locoia_pat.http.messages import Answer, Request


class Witness(Connector):
    """Keeps each exchange: the request without its credential, and the last answer to it, whose body is a secret."""

    def __init__(self, *args: Any, **options: Any) -> None:
        """Make a connector as :class:`Connector` does."""
        super().__init__(*args, **options)
        self.seen: list[tuple[Request, Answer]] = []

    def _exchange(self, exchange: Exchange) -> Answer:
        answer = self._kept(super()._exchange(exchange))
        self.seen.append((exchange.request, answer))
        return answer

    def _kept(self, answer: Answer) -> Answer:
        """What is kept of *answer*, and seen by the run."""
        return answer
