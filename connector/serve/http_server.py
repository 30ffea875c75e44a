"""The app as a server: it prints nothing, ends on a signal, and ends only when all tokens are stored."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn

from locoia_pat.ready_server import ReadyServer

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Generator
    from pathlib import Path

    from locoia_pat.serve.http_app import HttpApp

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_GRACE_SECONDS = 180
"""How long a stop waits for responses to be sent; the calls themselves are waited for in any case."""


def run(
    app: HttpApp,
    listener: socket.socket,
    on_ready: Callable[[], None],
    *,
    tls: tuple[Path, Path] | None = None,
) -> None:
    """Serve *app* until SIGINT or SIGTERM.

    Args:
        app: the app, which is stopped at the end.
        listener: the listening socket.
        on_ready: called once requests are accepted.
        tls: the files of the certificate chain and of its key; None for plain HTTP.

    """
    new_server(app, on_ready, tls=tls).run(sockets=[listener])


def new_server(
    app: HttpApp, on_ready: Callable[[], None] = lambda: None, *, tls: tuple[Path, Path] | None = None
) -> uvicorn.Server:
    """Return a server of *app*; arguments as for :func:`run`."""
    config = uvicorn.Config(
        app.asgi(),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # the address of the peer decides, not what it says
        timeout_graceful_shutdown=_GRACE_SECONDS,
        ssl_certfile=tls[0] if tls else None,
        ssl_keyfile=tls[1] if tls else None,
    )
    return _Server(config, on_ready)


class _Server(ReadyServer):
    """A server that ends after a signal without raising it again."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
