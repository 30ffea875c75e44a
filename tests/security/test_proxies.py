"""A proxy gets no token: loopback never uses it, and https passes it only in a tunnel."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from locoia_pat import Connector, Outcome
from tests.support.canaries import CREATE, ODD, PAIRS, TIMEOUT, auth_of, connector, leaks, minted, shown_with_error
from tests.support.loopback import answer, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.security.conftest import Log
    from tests.support.canaries import Canaries

VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


@contextmanager
def proxy() -> Iterator[list[bytes]]:
    """A proxy that all variables name: it keeps every byte, and refuses every tunnel."""
    got: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                connection.settimeout(5)
                got.append(b"")
                while b"\r\n\r\n" not in got[-1] and (data := connection.recv(65536)):
                    got[-1] += data
                connection.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
                connection.settimeout(0.2)
                while data := connection.recv(65536):
                    got[-1] += data

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    os.environ.update({name: url for variable in VARIABLES for name in (variable, variable.lower())})
    try:
        yield got
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_run_against_loopback_never_reaches_a_proxy(host: str, pair: Canaries, tmp_path: Path) -> None:
    with (
        proxy() as got,
        serving(answer(201, minted(pair))) as server,
        connector(server.url.replace("127.0.0.1", host), pair) as api,
    ):
        result = api.run("create_pat", CREATE, token_to=[f"file:{tmp_path}/t"])
    assert (result.outcome, got) == (Outcome.DONE, [])


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_a_refused_tunnel_ends_not_done_and_the_proxy_gets_no_token(pair: Canaries, log: Log) -> None:
    with proxy() as got, Connector(auth_of(pair), timeout=TIMEOUT) as api:
        result = api.run("create_pat", CREATE)
    assert result.outcome is Outcome.NOT_DONE
    assert {data.split(b"\r\n")[0] for data in got} == {b"CONNECT api.locoia.com:443 HTTP/1.1"}
    assert leaks(b"".join(got)) == []
    assert leaks(shown_with_error(result) + log.text) == []


def test_the_url_of_a_proxy_with_a_password_is_not_shown(log: Log) -> None:
    """Its password is a secret too, and httpx has it in its address."""
    with proxy() as got, Connector(auth_of(ODD), timeout=TIMEOUT) as api:
        os.environ["HTTPS_PROXY"] = os.environ["https_proxy"] = os.environ["HTTPS_PROXY"].replace(
            "http://", f"http://robot:{PAIRS['plain'].minted}@"
        )
        result = api.run("create_pat", CREATE)
    assert len(got) > 0
    assert leaks(shown_with_error(result) + log.text) == []
