"""One call of the API: who calls, with what, and whether they may."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from locoia_pat.actions import scopes
from locoia_pat.actions.sandbox.responses import Refusal, refused
from locoia_pat.secrets.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from locoia_pat.actions.sandbox.behaviour import Behaviour
    from locoia_pat.actions.sandbox.token_store import Row, Store

_MAX_BODY = 64 * 1024


@dataclass(frozen=True, slots=True)
class Call:
    """A call whose caller is known and may make it."""

    caller: Row
    request: Request
    body: Any
    """Of a POST or PUT: an object.  Else None."""


class Endpoints:
    """Makes endpoints of functions that take a call and give a status and JSON, or a whole response."""

    def __init__(self, store: Store, behaviour: Behaviour) -> None:
        self._store = store
        self._behaviour = behaviour

    def of(
        self, permit: Callable[[Row], None], work: Callable[[Call], tuple[int, Any]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """The endpoint that does *work* for callers whom *permit* does not refuse."""

        async def answer(request: Request) -> Response:
            try:
                caller = await run_in_threadpool(authenticated, self._store, self._behaviour, request)
                permit(caller)
                body = await _json(request) if request.method in ("POST", "PUT") else None
                status, found = await run_in_threadpool(work, Call(caller, request, body))
            except Refusal as refusal:
                return refused(refusal, self._behaviour)
            except ClientDisconnect:
                return Response()  # nobody is there to read it
            if isinstance(found, Response):
                return found
            return Response(status_code=204) if status == 204 else JSONResponse(found, status)

        return answer


def authenticated(store: Store, behaviour: Behaviour, request: Request) -> Row:
    """The row of the caller's live token, looked up once for each request.

    Raises:
        Refusal: there is none.

    """
    if (known := getattr(request.state, "caller", None)) is not None:
        row: Row = known
        return row
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    found = store.authenticate(Secret(token)) if scheme.lower() == "bearer" else None
    if found is None:
        status = behaviour.unknown_token_status
        message = "the bearer token is missing, wrong, replaced or expired"
        raise Refusal(status, "unauthorized" if status == 401 else "forbidden", message)
    request.state.caller = found
    return found


def permit(entity: str, operation: str) -> Callable[[Row], None]:
    """Refuses callers none of whose scopes allows *operation* on *entity*."""

    def check(caller: Row) -> None:
        if not any(scopes.allows(scope, entity, operation) for scope in caller.scopes):
            enough = " or ".join(scopes.narrowest(entity, operation))
            raise Refusal(403, "forbidden", f"to {operation} {entity}, a token needs {enough}")

    return check


async def _json(request: Request) -> dict[str, Any]:
    received = b""
    async for chunk in request.stream():
        received += chunk
        if len(received) > _MAX_BODY:
            raise Refusal(413, "too_large", f"a body has at most {_MAX_BODY} bytes")
    try:
        body = json.loads(received)
        json.dumps(body, ensure_ascii=False).encode()  # JSON may say halves of characters, which nobody can store
    except (ValueError, RecursionError):
        raise Refusal(400, "bad_request", "the body is not JSON") from None
    if not isinstance(body, dict):
        raise Refusal(422, "validation", "the body must be an object")
    return body
