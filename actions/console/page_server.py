"""The token page as a server, for ``locoia-pat console``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import uvicorn

from locoia_pat.ready_server import ReadyServer

if TYPE_CHECKING:
    import socket

    from locoia_pat.actions.console.page_app import PageApp

_GRACE_SECONDS = 180
"""How long a stop waits for calls that are under way."""


def serve(app: PageApp, listener: socket.socket) -> None:
    """Serve the pages until a signal; print a launch link once requests are accepted."""
    new_server(app).run(sockets=[listener])


def new_server(app: PageApp) -> uvicorn.Server:
    """Return a server of *app*."""
    config = uvicorn.Config(
        app.asgi(),
        ws="none",
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    return ReadyServer(config, app.offer_link)
