"""The sandbox as a server: in the foreground for ``locoia-pat sandbox``, in a thread for the demo and the tests."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn
from locoia_pat.actions.scopes import NAMES
from uvicorn.protocols.http.h11_impl import H11Protocol

from .app import create_app
from .injector import CONNECTION
from .store import Store

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Generator

    from starlette.types import Receive, Scope, Send

    from ..secret import Secret
    from .behaviour import Behaviour
    from .faults import Faults

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


def serve(
    store: Store,
    listener: socket.socket,
    *,
    behaviour: Behaviour | None = None,
    faults: Faults | None = None,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Serve until a signal says stop; *ready* is called once it does."""
    _server(store, behaviour, faults, ready).run(sockets=[listener])


@contextmanager
def running(
    store: Store | None = None,
    listener: socket.socket | None = None,
    *,
    behaviour: Behaviour | None = None,
    faults: Faults | None = None,
) -> Generator[tuple[str, Store], None, None]:
    """A sandbox in a thread of this process: its base address and its store, which is closed with it.

    By default the store is in memory, and the port one that is free.  Keep *faults* to set more of them while it runs.
    """
    store = store or Store()
    listener = listener or bound("127.0.0.1", 0)
    server = _server(store, behaviour, faults)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield address(listener), store  # the socket listens already: a call waits until the server takes it
    finally:
        server.should_exit = True
        thread.join(_STOP_SECONDS)
        listener.close()
        store.close()


class _Closable(H11Protocol):
    """HTTP that hands its connection to the app, so that the app can close it without an answer."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as its parent has it
        super().connection_made(transport)
        app = self.app

        async def with_connection(scope: Scope, receive: Receive, send: Send) -> None:
            extensions = {**scope.get("extensions", {}), CONNECTION: transport}
            await app({**scope, "extensions": extensions}, receive, send)

        self.app = with_connection


class _Telling(uvicorn.Server):
    """A server that tells when it serves."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()


def _server(
    store: Store, behaviour: Behaviour | None, faults: Faults | None, ready: Callable[[], None] = lambda: None
) -> uvicorn.Server:
    return _Telling(
        uvicorn.Config(
            create_app(store, behaviour, faults),
            http=_Closable,
            ws="none",
            log_level="warning",
            access_log=False,
            lifespan="off",
            server_header=False,
            forwarded_allow_ips=["127.0.0.1", "::1"],  # whoever comes through a proxy here is not this computer
            timeout_graceful_shutdown=1,  # a client that stalls does not keep it from ending
        ),
        ready,
    )
