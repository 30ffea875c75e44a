"""The sandbox as a server: in the foreground for ``locoia-pat sandbox``, in a thread for the demo and the tests."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn
from locoia_pat.actions.scopes import NAMES

from .app import create_app
from .store import Store

if TYPE_CHECKING:
    from collections.abc import Generator

    from ..secret import Secret

OWNER = "sandbox"
_STOP_SECONDS = 10.0


def bound(host: str, port: int) -> socket.socket:
    """A listening socket, so that a port in use is known before anything is printed.

    Raises:
        OSError: the address cannot be had.

    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With its protocol named, asyncio sends small answers at once (TCP_NODELAY).
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


def address(listener: socket.socket) -> str:
    """The base address under which *listener* serves the API."""
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/v1"


def first_token(store: Store, *, again: bool = False) -> Secret | None:
    """A token to begin with: for an empty store, or where a new one is asked for *again*; else None."""
    if store.owned_by(OWNER) and not again:
        return None
    _, token = store.create(owner=OWNER, days=None, scopes=list(NAMES), note="first token of the sandbox")
    return token


def serve(store: Store, listener: socket.socket) -> None:
    """Serve until a signal says stop."""
    _server(store).run(sockets=[listener])


@contextmanager
def running(
    store: Store | None = None, listener: socket.socket | None = None
) -> Generator[tuple[str, Store], None, None]:
    """A sandbox in a thread of this process: its base address and its store, which is closed with it.

    By default the store is in memory, and the port one that is free.
    """
    store = store or Store()
    listener = listener or bound("127.0.0.1", 0)
    server = _server(store)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield address(listener), store  # the socket listens already: a call waits until the server takes it
    finally:
        server.should_exit = True
        thread.join(_STOP_SECONDS)
        listener.close()
        store.close()


def _server(store: Store) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            create_app(store),
            log_level="warning",
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=1,  # a client that stalls does not keep it from ending
        )
    )
