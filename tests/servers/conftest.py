"""Tokens of real servers: recorded from them, replayed here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from locoia_pat.testing import Cassettes
from tests.servers.server import Account, Life

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def cassettes(request: pytest.FixtureRequest) -> Cassettes:
    server = request.module.server
    return Cassettes(specs=server.SPECS, folder="cassettes/servers", label=server.VERSION, harmless=server.HARMLESS)


@pytest.fixture
def cassette(account: Account, cassette: object) -> object:  # noqa: ARG001  # the account first: it is not recorded
    """The cassette, which begins when the server has started and the account is there."""
    return cassette


@pytest.fixture(scope="module")
def account(
    request: pytest.FixtureRequest, recording: bool, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Account]:
    """The account of the cassette; for recording, that of a server of its own."""
    server = request.module.server
    if not recording:
        yield server.ACCOUNT
        return
    with server.starting(tmp_path_factory.mktemp("server")) as account:
        yield account


@pytest.fixture
def life(request: pytest.FixtureRequest, account: Account, tmp_path: Path) -> Life:
    return Life(request.module.server.SPECS, account, tmp_path, print)
