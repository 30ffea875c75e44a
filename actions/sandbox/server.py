"""The sandbox as a server: in the foreground for ``locoia-pat sandbox``, in a thread for the demo and the tests."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from locoia_pat.actions.sandbox.app import create_app
from locoia_pat.actions.sandbox.fault_middleware import CONNECTION
from locoia_pat.actions.sandbox.token_store import Store
from locoia_pat.actions.scopes import NAMES

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Generator

    from starlette.applications import Starlette
    from starlette.types import Receive, Scope, Send

    from locoia_pat.actions.sandbox.behaviour import Behaviour
    from locoia_pat.actions.sandbox.fault_script import Faults
    from locoia_pat.secrets.secret import Secret

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


def address(listener: socket.socket, path: str = "/v1") -> str:
    """The base address under which *listener* serves the API at *path*."""
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}{path}"


def first_token(store: Store, *, again: bool = False) -> Secret | None:
    """A token to begin with: for an empty store, or where a new one is asked for *again*; else None."""
    if store.owned_by(OWNER) and not again:
        return None
    _, token = store.create(owner=OWNER, days=None, scopes=list(NAMES), note="first token of the sandbox")
    return token


def serve(app: Starlette, listener: socket.socket, ready: Callable[[], None] = lambda: None) -> None:
    """Serve *app* until a signal says stop; *ready* is called once it does."""
    _server(app, ready).run(sockets=[listener])


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
    try:
        with served(create_app(store, behaviour, faults), listener):
            yield address(listener), store
    finally:
        store.close()


@contextmanager
def served(app: Starlette, listener: socket.socket) -> Generator[None, None, None]:
    """*App* in a thread of this process; *listener* is closed with it."""
    server = _server(app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield  # the socket listens already: a call waits until the server takes it
    finally:
        server.should_exit = True
        thread.join(_STOP_SECONDS)
        listener.close()


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


def _server(app: Starlette, ready: Callable[[], None] = lambda: None) -> uvicorn.Server:
    return _Telling(
        uvicorn.Config(
            app,
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
