"""An API on localhost that serves the examples of specs, and nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from locoia_pat.engine import examples
from locoia_pat.engine.action import AuthHeader, CompiledAction
from locoia_pat.http.exchange_types import Request as SpecRequest
from locoia_pat.secrets.secret import Secret
from locoia_pat.spec.description import base_url_variable
from locoia_pat.spec.model import ActionSpec
from locoia_pat.spec.row_mark import without_marks

if TYPE_CHECKING:
    from starlette.requests import Request

    from locoia_pat.http.exchange_types import Response as SpecResponse
    from locoia_pat.spec.load import SpecFolder

_SHORT_LIVED = "fake-short-lived-token-0123456789"
"""The result of an exchange of the credential, if the connector has one."""
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def create_app(folder: SpecFolder) -> Starlette:
    """Return an application that serves the examples of all actions in *folder*, under the path of its base URL.

    Raises:
        InvalidError: a spec or an example is invalid.

    """
    base = base_path(folder)
    exchanges = [
        (spec.auth, examples.request_as_example(request, ""), reply)
        for name in folder.names
        for spec in [folder.spec(name)]
        if isinstance(spec, ActionSpec)
        for action in [CompiledAction(spec)]
        for example in action.spec.examples
        for request, reply in examples.run_example(action, example, base).exchanges
        if reply is not None
    ]
    header = AuthHeader(folder.connector).header_key
    exchange = folder.connector.auth.exchange

    async def answer(request: Request) -> Response:
        if exchange is not None and request.method == "POST" and request.url.path == base + exchange.path:
            return JSONResponse(_nested(exchange.at, _SHORT_LIVED))
        received = await _describe(request)
        matching = [(auth, reply) for auth, expected, reply in exchanges if _matches(expected, received)]
        if header not in request.headers and "none" not in [auth for auth, _ in matching]:
            return _json(401, f"the header {header} is missing")
        if matching:
            return _response(matching[0][1])
        method, path = received["method"], received["path"]
        similar = [expected for _, expected, _ in exchanges if (expected["method"], expected["path"]) == (method, path)]
        differs = f"; an example sends {json.dumps(similar[0], ensure_ascii=False)}" if similar else ""
        return _json(404, f"no example sends {method} {path} with these values{differs}")

    return Starlette(routes=[Route("/{path:path}", answer, methods=_METHODS)])


def _nested(path: str, value: str) -> Any:
    """Return an object that has *value* at *path*."""
    inner: Any = value
    for key in reversed(path.split(".")):
        inner = {key: inner}
    return inner


def base_path(folder: SpecFolder) -> str:
    """Return the path under which the examples are served: that of the base URL."""
    return urlsplit(folder.connector.base_url).path.rstrip("/")


def environment(folder: SpecFolder, url: str) -> dict[str, str]:
    """Return the environment variables that point the connector of *folder* to its examples at *url*."""
    env = folder.connector.env
    variables = {env.base_url: url} if env.base_url else {}
    variables |= {base_url_variable(folder.connector, name): url for name in folder.connector.base_urls}
    variables[env.token] = "example-credential"
    if env.identifier:
        variables[env.identifier] = "example-identifier"
    return variables


def _matches(expected: dict[str, Any], received: dict[str, Any]) -> bool:
    """Return whether a request is that of an example; it may have more headers."""
    compared = ("method", "path", "query", *(() if "file" in expected else ("body", "form")))
    same = all(expected.get(part) == received.get(part) for part in compared)
    headers = {name: value for name, value in expected.get("headers", {}).items() if name != "content-type"}
    received_headers: dict[str, str] = received["headers"]
    return same and headers.items() <= received_headers.items()


async def _describe(request: Request) -> dict[str, Any]:
    """Return *request* as an example describes it."""
    content = await request.body()
    headers = {name: value for name, value in request.headers.items() if name not in ("accept", "content-type")}
    kind = request.headers.get("content-type")
    spec_request = SpecRequest(
        request.method,
        request.url.path + (f"?{request.url.query}" if request.url.query else ""),
        tuple([("content-type", kind)] if kind else []),
        Secret(content.decode(errors="replace")) if content else None,
    )
    try:
        described = json.loads(without_marks(json.dumps(examples.request_as_example(spec_request, ""))))
    except ValueError:
        described = {"method": request.method, "path": request.url.path, "body": "invalid JSON"}
    return {**described, "headers": headers}


def _response(reply: SpecResponse) -> Response:
    headers = {name: value for name, value in reply.headers.items() if name != "date"}
    return Response(reply.text.reveal(), reply.status, headers, media_type="application/json")


def _json(status: int, message: str) -> Response:
    return Response(json.dumps({"message": message}), status, media_type="application/json")
