"""Sockets that listen, for the servers of this package."""

from __future__ import annotations

import socket

from locoia_pat.outcomes import invalid


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket, so that a port in use is noticed before anything is printed.

    Raises:
        OSError: the host or port cannot be used.

    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With its protocol named, asyncio sends small responses at once (TCP_NODELAY).
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


def open_listener(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Raises:
        InvalidError: the host or port cannot be used.

    """
    try:
        return listen(host, port)
    except OSError as error:
        reason = error.strerror
    raise invalid(f"cannot listen on {host}:{port}: {reason}", field="port", hint="--port 0 chooses a free port.")


def url_of(listener: socket.socket, path: str = "/v1", *, scheme: str = "http") -> str:
    """Return the URL under which *listener* serves *path*."""
    host, port = listener.getsockname()[:2]
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}{path}"
