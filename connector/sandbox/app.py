"""The sandbox's three endpoints, as the API page gives them.

What the page leaves open is decided here, and named as such in the docs: any live token may call, rows that expired
stay listed, a regenerated row keeps its id, errors are Locoia's ``{"status", "error", "message", "data"}``.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

from locoia_pat.actions import scopes
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..secret import Secret

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from .store import Row, Store

_MAX_BODY = 64 * 1024
_MAX_DAYS = 36_500  # past it, a date no longer fits


class _Refusal(Exception):  # noqa: N818  # not an error of ours: the answer to a wrong request
    def __init__(self, status: int, error: str, message: str, field: str | None = None) -> None:
        self.status = status
        self.body = {
            "status": status,
            "error": error,
            "message": message,
            "data": {"field": field} if field else None,
        }


def create_app(store: Store) -> Starlette:
    """The API over *store*."""
    api = _Api(store)
    path = "/v1/personal-access-tokens"
    app = Starlette(
        routes=[
            Route(path, api.endpoint(api.create), methods=["POST"]),
            Route(path, api.endpoint(api.listed), methods=["GET"]),
            Route(path + "/{token_id}/regenerate", api.endpoint(api.regenerate), methods=["POST"]),
        ],
        exception_handlers={404: _no_route, 405: _no_route},
    )
    app.router.redirect_slashes = False
    return app


class _Api:
    """The endpoints; each takes the caller's row, the request and its JSON, and gives a status and JSON."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def endpoint(
        self, work: Callable[[Row, Request, Any], tuple[int, Any]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                caller = await run_in_threadpool(_authenticated, self._store, request)
                body = await _json(request) if request.method == "POST" else None
                status, found = await run_in_threadpool(work, caller, request, body)
            except _Refusal as refusal:
                return JSONResponse(refusal.body, refusal.status)
            except ClientDisconnect:
                return Response()  # nobody is there to read it
            return JSONResponse(found, status)

        return answer

    def create(self, caller: Row, _: Request, body: Any) -> tuple[int, Any]:
        days = _days(body)
        row, token = self._store.create(owner=caller.owner, days=days, scopes=_scopes(body), note=_note(body))
        return 201, {**_shown(row), "token": token.reveal()}

    def regenerate(self, caller: Row, request: Request, body: Any) -> tuple[int, Any]:
        found = self._store.regenerate(request.path_params["token_id"], owner=caller.owner, days=_days(body))
        if found is None:
            raise _Refusal(404, "not_found", "there is no such personal access token")
        row, token = found
        return 200, {**_shown(row), "token": token.reveal()}

    def listed(self, caller: Row, _: Request, __: Any) -> tuple[int, Any]:
        return 200, [_shown(row) for row in self._store.owned_by(caller.owner)]


async def _no_route(_: Request, error: Exception) -> Response:
    status: int = getattr(error, "status_code", 404)
    message = "there is no such address" if status == 404 else "this address does not take that method"
    return JSONResponse(_Refusal(status, "not_found", message).body, status, getattr(error, "headers", None))


def _authenticated(store: Store, request: Request) -> Row:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    row = store.authenticate(Secret(token)) if scheme.lower() == "bearer" else None
    if row is None:
        raise _Refusal(401, "unauthorized", "the bearer token is missing, wrong, replaced or expired")
    return row


async def _json(request: Request) -> Any:
    received = b""
    async for chunk in request.stream():
        received += chunk
        if len(received) > _MAX_BODY:
            raise _Refusal(413, "too_large", f"a body has at most {_MAX_BODY} bytes")
    try:
        body = json.loads(received)
        json.dumps(body, ensure_ascii=False).encode()  # JSON may say halves of characters, which nobody can store
    except (ValueError, RecursionError):
        raise _Refusal(400, "bad_request", "the body is not JSON") from None
    if not isinstance(body, dict):
        raise _Refusal(422, "validation", "the body must be an object")
    return body


def _days(body: Any) -> int | None:
    if "expiration" not in body:
        raise _Refusal(422, "validation", "expiration is missing; null means never", "expiration")
    days = body["expiration"]
    if days is not None and (not isinstance(days, int) or isinstance(days, bool) or not 1 <= days <= _MAX_DAYS):
        raise _Refusal(
            422, "validation", f"expiration must be a number of days from 1 to {_MAX_DAYS}, or null", "expiration"
        )
    return days


def _scopes(body: Any) -> list[str]:
    chosen = body.get("scopes")
    if not isinstance(chosen, list) or not chosen or not all(isinstance(scope, str) for scope in chosen):
        raise _Refusal(422, "validation", "scopes must be a list of scopes", "scopes")
    if unknown := [scope for scope in chosen if scope not in scopes.ALL]:
        raise _Refusal(422, "validation", f"unknown scope: {unknown[0]}", "scopes")
    return chosen


def _note(body: Any) -> str:
    note = body.get("note")
    if not isinstance(note, str) or len(note) > 255:
        raise _Refusal(422, "validation", "note must be a text of at most 255 characters", "note")
    return note


def _shown(row: Row) -> dict[str, Any]:
    return {
        "id": row.id,
        "expiration": _rfc3339(row.expiration),
        "note": row.note,
        "last_used": _rfc3339(row.last_used),
        "scopes": row.scopes,
    }


def _rfc3339(time: dt.datetime | None) -> str | None:
    return time.astimezone(dt.UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z" if time else None
