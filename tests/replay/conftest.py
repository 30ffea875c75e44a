"""Cassettes: recorded against the sandbox, scrubbed of every token before they are written, replayed by default.

Record anew:  pytest tests/replay --record-mode=rewrite
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from locoia_pat import Connector, ConnectorAuth, Secret
from locoia_pat.sandbox.behaviour import Behaviour
from locoia_pat.sandbox.server import first_token
from locoia_pat.sandbox.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PORT = 8321
URL = f"http://127.0.0.1:{PORT}/v1"
FAKE_CREDENTIAL = "fake-credential-0123456789abcdef"
FAKE_TOKEN = "fake-token-in-place-of-the-minted-one"
RECORDED = "the sandbox of locoia-pat, a stand-in for Locoia's API; every token replaced by a fake"
SENT_HEADERS = {"accept", "authorization", "content-type"}
KEPT_HEADERS = {"content-type", "date", "retry-after"}


class Labelled:
    """vcrpy's YAML with a label that says where the answers come from."""

    @staticmethod
    def serialize(cassette: dict[str, Any]) -> str:
        return yaml.safe_dump({"recorded_against": RECORDED, **cassette}, sort_keys=False, allow_unicode=True)

    @staticmethod
    def deserialize(text: str) -> Any:
        return yaml.safe_load(text)


def scrub_request(request: Any) -> Any:
    request.headers = {
        name: f"Bearer {FAKE_CREDENTIAL}" if name.lower() == "authorization" else value
        for name, value in request.headers.items()
        if name.lower() in SENT_HEADERS
    }
    return request


def scrub_response(response: dict[str, Any]) -> dict[str, Any]:
    headers = response["headers"]
    response["headers"] = {name: value for name, value in headers.items() if name.lower() in KEPT_HEADERS}
    text = response["body"]["string"]
    if text and not text.startswith(b"<"):
        body = json.loads(text)
        if isinstance(body, dict) and "token" in body:
            body["token"] = FAKE_TOKEN
        response["body"]["string"] = json.dumps(body).encode()
    return response


def pytest_recording_configure(config: pytest.Config, vcr: Any) -> None:  # noqa: ARG001  # the hook's signature
    vcr.register_serializer("yaml", Labelled)


@pytest.fixture(scope="session")
def vcr_config() -> dict[str, Any]:
    return {
        "serializer": "yaml",
        "match_on": ["method", "scheme", "host", "port", "path", "query", "body"],
        "before_record_request": scrub_request,
        "before_record_response": scrub_response,
        "decode_compressed_response": True,
    }


@pytest.fixture(scope="module")
def vcr_cassette_dir(request: pytest.FixtureRequest) -> str:
    return str(request.config.rootpath / "cassettes" / request.path.stem)


@pytest.fixture
def credential(request: pytest.FixtureRequest, record_mode: str, tmp_path: Path) -> Iterator[Secret]:
    """A fake one for replay; for recording, a sandbox and its first token.

    The mark ``behaviour`` says how that sandbox answers.
    """
    if record_mode == "none":
        yield Secret(FAKE_CREDENTIAL)
        return
    from locoia_pat.sandbox import server  # noqa: PLC0415  # only for recording

    store = Store(tmp_path / "sandbox.sqlite3")
    token = first_token(store)
    assert token is not None
    mark = request.node.get_closest_marker("behaviour")
    behaviour = Behaviour(**mark.kwargs) if mark else None
    with server.running(store=store, listener=server.bound("127.0.0.1", PORT), behaviour=behaviour):
        yield token


@pytest.fixture
def connector(credential: Secret) -> Iterator[Connector]:
    with Connector(ConnectorAuth(credential), base_url=URL) as connector:
        yield connector
