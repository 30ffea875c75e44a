"""``locoia-pat console`` and the page of ``locoia-pat sandbox``, as processes."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import httpx

from tests.support.command import Done, call, spawn

if TYPE_CHECKING:
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
