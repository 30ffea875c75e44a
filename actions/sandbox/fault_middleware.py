"""Makes faults happen: what stands between the server's connection and the app."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from locoia_pat.actions.sandbox.endpoint import authenticated
from locoia_pat.actions.sandbox.fault_api import PREFIX
from locoia_pat.actions.sandbox.responses import Refusal, page, refused

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from locoia_pat.actions.sandbox.behaviour import Behaviour
    from locoia_pat.actions.sandbox.fault import Fault
    from locoia_pat.actions.sandbox.fault_script import Faults
    from locoia_pat.actions.sandbox.token_store import Store

CONNECTION = "locoia_pat.connection"
"""The ASGI extension by which the server lets a connection be closed: ASGI itself has no way to answer nothing."""


class Injector:
    """The *app*, with faults."""

    def __init__(self, app: ASGIApp, faults: Faults, store: Store, behaviour: Behaviour) -> None:
        self._app = app
        self._faults = faults
        self._store = store
        self._behaviour = behaviour

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, with the fault that waits for it."""
        mine = scope["type"] == "http" and not scope["path"].startswith(PREFIX)
        fault = self._faults.take(scope["method"], scope["path"]) if mine else None
        if fault is None:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            await request.body()  # whole, before anything goes wrong
        except ClientDisconnect:
            return
        await self._happen(fault, request, send)

    async def _happen(self, fault: Fault, request: Request, send: Send) -> None:
        match fault.fault:
            case "dropped":
                await _hang_up(request)
            case "lost":
                await self._done(request)
                await _hang_up(request)
            case "late" | "late_at_commit":
                await self._late(fault, request)
            case "cut":
                start, body = await self._done(request)
                await send(start)
                await send({**body, "body": body["body"][: len(body["body"]) // 2], "more_body": True})
                await _hang_up(request)
            case "slow":
                start, body = await self._done(request)
                await asyncio.sleep(fault.seconds or 0)
                await send(start)
                await send(body)
            case "no_token":
                start, body = await self._done(request)
                await _without_token(start, body)(request.scope, request.receive, send)
            case _:
                if fault.commit:
                    await self._done(request)
                await _instead(fault, self._behaviour)(request.scope, request.receive, send)

    async def _done(self, request: Request) -> tuple[Message, Message]:
        """Do what is asked; the answer's start and its body."""
        body = await request.body()
        answer: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            answer.append(message)

        await self._app(request.scope, receive, send)
        start, *bodies = answer
        return start, {"type": "http.response.body", "body": b"".join(part["body"] for part in bodies)}

    async def _late(self, fault: Fault, request: Request) -> None:
        welcome = fault.fault == "late_at_commit" or await self._authorised(request)
        await _hang_up(request)
        if welcome:
            await asyncio.sleep(fault.seconds or 0)
            await self._done(request)

    async def _authorised(self, request: Request) -> bool:
        """Whether the caller's token is live now; then it stays so for this request, whatever happens to it."""
        try:
            await run_in_threadpool(authenticated, self._store, self._behaviour, request)
        except Refusal:
            return False
        return True


async def _hang_up(request: Request) -> None:
    """Close the connection, and wait until the server knows: it then asks for no answer, and logs nothing."""
    request.scope["extensions"][CONNECTION].close()
    await request.receive()  # the body has been read, so what comes is the end


def _without_token(start: Message, body: Message) -> Response:
    shown: Any = json.loads(body["body"] or b"null")
    if isinstance(shown, dict):
        shown.pop("token", None)
    return JSONResponse(shown, start["status"])


def _instead(fault: Fault, behaviour: Behaviour) -> Response:
    """What is answered in place of the API's own answer."""
    status = fault.status or 200
    message = "a fault that was asked for"
    match fault.fault:
        case "redirect":
            return RedirectResponse(fault.location or "/", status)
        case "html":
            return page(status, message)
        case "error_in_200":
            return JSONResponse(Refusal(status, "biz_logic", message).envelope, 200)
        case _:
            return refused(Refusal(status, "fault", message), behaviour, _retry_after(fault))


def _retry_after(fault: Fault) -> dict[str, str]:
    if fault.retry_after is None:
        return {}
    if fault.retry_after_form == "seconds":
        return {"Retry-After": str(fault.retry_after)}
    until = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=fault.retry_after)
    return {"Retry-After": format_datetime(until, usegmt=True)}
