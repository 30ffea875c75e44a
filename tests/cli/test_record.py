"""test --record of a whole folder: one credential, everything checked first, and examples that replay."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.support.loopback import Server, answer, drop, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.command import Done

    Call = Callable[..., Done]

CREDENTIAL = "fake-credential-0123456789"
PIN = "hunter2-and-more"
MINTED = "minted-key-0123456789abcdef"
CONNECTOR = """spec: 1
connector: acme
title: Acme
version: 0.1.0
base_url: https://api.acme.example/v1
hosts: [api.acme.example]
env: {token: ACME_TOKEN, base_url: ACME_BASE_URL}
"""
HEAD = "spec: 1\naction: {name}\ntitle: {name}\nsummary: It does something.\n"
CREATES = """effect: create
inputs:
  name: {title: Name, type: text, required: true}
  pin: {title: Pin, type: password, required: true}
request: {method: POST, path: /keys, body: {name: "{{ name }}", pin: "{{ pin }}"}}
reply:
  ok: [201]
  output:
    id: {type: text, store_with_token: true}
    key: {type: text, secret: once}
    left: {type: number, header: X-Left}
examples:
  - {name: one, inputs: {name: a, pin: fake-pin}}
  - {name: two, inputs: {name: b, pin: fake-pin}}
"""
LISTS = """effect: read
request: {method: GET, path: /keys}
pages: {PAGES}
reply:
  ok: [200]
  at: [PLACE]
  rows: keys
  output: {id: {type: text}}
examples:
  - {name: all}
"""
NAMES = ("create_key", "list_by_body", "list_by_header")


@pytest.fixture
def acme(tmp_path: Path) -> Path:
    """Two creates, and two lists whose next page is named by a URL: in the body, and in the Link header."""
    texts = [
        CREATES,
        LISTS.replace("PAGES", "by: link, at: links.next").replace("PLACE", "keys"),
        LISTS.replace("PAGES", "by: link").replace("PLACE", "$"),
    ]
    (tmp_path / "connector.yaml").write_text(CONNECTOR)
    for name, text in zip(NAMES, texts, strict=True):
        (tmp_path / f"{name}.yaml").write_text(HEAD.format(name=name) + text)
    return tmp_path


@pytest.fixture
def server() -> Iterator[Server]:
    """The API of that connector; it names its own host and the path of its base URL in each next URL."""
    with serving(drop) as server:
        host = server.url.removesuffix("/v1")
        server.scripts[:] = [
            answer(201, {"id": "k1", "key": MINTED, "pin": PIN}, {"X-Left": "9", "X-Other": "x"}),
            answer(403, {"message": f"the pin {PIN} may not create another key"}),
            answer(200, {"keys": [{"id": "k1"}], "links": {"next": f"{server.url}/keys?page=2"}}),
            answer(200, {"keys": [{"id": "k2"}], "links": {"next": f"{host}/v1/keys?page=3"}}),
            answer(200, {"keys": [{"id": "k3"}], "links": {"next": None}}),
            answer(200, [{"id": "k1"}], {"Link": '</v1/keys?page=2>; rel="next", <https://else.example/>; rel="help"'}),
            answer(200, [{"id": "k2"}]),
        ]
        yield server


def record(call: Call, server: Server, *arguments: str) -> Done:
    os.environ.update(ACME_TOKEN=CREDENTIAL, ACME_BASE_URL=server.url)
    return call("test", "--record", *arguments)


def example(folder: Path, name: str, index: int = 0) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((folder / f"{name}.yaml").read_text())["examples"][index]
    return read


def test_a_whole_folder_is_recorded_with_one_credential_and_replays(call: Call, server: Server, acme: Path) -> None:
    (acme / "pin.txt").write_text(PIN)
    secret, stores = f"pin=file:{acme}/pin.txt", f"file:{acme}/tokens/{{example}}.json"
    (acme / "tokens").mkdir()
    done = record(
        call, server, "--secret", secret, "--token-to", stores, *(str(acme / f"{name}.yaml") for name in NAMES)
    )
    assert (done.code, done.out.count("ok "), len(server.got)) == (0, 4, 7), done.out + done.err
    assert {got.headers["authorization"] for got in server.got} == {f"Bearer {CREDENTIAL}"}
    assert [got.json["pin"] for got in server.got[:2]] == [PIN, PIN]
    assert json.loads((acme / "tokens" / "create_key-1.json").read_text())["current"]["token"] == MINTED

    for file in acme.glob("*.yaml"):
        assert not any(secret in file.read_text() for secret in (PIN, MINTED, CREDENTIAL)), file
    assert example(acme, "create_key")["request"]["body"] == {"name": "a", "pin": "fake-pin"}
    created = example(acme, "create_key")
    assert (created["reply"]["headers"], created["result"]["data"]["left"]) == ({"x-left": "9"}, 9)
    assert example(acme, "create_key", 1)["result"] == {"outcome": "refused", "code": "forbidden"}
    listed = example(acme, "list_by_body")
    assert [page["body"]["links"]["next"] for page in [listed["reply"], *listed["pages"]]] == [
        *("/keys?page=2", "/keys?page=3", None)
    ]
    linked = example(acme, "list_by_header")["reply"]["headers"]["link"]
    assert linked == '</keys?page=2>; rel="next", <https://else.example/>; rel="help"'
    assert call("test", str(acme)).code == 0
    assert record(call, server, str(acme)).code == 0  # there is nothing left to record
    assert len(server.got) == 7


def test_what_cannot_be_recorded_is_found_before_the_first_request(call: Call, server: Server, acme: Path) -> None:
    (acme / "pin.txt").write_text(PIN)
    (acme / "taken-1.json").write_text(json.dumps({"v": 1, "current": {"token": MINTED, "id": "k0"}}))
    several = f"file:{acme}/{{example}}.json"
    occupied = f"file:{acme}/taken-1.json"
    last = acme / "list_by_header.yaml"
    valid = last.read_text()
    cases: list[tuple[str, list[str], str, str]] = [
        ("no store", [], valid, "create_key creates a token, and no token store was given"),
        ("one store for two", ["--token-to", f"file:{acme}/t.json"], valid, "they would go to the same store"),
        ("a token in a store", ["--token-to", occupied], valid, "they would go to the same store"),
        ("a missing folder", ["--token-to", f"file:{acme}/none/{{example}}.json"], valid, "is not writable"),
        ("no reference", ["--token-to", several, "--secret", "pin"], valid, "expected INPUT=REF"),
        ("no secret", ["--token-to", several, "--secret", f"pin=file:{acme}/none"], valid, "no such file"),
        ("one line", ["--token-to", several], json.dumps(yaml.safe_load(valid)), "several top-level keys on one line"),
        ("a wrong input", ["--token-to", several], valid.replace("{name: all}", "{name: all, inputs: {x: 1}}"), "x: "),
    ]
    for name, arguments, text, message in cases:
        last.write_text(text)
        done = record(call, server, *arguments, str(acme))
        assert (done.code, message in done.err, server.got) == (2, True, []), f"{name}: {done.err}"
    (acme / "create_key.yaml").write_text((acme / "create_key.yaml").read_text().partition("  - {name: two")[0])
    last.write_text(valid)
    done = record(call, server, "--token-to", occupied, str(acme))
    assert (done.code, "holds" in done.err, server.got) == (2, True, []), done.err
