"""Cassettes: recorded against the sandbox, scrubbed of every token before they are written, replayed by default.

Record anew:  pytest tests/replay --cassettes record
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from locoia_pat import Connector, ConnectorAuth, Secret
from locoia_pat.actions.sandbox.behaviour import Behaviour
from locoia_pat.actions.sandbox.sandbox_store import SandboxStore
from locoia_pat.actions.sandbox.server import first_token
from locoia_pat.http.listener import listen
from locoia_pat.testing import Cassettes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PORT = 8321
URL = f"http://127.0.0.1:{PORT}/v1"
FAKE_CREDENTIAL = "fake-credential"
FAKE_TOKEN = "fake-secret-0002"
"""What stands in cassettes for the token that was minted; the first secret there is the credential."""
RECORDED = "the sandbox of locoia-pat, a stand-in for Locoia's API; every token replaced by a fake"


@pytest.fixture(scope="session")
def cassettes() -> Cassettes:
    return Cassettes(label=RECORDED)


@pytest.fixture
def credential(request: pytest.FixtureRequest, recording: bool, tmp_path: Path) -> Iterator[Secret]:
    """A fake one for replay; for recording, a sandbox and its first token.

    The mark ``behaviour`` says how that sandbox answers.
    """
    if not recording:
        yield Secret(FAKE_CREDENTIAL)
        return
    from locoia_pat.actions.sandbox import server  # noqa: PLC0415  # only for recording

    store = SandboxStore(tmp_path / "sandbox.sqlite3")
    token = first_token(store)
    assert token is not None
    mark = request.node.get_closest_marker("behaviour")
    behaviour = Behaviour(**mark.kwargs) if mark else None
    with server.running(store=store, listener=listen("127.0.0.1", PORT), behaviour=behaviour):
        yield token


@pytest.fixture
def connector(credential: Secret) -> Iterator[Connector]:
    with Connector(ConnectorAuth(credential), base_url=URL) as connector:
        yield connector
