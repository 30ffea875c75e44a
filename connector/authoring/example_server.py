"""The examples of specs as an API on this computer: what an example tells is answered, and nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from locoia_pat.engine import examples
from locoia_pat.engine.action import AuthHeader, CompiledAction
from locoia_pat.http.exchange_types import Request as Sent
from locoia_pat.secrets.secret import Secret
from locoia_pat.spec.model import ActionSpec

if TYPE_CHECKING:
    from starlette.requests import Request

    from locoia_pat.http.exchange_types import Response as SpecResponse
    from locoia_pat.spec.load import SpecFolder

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_OTHERWISE = 404


def create_app(folder: SpecFolder) -> Starlette:
    """The examples of all actions in *folder*, under the path of its base address.

    Raises:
        InvalidError: a spec or an example is wrong.

    """
    base = path(folder)
    answers = [
        (examples.described(request, ""), reply)
        for name in folder.names
        for spec in [folder.spec(name)]
        if isinstance(spec, ActionSpec)
        for action in [CompiledAction(spec)]
        for example in action.spec.examples
        for request, reply in examples.run(action, example, base).exchanges
        if reply is not None
    ]
    header = AuthHeader(folder.connector).header_key

    async def answer(request: Request) -> Response:
        if header not in request.headers:
            return _json(401, f"there is no {header}")
        told = await _told(request)
        if (reply := next((reply for known, reply in answers if _fits(known, told)), None)) is not None:
            return _response(reply)
        known = [told_ for told_, _ in answers if (told_["method"], told_["path"]) == (told["method"], told["path"])]
        differs = f"; the example there sends {json.dumps(known[0], ensure_ascii=False)}" if known else ""
        return _json(_OTHERWISE, f"no example sends {told['method']} {told['path']} with what was sent{differs}")

    return Starlette(routes=[Route("/{path:path}", answer, methods=_METHODS)])


def path(folder: SpecFolder) -> str:
    """The path under which the examples are served: that of the base address."""
    return urlsplit(folder.connector.base_url).path.rstrip("/")


def environment(folder: SpecFolder, url: str) -> dict[str, str]:
    """The variables that point the connector of *folder* to its examples at *url*."""
    env = folder.connector.env
    found = {env.base_url: url} if env.base_url else {}
    found[env.token] = "example-credential"
    if env.identifier:
        found[env.identifier] = "example-identifier"
    return found


def _fits(known: dict[str, Any], told: dict[str, Any]) -> bool:
    """Whether a request is that of an example, whose own headers may stand among others."""
    same = all(known.get(part) == told.get(part) for part in ("method", "path", "query", "body", "form"))
    wanted: dict[str, str] = known.get("headers", {})
    got: dict[str, str] = told["headers"]
    return same and wanted.items() <= got.items()


async def _told(request: Request) -> dict[str, Any]:
    """*Request* in the words of an example."""
    content = await request.body()
    headers = {name: value for name, value in request.headers.items() if name not in ("accept", "content-type")}
    kind = request.headers.get("content-type")
    sent = Sent(
        request.method,
        request.url.path + (f"?{request.url.query}" if request.url.query else ""),
        tuple([("content-type", kind)] if kind else []),
        Secret(content.decode()) if content else None,
    )
    try:
        told = examples.described(sent, "")
    except ValueError:
        told = {"method": request.method, "path": request.url.path, "body": "no JSON"}
    return {**told, "headers": headers}


def _response(reply: SpecResponse) -> Response:
    headers = {name: value for name, value in reply.headers.items() if name != "date"}
    return Response(reply.text.reveal(), reply.status, headers, media_type="application/json")


def _json(status: int, message: str) -> Response:
    return Response(json.dumps({"message": message}), status, media_type="application/json")
