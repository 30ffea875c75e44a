"""The token page as a server, for ``locoia-pat console``."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import uvicorn

from locoia_pat.ready_server import ReadyServer

if TYPE_CHECKING:
    import socket

    from locoia_pat.actions.console.page_app import PageApp

_GRACE_SECONDS = 180
"""How long a stop waits for calls that are under way."""
_HANGUP = [getattr(signal, name) for name in ("SIGHUP",) if hasattr(signal, name)]
"""The terminal was closed; uvicorn handles only the other signals."""


def serve(app: PageApp, listener: socket.socket) -> None:
    """Serve the pages until a signal; print a launch link once requests are accepted."""
    server = new_server(app)
    # A signal that is ignored, as under nohup, stays ignored.
    ending = [number for number in _HANGUP if signal.getsignal(number) is not signal.SIG_IGN]
    previous = {number: signal.signal(number, server.handle_exit) for number in ending}
    try:
        server.run(sockets=[listener])
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


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
