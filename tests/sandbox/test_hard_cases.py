"""Odd requests and clients, each of which once broke the sandbox."""

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
from locoia_pat.actions.sandbox.server import first_token, running

if TYPE_CHECKING:
    from pathlib import Path

    from locoia_pat.secrets.secret import Secret


def call(url: str, token: Secret, method: str = "POST", path: str = "", **options: object) -> httpx.Response:
    with httpx.Client(trust_env=False) as client:
        headers = {"Authorization": f"Bearer {token.reveal()}"}
        return client.request(method, f"{url}/personal-access-tokens{path}", headers=headers, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("body", [rb'{"expiration":1,"scopes":["embed"],"note":"\ud800"}',
                                  rb'{"expiration":1,"scopes":["\ud800"],"note":""}'])  # fmt: skip
def test_a_lone_surrogate_is_422(body: bytes) -> None:
    with running() as (url, store):
        token = first_token(store)
        assert token
        assert call(url, token, content=body).status_code == 400


def test_an_answer_takes_no_40_ms() -> None:
    with running() as (url, store), httpx.Client(trust_env=False) as client:
        token = first_token(store)
        assert token
        headers = {"Authorization": f"Bearer {token.reveal()}"}
        client.get(f"{url}/personal-access-tokens", headers=headers)
        times: list[float] = []
        for _ in range(30):
            began = time.monotonic()
            client.get(f"{url}/personal-access-tokens", headers=headers)
            times.append(time.monotonic() - began)
        assert min(times) < 0.04  # a delayed acknowledgement makes each of them as slow


def half_sent(url: str, token: Secret) -> socket.socket:
    host, _, port = url.removeprefix("http://").removesuffix("/v1").partition(":")
    connection = socket.create_connection((host, int(port)))
    connection.sendall(b"POST /v1/personal-access-tokens HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n"
                       b"Authorization: Bearer " + token.reveal().encode() + b"\r\n\r\n{")  # fmt: skip
    time.sleep(0.1)
    return connection


def test_a_client_that_stalls_does_not_keep_the_sandbox_from_ending() -> None:
    with running() as (url, store):
        token = first_token(store)
        assert token
        connection = half_sent(url, token)
        began = time.monotonic()
    assert time.monotonic() - began < 30  # it ends at all
    connection.close()


def test_a_client_that_goes_away_leaves_no_traceback(capfd: pytest.CaptureFixture[str]) -> None:
    with running() as (url, store):
        token = first_token(store)
        assert token
        half_sent(url, token).close()
        time.sleep(0.1)
    assert "Traceback" not in capfd.readouterr().err


def test_a_regeneration_answers_its_own_expiration() -> None:
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


def test_405_names_the_methods_that_are_allowed() -> None:
    with running() as (url, store):
        token = first_token(store)
        assert token
        assert call(url, token, "PUT").headers["allow"]


def test_a_time_is_utc_whatever_zone_the_clock_is_in() -> None:
    zone = dt.timezone(dt.timedelta(hours=2))
    with running(SandboxStore(now=lambda: dt.datetime(2030, 1, 1, 12, tzinfo=zone))) as (url, store):
        _, token = store.create(owner="a", days=1, scopes=[], note="")
        assert call(url, token, "GET").json()[0]["expiration"] == "2030-01-02T10:00:00Z"


def test_a_store_that_cannot_be_opened_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="cannot be opened"):
        SandboxStore(tmp_path / "missing" / "s")
