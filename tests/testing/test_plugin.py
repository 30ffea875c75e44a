"""The pytest plugin, in a suite of its own: what it writes, what it refuses to write, and what it replays."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.support.loopback import answer, serving
from tests.support.loopback import created as made

if TYPE_CHECKING:
    from pathlib import Path

CREDENTIAL = "lpat_Vn7Qw2Xc5Zr8Tk1Yb4Md"
TOKEN = "lpat_Gh3Jk6Lm9Np2Qr5St8Uv"

SUITE = """
import os
import pytest
from locoia_pat import Connector, ConnectorAuth, Secret
from locoia_pat.actions import create_pat
from locoia_pat.testing import Cassettes

@pytest.fixture(scope="session")
def cassettes():
    return Cassettes(label="a stand-in", folder="tapes", {more})

@pytest.fixture
def connector(recording):
    token = Secret(os.environ["CREDENTIAL"] if recording else "fake-credential")
    with Connector(ConnectorAuth(token), base_url=os.environ["URL"]) as connector:
        yield connector

@pytest.mark.cassette
def test_it(connector):
    created = create_pat(connector, expiration=30, scopes=["embed"], note=os.environ.get("NOTE", "CI"))
    assert created.token.reveal() == os.environ.get("MINTED", "fake-secret-0002")
"""


def created(**changed: Any) -> dict[str, Any]:
    return made(token=TOKEN, **changed)


class Suite:
    """A folder with one test file."""

    def __init__(self, folder: Path, text: str = SUITE, more: str = "") -> None:
        self.folder = folder
        (folder / "test_suite.py").write_text(text.replace("{more}", more))

    def run(self, *arguments: str, url: str = "http://127.0.0.1:1/v1", **variables: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:randomly", *arguments],
            cwd=self.folder,
            env={**os.environ, "URL": url, "CREDENTIAL": CREDENTIAL, **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return done.returncode, done.stdout + done.stderr

    def record(self, reply: Any, *more: Any, **variables: str) -> tuple[int, str]:
        with serving(reply, *more) as server:
            self.url = server.url
            return self.run("--cassettes", "record", url=server.url, **{"MINTED": TOKEN, **variables})

    @property
    def tape(self) -> Path:
        return self.folder / "tapes" / "test_suite" / "test_it.yaml"


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    return Suite(tmp_path)


def test_a_cassette_is_recorded_without_its_secrets_and_replayed_without_a_network(suite: Suite) -> None:
    reply = answer(201, created(), {"Date": "Fri, 02 Jan 2026 00:00:00 GMT", "Set-Cookie": f"a={TOKEN}"})
    code, out = suite.record(reply)
    assert code == 0, out
    text = suite.tape.read_text()
    assert not [secret for secret in (CREDENTIAL, TOKEN) if secret in text + out]
    tape = yaml.safe_load(text)
    assert tape["recorded_against"] == "a stand-in"
    assert {*tape["interactions"][0]["response"]["headers"]} == {"content-type", "date"}
    assert suite.run(url=suite.url)[0] == 0


def test_a_cassette_with_an_unexplained_text_of_chance_is_not_written_and_says_where(suite: Suite) -> None:
    code, out = suite.record(answer(201, created(handle="aB3dE5gH7jK9mN1pQ3")))
    assert code == 1
    assert "was not written because it may hold a secret" in out
    assert "high-entropy: handle:" in out
    assert "aB3dE5gH7jK9mN1pQ3" not in out
    assert not suite.tape.exists()


def test_a_suite_can_say_that_a_name_is_harmless(tmp_path: Path) -> None:
    suite = Suite(tmp_path, more='harmless=["handle"], keep_headers=["server"]')
    assert suite.record(answer(201, created(handle="aB3dE5gH7jK9mN1pQ3"), {"Server": "x"}))[0] == 0
    assert "server" in suite.tape.read_text()


def test_a_failing_test_leaves_the_cassette_there_was(suite: Suite) -> None:
    assert suite.record(answer(201, created()))[0] == 0
    before = suite.tape.read_text()
    assert suite.record(answer(201, created(note="other")), MINTED="another")[0] == 1
    assert suite.tape.read_text() == before


def test_a_cassette_is_replaced_as_a_whole(suite: Suite) -> None:
    assert suite.record(answer(201, created()))[0] == 0
    assert suite.record(answer(201, created(note="other")), NOTE="other")[0] == 0
    (one,) = yaml.safe_load(suite.tape.read_text())["interactions"]
    assert "other" in one["request"]["body"]


def test_another_body_is_not_answered_by_the_cassette(suite: Suite) -> None:
    assert suite.record(answer(201, created()))[0] == 0
    code, out = suite.run(url=suite.url, NOTE="other")
    assert code == 1
    assert "the bodies differ" in out


def test_an_exchange_that_is_not_asked_for_fails_the_test(suite: Suite) -> None:
    assert suite.record(answer(201, created()))[0] == 0
    tape = yaml.safe_load(suite.tape.read_text())
    tape["interactions"] *= 2
    suite.tape.write_text(yaml.safe_dump(tape))
    code, out = suite.run(url=suite.url)
    assert code == 1
    assert "1 of the 2 exchanges" in out


def test_a_missing_cassette_says_how_to_record_it(suite: Suite) -> None:
    code, out = suite.run()
    assert code == 1
    assert "--cassettes record" in out
    assert "does not exist; record it with" in out


def test_a_suite_without_the_mark_is_left_alone(tmp_path: Path) -> None:
    suite = Suite(tmp_path, "def test_it(): pass\n\nclass TestOther:\n    def test_it(self): pass\n")
    code, out = suite.run()
    assert (code, "2 passed" in out) == (0, True)
    assert not (tmp_path / "tapes").exists()


def test_without_specs_of_its_own_a_suite_of_httpx_alone_is_recorded_safely(tmp_path: Path) -> None:
    text = """
import os, httpx, pytest

@pytest.mark.cassette
def test_it():
    headers = {"X-Api-Key": os.environ["CREDENTIAL"]}
    reply = httpx.post(os.environ["URL"] + "/keys?page=1", json={"name": "CI"}, headers=headers)
    assert reply.json()["id"] == "1"

@pytest.mark.cassette
@pytest.mark.parametrize("n", ["a/b", "c d"])
def test_many(n):
    assert httpx.get(os.environ["URL"], params={"n": n}).status_code == 200
"""
    suite = Suite(tmp_path, text)
    code, out = suite.record(answer(200, {"id": "1", "plainTextToken": TOKEN}))
    assert code == 0, out
    files = sorted((tmp_path / "cassettes" / "test_suite").iterdir())
    assert [file.name for file in files] == ["test_it.yaml", "test_many[a-b].yaml", "test_many[c-d].yaml"]
    written = "".join(file.read_text() for file in files)
    assert not [secret for secret in (CREDENTIAL, TOKEN) if secret in written]
    assert suite.run(url=suite.url)[0] == 0


def test_a_key_in_the_query_is_replayed_with_another_one(tmp_path: Path) -> None:
    text = """
import os, httpx, pytest

@pytest.mark.cassette
def test_it(recording):
    key = os.environ["CREDENTIAL"] if recording else "fake-credential"
    assert httpx.get(os.environ["URL"], params={"api_key": key, "page": "1"}).status_code == 200
"""
    suite = Suite(tmp_path, text)
    code, out = suite.record(answer(200, {"id": "1"}))
    assert code == 0, out
    assert suite.run(url=suite.url)[0] == 0


TWO = """
import os, httpx, pytest

class {first}:
    @pytest.mark.cassette
    def test_it(self):
        httpx.get(os.environ["URL"])

{marks}
@pytest.mark.cassette
@pytest.mark.parametrize("n", [{names}])
def test_other(n):
    httpx.get(os.environ["URL"])
"""


@pytest.mark.parametrize(
    ("marks", "names", "words"),
    [
        ("", '"a/b", "a b"', "is also the cassette of"),
        ("", f'"{CREDENTIAL}"', "contains what looks like a secret"),
        ("@pytest.mark.vcr", '"a"', "has the mark vcr as well"),
    ],
)
def test_a_cassette_that_is_not_safely_its_own_is_not_written(
    tmp_path: Path, marks: str, names: str, words: str
) -> None:
    suite = Suite(tmp_path, TWO.format(first="TestA", marks=marks, names=names))
    code, out = suite.record(answer(200, {"id": "1"}))
    assert code == 1
    assert words in out
    assert "TestA.test_it.yaml" in {file.name for file in tmp_path.rglob("*.yaml")}
    assert not [file for file in tmp_path.rglob("*") if CREDENTIAL in file.name]
