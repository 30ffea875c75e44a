"""Who calls tools: what it may call, and how its calls are performed."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

from locoia_pat.async_connector import AsyncConnector
from locoia_pat.connector import WAIT, Connector

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from locoia_pat.http.exchange_types import Request, ResponseOrError
    from locoia_pat.http.retry import Exchange
    from locoia_pat.mcp.tools import ActionTool

Envelope = dict[str, Any]


class Caller(Protocol):
    """One caller."""

    @property
    def tools(self) -> Mapping[str, ActionTool]:
        """The tools that it may call, by name."""
        ...

    @property
    def connector(self) -> Connector:
        """Reads what a call would revoke."""
        ...

    async def perform(self, tool: ActionTool, inputs: Mapping[str, Any], token_to: Sequence[str]) -> Envelope:
        """Run *tool* to its end, even if the task is cancelled, and return the envelope."""
        ...


class LocalCaller:
    """The client of a server on standard input and output: it may call everything that is offered."""

    def __init__(
        self, connector: Connector, tools: Mapping[str, ActionTool], *, replace: bool = False, wait: float = WAIT
    ) -> None:
        """Create the caller.

        Args:
            connector: performs the calls.
            tools: the tools by name.
            replace: whether a store may hold another token, which becomes its previous one.
            wait: seconds to wait for another process that works on the same name.

        """
        self.tools = tools
        self.connector = connector
        self._async = AsyncConnector.of(connector)
        self._replace = replace
        self._wait = wait

    async def perform(self, tool: ActionTool, inputs: Mapping[str, Any], token_to: Sequence[str]) -> Envelope:
        """Run *tool* to its end, even if the task is cancelled, and return the envelope."""
        result = await self._async.run(tool.name, inputs, token_to=token_to, replace=self._replace, wait=self._wait)
        return result.to_dict()


class Activity:
    """What one call is doing, for its progress."""

    current: ContextVar[Activity | None] = ContextVar("locoia_pat_mcp_activity", default=None)
    """That of the call whose context this is; the context of a call reaches its worker thread."""

    def __init__(self) -> None:
        """Begin a call."""
        self.requests = 0
        self.message = "running"


class ObservedConnector(Connector):
    """A connector that notes what each call is doing."""

    def send(self, exchange: Exchange, request: Request) -> ResponseOrError:
        """Send a request of a run with its retries."""
        activity = Activity.current.get()
        if activity is None:
            return super().send(exchange, request)
        activity.requests += 1
        activity.message = f"request {activity.requests}: waiting for the response"
        try:
            return super().send(exchange, request)
        finally:
            activity.message = f"{activity.requests} requests so far"
