"""Twilio's API keys by YAML alone: Basic authentication, forms, and pages whose next address stands in the answer."""

from __future__ import annotations

import base64
import json
import os
import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import pytest

from locoia_pat import Connector, ConnectorAuth, Outcome, Secret
from locoia_pat.stores import read_token
from tests.support.connectors import CANARY, TWILIO, command, forms
from tests.support.loopback import Got, Server, answer, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.command import Done

ACCOUNT = "AC" + "a" * 32
KEY = "SK" + "a" * 32
TOKEN = "fake:auth/token+0123456789"
BASIC = "Basic " + base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
SECRET = "fake-secret-0123456789abcdef"
ROW = {
    "sid": KEY,
    "friendly_name": "CI",
    "date_created": "Mon, 13 Jun 2016 22:50:08 +0000",
    "date_updated": "Tue, 14 Jun 2016 01:00:00 +0200",
}
DATA = {
    "id": KEY,
    "friendly_name": "CI",
    "date_created": "2016-06-13T22:50:08Z",
    "date_updated": "2016-06-13T23:00:00Z",
}
KEYS = f"/2010-04-01/Accounts/{ACCOUNT}/Keys"

pytestmark = pytest.mark.usefixtures("locoia")


@contextmanager
def twilio(*scripts: Any) -> Iterator[Server]:
    """A Twilio that answers so; its credential stands in the environment beside Locoia's, which must not arrive."""
    with serving(*scripts) as server:
        os.environ.update(
            TWILIO_TOKEN=TOKEN, TWILIO_SID=ACCOUNT, TWILIO_BASE_URL=f"http://127.0.0.1:{server.port}/2010-04-01"
        )
        yield server
    for got in server.got:
        assert got.headers["authorization"] == BASIC
        assert [form for form in forms(CANARY) if form in whole(got)] == []


def whole(got: Got) -> bytes:
    """All that arrived in a request."""
    return repr((got.method, got.path, got.headers)).encode() + got.body


def run(action: str, *arguments: str, **variables: str) -> Done:
    return command("run", "--specs", str(TWILIO), action, f"account_sid={ACCOUNT}", *arguments, **variables)


def test_the_credential_is_basic_authentication_with_the_sid_and_the_token() -> None:
    with twilio(answer(200, ROW)) as server:
        done = run("get_key", f"key_sid={KEY}")
    assert (done.code, done.envelope["data"], done.envelope["warnings"]) == (0, DATA, [])
    (got,) = server.got
    assert (got.method, got.path, got.body) == ("GET", f"{KEYS}/{KEY}.json", b"")
    assert got.headers["accept"] == "application/json"
    assert base64.b64decode(got.headers["authorization"].removeprefix("Basic ")).decode() == f"{ACCOUNT}:{TOKEN}"


def test_a_key_is_created_by_a_form_and_its_secret_is_stored(tmp_path: Path) -> None:
    place = f"file:{tmp_path}/key.json"
    with twilio(answer(201, ROW | {"secret": SECRET})) as server:
        done = run("create_key", "friendly_name=CI & CD = 100 % ü+", "--token-to", place)
    assert (done.code, done.envelope["data"]) == (0, DATA | {"account_sid": ACCOUNT})
    assert SECRET not in done.out + done.err
    (got,) = server.got
    assert (got.method, got.path) == ("POST", f"{KEYS}.json")
    assert got.headers["content-type"] == "application/x-www-form-urlencoded"
    assert got.body == b"FriendlyName=CI%20%26%20CD%20%3D%20100%20%25%20%C3%BC%2B"
    assert parse_qsl(got.body.decode()) == [("FriendlyName", "CI & CD = 100 % ü+")]
    assert read_token(place) == Secret(SECRET)
    stored = json.loads((tmp_path / "key.json").read_text())["current"]
    assert stored == {"id": KEY, "token": SECRET, "account_sid": ACCOUNT}


def test_a_key_that_no_store_took_is_deleted(tmp_path: Path) -> None:
    store = Path(tmp_path, "key.json")

    def create(connection: Any) -> bool:
        store.mkdir()
        return bool(answer(201, ROW | {"secret": SECRET})(connection))

    with twilio(create, answer(204)) as server:
        done = run("create_key", "--token-to", f"file:{store}")
    assert (done.code, done.envelope["outcome"]) == (6, "not_stored")
    assert [(got.method, got.path) for got in server.got[1:]] == [("DELETE", f"{KEYS}/{KEY}.json")]


def test_a_key_without_a_name_is_an_empty_form() -> None:
    with twilio(answer(201, ROW | {"secret": SECRET})) as server:
        done = run("create_key", "--reveal")
    assert (done.code, Secret(done.envelope["data"]["token"])) == (0, Secret(SECRET))
    assert (server.got[0].body, server.got[0].headers["content-length"]) == (b"", "0")


def test_a_key_is_renamed_and_deleted() -> None:
    with twilio(answer(200, ROW | {"friendly_name": "CD"}), answer(204)) as server:
        renamed = run("update_key", f"key_sid={KEY}", "friendly_name=CD")
        deleted = run("delete_key", f"key_sid={KEY}")
    assert (renamed.code, renamed.envelope["data"]) == (0, DATA | {"friendly_name": "CD"})
    assert (deleted.code, deleted.envelope["data"]) == (0, {})
    assert [(got.method, got.path, got.body) for got in server.got] == [
        ("POST", f"{KEYS}/{KEY}.json", b"FriendlyName=CD"),
        ("DELETE", f"{KEYS}/{KEY}.json", b""),
    ]


def test_pages_are_followed_by_the_url_in_the_response() -> None:
    following = f"{KEYS}.json?PageSize=1000&Page=1&PageToken=PTSK{'a' * 32}"
    pages = [
        answer(200, {"keys": [ROW], "page": 0, "next_page_uri": following, "uri": f"{KEYS}.json?PageSize=1000&Page=0"}),
        answer(200, {"keys": [ROW | {"sid": "SK" + "b" * 32}], "page": 1, "next_page_uri": None}),
    ]
    with twilio(*pages) as server:
        done = run("list_keys")
    assert (done.code, done.envelope["attempts"]) == (0, 2)
    assert done.envelope["data"] == {"keys": [DATA, DATA | {"id": "SK" + "b" * 32}]}
    assert [got.path for got in server.got] == [f"{KEYS}.json?PageSize=1000", following]


@pytest.mark.parametrize("address", ["http://127.0.0.1:{port}/x", "//127.0.0.1:{port}/x", "https://127.0.0.1:{own}/x"])
def test_a_next_page_on_another_host_is_not_followed(address: str) -> None:
    with serving(answer(200, {"keys": []})) as other, serving(answer(500)) as blank:
        there = address.format(port=other.port, own=blank.port)
        with twilio(answer(200, {"keys": [ROW], "next_page_uri": there})) as server:
            done = run("list_keys")
            assert len(server.got) == 1
        assert (other.connections, blank.connections) == (0, 0)
    assert (done.code, done.envelope["outcome"], "data" in done.envelope) == (4, "not_done", False)
    message = done.envelope["error"]["message"]
    assert message.startswith("the next-page URL points to http")
    assert message.endswith(f", not to http://127.0.0.1:{server.port}, and was not followed")


def test_an_error_has_the_message_of_twilio_and_the_hint_of_the_spec() -> None:
    body = {
        "code": 20003,
        "message": "Authenticate",
        "more_info": "https://www.twilio.com/docs/errors/20003",
        "status": 401,
    }
    with twilio(answer(401, body)):
        done = run("list_keys")
    assert (done.code, done.envelope["error"]["code"]) == (3, "unauthorized")
    assert done.envelope["error"]["message"] == "the API answered 401: Authenticate"
    assert done.envelope["error"]["hint"].startswith("Use the account's own credential or a main key;")


@pytest.mark.parametrize("missing", ["TWILIO_TOKEN", "TWILIO_SID"])
def test_without_both_parts_of_the_credential_nothing_is_sent(missing: str) -> None:
    with twilio(answer(200, {"keys": []})) as server:
        del os.environ[missing]
        done = run("list_keys")
        with Connector(specs=TWILIO) as connector:
            assert connector.run("list_keys", {"account_sid": ACCOUNT}).outcome is Outcome.INVALID
    assert (done.code, done.envelope["outcome"], server.got) == (2, "invalid", [])
    assert re.search(rf"\b{missing}\b", done.envelope["error"]["hint"])


def test_the_sid_can_be_given_with_the_token_in_python() -> None:
    with twilio(answer(200, {"keys": [ROW], "next_page_uri": None})):
        del os.environ["TWILIO_TOKEN"], os.environ["TWILIO_SID"]
        with Connector(ConnectorAuth(Secret(TOKEN), identifier=ACCOUNT), specs=TWILIO) as connector:
            assert connector.run("list_keys", {"account_sid": ACCOUNT}).data == {"keys": [DATA]}


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (["get_key", "account_sid=me", f"key_sid={KEY}"], "account_sid"),
        (["get_key", f"account_sid={ACCOUNT}", "key_sid=SK/../../x"], "key_sid"),
        (["create_key", f"account_sid={ACCOUNT}", f"friendly_name={'x' * 65}", "--reveal"], "friendly_name"),
    ],
    ids=["an account", "a key", "a name"],
)
def test_an_invalid_sid_or_name_is_not_sent(arguments: list[str], field: str) -> None:
    with twilio(answer(200, ROW)) as server:
        done = command("run", "--specs", str(TWILIO), *arguments)
    assert (done.code, done.envelope["error"]["field"], server.got) == (2, field, [])
