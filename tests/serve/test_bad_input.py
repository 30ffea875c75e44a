"""Bad requests, clients that go away, and signals: a clear answer, nothing lost, nothing minted twice."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import time
import timeit
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import trustme

from locoia_pat.actions.sandbox.faults import Fault
from locoia_pat.extras import install_command
from locoia_pat.outcomes import InvalidError
from locoia_pat.serve.http_app import Limits
from locoia_pat.serve.json_body import MAX_BYTES, MAX_DEPTH, parse_object
from locoia_pat.state.database import StateFile
from tests.support.command import call as call  # noqa: PLC0414  # a fixture
from tests.support.served import CREATE, ENSURE, serving
from tests.support.served_process import new_key, serve_process
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.command import Done
    from tests.support.lifecycle_sandbox import ManagedSandbox
    from tests.support.served import Served


def test_a_body_that_is_not_one_json_object_is_answered_clearly(served: Served) -> None:
    deep = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    too_deep = "[" * 5000 + "]" * 5000
    for body, status, message in [
        (b"{", 400, "not valid JSON"),
        (b"{'a': 1}", 400, "not valid JSON"),
        (b'{"a": NaN}', 400, "not valid JSON"),
        (b'{"a": Infinity}', 400, "not valid JSON"),
        (b'{"a": "\\ud800"}', 400, "not valid JSON"),
        (b'{"a": ' + b"1" * 5000 + b"}", 400, "not valid JSON"),
        (b"\xff\xfe", 400, "not valid JSON"),
        (b"[]", 400, "expected a JSON object"),
        (b"5", 400, "expected a JSON object"),
        (b'{"note": "a", "note": "b"}', 422, "given more than once"),
        (b'{"a b": 1, "a b": 2}', 400, "given more than once"),
        (f'{{"a": {deep}}}'.encode(), 400, "nested more than"),
        (f'{{"a": {too_deep}}}'.encode(), 400, "not valid JSON"),
        (b'{"a": "' + b"[" * 50 + b'\\"["}', 422, "unknown input"),
        (b'{"nothing": 1}', 422, "unknown input"),
        (b'{"note": "' + b"x" * MAX_BYTES + b'"}', 413, "larger than"),
    ]:
        headers = {"Authorization": f"Bearer {served.key}", "Content-Type": "application/json"}
        answer = served.http.post(f"{served.url}/v1/actions/create_pat", content=body, headers=headers)
        found = answer.json()
        assert (answer.status_code, found["outcome"]) == (status, "invalid"), f"{body[:40]!r}: {answer.text}"
        assert message in found["error"]["message"], f"{body[:40]!r}: {answer.text}"
        assert found["v"] == 1
    assert served.minted() == 0


def test_other_requests_that_are_wrong_are_answered_in_the_same_form(served: Served) -> None:
    headers = {"Authorization": f"Bearer {served.key}"}
    url = f"{served.url}/v1/actions"
    chunks = (b" " * 1000 for _ in range(1000))
    for answer, status in [
        (served.http.post(f"{url}/create_pat", data={"a": "b"}, headers=headers), 415),
        (served.http.post(f"{url}/create_pat", content=chunks, headers=headers), 413),
        (served.http.post(f"{url}/nothing", json={}, headers=headers), 404),
        (served.http.post(f"{url}/../x", json={}, headers=headers), 404),
        (served.http.get(f"{served.url}/", headers=headers), 404),
        (served.http.put(f"{url}/create_pat", json={}, headers=headers), 405),
        (served.http.delete(url, headers=headers), 405),
        (served.call("create_pat", {**CREATE, "expiration": "30"}, store="ci"), 422),
        (served.call("create_pat", {**CREATE, "expiration": True}, store="ci"), 422),
        (served.call("ensure_pat", {**ENSURE, "name": 5}, store="ci"), 422),
    ]:
        found = answer.json()
        assert answer.status_code == status, answer.text
        assert found["outcome"] in ("invalid", "refused")
        assert found["error"]["message"]
    assert set(served.http.put(f"{url}/create_pat").headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}
    assert served.http.head(f"{url}/create_pat", headers=headers).status_code == 200
    assert served.call("list_pats", key=served.key).status_code == 200
    assert served.http.post(f"{url}/list_pats", headers=headers).status_code == 200  # an empty body is an empty object


def connect(url: str) -> socket.socket:
    parts = urlsplit(url)
    assert parts.hostname is not None
    return socket.create_connection((parts.hostname, parts.port or 0), timeout=20)


def head(served_key: str, action: str, length: int, *more: str) -> bytes:
    lines = [
        f"POST /v1/actions/{action} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {served_key}",
        "Content-Type: application/json", f"Content-Length: {length}", *more,
    ]  # fmt: skip
    return "\r\n".join([*lines, "", ""]).encode()


def test_a_slow_body_is_not_waited_for(sandbox: ManagedSandbox) -> None:
    with serving(sandbox, limits=Limits(body_seconds=0.2)) as served, connect(served.url) as connection:
        connection.sendall(head(served.key, "create_pat", 100) + b"{")
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
        assert answer.startswith(b"HTTP/1.1 408")
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["outcome"] == "not_done"
        with connect(served.url) as gone:
            gone.sendall(head(served.key, "create_pat", 100) + b"{")
        assert served.call("list_pats").status_code == 200


def test_a_client_that_goes_away_during_a_create_loses_nothing(served: Served) -> None:
    served.sandbox.faults.add(Fault("slow", method="POST", seconds=0.5))
    body = json.dumps({**CREATE, "token_to": served.ref("a")}).encode()
    with connect(served.url) as connection:
        connection.sendall(head(served.key, "create_pat", len(body), "Idempotency-Key: k") + body)
        eventually(lambda: served.minted() == 1)
    eventually((served.folder / "a.json").exists)
    eventually(lambda: served.call("create_pat", json.loads(body), idempotency_key="k").status_code == 200)
    assert served.minted() == 1


def test_more_calls_than_can_wait_are_told_to_come_back_and_health_is_answered(sandbox: ManagedSandbox) -> None:
    with serving(sandbox, limits=Limits(concurrency=1)) as served, ThreadPoolExecutor(12) as pool:
        sandbox.faults.add(Fault("slow", method="GET", seconds=0.5, times=None))
        calls = [pool.submit(served.call, "list_pats") for _ in range(12)]
        started = time.monotonic()
        eventually(lambda: sum(call.done() for call in calls) >= 7)
        assert served.http.get(f"{served.url}/healthz").text == "ok\n"
        assert time.monotonic() - started < 5
        sandbox.faults.clear()
        answers = [call.result() for call in calls]
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [503] * 7
    refused = next(answer for answer in answers if answer.status_code == 503)
    assert (refused.json()["outcome"], refused.headers["retry-after"]) == ("not_done", "10")


def test_a_state_that_is_locked_or_gone_is_not_done(sandbox: ManagedSandbox) -> None:
    with serving(sandbox) as served:
        assert served.http.get(f"{served.url}/readyz").status_code == 200
        file = served.state.folder / "state.sqlite3"
        state = served.app._service._calls._calls._state  # noqa: SLF001  # see below
        state.database = StateFile(served.state.folder, timeout=0.1)  # the default waits longer than a test
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            answer = served.call("create_pat", CREATE, store="a", idempotency_key="k")
            assert (answer.status_code, answer.json()["outcome"]) == (503, "not_done"), answer.text
            other.execute("ROLLBACK")
        shutil.rmtree(served.state.folder)
        answer = served.call("create_pat", CREATE, store="a", idempotency_key="k")
        assert (answer.status_code, answer.json()["outcome"]) == (503, "not_done"), answer.text
        assert served.http.get(f"{served.url}/readyz").status_code == 503
        assert served.http.get(f"{served.url}/healthz").status_code == 200
        assert served.minted() == 0


def test_a_bug_is_answered_without_its_values(
    served: Served, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> Any:
        raise RuntimeError("fake-secret-0123456789abcdef")

    monkeypatch.setattr(served.app._service, "call", fail)  # noqa: SLF001  # no bug is known to us
    answer = served.call("list_pats")
    assert (answer.status_code, answer.json()["outcome"]) == (500, "unknown")
    assert "fake-secret" not in answer.text
    from locoia_pat.serve.request_log import JsonLines  # noqa: PLC0415  # used here only

    (line,) = [JsonLines().format(record) for record in caplog.records if record.message == "bug"]
    assert "test_bad_input.py" in line
    assert "fake-secret" not in line


def environment(sandbox: ManagedSandbox, folder: Path) -> dict[str, str]:
    return {
        "LOCOIA_PAT_STATE": str(folder / "state"),
        "LOCOIA_BASE_URL": sandbox.url,
        "LOCOIA_TOKEN": sandbox.rotator.reveal(),
    }


def test_a_stop_waits_until_tokens_are_stored(sandbox: ManagedSandbox, tmp_path: Path) -> None:
    variables = environment(sandbox, tmp_path)
    key = new_key("ci", "--allow", "create_pat", "--places", f"file:{tmp_path}/*", **variables)
    for number, sent in enumerate((signal.SIGTERM, signal.SIGINT)):
        sandbox.faults.add(Fault("slow", method="POST", seconds=1.0))
        fields = {**CREATE, "token_to": f"file:{tmp_path}/{number}"}
        with serve_process(tmp_path / "log", **variables) as server, ThreadPoolExecutor() as pool:
            first = pool.submit(server.call, "create_pat", fields, key=key)
            eventually(lambda: len(sandbox.store.owned_by("sandbox")) == 2 + number)  # noqa: B023  # ends in this round
            assert server.stop(sent) == 0
            answer = first.result()
        assert answer is not None
        assert answer.status_code == 200, answer.text
        assert (tmp_path / str(number)).exists()
    assert sandbox.rotator.reveal() not in (tmp_path / "log").read_text()


def test_one_server_uses_a_state_folder_at_a_time_and_starts_only_where_it_is_safe(
    sandbox: ManagedSandbox, tmp_path: Path, call: Callable[..., Done], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment(sandbox, tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("locoia_pat.cli.serve._STOP_WAIT", 0.1)
    with serve_process(tmp_path / "log") as server:
        assert "there is no key yet" in (tmp_path / "log").read_text()
        done = call("serve", "--port", "0")
        assert (done.code, "another server uses this state:" in done.err) == (4, True), done.err
        server.stop()
    for options, message in [
        (["--host", "0.0.0.0"], "over plain http"),  # noqa: S104  # it is refused
        (["--host", "0.0.0.0", "--tls-cert", "x"], "is missing"),  # noqa: S104  # as above
        (["--tls-key", "x"], "is missing"),
        (["--tls-key", "/nowhere/x", "--tls-cert", "/nowhere/y"], "cannot be read"),
        (["--port", sandbox.url.rpartition(":")[2].removesuffix("/v1")], "cannot listen"),
    ]:
        done = call("serve", *options)
        assert (done.code, message in done.err) == (2, True), done.err


def test_https_and_a_named_proxy_open_a_host_to_others(sandbox: ManagedSandbox, tmp_path: Path) -> None:
    variables = environment(sandbox, tmp_path)
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    files = ["--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem")]
    import ssl  # noqa: PLC0415  # used here only

    import httpx  # noqa: PLC0415  # used here only

    context = ssl.create_default_context()
    authority.configure_trust(context)
    with serve_process(tmp_path / "log", "--host", "0.0.0.0", *files, **variables) as server:  # noqa: S104  # with TLS
        url = server.url.replace("0.0.0.0", "127.0.0.1")  # noqa: S104  # as above
        assert url.startswith("https://")
        assert httpx.get(f"{url}/healthz", verify=context, trust_env=False).text == "ok\n"
        server.stop()
    for proxy, status in [("127.0.0.1", 200), ("10.9.8.7", 403)]:
        with serve_process(tmp_path / "log", "--host", "0.0.0.0", "--proxy", proxy, **variables) as server:  # noqa: S104  # that is what is tested
            url = server.url.replace("0.0.0.0", "127.0.0.1")  # noqa: S104  # as above
            answer = httpx.get(f"{url}/healthz", trust_env=False, headers={"X-Forwarded-For": "10.9.8.7"})
            assert answer.status_code == status
            server.stop()


def test_a_missing_extra_is_named(call: Callable[..., Done], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import sys  # noqa: PLC0415  # used here only

    monkeypatch.setenv("LOCOIA_PAT_STATE", str(tmp_path))
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "locoia_pat.serve.http_server", raising=False)
    done = call("serve")
    assert done.code == 2
    assert install_command("serve") in done.err
    assert os.listdir(tmp_path) == []  # noqa: PTH208  # nothing was begun


def test_a_repeated_key_among_thousands_is_found_about_as_fast_as_none() -> None:
    keys = ",".join(f'"k{number}":0' for number in range(20_000))
    harmless, repeated = f"{{{keys}}}".encode(), f'{{{keys},"k19999":1}}'.encode()

    def refused() -> None:
        with pytest.raises(InvalidError, match="k19999: is given more than once"):
            parse_object(repeated)

    def fastest(work: Callable[[], object]) -> float:
        return min(timeit.repeat(work, timer=time.process_time, number=1, repeat=5))

    assert fastest(refused) < 20 * fastest(lambda: parse_object(harmless))
