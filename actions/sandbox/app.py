"""The sandbox as an ASGI app: the endpoints, and the faults in front of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.middleware import Middleware

from locoia_pat.actions.sandbox.behaviour import Behaviour
from locoia_pat.actions.sandbox.endpoint import Endpoints
from locoia_pat.actions.sandbox.entities import Entities
from locoia_pat.actions.sandbox.fault_api import faults_route
from locoia_pat.actions.sandbox.fault_middleware import Injector
from locoia_pat.actions.sandbox.fault_script import Faults
from locoia_pat.actions.sandbox.responses import Refusal, refused
from locoia_pat.actions.sandbox.tokens import Tokens

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from locoia_pat.actions.sandbox.token_store import Store


def create_app(store: Store, behaviour: Behaviour | None = None, faults: Faults | None = None) -> Starlette:
    """The API over *store*; its faults can be set while it runs, as ``app.state.faults``."""
    behaves, script = behaviour or Behaviour(), faults or Faults()
    endpoints = Endpoints(store, behaves)

    async def no_route(_: Request, error: Exception) -> Response:
        status: int = getattr(error, "status_code", 404)
        message = "there is no such address" if status == 404 else "this address does not take that method"
        return refused(Refusal(status, "not_found", message), behaves, getattr(error, "headers", None))

    app = Starlette(
        routes=[
            *Tokens(store, behaves).routes(endpoints),
            *Entities(store, behaves).routes(endpoints),
            faults_route(script),
        ],
        middleware=[Middleware(Injector, faults=script, store=store, behaviour=behaves)],
        exception_handlers={404: no_route, 405: no_route},
    )
    app.router.redirect_slashes = False
    app.state.faults = script
    return app
