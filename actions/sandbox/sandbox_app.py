"""The sandbox as an ASGI app: the endpoints, and the faults in front of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.middleware import Middleware

from locoia_pat.actions.sandbox.behaviour import Behaviour
from locoia_pat.actions.sandbox.entity_endpoints import EntityEndpoints
from locoia_pat.actions.sandbox.fault_middleware import FaultMiddleware, faults_route
from locoia_pat.actions.sandbox.faults import Faults
from locoia_pat.actions.sandbox.responses import ApiError, error_response
from locoia_pat.actions.sandbox.token_endpoints import TokenEndpoints

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from locoia_pat.actions.sandbox.sandbox_store import SandboxStore


def create_app(store: SandboxStore, behaviour: Behaviour | None = None, faults: Faults | None = None) -> Starlette:
    """Return the API over *store*; its faults can be set while it runs, as ``app.state.faults``."""
    behaviour = behaviour or Behaviour()
    faults = faults or Faults()

    async def no_route(_: Request, error: Exception) -> Response:
        status: int = getattr(error, "status_code", 404)
        message = "no such path" if status == 404 else "this path does not support that method"
        return error_response(ApiError(status, "not_found", message), behaviour, getattr(error, "headers", None))

    app = Starlette(
        routes=[
            *TokenEndpoints(store, behaviour).routes(),
            *EntityEndpoints(store, behaviour).routes(),
            faults_route(faults),
        ],
        middleware=[Middleware(FaultMiddleware, faults=faults, store=store, behaviour=behaviour)],
        exception_handlers={404: no_route, 405: no_route},
    )
    app.router.redirect_slashes = False
    app.state.faults = faults
    return app
