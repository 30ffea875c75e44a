"""``locoia-pat console`` and the page of ``locoia-pat sandbox``, as processes."""

from __future__ import annotations

import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

import httpx

from tests.support.command import Done, call, spawn
from tests.support.loopback import answer, created, serving

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.console_page import Console

__all__ = ["call"]
FLEET = "fleet: 1\ntokens:\n- {name: ci, scopes: [embed], note: CI, to: ['file:%s']}\n"


def test_the_command_serves_the_page_and_shows_a_fleet(console: Console, tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text(FLEET % (tmp_path / "ci.json"))
    variables = {"LOCOIA_BASE_URL": console.sandbox.url, "LOCOIA_TOKEN": console.sandbox.rotator.reveal()}
    process = spawn("console", "--port", "0", "--fleet", str(tmp_path / "fleet.yaml"), **variables)
    try:
        assert process.stdout is not None
        link = process.stdout.readline().strip()
        with httpx.Client(trust_env=False, follow_redirects=True, timeout=60) as browser:
            assert "<h1>Tokens</h1>" in browser.get(link).text
            health = browser.get(str(httpx.URL(link).join("/health"))).text
        assert "has no token yet" in health
        assert "<dt>credential</dt>" in health
    finally:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert "open this link once" in errors
    assert console.sandbox.rotator.reveal() not in errors


def test_a_signal_waits_for_the_call_under_way_and_its_token_is_revoked(console: Console) -> None:
    variables = {"LOCOIA_TOKEN": console.sandbox.rotator.reveal()}
    for number in (signal.SIGHUP, signal.SIGTERM):
        arrived, release = threading.Event(), threading.Event()

        def held(
            connection: socket.socket, arrived: threading.Event = arrived, release: threading.Event = release
        ) -> bool:
            arrived.set()
            return release.wait(60) and bool(answer(201, created())(connection))

        with (
            serving(held, answer(200, created())) as api,
            httpx.Client(trust_env=False, timeout=60) as browser,
            ThreadPoolExecutor() as threads,
        ):
            before = signal.signal(number, signal.SIG_DFL)  # under nohup, the process would ignore it
            process = spawn("console", "--port", "0", LOCOIA_BASE_URL=api.url, **variables)
            signal.signal(number, before)
            assert process.stdout is not None
            link = httpx.URL(process.stdout.readline().strip())
            browser.get(link)
            form = console.form(browser, str(link.join(console.review())))
            create = threads.submit(browser.post, link.join("/new"), data=form)
            assert arrived.wait(60)
            process.send_signal(number)
            with suppress(httpx.TransportError):  # no more connections are accepted once the signal has arrived
                while True:
                    httpx.get(link.join("/static/icon.svg"), trust_env=False)
            release.set()
            assert create.result(60).status_code == 303
            _, errors = process.communicate(timeout=60)
            assert [got.path.rpartition("/")[2] for got in api.got] == ["personal-access-tokens", "regenerate"]
            assert "the session ended before its token was shown" in errors, errors


def test_a_fleet_file_with_a_mistake_is_reported_at_once(call: Callable[..., Done], tmp_path: Path) -> None:
    done = call("console", "--port", "0", "--fleet", str(tmp_path / "none.yaml"))
    assert done.code == 2
    assert "none.yaml cannot be read" in done.err


def test_the_sandbox_serves_the_same_page(tmp_path: Path) -> None:
    process = spawn("sandbox", "--port", "0", LOCOIA_PAT_STATE=str(tmp_path))
    try:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "# ready\n")
        (link,) = (line.split()[-1] for line in lines if "The token page" in line)
        with httpx.Client(trust_env=False, follow_redirects=True, timeout=60) as browser:
            assert "first token of the sandbox" in browser.get(link).text
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
