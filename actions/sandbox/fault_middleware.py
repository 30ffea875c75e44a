"""The middleware that makes faults happen, and ``/_sandbox/faults``, by which they are set over HTTP.

That path is not part of the API, for tests in any language: GET returns the pending faults, POST adds a JSON list,
DELETE removes all.  It needs no token, and accepts requests from localhost only.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from locoia_pat.actions.sandbox.endpoints import authenticate
from locoia_pat.actions.sandbox.faults import parse_faults
from locoia_pat.actions.sandbox.responses import ApiError, error_response, html_page
from locoia_pat.http.url import is_loopback
from locoia_pat.outcomes import InvalidError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from locoia_pat.actions.sandbox.behaviour import Behaviour
    from locoia_pat.actions.sandbox.faults import Fault, Faults
    from locoia_pat.actions.sandbox.sandbox_store import SandboxStore

_PREFIX = "/_sandbox/"
CONNECTION = "locoia_pat.connection"
"""The ASGI extension that lets the app close a connection: ASGI itself has no way to send no response."""


class FaultMiddleware:
    """Serves requests with *app*, and spoils those that a fault matches."""

    def __init__(self, app: ASGIApp, faults: Faults, store: SandboxStore, behaviour: Behaviour) -> None:
        self._app = app
        self._faults = faults
        self._store = store
        self._behaviour = behaviour

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, with the fault that matches it."""
        affected = scope["type"] == "http" and not scope["path"].startswith(_PREFIX)
        fault = self._faults.take(scope["method"], scope["path"]) if affected else None
        if fault is None:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            await request.body()  # read it whole before the fault happens
        except ClientDisconnect:
            return
        await self._apply(fault, request, send)

    async def _apply(self, fault: Fault, request: Request, send: Send) -> None:
        match fault.fault:
            case "dropped":
                await _disconnect(request)
            case "lost":
                await self._perform(request)
                await _disconnect(request)
            case "late" | "late_at_commit":
                await self._perform_late(fault, request)
            case "cut":
                start, body = await self._perform(request)
                await send(start)
                await send({**body, "body": body["body"][: len(body["body"]) // 2], "more_body": True})
                await _disconnect(request)
            case "slow":
                start, body = await self._perform(request)
                await asyncio.sleep(fault.seconds or 0)
                await send(start)
                await send(body)
            case "no_token":
                start, body = await self._perform(request)
                await _without_token(start, body)(request.scope, request.receive, send)
            case _:
                if fault.commit:
                    await self._perform(request)
                await _replacement(fault, self._behaviour)(request.scope, request.receive, send)

    async def _perform(self, request: Request) -> tuple[Message, Message]:
        """Pass the request to the app; return the start and the body of its response."""
        body = await request.body()
        messages: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            messages.append(message)

        await self._app(request.scope, receive, send)
        start, *bodies = messages
        return start, {"type": "http.response.body", "body": b"".join(part["body"] for part in bodies)}

    async def _perform_late(self, fault: Fault, request: Request) -> None:
        accepted = fault.fault == "late_at_commit" or await self._is_authenticated(request)
        await _disconnect(request)
        if accepted:
            await asyncio.sleep(fault.seconds or 0)
            await self._perform(request)

    async def _is_authenticated(self, request: Request) -> bool:
        """Whether the caller's token is live now; the request then keeps its caller, even if the token is revoked."""
        try:
            await run_in_threadpool(authenticate, self._store, self._behaviour, request)
        except ApiError:
            return False
        return True


async def _disconnect(request: Request) -> None:
    """Close the connection, and wait until the server has noticed: else it expects a response, and logs an error."""
    request.scope["extensions"][CONNECTION].close()
    await request.receive()  # the body has been read, so the next message is the disconnect


def _without_token(start: Message, body: Message) -> Response:
    content: Any = json.loads(body["body"] or b"null")
    if isinstance(content, dict):
        content.pop("token", None)
    return JSONResponse(content, start["status"])


def _replacement(fault: Fault, behaviour: Behaviour) -> Response:
    """Return the response that is sent instead of the API's."""
    status = fault.status or 200
    message = "a requested fault"
    match fault.fault:
        case "redirect":
            return RedirectResponse(fault.location or "/", status)
        case "html":
            return html_page(status, message)
        case "error_in_200":
            return JSONResponse(ApiError(status, "biz_logic", message).envelope, 200)
        case _:
            return error_response(ApiError(status, "fault", message), behaviour, _retry_after(fault))


def _retry_after(fault: Fault) -> dict[str, str]:
    if fault.retry_after is None:
        return {}
    if fault.retry_after_form == "seconds":
        return {"Retry-After": str(fault.retry_after)}
    until = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=fault.retry_after)
    return {"Retry-After": format_datetime(until, usegmt=True)}


def faults_route(faults: Faults) -> Route:
    """Return the route that reads and changes *faults*."""

    async def respond(request: Request) -> Response:
        try:
            _require_loopback(request)
            if request.method == "POST":
                faults.add(*parse_faults(await _read_json(request)))
            elif request.method == "DELETE":
                faults.clear()
        except ApiError as error:
            return JSONResponse(error.envelope, error.status)
        except InvalidError as error:
            problem = error.problem
            message = f"{problem.field}: {problem.message}"
            return JSONResponse(ApiError(422, "validation", message, problem.field).envelope, 422)
        except ClientDisconnect:
            return Response()  # the client is gone, so this is never sent
        return JSONResponse([fault.to_dict() for fault in faults.pending()])

    return Route(f"{_PREFIX}faults", respond, methods=["GET", "POST", "DELETE"])


def _require_loopback(request: Request) -> None:
    client = request.client.host if request.client else None
    if not is_loopback(client):
        raise ApiError(403, "forbidden", "faults can be set from localhost only")


async def _read_json(request: Request) -> Any:
    try:
        return json.loads(await request.body())
    except (ValueError, RecursionError):
        raise ApiError(400, "bad_request", "the body is not JSON") from None
