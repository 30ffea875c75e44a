"""One call of the API: who makes it, with which body, and whether they may."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from locoia_pat.actions import scopes
from locoia_pat.actions.sandbox.responses import ApiError, error_response
from locoia_pat.secrets.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from locoia_pat.actions.sandbox.behaviour import Behaviour
    from locoia_pat.actions.sandbox.sandbox_store import Row, SandboxStore

_MAX_BODY = 64 * 1024


@dataclass(frozen=True, slots=True)
class Call:
    """An authenticated call that its caller may make."""

    caller: Row
    request: Request
    body: Any
    """The object of a POST or PUT; else None."""


def new_endpoint(
    store: SandboxStore,
    behaviour: Behaviour,
    check_permission: Callable[[Row], None],
    handle: Callable[[Call], tuple[int, Any]],
) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint that calls *handle* for callers that *check_permission* accepts.

    *handle* returns a status and JSON, or a whole response.
    """

    async def respond(request: Request) -> Response:
        try:
            caller = await run_in_threadpool(authenticate, store, behaviour, request)
            check_permission(caller)
            body = await _read_object(request) if request.method in ("POST", "PUT") else None
            status, content = await run_in_threadpool(handle, Call(caller, request, body))
        except ApiError as error:
            return error_response(error, behaviour)
        except ClientDisconnect:
            return Response()  # the client is gone, so this is never sent
        if isinstance(content, Response):
            return content
        return Response(status_code=204) if status == 204 else JSONResponse(content, status)

    return respond


def authenticate(store: SandboxStore, behaviour: Behaviour, request: Request) -> Row:
    """Return the row of the caller's live token, looked up once for each request.

    Raises:
        ApiError: the request has no live token.

    """
    if (cached := getattr(request.state, "caller", None)) is not None:
        row: Row = cached
        return row
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    caller = store.authenticate(Secret(token)) if scheme.lower() == "bearer" else None
    if caller is None:
        status = behaviour.unknown_token_status
        message = "the bearer token is missing, wrong, replaced or expired"
        raise ApiError(status, "unauthorized" if status == 401 else "forbidden", message)
    request.state.caller = caller
    return caller


def require_scope(entity: str, operation: str) -> Callable[[Row], None]:
    """Return a check that rejects callers without a scope that allows *operation* on *entity*."""

    def check(caller: Row) -> None:
        if not any(scopes.allows(scope, entity, operation) for scope in caller.scopes):
            sufficient = " or ".join(scopes.narrowest(entity, operation))
            raise ApiError(403, "forbidden", f"to {operation} {entity}, a token needs {sufficient}")

    return check


async def _read_object(request: Request) -> dict[str, Any]:
    received = b""
    async for chunk in request.stream():
        received += chunk
        if len(received) > _MAX_BODY:
            raise ApiError(413, "too_large", f"a body has at most {_MAX_BODY} bytes")
    try:
        body = json.loads(received)
        json.dumps(body, ensure_ascii=False).encode()  # JSON allows unpaired surrogates, which cannot be stored
    except (ValueError, RecursionError):
        raise ApiError(400, "bad_request", "the body is not JSON") from None
    if not isinstance(body, dict):
        raise ApiError(422, "validation", "the body must be an object")
    return body
