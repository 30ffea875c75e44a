"""new --from: specs from an OpenAPI document pass check, say what a person must decide, and fetch nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from locoia_pat import Connector, ConnectorAuth, Secret
from tests.support.loopback import answer, serving

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.command import Done

    Call = Callable[..., Done]

DOCUMENT = Path(__file__).parent / "documents" / "keys.openapi.yaml"


@pytest.fixture
def drafted(call: Call, tmp_path: Path) -> Path:
    """The drafts of the whole document."""
    folder = tmp_path / "acme"
    done = call("new", "acme", "--from", str(DOCUMENT), "--out", str(folder))
    assert done.code == 0, done.err
    return folder


def spec(folder: Path, name: str) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((folder / f"{name}.yaml").read_text())
    return read


def test_drafts_pass_check_and_their_decisions_are_listed_and_in_the_files(call: Call, tmp_path: Path) -> None:
    folder = tmp_path / "acme"
    done = call("new", "acme", "--from", str(DOCUMENT), "--out", str(folder))
    checked = call("check", str(folder))
    assert (done.code, checked.code) == (0, 0), done.err + checked.out
    listed = done.out.partition("Decide:\n")[2].partition("\n\n")[0]
    comments = [
        f"  {file.name}: {line.removeprefix('# decide: ')}"
        for file in folder.glob("*.yaml")
        for line in file.read_text().splitlines()
        if line.startswith("# decide: ")
    ]
    assert sorted(listed.splitlines()) == sorted(comments)
    for decision in (
        "connector.yaml: base_url: region is eu here",
        "connector.yaml: base_url: the document says http, and a credential is sent by https only",
        "connector.yaml: check: whoami is taken",
        "create_key.yaml: effect: POST is taken as create",
        "create_key.yaml: input password: taken as a secret",
        "create_key.yaml: input tokens: looks like a secret, but is not treated as one",
        "create_key.yaml: output secret: taken as a secret that is shown once",
        "create_key.yaml: output old_secrets: looks like a secret, and was left out",
        "create_key.yaml: omit_null leaves out null",
        "list_keys.yaml: query where: needs an object",
        "list_keys.yaml: query filter: can take an object",
        "list_keys.yaml: query sizes: the API wants the numbers in one value",
        "list_keys.yaml: header X_Trace: its name or its value cannot be sent",
        "list_keys.yaml: cookie session: cookies are not sent",
        "list_keys.yaml: output hashed_token: looks like a secret, and was left out",
        "list_keys.yaml: pages: by cursor",
        "all.yaml: pages: the document does not say how to get the next page",
        "whoami.yaml: the API needs no credential here",
        "whoami.yaml: input api_key: looks like a secret, and would be in the URL",
        "update_key.yaml: form more: an object cannot be sent in a form",
        "replace_key.yaml: path: keyId is not described, and taken as text",
        "deep.yaml: reply: the document names no status of success",
    ):
        assert f"  {decision}" in listed, decision
    skipped = done.out.partition("Not drafted:\n")[2].partition("\n\n")[0]
    for name, reason in {
        "file": "its response is image/png, not JSON",
        "upload": "its body is multipart/form-data, and the document names no file in it",
        "remote": "https://evil.example/body.json is in another document, which is not read",
        "nothing": "#/paths/0/1 refers to nothing",
        "endless": "it refers to itself, or to too many schemas",
        "wide": "it refers to itself, or to too many schemas",
        "bad_path": "request.path",
        "large": "",
    }.items():
        assert f"  {name}: {reason}" in skipped, name
        assert not (folder / f"{name}.yaml").exists(), name


BINARY = {"type": "string", "format": "binary"}
BODIES: dict[str, tuple[dict[str, Any], dict[str, Any], tuple[str, ...]]] = {
    "raw": (
        {"application/octet-stream": {"schema": BINARY | {"description": "The archive."}}},
        {"file": {"input": "file"}},
        (),
    ),
    "typed, without a schema (3.1)": (
        {"application/zip": {}},
        {"file": {"input": "file", "content_type": "application/zip"}},
        (),
    ),
    "any kind": (
        {"image/*": {"schema": BINARY}},
        {"file": {"input": "file"}},
        ("file: the document allows image/*, and application/octet-stream is sent",),
    ),
    "text": ({"text/csv": {"schema": {"type": "string"}}}, {"file": {"input": "file", "content_type": "text/csv"}}, ()),
    "a part": (
        {"multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["upload", "note"],
                "properties": {"upload": BINARY, "note": {"type": "string"}, "id": {"readOnly": True}},
            },
            "encoding": {"upload": {"contentType": "image/png, image/jpeg"}},
        }},
        {"form": {"note": "{{ note }}"}, "file": {"input": "upload", "part": "upload", "content_type": "image/png"}},
        (),
    ),
    "a part (3.1), and one of two": (
        {"multipart/form-data": {"schema": {"properties": {
            "small": {"contentMediaType": "image/png"},
            "large": {"type": "array", "items": {"type": "string", "contentMediaType": "image/png"}},
            "inline": {"type": "string", "contentMediaType": "image/png", "contentEncoding": "base64"},
            "more": {"type": "object", "properties": {"a": {"type": "string"}}},
        }, "required": ["large"]}}},
        {
            "form": {"inline": "{{ inline }}"},
            "omit_null": True,
            "file": {"input": "large", "part": "large"},
        },
        (
            "file large: one file can be sent, so small was left out",
            "file large: the API takes several, and one is sent",
            "form more: an object cannot be sent in a form",
        ),
    ),
    "optional": (
        {"multipart/form-data": {"schema": {"properties": {"File": BINARY}}}},
        {"file": {"input": "file", "part": "File"}},
        ("file File: the document does not require it, and a spec does",),
    ),
}  # fmt: skip


def with_body(file: Path, content: object, *, required: bool = True) -> Path:
    operation = {
        "operationId": "put_file",
        "requestBody": {"required": required, "content": content},
        "responses": {"200": {"description": "Done."}},
    }
    file.write_text(json.dumps({"openapi": "3.1.0", "paths": {"/files": {"put": operation}}}))
    return file


@pytest.mark.parametrize("name", BODIES)
def test_a_file_is_drafted_as_the_body_or_as_a_part_of_the_form(call: Call, tmp_path: Path, name: str) -> None:
    content, request, decide = BODIES[name]
    document, folder = with_body(tmp_path / "api.json", content), tmp_path / "acme"
    done = call("new", "acme", "--from", str(document), "--base-url", "https://a.example", "--out", str(folder))
    assert (done.code, call("check", str(folder)).code) == (0, 0), done.err
    drafted = spec(folder, "put_file")
    assert drafted["request"] == {"method": "PUT", "path": "/files", **request}
    described = drafted["inputs"][request["file"]["input"]]
    assert (described["type"], described["required"]) == ("text", True)
    assert described["info"] == ("Path of the file. The archive." if name == "raw" else "Path of the file.")
    for decision in decide:
        assert f"put_file.yaml: {decision}" in done.out
    assert done.out.count("put_file.yaml: f") == len(decide)


def test_a_drafted_file_is_sent(call: Call, tmp_path: Path) -> None:
    document, folder = with_body(tmp_path / "api.json", BODIES["a part"][0]), tmp_path / "acme"
    call("new", "acme", "--from", str(document), "--base-url", "https://a.example", "--out", str(folder))
    (tmp_path / "a.png").write_bytes(b"\x89PNG\xff")
    with (
        serving(answer(200, {})) as server,
        Connector(ConnectorAuth(Secret("fake-credential-0123456789")), specs=folder, base_url=server.url) as acme,
    ):
        assert acme.run("put_file", {"upload": str(tmp_path / "a.png"), "note": "A"}).problem is None
    (got,) = server.got
    assert b'name="note"\r\n\r\nA\r\n' in got.body
    assert b'name="upload"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n\x89PNG\xff' in got.body


def test_a_file_that_a_spec_cannot_send_is_not_drafted(call: Call, tmp_path: Path) -> None:
    two = {"schema": {"properties": {"a": BINARY, "b": BINARY}, "required": ["a", "b"]}}
    for content, reason in (
        ({"multipart/form-data": two}, "it needs several files: a, b"),
        (
            {"application/xml": {"schema": {"type": "object", "properties": {"a": {"type": "string"}}}}},
            "its body is application/xml, neither JSON nor a form nor a file",
        ),
    ):
        document = with_body(tmp_path / "api.json", content)
        done = call("new", "acme", "--from", str(document), "--out", str(tmp_path / "acme"))
        assert (done.code, reason in done.err) == (2, True), done.err
    document = with_body(tmp_path / "api.json", {"application/pdf": {}}, required=False)
    done = call("new", "acme", "--from", str(document), "--out", str(tmp_path / "acme"))
    assert "put_file.yaml: file: the document does not require it, and a spec does" in done.out


def test_what_the_document_says_is_in_the_drafts(drafted: Path) -> None:
    connector = spec(drafted, "connector")
    assert (connector["title"], connector["base_url"], connector["check"]) == (
        *("Keys of Acme", "https://eu.acme.example/v1", "whoami"),
    )
    assert connector["auth"]["header_key"] == "X-Acme-Key"
    lists = spec(drafted, "list_keys")
    assert lists["request"] == {
        "method": "GET",
        "path": "/owners/{{ owner_id }}/keys",
        "query": {
            "state": "{{ state }}",
            "fields": "{{ fields|join(',') if fields else none }}",
            "sizes": "{{ sizes }}",
        },
        "headers": {"X-Trace": "{{ x_trace }}"},
        "omit_null": True,
    }
    assert lists["pages"] == {"by": "cursor", "query": "cursor", "at": "next_cursor"}
    assert (lists["docs"], lists["reply"]["errors"]) == (
        "https://acme.example/docs",
        {"404": "There is no such owner."},
    )
    assert (lists["reply"]["at"], lists["reply"]["rows"]) == (["items"], "items")
    assert lists["reply"]["output"] == {
        "id": {"type": "text"},
        "name": {"type": "text"},
        "created_at": {"type": "datetime", "nullable": True, "from": "createdAt"},
        "active": {"type": "switch", "nullable": True},
        "uses": {"type": "number", "nullable": True},
        "tags": {"type": "text", "multiple": True, "nullable": True},
        "nested": {"type": "json", "nullable": True},
        "parent": {"type": "json", "nullable": True},
        "when": {"type": "json", "nullable": True},
    }
    creates = spec(drafted, "create_key")
    kinds = {name: field["type"] for name, field in creates["inputs"].items()}
    assert kinds == {
        "owner_id": "text", "name": "text", "expires": "date", "email": "email", "password": "password",
        "token_list": "number", "tokens": "number", "count": "number", "share": "number", "kind": "text",
        "is_value": "switch", "is_value_2": "text", "owner": "nested_object", "camel": "json", "objects": "json",
        "choice": "json", "maybe": "text",
    }  # fmt: skip
    assert creates["inputs"]["name"] == {
        "title": "Name",
        "type": "text",
        "minLength": 1,
        "maxLength": 10,
        "pattern": "^[a-z]+$",
        "required": True,
    }
    assert creates["inputs"]["expires"]["nullable"] is True
    assert creates["inputs"]["owner"]["children"]["name"]["nullable"] is True
    assert creates["reply"]["output"]["secret"] == {"type": "text", "secret": "once"}
    pages = {name: spec(drafted, name).get("pages") for name in ("get_pages", "links", "urls", "all")}
    assert pages == {
        "get_pages": {"by": "page", "query": "page"},
        "links": {"by": "link"},
        "urls": {"by": "link", "at": "links.next"},
        "all": None,
    }


def test_a_draft_runs_against_the_api_as_it_is(drafted: Path) -> None:
    pages = [{"items": [{"id": "k1", "name": "a"}], "next_cursor": "c2"}, {"items": [{"id": "k2", "name": "b"}]}]
    with serving(*(answer(200, page) for page in pages)) as server:
        auth = ConnectorAuth(Secret("fake-credential-0123"))
        with Connector(auth, specs=drafted, base_url=server.url) as connector:
            result = connector.run("list_keys", {"owner_id": "ann", "fields": ["a", "b"]})
    assert result.data is not None
    assert [row["id"] for row in result.data["items"]] == ["k1", "k2"]
    assert server.got[1].path == "/v1/owners/ann/keys?fields=a%2Cb&cursor=c2"
    assert server.got[0].headers["x-acme-key"] == "fake-credential-0123"


def test_operations_are_chosen_by_id_or_by_method_and_path(call: Call, tmp_path: Path) -> None:
    chosen = {"create*": ["create_key"], "listKeys": ["list_keys"], "GET /[pl]*": ["get_pages", "links"]}
    for index, (pattern, names) in enumerate(chosen.items()):
        folder = tmp_path / str(index)
        done = call("new", "acme", "--from", str(DOCUMENT), "--operation", pattern, "--out", str(folder), "--json")
        assert done.code == 0, done.err
        files = [Path(file).stem for file in done.envelope["files"]]
        assert files == [*names, "connector"], pattern
        assert {each["file"] for each in done.envelope["decide"]} >= {f"{names[0]}.yaml"}
        assert done.envelope["skipped"] == []


def document(**changes: Any) -> str:
    plain = {
        "openapi": "3.1.0",
        "paths": {"/me": {"get": {"responses": {"200": {}}}}},
    }
    return json.dumps(plain | changes)


def test_other_documents(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "document.json"
    many: dict[str, Any] = {f"/{index}": {"get": {"responses": {"200": {}}}} for index in range(301)}
    schemes: dict[str, dict[str, Any]] = {
        "basic": {"type": "http", "scheme": "Basic"},
        "bearer": {"type": "http", "scheme": "bearer"},
        "oauth": {"type": "oauth2"},
        "query": {"type": "apiKey", "in": "query", "name": "key"},
    }
    strings = {"type": "object", "properties": {"token": {"type": "string"}, "secretKey": {"type": "string"}}}
    response = {"201": {"content": {"application/json": {"schema": strings}}}}
    kinds = {"/any": {"get": {"parameters": [{"name": "n", "in": "query", "schema": {"type": ["string", "null"]}}]}}}
    cases: list[tuple[str, str, list[str], int, str]] = [
        ("no JSON", "{", [], 2, "is not valid JSON or YAML"),
        ("no YAML", "a: [", [], 2, "is not valid JSON or YAML"),
        ("a list", "- 1", [], 2, "but without a version"),
        ("Swagger", '{"swagger": "2.0"}', [], 2, "Convert it first"),
        ("another version", '{"openapi": "4.0.0"}', [], 2, "of version"),
        ("no paths", '{"openapi": "3.0.0"}', [], 2, "no operation could be drafted"),
        (
            "a remote path",
            document(paths={"/a": {"$ref": "b.yaml"}}),
            [],
            2,
            "a path cannot be read: b.yaml is in another",
        ),
        ("too many", document(paths=many), [], 2, "301 operations are too many; at most 300"),
        ("an unknown operation", document(), ["--operation", "gte_me"], 2, "there is no operation"),
        ("a wrong URL", document(), ["--base-url", "ftp://x"], 2, "not an http or https URL"),
        ("a wrong host", document(servers=[{"url": "https://xn--e1a.example"}]), [], 2, "cannot be drafted"),
        ("no server", document(), [], 0, "base_url and hosts: the document does not name a server"),
        ("a server", document(servers=[{"url": "https://api.acme.example"}]), [], 0, "check: get_me is taken"),
        ("types of 3.1", document(paths=kinds), [], 0, "the document names no status of success"),
        (
            "two names of a secret",
            document(paths={"/keys": {"post": {"responses": response}}}),
            [],
            0,
            "output: if these are names of one secret, declare it once, with from: [token, secretKey]",
        ),
        ("localhost", document(servers=[{"url": "http://localhost:1/v1"}]), [], 0, "names no supported way"),
        *(
            (name, document(components={"securitySchemes": {"a": scheme}}), [], 0, message)
            for (name, scheme), message in zip(
                schemes.items(), ("", "", "the API uses OAuth", "names no supported way"), strict=True
            )
        ),
    ]
    for index, (name, text, arguments, code, message) in enumerate(cases):
        file.write_text(text)
        folder = tmp_path / str(index)
        done = call("new", "acme", "--from", str(file), "--out", str(folder), *arguments)
        assert (done.code, message in done.out + done.err) == (code, True), f"{name}: {done.out}{done.err}"
        assert folder.exists() is (code == 0), name
        if code == 0:
            assert call("check", str(folder)).code == 0, name
    file.write_bytes(b"\xff")
    assert "is not UTF-8 text" in call("new", "acme", "--from", str(file)).err
    assert "cannot be read" in call("new", "acme", "--from", str(tmp_path / "none")).err
    assert "--operation needs --from" in call("new", "acme", "--operation", "x").err


def test_a_document_of_too_many_characters_is_refused(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "large.json"
    with file.open("wb") as large:
        os.truncate(large.fileno(), 33 * 1024 * 1024)
    assert "has more than 33554432 characters" in call("new", "acme", "--from", str(file)).err
