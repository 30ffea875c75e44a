"""The faults over HTTP, for tests in any language: ``/_sandbox/faults``, no part of the API.

GET shows what is left, POST adds a JSON list, DELETE forgets all.  It needs no token, and answers this computer alone.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from locoia_pat.actions.sandbox.fault_script import parse_list
from locoia_pat.actions.sandbox.responses import Refusal
from locoia_pat.http.url import is_loopback
from locoia_pat.outcomes import InvalidError

if TYPE_CHECKING:
    from starlette.requests import Request

    from locoia_pat.actions.sandbox.fault_script import Faults

PREFIX = "/_sandbox/"


def faults_route(faults: Faults) -> Route:
    """The route to *faults*."""

    async def answer(request: Request) -> Response:
        try:
            _permit(request)
            if request.method == "POST":
                faults.add(*parse_list(await _json(request)))
            elif request.method == "DELETE":
                faults.clear()
        except Refusal as refusal:
            return JSONResponse(refusal.envelope, refusal.status)
        except InvalidError as error:
            problem = error.problem
            message = f"{problem.field}: {problem.message}"
            return JSONResponse(Refusal(422, "validation", message, problem.field).envelope, 422)
        except ClientDisconnect:
            return Response()  # nobody is there to read it
        return JSONResponse([fault.to_dict() for fault in faults.left()])

    return Route(PREFIX + "faults", answer, methods=["GET", "POST", "DELETE"])


def _permit(request: Request) -> None:
    client = request.client.host if request.client else None
    if not is_loopback(client):
        raise Refusal(403, "forbidden", "faults are set from the computer the sandbox runs on, and from no other")


async def _json(request: Request) -> Any:
    try:
        return json.loads(await request.body())
    except (ValueError, RecursionError):
        raise Refusal(400, "bad_request", "the body is not JSON") from None
