"""The actions that a key allows, as tools over MCP's streamable HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from locoia_pat.mcp.tool_server import Confirm, ToolServer
from locoia_pat.serve.call_permissions import allows_action
from locoia_pat.spec.description import STORE_FIELD

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from mcp.server import ServerRequestContext
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
    from starlette.types import Message, Receive, Scope, Send

    from locoia_pat.connector import Connector
    from locoia_pat.mcp.caller import Envelope
    from locoia_pat.mcp.tools import ActionTool
    from locoia_pat.serve.call_response import CallResponse
    from locoia_pat.serve.service import Service
    from locoia_pat.state.access_keys import AccessKey

    Perform = Callable[[AccessKey, str, Mapping[str, Any]], Awaitable[CallResponse]]

_KEY = "locoia_pat.key"
"""Where a request's scope holds its key."""
_OF_BODY = ("content-length", "content-type", "cache-control")
"""Headers that the SDK sets."""


@dataclass(frozen=True, slots=True)
class ToolOptions:
    """Which tools are served, and how."""

    tools: Mapping[str, ActionTool]
    """All tools by name; a key may call those whose action it allows."""
    confirm: Confirm = "auto"


class McpEndpoint:
    """Responds to MCP clients; it keeps nothing between two requests."""

    def __init__(self, service: Service, options: ToolOptions, perform: Perform) -> None:
        """Create the endpoint.

        Args:
            service: has the actions and the connectors.
            options: the tools.
            perform: performs a call of a key, with ``token_to`` next to its inputs.

        """
        from mcp.server.streamable_http_manager import StreamableHTTPSessionManager  # noqa: PLC0415  # an extra

        self._service = service
        self._options = options
        self._perform = perform
        server = ToolServer(service.specs, self._find_caller, options.confirm).build()
        self._manager = StreamableHTTPSessionManager(server, stateless=True)

    def run(self) -> AbstractAsyncContextManager[None]:
        """Accept requests as long as the returned context lasts."""
        return self._manager.run()

    def response(self, key: AccessKey, body: bytes) -> Response:
        """Return the response to the request of *key* that has this *body*."""
        return _McpResponse(self._manager, key, body)

    def _find_caller(self, ctx: ServerRequestContext[Any]) -> _KeyCaller:
        request: Any = ctx.request
        key: AccessKey = request.scope[_KEY]
        tools = {name: tool for name, tool in self._options.tools.items() if allows_action(key, name)}
        return _KeyCaller(key, tools, self._service, self._perform)


@dataclass(frozen=True, slots=True)
class _KeyCaller:
    """The caller of a key: it may call what the key allows, with the key's credential."""

    key: AccessKey
    tools: Mapping[str, ActionTool]
    service: Service
    run: Perform

    @property
    def connector(self) -> Connector:
        return self.service.connector(self.key)

    async def perform(self, tool: ActionTool, inputs: Mapping[str, Any], token_to: Sequence[str]) -> Envelope:
        fields = {**inputs, STORE_FIELD: list(token_to)} if token_to else inputs
        return dict((await self.run(self.key, tool.name, fields)).envelope)


class _McpResponse(Response):
    """Has the SDK respond to a request whose body was read."""

    def __init__(self, manager: StreamableHTTPSessionManager, key: AccessKey, body: bytes) -> None:
        super().__init__()
        self._manager = manager
        self._key = key
        self._request_body = body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        unread = [self._request_body]
        headers = [(name, value) for name, value in self.raw_headers if name.decode() not in _OF_BODY]

        async def receive_body() -> Message:
            return {"type": "http.request", "body": unread.pop(), "more_body": False} if unread else await receive()

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *headers]
            await send(message)

        await self._manager.handle_request({**scope, _KEY: self._key}, receive_body, send_with_headers)
