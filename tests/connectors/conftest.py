"""What the tests of connectors share: no variable and no login of the machine, and Locoia's credential as a trap."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.support.connectors import CANARY, forms
from tests.support.gitlab import StandIn, standing
from tests.support.loopback import Server, answer, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def only_our_variables(tmp_path_factory: pytest.TempPathFactory) -> None:
    """No variable of another connector, and no stored login."""
    for name in list(os.environ):
        if name.startswith(("GITLAB_", "TWILIO_", "ACME_")):
            del os.environ[name]
    home: Path = tmp_path_factory.mktemp("home")
    os.environ.update(HOME=str(home), XDG_CONFIG_HOME=str(home))


@pytest.fixture
def locoia() -> Iterator[Server]:
    """Locoia's credential and address stand in the environment: nobody may connect there."""
    with serving(answer(200, [])) as server:
        os.environ.update(LOCOIA_TOKEN=CANARY, LOCOIA_BASE_URL=server.url)
        yield server
    assert (server.connections, server.got) == (0, [])


@pytest.fixture
def api(locoia: Server) -> Iterator[StandIn]:
    """A GitLab on this computer, which must not see one byte of Locoia's credential."""
    assert locoia.connections == 0
    with standing() as server:
        yield server
    assert [form for form in forms(CANARY) if form in bytes(server.received)] == []
