"""A real HTTP server on loopback that answers as a test says, byte for byte."""

from __future__ import annotations

import datetime as dt
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl

TOKEN = "fake-minted-token-0123456789abcdef"
"""Minted by nobody: what the scripted answers hold."""


@dataclass(frozen=True)
class Got:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Script = Callable[[socket.socket], bool]
"""Writes an answer to a connection; True keeps the connection."""


@dataclass
class Server:
    """Answers the first request with the first script, and so on; the last one answers all that follow."""

    scripts: list[Script]
    port: int = 0
    tls: ssl.SSLContext | None = None
    got: list[Got] = field(default_factory=list[Got])
    connections: int = 0

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}/v1"


def answer(status: int = 200, body: object = None, headers: dict[str, str] | None = None) -> Any:
    """A whole answer; *body* is JSON, or text as it is."""

    def script(connection: socket.socket) -> bool:
        connection.sendall(raw(status, body, headers))
        return True

    return script


def raw(status: int = 200, body: object = None, headers: dict[str, str] | None = None) -> bytes:
    content = body.encode() if isinstance(body, str) else b"" if body is None else json.dumps(body).encode()
    lines = {"Content-Length": str(len(content)), "Content-Type": "application/json", **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} Told\r\n{head}\r\n".encode() + content


def cut(status: int = 201, body: object = None) -> Any:
    """An answer that ends before its last bytes."""

    def script(connection: socket.socket) -> bool:
        connection.sendall(raw(status, body)[:-5])
        return False

    return script


def drop(connection: socket.socket) -> bool:
    """The request is read, and the connection reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def stall(seconds: float) -> Any:
    """No answer for a while."""

    def script(_: socket.socket) -> bool:
        time.sleep(seconds)
        return False

    return script


def send(data: bytes) -> Any:
    """These bytes, and the end."""

    def script(connection: socket.socket) -> bool:
        connection.sendall(data)
        return False

    return script


def drip(data: bytes, seconds: float) -> Any:
    """*Data* in single bytes over *seconds*."""

    def script(connection: socket.socket) -> bool:
        for byte in data:
            connection.sendall(bytes([byte]))
            time.sleep(seconds / len(data))
        return False

    return script


def created(**changed: Any) -> dict[str, Any]:
    """The answer of the API page to a create."""
    return {
        "id": "5a1f3c1e-0000-4000-8000-000000000001",
        "token": TOKEN,
        "expiration": f"{dt.datetime.now(dt.UTC) + dt.timedelta(days=30):%Y-%m-%dT%H:%M:%SZ}",
        "note": "CI",
        "last_used": None,
        "scopes": ["automation:view"],
    } | changed


@contextmanager
def serving(*scripts: Any, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """A server on a port of its own, for the length of a test; with *tls*, it speaks https."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(list(scripts), listener.getsockname()[1], tls)
    lock = threading.Lock()
    threads: list[threading.Thread] = []

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            server.connections += 1
            thread = threading.Thread(target=handle, args=(connection,), daemon=True)
            thread.start()
            threads.append(thread)

    def handle(plain: socket.socket) -> None:
        plain.settimeout(10)
        try:
            connection = tls.wrap_socket(plain, server_side=True) if tls else plain
        except OSError:  # who calls does not trust us
            plain.close()
            return
        with connection, connection.makefile("rb") as lines:
            try:
                while (got := _read(lines)) is not None:
                    with lock:
                        server.got.append(got)
                        script = server.scripts.pop(0) if len(server.scripts) > 1 else server.scripts[0]
                    if not script(connection):
                        return
            except (OSError, ValueError):  # gone, or no HTTP
                return

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def _read(lines: Any) -> Got | None:
    first = lines.readline().decode()
    if not first:
        return None
    method, path, _ = first.split(" ")
    headers: dict[str, str] = {}
    while line := lines.readline().decode().strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return Got(method, path, headers, lines.read(int(headers.get("content-length", "0"))))


def free_port() -> int:
    """A port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
