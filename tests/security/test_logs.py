"""No part of a token is logged, by us or by a library, at any level."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest

from locoia_pat import RefusedError
from locoia_pat.actions import create_pat
from tests.support.canaries import CASES, CREATE, ODD, PAIRS, connector, leaks, minted, run, run_async
from tests.support.cells import cell
from tests.support.loopback import answer, send, serving

if TYPE_CHECKING:
    from pathlib import Path

    from tests.security.conftest import Log


@pytest.mark.parametrize("name", CASES)
def test_a_run_logs_no_token(name: str, log: Log) -> None:
    for case, pair in PAIRS.items():
        with cell(case):
            run(name, pair)
            assert leaks(log.text) == []


@pytest.mark.parametrize("name", ["done", "401", "302", "cut", "no HTTP", "a read that fails", "not stored"])
def test_a_run_in_async_code_logs_no_token(name: str, log: Log) -> None:
    asyncio.run(run_async(name, ODD), debug=True)
    assert leaks(log.text) == []


def test_the_reason_phrase_is_not_logged(log: Log) -> None:
    """HTTP lets a server say anything there, and httpx logs it at INFO, which many programs show."""
    script = send(f"HTTP/1.1 401 {ODD.credential}\r\nContent-Length: 0\r\n\r\n".encode())
    with serving(script) as server, connector(server.url, ODD) as api:
        api.run("create_pat", CREATE)
    assert leaks(log.text) == []


def test_a_store_logs_no_token(log: Log, tmp_path: Path) -> None:
    with serving(answer(201, minted(ODD))) as server, connector(server.url, ODD) as api:
        create_pat(api, **CREATE, token_to=[f"file:{tmp_path}/t"])
    assert leaks(log.text) == []


def test_the_record_of_an_error_holds_no_token(log: Log) -> None:
    """What a program logs by ``logging.exception`` has the whole error in it."""
    result = run("401", ODD)
    log.lines.clear()
    try:
        result.raise_for_outcome()
    except RefusedError:
        logging.getLogger("flow").exception("the step of %s failed", result, extra={"result": result})
    assert "the step of Result" in log.text
    assert leaks(log.text) == []
