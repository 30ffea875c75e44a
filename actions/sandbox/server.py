"""The sandbox as a server: in the foreground for ``locoia-pat sandbox``, in a thread for the demo and for tests."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from locoia_pat.actions.sandbox.fault_middleware import CONNECTION
from locoia_pat.actions.sandbox.sandbox_app import create_app
from locoia_pat.actions.sandbox.sandbox_store import SandboxStore
from locoia_pat.actions.scopes import NAMES
from locoia_pat.http.listener import listen, url_of
from locoia_pat.ready_server import ReadyServer

if TYPE_CHECKING:
    import asyncio
    import socket
    from collections.abc import Callable, Generator

    from starlette.applications import Starlette
    from starlette.types import ASGIApp, Receive, Scope, Send

    from locoia_pat.actions.sandbox.behaviour import Behaviour
    from locoia_pat.actions.sandbox.faults import Faults
    from locoia_pat.secrets.secret import Secret

OWNER = "sandbox"
_STOP_SECONDS = 10.0


def first_token(store: SandboxStore, *, force: bool = False) -> Secret | None:
    """Mint a first token with all scopes if the store has none, or if *force* is set; else return None."""
    if store.owned_by(OWNER) and not force:
        return None
    _, token = store.create(owner=OWNER, days=None, scopes=list(NAMES), note="first token of the sandbox")
    return token


def with_pages(api: ASGIApp, pages: ASGIApp) -> ASGIApp:
    """Return an app that serves *api* under its own paths, and *pages* under all others."""

    async def serve_either(scope: Scope, receive: Receive, send: Send) -> None:
        is_api = scope["path"].startswith(("/v1/", "/_sandbox/"))
        await (api if is_api else pages)(scope, receive, send)

    return serve_either


def serve(app: ASGIApp, listener: socket.socket, on_ready: Callable[[], None] = lambda: None) -> None:
    """Serve *app* until a signal; call *on_ready* once it accepts requests."""
    _server(app, on_ready).run(sockets=[listener])


@contextmanager
def running(
    store: SandboxStore | None = None,
    listener: socket.socket | None = None,
    *,
    behaviour: Behaviour | None = None,
    faults: Faults | None = None,
) -> Generator[tuple[str, SandboxStore], None, None]:
    """Run a sandbox in a thread of this process; yield its base URL and its store, which is closed with it.

    Args:
        store: the data; by default in memory.
        listener: the socket; by default on a free port of 127.0.0.1.
        behaviour: the switches.
        faults: the faults; keep a reference to add more while it runs.

    """
    store = store or SandboxStore()
    listener = listener or listen("127.0.0.1", 0)
    try:
        with serving_in_thread(create_app(store, behaviour, faults), listener):
            yield url_of(listener), store
    finally:
        store.close()


@contextmanager
def serving_in_thread(app: Starlette, listener: socket.socket) -> Generator[None, None, None]:
    """Serve *app* in a thread of this process; *listener* is closed at the end."""
    server = _server(app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield  # the socket listens already: a request waits until the server accepts it
    finally:
        server.should_exit = True
        thread.join(_STOP_SECONDS)
        listener.close()


class _ClosableProtocol(H11Protocol):
    """HTTP that passes its connection to the app, so that the app can close it without a response."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as its parent has it
        super().connection_made(transport)
        app = self.app

        async def with_connection(scope: Scope, receive: Receive, send: Send) -> None:
            extensions = {**scope.get("extensions", {}), CONNECTION: transport}
            await app({**scope, "extensions": extensions}, receive, send)

        self.app = with_connection


def _server(app: ASGIApp, on_ready: Callable[[], None] = lambda: None) -> uvicorn.Server:
    return ReadyServer(
        uvicorn.Config(
            app,
            http=_ClosableProtocol,
            ws="none",
            log_level="warning",
            access_log=False,
            lifespan="off",
            server_header=False,
            forwarded_allow_ips=["127.0.0.1", "::1"],  # a request through a local proxy does not count as local
            timeout_graceful_shutdown=1,  # a client that stalls does not delay the end
        ),
        on_ready,
    )
