"""A request may send a file that an input names: as its body, or as a part of a form; nothing is sent without it."""

from __future__ import annotations

import email
import email.policy
import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat import Connector, ConnectorAuth, InvalidError, Outcome, RefusedError, Secret
from locoia_pat.authoring.example_server import create_app
from locoia_pat.authoring.export import openapi
from locoia_pat.engine.checker import check_specs
from locoia_pat.engine.upload import MAX_FILE
from locoia_pat.mcp.tools import offer_tools
from locoia_pat.serve.call_permissions import check_call
from locoia_pat.spec.load import SpecFolder
from locoia_pat.state.access_keys import AccessKey, Permissions
from tests.support.loopback import Got, answer, drop, serving
from tests.support.spec_folders import action, connector, folder

if TYPE_CHECKING:
    from pathlib import Path

AUTH = ConnectorAuth(Secret("fake-acme-credential-0123456789"))
TEXT = {"title": "Text", "type": "text", "required": True}
INPUTS = {"path": TEXT}
RAW = {"method": "PUT", "path": "/files", "file": {"input": "path", "content_type": "application/zip"}}
FORM = {
    "path": "/files",
    "form": {"note": "{{ note }}", "tags": ["a", "b"], "key": "{{ key }}"},
    "file": {"input": "path", "part": "upload", "content_type": "text/plain"},
}
FORM_INPUTS = {"path": TEXT, "note": TEXT, "key": {"title": "Key", "type": "password", "required": True}}
CONTENT = b"\x00\xff--\r\nfake-content"


def run(specs: Path, given: dict[str, Any], *scripts: Any) -> tuple[Any, list[Got]]:
    """The result of the action, and the requests that arrived."""
    with serving(*scripts) as server, Connector(AUTH, specs=specs, base_url=server.url) as acme:
        return acme.run("act", given), server.got


def parts(got: Got) -> list[tuple[str, str | None, str, bytes]]:
    """The name, file name, content type and content of each part of the form that arrived, by another parser."""
    head = f"Content-Type: {got.headers['content-type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + got.body, policy=email.policy.HTTP)
    return [
        (
            part.get_param("name", header="content-disposition"),  # type: ignore[misc]  # it is a string here
            part.get_filename(),
            part.get_content_type(),
            part.get_payload(decode=True),
        )
        for part in message.iter_parts()
    ]


def test_a_file_is_the_body_and_sent_again_as_a_whole(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(CONTENT)
    specs = folder(tmp_path / "specs", connector(), action(INPUTS, RAW, effect="update"))
    assert check_specs(SpecFolder(specs)) == []
    result, got = run(specs, {"path": str(tmp_path / "a.zip")}, drop, answer(200))
    assert (result.outcome, len(got)) == (Outcome.DONE, 2)
    assert {(each.method, each.headers["content-type"], each.body) for each in got} == {
        ("PUT", "application/zip", CONTENT)
    }
    (tmp_path / "empty").touch()
    result, got = run(specs, {"path": str(tmp_path / "empty")}, answer(200))
    assert (result.outcome, got[0].headers["content-length"]) == (Outcome.DONE, "0")


def test_a_file_is_a_part_of_a_form(tmp_path: Path) -> None:
    file = tmp_path / 'k"é.txt'
    file.write_bytes(CONTENT)
    specs = folder(tmp_path / "specs", connector(), action(FORM_INPUTS, FORM))
    assert check_specs(SpecFolder(specs)) == []
    given = {"path": str(file), "note": "é 1", "key": Secret("fake-key-1")}
    result, got = run(specs, given, answer(200))
    assert result.outcome is Outcome.DONE, result
    assert [(name, content) for name, _, _, content in parts(got[0])] == [
        ("note", "é 1".encode()),
        ("tags", b"a"),
        ("tags", b"b"),
        ("key", b"fake-key-1"),
        ("upload", CONTENT),
    ]
    assert parts(got[0])[-1][2] == "text/plain"
    assert 'filename="k%22é.txt"'.encode() in got[0].body
    named = {**FORM, "headers": {"X-Trace": "t-1"}, "file": {**FORM["file"], "name": "key.txt"}}  # type: ignore[dict-item]  # it is a dict
    result, got = run(folder(tmp_path / "named", connector(), action(FORM_INPUTS, named)), given, answer(200))
    assert (parts(got[0])[-1][1], got[0].headers["x-trace"]) == ("key.txt", "t-1")
    result, got = run(specs, {**given, "note": "\ud800"}, answer(200))
    assert (result.outcome, got) == (Outcome.INVALID, [])


def test_without_a_readable_file_nothing_is_sent(tmp_path: Path) -> None:
    specs = folder(tmp_path / "specs", connector(), action(INPUTS, RAW, effect="update"))
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(MAX_FILE + 1)
    os.mkfifo(tmp_path / "pipe")
    for path, message in (
        (tmp_path / "missing", "the file cannot be read: No such file or directory"),
        (tmp_path, "is not a file that can be sent"),
        (tmp_path / "pipe", "is not a file that can be sent"),
        (large, "the file is larger than 33554432 bytes"),
        ("a\0b", "the file cannot be read: its name has a character that no name has"),
        ("", "the file cannot be read: No such file or directory"),
    ):
        result, got = run(specs, {"path": str(path)}, answer(200))
        assert result.outcome is Outcome.INVALID, path
        assert (result.problem.field, result.problem.message, got) == ("path", message, []), path


def test_what_is_wrong_about_a_file_is_a_finding(tmp_path: Path) -> None:
    file = {"input": "path"}
    body = {"body": {"a": 1}}
    for inputs, request, code in (
        (INPUTS, {"file": {"input": "pat"}}, "unknown-reference"),
        ({"path": {**TEXT, "required": False, "default": "/etc/passwd"}}, {"file": file}, "contradiction"),
        ({"path": {**TEXT, "multiple": True}}, {"file": file}, "contradiction"),
        ({"path": {**TEXT, "type": "password"}}, {"file": file}, "contradiction"),
        (INPUTS, {"file": file, **body}, "contradiction"),
        (INPUTS, {"file": file, "form": {"a": "b"}}, "missing-key"),
        (INPUTS, {"file": {**file, "name": "a"}}, "contradiction"),
        (INPUTS, {"file": {**file, "content_type": "zip"}}, "bad-value"),
        (INPUTS, {"file": file, "headers": {"X-A": "b", "Content-Type": "a/b"}}, "contradiction"),
        (INPUTS, {"file": {}}, "missing-key"),
    ):
        found = check_specs(SpecFolder(folder(tmp_path, connector(), action(inputs, request))))
        assert [one.code for one in found] == [code], (request, found)
    get = action(INPUTS, {"method": "GET", "path": "/a", "file": file}, effect="read")
    assert [one.code for one in check_specs(SpecFolder(folder(tmp_path, connector(), get)))] == ["contradiction"]


def test_a_plan_shows_the_file_and_its_curl_sends_the_same(tmp_path: Path) -> None:
    file = tmp_path / 'a "b.txt'
    file.write_bytes(CONTENT)
    inputs = {name: field for name, field in FORM_INPUTS.items() if name != "key"}
    form = {**FORM, "form": {"note": "{{ note }}"}}
    for request, fields, given in (
        (form, inputs, {"path": str(file), "note": "@a"}),
        ({**RAW, "method": "POST"}, INPUTS, {"path": str(file)}),
    ):
        specs = folder(tmp_path / "specs", connector(), action(fields, request))
        with serving(answer(200)) as server, Connector(AUTH, specs=specs, base_url=server.url) as acme:
            plan = acme.plan("act", given)
            assert plan.body["file"] == str(file)
            acme.run("act", given)
            subprocess.run(["sh", "-c", plan.curl], env={**os.environ, "ACME_TOKEN": "x"}, check=True, timeout=30)
            sent, pasted = server.got
        if request is form:
            assert parts(sent) == parts(pasted)
            assert plan.body["form"] == [["note", "@a"]]
        else:
            assert (sent.body, sent.headers["content-type"]) == (pasted.body, pasted.headers["content-type"])


def test_an_example_states_the_path_and_reads_no_file(tmp_path: Path) -> None:
    from starlette.testclient import TestClient  # noqa: PLC0415  # slow to load

    sent = {
        "method": "POST",
        "path": "/files",
        "file": "missing.txt",
        "form": {"note": "a", "tags": ["a", "b"], "key": "fake-key"},
    }
    example = {
        "name": "one",
        "inputs": {"path": "missing.txt", "note": "a", "key": "fake-key"},
        "request": sent,
        "reply": {"status": 200, "body": {"ok": True}},
        "result": {"outcome": "done", "data": {}},
    }
    specs = SpecFolder(folder(tmp_path, connector(), action(FORM_INPUTS, FORM, examples=[example])))
    assert check_specs(specs) == []
    with TestClient(create_app(specs)) as client:
        response = client.post("/v1/files", files={"upload": ("a.txt", b"\xff")}, headers={"Authorization": "Bearer x"})
    assert response.json() == {"ok": True}
    content = json.loads(openapi.files(specs)["openapi.json"])["paths"]["/files"]["post"]["requestBody"]["content"]
    upload = content["multipart/form-data"]
    assert upload["schema"]["properties"]["upload"] == {"type": "string", "format": "binary"}
    assert upload["encoding"] == {"upload": {"contentType": "text/plain"}}
    raw = SpecFolder(folder(tmp_path, connector(), action(INPUTS, {**RAW, "method": "POST"})))
    body = json.loads(openapi.files(raw)["openapi.json"])["paths"]["/files"]["post"]["requestBody"]
    assert body["content"] == {"application/zip": {"schema": {"type": "string", "format": "binary"}}}


def test_a_remote_caller_cannot_name_a_file_of_the_server(tmp_path: Path) -> None:
    specs = SpecFolder(folder(tmp_path, connector(), action(INPUTS, RAW, effect="update")))
    with pytest.raises(InvalidError) as caught:
        offer_tools(specs, allow=["act"])
    assert "it sends a file of this machine" in caught.value.problem.message
    key = AccessKey("k", "caller", Permissions(allow=("*",)), "2026-01-01T00:00:00Z")
    with Connector(AUTH, specs=specs) as acme, pytest.raises(RefusedError) as refused:
        check_call(key, specs.spec("act"), {"path": "/etc/passwd"}, acme)
    assert refused.value.problem.code == "forbidden"
