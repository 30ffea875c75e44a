"""``/_sandbox/faults``, by which tests in any language set faults over HTTP; not part of the API.

GET returns the pending faults, POST adds a JSON list, DELETE removes all.  It needs no token, and accepts requests from
localhost only.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from locoia_pat.actions.sandbox.faults import parse_faults
from locoia_pat.actions.sandbox.responses import ApiError
from locoia_pat.http.url import is_loopback
from locoia_pat.outcomes import InvalidError

if TYPE_CHECKING:
    from starlette.requests import Request

    from locoia_pat.actions.sandbox.faults import Faults

PREFIX = "/_sandbox/"


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

    return Route(PREFIX + "faults", respond, methods=["GET", "POST", "DELETE"])


def _require_loopback(request: Request) -> None:
    client = request.client.host if request.client else None
    if not is_loopback(client):
        raise ApiError(403, "forbidden", "faults can be set from localhost only")


async def _read_json(request: Request) -> Any:
    try:
        return json.loads(await request.body())
    except (ValueError, RecursionError):
        raise ApiError(400, "bad_request", "the body is not JSON") from None
