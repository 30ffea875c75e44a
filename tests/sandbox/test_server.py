"""The sandbox as a server: its URL, its first token, its start and its end."""

from __future__ import annotations

import socket
import sqlite3
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import pytest

from locoia_pat.actions.sandbox.sandbox_store import SandboxStore
from locoia_pat.actions.sandbox.server import OWNER, first_token, running
from locoia_pat.actions.scopes import NAMES
from locoia_pat.http.listener import listen, url_of

if TYPE_CHECKING:
    from pathlib import Path

    from locoia_pat.secrets.secret import Secret

FOREGROUND = """
import sys
from pathlib import Path
from locoia_pat.actions.sandbox.sandbox_app import create_app
from locoia_pat.actions.sandbox.server import serve
from locoia_pat.http.listener import listen, url_of
from locoia_pat.actions.sandbox.sandbox_store import SandboxStore

listener = listen("127.0.0.1", 0)
print(url_of(listener), flush=True)
store = SandboxStore(Path(sys.argv[1]))
try:
    serve(create_app(store), listener)
except KeyboardInterrupt:
    pass
store.close()
"""


def rows(url: str, token: Secret) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token.reveal()}"}
    return httpx.get(f"{url}/personal-access-tokens", headers=headers, trust_env=False)


def test_a_port_in_use_is_noticed_at_once() -> None:
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(OSError, match="in use"):
            listen("127.0.0.1", port)
    listen("127.0.0.1", port).close()


def test_a_foreign_host_cannot_be_listened_on() -> None:
    with pytest.raises(OSError, match="assign"):
        listen("192.0.2.1", 0)


def test_the_url_has_the_port_that_listens() -> None:
    with listen("127.0.0.1", 0) as listener:
        assert url_of(listener) == f"http://127.0.0.1:{listener.getsockname()[1]}/v1"


def test_an_ipv6_host_is_in_brackets() -> None:
    try:
        listener = listen("::1", 0)
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")
    with listener:
        assert listener.family is socket.AF_INET6
        assert url_of(listener) == f"http://[::1]:{listener.getsockname()[1]}/v1"


def test_an_empty_store_gets_a_first_token_with_all_scopes_that_never_expires() -> None:
    store = SandboxStore()
    token = first_token(store)
    (row,) = store.owned_by(OWNER)
    assert token is not None
    caller = store.authenticate(token)
    assert caller is not None
    assert replace(caller, last_used=None) == row
    assert (row.scopes, row.expiration) == (list(NAMES), None)
    store.close()


def test_a_second_start_mints_a_token_only_if_forced() -> None:
    store = SandboxStore()
    first = first_token(store)
    assert first is not None
    assert first_token(store) is None
    assert len(store.owned_by(OWNER)) == 1
    second = first_token(store, force=True)
    assert second is not None
    assert store.authenticate(first) is not None
    assert store.authenticate(second) is not None
    assert len(store.owned_by(OWNER)) == 2
    store.close()


def test_a_token_of_another_owner_does_not_count_as_the_first() -> None:
    store = SandboxStore()
    store.create(owner="somebody", days=None, scopes=["embed"], note="")
    assert first_token(store) is not None
    store.close()


def test_a_running_sandbox_listens_on_localhost_and_stops_with_its_block() -> None:
    with running() as (url, store):
        token = first_token(store)
        assert token is not None
        assert url.startswith("http://127.0.0.1:")
        assert rows(url, token).status_code == 200
    with pytest.raises(httpx.ConnectError):
        rows(url, token)


def test_a_running_sandbox_uses_and_closes_the_given_listener() -> None:
    listener = listen("127.0.0.1", 0)
    expected = url_of(listener)
    with running(listener=listener) as (url, store):
        token = first_token(store)
        assert token is not None
        assert url == expected
        assert rows(url, token).status_code == 200
    assert listener.fileno() == -1


def test_a_running_sandbox_closes_its_store_when_it_stops(tmp_path: Path) -> None:
    with running(SandboxStore(tmp_path / "s")) as (_, store):
        first_token(store)
    with pytest.raises(sqlite3.ProgrammingError):
        store.owned_by(OWNER)
    assert [path.name for path in tmp_path.iterdir()] == ["s"]  # SQLite put its journal back into it


def test_two_sandboxes_share_nothing() -> None:
    with running() as (one, one_store), running() as (two, _):
        token = first_token(one_store)
        assert token is not None
        assert one != two
        assert [rows(url, token).status_code for url in (one, two)] == [200, 401]


def test_an_error_in_the_block_stops_the_sandbox_too() -> None:
    def fail() -> None:
        with running() as (url, _):
            raise LookupError(url)

    with pytest.raises(LookupError) as caught:
        fail()
    with pytest.raises(httpx.ConnectError):
        httpx.get(str(caught.value.args[0]), trust_env=False)


def test_a_sandbox_with_data_keeps_its_rows(tmp_path: Path) -> None:
    with running(SandboxStore(tmp_path / "s")) as (url, store):
        token = first_token(store)
        assert token is not None
        before = rows(url, token).json()
    with running(SandboxStore(tmp_path / "s")) as (url, store):
        assert first_token(store) is None
        answer = rows(url, token)
    assert answer.status_code == 200
    assert [row["id"] for row in answer.json()] == [row["id"] for row in before]


def test_in_the_foreground_it_serves_until_an_interrupt_and_prints_nothing(tmp_path: Path) -> None:
    store = SandboxStore(tmp_path / "s")
    token = first_token(store)
    assert token is not None
    command = [sys.executable, "-c", FOREGROUND, str(tmp_path / "s")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            url = process.stdout.readline().strip()
            answer = rows(url, token)
            process.send_signal(2)
            printed, said = process.communicate(timeout=20)
        finally:
            process.kill()
    assert answer.status_code == 200
    assert answer.json()[0]["id"] == store.owned_by(OWNER)[0].id
    assert (process.returncode, printed, said) == (0, "", "")
    store.close()
