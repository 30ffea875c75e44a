"""The service over HTTP, as an ASGI app."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import functools
import time
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from locoia_pat.http.trace import TRACEPARENT, continue_trace, current_trace, new_trace
from locoia_pat.outcomes import InvalidError, NotDoneError, Outcome, Problem, RefusedError, Result, invalid
from locoia_pat.secrets.secret import Secret
from locoia_pat.serve import request_log
from locoia_pat.serve.call_metrics import CONTENT_TYPE, CallMetrics
from locoia_pat.serve.call_permissions import allows_action, check_action
from locoia_pat.serve.call_response import CallResponse
from locoia_pat.serve.idempotency import HEADER, parse_key
from locoia_pat.serve.json_body import MAX_BYTES, parse_object
from locoia_pat.serve.served_openapi import document
from locoia_pat.spec.description import describe_action

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from starlette.requests import Request

    from locoia_pat.outcomes import Code, ConnectorError
    from locoia_pat.serve.mcp_endpoint import McpEndpoint, ToolOptions
    from locoia_pat.serve.service import Service
    from locoia_pat.state.access_keys import AccessKey, AccessKeys

    _Handler = Callable[[Request, dict[str, Any]], Awaitable[Response]]

BODY_SECONDS = 10.0
"""How long the body of a request may take to arrive."""
QUEUE = 4
"""Calls that wait for a thread, for each call that runs; more are refused."""
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of the server."""

    concurrency: int = 40
    """Calls that run at a time."""
    body_seconds: float = BODY_SECONDS
    peers: frozenset[str] | None = None
    """The addresses that may connect; None for any."""


class HttpError(Exception):
    """A request that gets an HTTP error."""

    def __init__(self, status: int, error: ConnectorError, headers: dict[str, str] | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.error = error
        self.headers = headers or {}


class HttpApp:
    """Responds to requests; calls run in threads, so that none of them holds up another."""

    def __init__(
        self, service: Service, keys: AccessKeys, limits: Limits | None = None, tools: ToolOptions | None = None
    ) -> None:
        """Create the app; its threads end with :meth:`stop`, and ``/mcp`` serves *tools*."""
        self._service = service
        self._keys = keys
        self._limits = limits or Limits()
        self._calls = ThreadPoolExecutor(self._limits.concurrency, thread_name_prefix="call")
        self._lookups = ThreadPoolExecutor(4, thread_name_prefix="lookup")
        self._pending = 0
        self._metrics = CallMetrics(service.due_tokens, service.held_leases, lambda: self._pending)
        self._document = functools.cache(lambda: document(service.specs))
        self._tools = tools
        self._mcp: McpEndpoint | None = None

    def asgi(self) -> Starlette:
        """Return the ASGI app."""
        tool_routes = []
        if self._tools is not None:
            from locoia_pat.serve.mcp_endpoint import McpEndpoint  # noqa: PLC0415  # another extra

            self._mcp = McpEndpoint(self._service, self._tools, self._call_tool)
            tool_routes = [self._route("/mcp", {"POST": functools.partial(self._answer_mcp, self._mcp)})]
        app = Starlette(
            routes=[
                *tool_routes,
                self._route("/v1/actions", {"GET": self._list_actions}),
                self._route("/v1/actions/{name}", {"GET": self._show_action, "POST": self._call}),
                self._route("/healthz", {"GET": self._healthz}),
                self._route("/readyz", {"GET": self._readyz}),
                self._route("/metrics", {"GET": self._show_metrics}),
                self._route("/openapi.json", {"GET": self._openapi}),
            ],
            exception_handlers={404: self._no_route, 405: self._no_route},
            lifespan=self._lifespan,
        )
        app.router.redirect_slashes = False
        return app

    def stop(self) -> None:
        """Wait until all calls have ended and their tokens are stored, then close the connections."""
        self._calls.shutdown()
        self._lookups.shutdown()
        self._service.close()

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        asyncio.get_running_loop().run_in_executor(self._calls, self._service.settle_interrupted)
        async with self._mcp.run() if self._mcp is not None else contextlib.nullcontext():
            yield
            await asyncio.to_thread(self.stop)

    def _route(self, path: str, handlers: dict[str, _Handler]) -> Route:
        """Return a route whose requests are checked, get a response to every error, and are logged."""

        async def endpoint(request: Request) -> Response:
            started = time.perf_counter()
            continued = continue_trace(request.headers.get(TRACEPARENT))
            current_trace.set(continued)  # the requests to the API carry it on
            trace = continued or new_trace()
            fields: dict[str, Any] = {
                "request_id": request_log.request_id(request.headers.get("x-request-id")),
                "traceparent": trace,
                "method": request.method,
                "path": path,
            }
            handler = handlers.get(request.method) or handlers["GET"]  # for HEAD
            try:
                self._check_peer(request)
                response = await handler(request, fields)
            except HttpError as error:
                response = self._respond(
                    CallResponse.of(self._failed(request, error.error), status=error.status), fields
                )
                response.headers.update(error.headers)
            except ClientDisconnect:
                fields["gone"] = True
                response = Response(status_code=400)
            except Exception:  # noqa: BLE001  # whatever arrives here is a bug of this package
                hint = "Check what happened before you retry it."
                problem = Problem("unknown", "a bug in locoia-pat ended the call", hint=hint)
                result = Result(fields.get("action"), Outcome.UNKNOWN, problem=problem)
                request_log.LOGGER.exception("bug", extra={"fields": fields})
                response = self._respond(CallResponse.of(result, status=500), fields)
            response.headers["x-request-id"] = fields["request_id"]
            response.headers[TRACEPARENT] = trace
            response.headers["cache-control"] = "no-store"
            self._metrics.count_response(response.status_code)
            milliseconds = round((time.perf_counter() - started) * 1000, 1)
            if path.startswith(("/v1", "/mcp")):
                request_log.log("request", **fields, status=response.status_code, ms=milliseconds)
            return response

        return Route(path, endpoint, methods=list(handlers))

    # Endpoints

    async def _healthz(self, _: Request, __: dict[str, Any]) -> Response:
        return PlainTextResponse("ok\n")

    async def _readyz(self, _: Request, __: dict[str, Any]) -> Response:
        """Say whether calls can be performed: whether the state can be read."""
        try:
            await asyncio.wait_for(self._in_thread(self._lookups, self._keys.all), timeout=5)
        except (OSError, TimeoutError):
            return PlainTextResponse("the state cannot be read\n", status_code=503)
        return PlainTextResponse("ok\n")

    async def _show_metrics(self, _: Request, __: dict[str, Any]) -> Response:
        text = await self._in_thread(self._lookups, self._metrics.text)
        return Response(text, media_type=CONTENT_TYPE)

    async def _openapi(self, _: Request, __: dict[str, Any]) -> Response:
        return _json(await self._in_thread(self._lookups, self._document))

    async def _list_actions(self, request: Request, fields: dict[str, Any]) -> Response:
        key = await self._authenticate(request, fields)
        specs = [self._service.specs.spec(name) for name in self._service.specs.names if allows_action(key, name)]
        actions = [{"action": spec.action, "effect": spec.effect, "summary": spec.summary} for spec in specs]
        return _json({"actions": actions})

    async def _show_action(self, request: Request, fields: dict[str, Any]) -> Response:
        key = await self._authenticate(request, fields)
        name = self._action(request, key, fields)
        return _json(describe_action(self._service.specs.spec(name)))

    async def _call(self, request: Request, fields: dict[str, Any]) -> Response:
        key = await self._authenticate(request, fields)
        name = self._action(request, key, fields)
        given = request.headers.getlist(HEADER)
        try:
            idempotency_key = parse_key(given)
            body = await self._read_body(request)
            inputs = parse_object(body)
        except InvalidError as error:
            raise HttpError(400 if error.problem.field == "body" else 422, error) from None
        response = await self._perform(key, name, inputs, idempotency_key)
        fields |= {"outcome": response.envelope["outcome"], "attempts": response.envelope["attempts"]}
        if response.replayed:
            fields["replayed"] = True
        return self._respond(response, fields)

    async def _perform(
        self, key: AccessKey, name: str, inputs: Mapping[str, Any], idempotency_key: str | None = None
    ) -> CallResponse:
        """Perform a call in a thread of its own, and count it."""
        limit = self._limits.concurrency * (1 + QUEUE)
        if self._pending >= limit:
            raise HttpError(503, _not_done(f"{limit} calls are under way"))
        self._pending += 1
        started = time.perf_counter()
        try:
            response = await self._in_thread(
                self._calls, lambda: self._service.call(key, name, inputs, idempotency_key)
            )
        finally:
            self._pending -= 1
        self._metrics.observe(name, response, time.perf_counter() - started)
        return response

    async def _answer_mcp(self, mcp: McpEndpoint, request: Request, fields: dict[str, Any]) -> Response:
        key = await self._authenticate(request, fields)
        return mcp.response(key, await self._read_body(request))

    async def _call_tool(self, key: AccessKey, name: str, inputs: Mapping[str, Any]) -> CallResponse:
        try:
            response = await self._perform(key, name, inputs)
        except HttpError as error:  # a tool has no status
            response = CallResponse.of(self._service.failed(name, error.error))
        fields = {"key": key.name, "action": name, "outcome": response.envelope["outcome"]}
        request_log.log("tool", **fields, attempts=response.envelope["attempts"])
        return response

    def _action(self, request: Request, key: AccessKey, fields: dict[str, Any]) -> str:
        """Return the name of the action in the path, if it exists and *key* allows it."""
        name: str = request.path_params["name"]
        if name not in self._service.specs.names:
            raise HttpError(404, _refused("not_found", "there is no such action", "GET /v1/actions lists them."))
        fields["action"] = name
        try:
            check_action(key, name)
        except RefusedError as error:
            raise HttpError(403, error) from None
        return name

    async def _authenticate(self, request: Request, fields: dict[str, Any]) -> AccessKey:
        """Return the active key of the request."""
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not value.strip():
            raise _unauthorized("there is no key", "Send it as Authorization: Bearer KEY.")
        try:
            key = await self._in_thread(self._lookups, lambda: self._keys.find(Secret(value.strip())))
        except OSError as error:
            raise HttpError(503, _not_done(str(error))) from None
        if key is None:
            raise _unauthorized("the key is not known", "locoia-pat serve key new creates one.")
        fields["key"] = key.name
        if (status := key.status(dt.datetime.now(dt.UTC))) != "active":
            raise _unauthorized(f"the key {key.name} is {status}", "locoia-pat serve key new creates another one.")
        return key

    async def _read_body(self, request: Request) -> bytes:
        kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise HttpError(415, _invalid_body("is not application/json", "Set Content-Type: application/json."))
        too_large = HttpError(413, _invalid_body(f"is larger than {MAX_BYTES} bytes"))
        length = request.headers.get("content-length", "0")
        if not length.isdecimal() or int(length[:12]) > MAX_BYTES:
            raise too_large
        body = bytearray()
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                async for chunk in request.stream():
                    body += chunk
                    if len(body) > MAX_BYTES:
                        raise too_large
        except TimeoutError:
            message = f"the body did not arrive within {self._limits.body_seconds:g} s"
            raise HttpError(408, _not_done(message), {"connection": "close"}) from None
        return bytes(body)

    # Helpers

    async def _in_thread(self, pool: ThreadPoolExecutor, work: Callable[[], _T]) -> _T:
        """Return what *work* returns; it runs to its end even if the caller is gone."""
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(pool, copy_context().run, work))

    def _check_peer(self, request: Request) -> None:
        peers = self._limits.peers
        if peers is not None and (request.client is None or request.client.host not in peers):
            message = "this server is called through its proxy only"
            raise HttpError(403, _refused("forbidden", message, "Call the URL of the proxy."))

    def _failed(self, request: Request, error: ConnectorError) -> Result:
        return self._service.failed(request.path_params.get("name"), error)

    def _respond(self, response: CallResponse, fields: dict[str, Any]) -> Response:
        fields.setdefault("outcome", response.envelope["outcome"])
        headers = {"retry-after": str(response.retry_after)} if response.retry_after is not None else {}
        if response.replayed:
            headers["idempotency-replayed"] = "true"
        return _json(response.envelope, response.status, headers)

    async def _no_route(self, request: Request, error: Exception) -> Response:
        status: int = getattr(error, "status_code", 404)
        message = "there is no such path" if status == 404 else "this path does not take that method"
        result = self._failed(request, _refused("not_found", message, "GET /openapi.json describes the paths."))
        return _json(result.to_dict(), status, getattr(error, "headers", None))


def _json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse(value, status, headers)


def _refused(code: Code, message: str, hint: str) -> RefusedError:
    return RefusedError(Problem(code, message, hint=hint))


def _invalid_body(message: str, hint: str | None = None) -> InvalidError:
    return invalid(message, field="body", hint=hint)


def _not_done(message: str) -> NotDoneError:
    return NotDoneError(Problem("unavailable", message, hint="Nothing was sent; it is safe to retry."))


def _unauthorized(message: str, hint: str) -> HttpError:
    return HttpError(401, _refused("unauthorized", message, hint), {"www-authenticate": "Bearer"})
