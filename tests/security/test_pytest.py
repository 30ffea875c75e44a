"""A user's failing test shows no token, with everything that pytest can show."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.canaries import ODD, headers, leaks, minted, repeated
from tests.support.loopback import answer, drop, serving

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence
    from pathlib import Path

FAILING = """
import logging
import os

import pytest
from locoia_pat import Connector, ConnectorAuth, Secret
from locoia_pat.actions import create_pat, list_pats

CREATE = {"expiration": 1, "scopes": ["embed"], "note": "CI"}
logging.getLogger().setLevel(logging.DEBUG)


@pytest.fixture
def auth():
    return ConnectorAuth.from_ref(os.environ["PLACE"])


@pytest.fixture
def connector(auth):
    with Connector(auth, base_url=os.environ["URL"]) as connector:
        yield connector


@pytest.fixture
def created(connector):
    return create_pat(connector, **CREATE)


def test_compares_a_model(auth, connector, created):
    result = connector.run("create_pat", CREATE)
    print(auth, connector, created, result, created.token)
    assert created == {"id": "x"}


def test_compares_a_dump(created):
    dumped = created.model_dump()
    assert dumped == {"id": "x", "token": Secret("x"), "note": "CI"}


def test_compares_tokens(created):
    token = created.token
    assert token == Secret("another")


def test_compares_a_token_with_a_text(created):
    assert created.token == "another"


def test_compares_results(auth, connector, created):
    one, other = connector.run("create_pat", CREATE), connector.run("list_pats")
    assert one == other


def test_compares_secrets(connector):
    result = connector.run("create_pat", CREATE)
    assert result.secrets == {"token": Secret("another"), "more": 1}


def test_compares_envelopes(connector):
    result = connector.run("create_pat", CREATE)
    assert result.to_dict() == {}


def test_looks_into_a_list(auth, connector, created):
    held = [auth, connector, created]
    assert "x" in held


def test_is_refused(auth, connector, created):
    create_pat(connector, expiration=2, scopes=["embed"], note="refuse")


class Stopped(BaseException):
    pass


class BrokenStore:
    ref = "stopped:store#current"
    readback = "none"

    def read(self):
        raise NotImplementedError

    def probe(self):
        return None

    def store(self, entry, *, api, replaced_id=None):
        raise Stopped(entry)


def test_is_interrupted(auth, connector):
    connector.run("create_pat", CREATE, token_to=[BrokenStore()])
"""


GOOD = answer(201, minted(ODD), headers(ODD))
SHOWING: dict[str, Sequence[str]] = {
    "locals": ["-l", "-vv"],
    "everything": ["--showlocals", "--tb=long", "--full-trace", "-vvv", "--capture=no", "--log-level=DEBUG"],
}


@pytest.mark.parametrize("name", SHOWING)
def test_a_failing_test_shows_no_token(name: str, tmp_path: Path) -> None:
    (tmp_path / "credential").write_text(ODD.credential)
    (tmp_path / "test_flow.py").write_text(FAILING)
    xml = tmp_path / "report.xml"
    with serving(drop) as server:

        def by_note(connection: socket.socket) -> bool:
            refused = b'"refuse"' in server.got[-1].body
            script = answer(401, {"message": repeated(ODD)}, headers(ODD)) if refused else GOOD
            return bool(script(connection))

        server.scripts[:] = [by_note]
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", *SHOWING[name], "-p", "no:cacheprovider", f"--junitxml={xml}"),
                *("-o", "junit_logging=all", "-p", "no:randomly", str(tmp_path / "test_flow.py")),
            ],
            env={**os.environ, "PLACE": f"file:{tmp_path}/credential", "URL": server.url},
            cwd=tmp_path,
            capture_output=True,
            timeout=60,
            check=False,
        )
    assert b"10 failed" in done.stdout, done.stdout.decode()
    assert b"RefusedError" in done.stdout
    assert leaks(done.stdout + done.stderr) == []
    assert leaks(xml.read_bytes()) == []
    assert [path.name for path in tmp_path.rglob("*") if path.is_file() and leaks(path.read_bytes())] == ["credential"]
