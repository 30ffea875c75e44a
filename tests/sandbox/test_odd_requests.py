"""Odd requests and clients."""

from __future__ import annotations

import datetime as dt
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING

import httpx
import pytest

from locoia_pat.actions.sandbox.sandbox_store import SandboxStore
from locoia_pat.actions.sandbox.server import OWNER, first_token, running
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from locoia_pat.secrets.secret import Secret


def call(url: str, token: Secret, method: str = "POST", path: str = "", **options: object) -> httpx.Response:
    with httpx.Client(trust_env=False) as client:
        headers = {"Authorization": f"Bearer {token.reveal()}"}
        return client.request(method, f"{url}/personal-access-tokens{path}", headers=headers, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("body", [rb'{"expiration":1,"scopes":["embed"],"note":"\ud800"}',
                                  rb'{"expiration":1,"scopes":["\ud800"],"note":""}'])  # fmt: skip
def test_an_unpaired_surrogate_is_400(body: bytes) -> None:
    with running() as (url, store):
        token = first_token(store)
        assert token
        assert call(url, token, content=body).status_code == 400


def test_responses_are_sent_at_once() -> None:
    with running() as (url, store), httpx.Client(trust_env=False) as client:
        token = first_token(store)
        assert token
        headers = {"Authorization": f"Bearer {token.reveal()}"}
        seconds = []
        for _ in range(10):
            start = time.monotonic()
            client.get(f"{url}/personal-access-tokens", headers=headers)
            seconds.append(time.monotonic() - start)
    assert min(seconds) < 0.03  # without TCP_NODELAY each takes 40 ms


def send_half(url: str, store: SandboxStore, token: Secret) -> socket.socket:
    """Send a request without the end of its body; return when the sandbox is handling it."""
    host, _, port = url.removeprefix("http://").removesuffix("/v1").partition(":")
    connection = socket.create_connection((host, int(port)))
    connection.sendall(b"POST /v1/personal-access-tokens HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n"
                       b"Authorization: Bearer " + token.reveal().encode() + b"\r\n\r\n{")  # fmt: skip
    eventually(lambda: store.owned_by(OWNER)[0].last_used)
    return connection


def test_a_client_that_stalls_does_not_delay_the_end() -> None:
    with running() as (url, store):
        token = first_token(store)
        assert token
        connection = send_half(url, store, token)
        began = time.monotonic()
    assert time.monotonic() - began < 30  # it ends at all
    connection.close()


def test_a_client_that_disconnects_leaves_no_traceback(capfd: pytest.CaptureFixture[str]) -> None:
    with running() as (url, store):
        token = first_token(store)
        assert token
        send_half(url, store, token).close()
        assert call(url, token, "GET").status_code == 200  # by then the server has noticed
    assert "Traceback" not in capfd.readouterr().err


def test_concurrent_regenerates_return_their_own_expiration() -> None:
    store = SandboxStore(now=lambda: dt.datetime(2030, 1, 1, tzinfo=dt.UTC))
    row, _ = store.create(owner="a", days=1, scopes=[], note="")
    wrong: list[int] = []

    def regenerate(days: int) -> None:
        for _ in range(500):
            found = store.regenerate(row.id, owner="a", days=days)
            assert found
            if found[0].expiration != dt.datetime(2030, 1, 1, tzinfo=dt.UTC) + dt.timedelta(days=days):
                wrong.append(days)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    threads = [threading.Thread(target=regenerate, args=(days,)) for days in (1, 2, 3, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.setswitchinterval(interval)
    store.close()
    assert wrong == []


def test_a_405_names_the_allowed_methods() -> None:
    with running() as (url, store):
        token = first_token(store)
        assert token
        assert call(url, token, "PUT").headers["allow"]


def test_times_are_utc_whatever_the_zone_of_the_clock() -> None:
    zone = dt.timezone(dt.timedelta(hours=2))
    with running(SandboxStore(now=lambda: dt.datetime(2030, 1, 1, 12, tzinfo=zone))) as (url, store):
        _, token = store.create(owner="a", days=1, scopes=[], note="")
        assert call(url, token, "GET").json()[0]["expiration"] == "2030-01-02T10:00:00Z"


def test_a_store_that_cannot_be_opened_raises_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="cannot be opened"):
        SandboxStore(tmp_path / "missing" / "s")
