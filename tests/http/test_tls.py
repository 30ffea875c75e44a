"""Over https: whom the system trusts, and nobody else."""

from __future__ import annotations

import asyncio
import ssl
import time
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from locoia_pat import AsyncConnector, Connector, ConnectorAuth, Outcome, Result, Secret
from tests.support.loopback import answer, created, drip, raw, serving

if TYPE_CHECKING:
    from pathlib import Path

CREATE = {"expiration": 30, "scopes": ["automation:view"], "note": "CI"}


def run(url: str, *, timeout: float = 5) -> Result:
    with Connector(ConnectorAuth(Secret("fake-credential-0123456789")), base_url=url, timeout=timeout) as connector:
        return connector.run("create_pat", CREATE)


def run_async(url: str, *, timeout: float = 5) -> Result:
    async def main() -> Result:
        auth = ConnectorAuth(Secret("fake-credential-0123456789"))
        async with AsyncConnector(auth, base_url=url, timeout=timeout) as connector:
            return await connector.run("create_pat", CREATE)

    return asyncio.run(main())


RUNNERS = pytest.mark.parametrize("runner", [run, run_async])


def speaking(authority: trustme.CA, host: str = "127.0.0.1") -> ssl.SSLContext:
    """How a server speaks that *authority* says is *host*."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host).configure_cert(tls)
    return tls


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """One that this system trusts."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "trusted.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "trusted.pem"))
    return authority


@RUNNERS
def test_a_server_that_the_system_trusts_is_called(authority: trustme.CA, runner: Any) -> None:
    with serving(answer(201, created()), tls=speaking(authority)) as server:
        result = runner(server.url)
        assert (result.outcome, len(server.got)) == (Outcome.DONE, 1)


@RUNNERS
@pytest.mark.usefixtures("authority")
def test_a_server_that_nobody_vouches_for_is_sent_nothing(runner: Any) -> None:
    with serving(answer(201, created()), tls=speaking(trustme.CA())) as server:
        result = runner(server.url)
        assert server.got == []
    assert result.outcome is Outcome.NOT_DONE
    assert "certificate" in result.problem.message.lower()


@RUNNERS
def test_a_server_of_another_name_is_sent_nothing(authority: trustme.CA, runner: Any) -> None:
    with serving(answer(201, created()), tls=speaking(authority, "api.example.com")) as server:
        result = runner(server.url)
        assert server.got == []
    assert result.outcome is Outcome.NOT_DONE


@RUNNERS
def test_an_answer_in_drips_cannot_outlast_the_deadline(authority: trustme.CA, runner: Any) -> None:
    with serving(drip(raw(201, created()), 60.0), tls=speaking(authority)) as server:
        began = time.monotonic()
        result = runner(server.url, timeout=0.6)
        assert time.monotonic() - began < 30
    assert result.outcome is Outcome.UNKNOWN
