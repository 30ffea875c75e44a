"""A spec says which outputs a success has, and where their values are in the response."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from locoia_pat import Connector, ConnectorAuth, Outcome, Secret
from locoia_pat.authoring.export import openapi
from locoia_pat.authoring.export.json_schema import data_schema
from locoia_pat.engine.checker import check_specs
from locoia_pat.spec.load import SpecFolder
from tests.support.loopback import answer, serving
from tests.support.spec_folders import action, connector, folder

if TYPE_CHECKING:
    from pathlib import Path

AUTH = ConnectorAuth(Secret("fake-acme-credential-0123456789"))
READ: dict[str, Any] = {"effect": "read", "request": {"method": "GET", "path": "/rows"}}


def run(place: Path, script: Any, **spec: Any) -> Any:
    """The result of the action."""
    specs = folder(place, connector(), action(**spec))
    assert check_specs(SpecFolder(specs)) == []
    with serving(script) as server, Connector(AUTH, specs=specs, base_url=server.url) as acme:
        return acme.run("act")


def mistakes(place: Path, reply: dict[str, Any], **spec: Any) -> list[tuple[str, str]]:
    """The code and message of each finding; all are in the reply."""
    findings = check_specs(SpecFolder(folder(place, connector(), action(**spec, reply={"ok": [200], **reply}))))
    start = (place / "act.yaml").read_text().splitlines().index("reply:")
    assert all(finding.line > start for finding in findings), findings
    return [(finding.code, finding.message) for finding in findings]


def test_a_success_without_a_required_output_is_not_believed(tmp_path: Path) -> None:
    reply = {"ok": [200], "output": {"name": {"type": "text", "required": True}, "note": {"type": "text"}}}
    bodies: list[dict[str, Any]] = [{}, {"name": None}, {"name": ""}, {"name": {}}]
    for body in bodies:
        read = run(tmp_path, answer(200, body), **READ, reply=reply)
        assert (read.outcome, read.problem.code) == (Outcome.NOT_DONE, "unavailable"), body
        assert read.problem.message == "the API answered 200, but the response has no name"
        assert run(tmp_path, answer(200, body), reply=reply).outcome is Outcome.UNKNOWN, body
    done = run(tmp_path, answer(200, {"name": "0"}), **READ, reply=reply)
    assert (done.outcome, done.data) == (Outcome.DONE, {"name": "0", "note": None})
    rows = reply | {"rows": "rows"}
    assert run(tmp_path, answer(200, []), **READ, reply=rows).outcome is Outcome.DONE
    assert run(tmp_path, answer(200, [{"name": "a"}]), **READ, reply=rows).outcome is Outcome.DONE
    cut = run(tmp_path, answer(200, [{"name": "a"}, {}]), **READ, reply=rows)
    assert (cut.outcome, "a row of the response has no name" in cut.problem.message) == (Outcome.NOT_DONE, True)
    properties = data_schema(SpecFolder(folder(tmp_path, connector(), action(reply=reply))).spec("act"))["properties"]
    assert (properties["name"]["type"], properties["note"]["type"]) == ("string", ["string", "null"])


def test_a_secret_of_a_row_is_masked_wherever_the_row_repeats_it(tmp_path: Path) -> None:
    token = "fake+minted/token=0123456789abcdef"
    row = {"id": "a", "token": token, "url": f"https://a.example/?t={quote(token, safe='')}", "more": {"t": [token]}}
    output = {name: {"type": "text"} for name in ("id", "url")} | {"more": {"type": "json"}}
    reply = {"ok": [200], "rows": "rows", "output": output | {"token": {"type": "text", "secret": "stored"}}}
    masked = {"id": "a", "url": "https://a.example/?t=«secret»", "more": {"t": ["«secret»"]}, "token": "«secret»"}
    others = [{"id": str(number), "token": f"{number:020}", "url": "", "more": None} for number in range(30)]
    others.append({"id": "short", "token": "x", "url": "x", "more": None})
    read = run(tmp_path, answer(200, [row, *others]), **READ, reply=reply)
    assert read.data["rows"][0] == masked
    assert read.data["rows"][1:] == [other | {"token": "«secret»"} for other in others]


def test_a_secret_of_a_row_is_masked_where_the_row_repeats_it_encoded(tmp_path: Path) -> None:
    token = "fake_token/0123456789\u00ffabcdef"
    texts = [
        *(base64.b64encode(f"{user}{token}".encode()).decode() for user in ("", "a:", "ab:")),
        base64.urlsafe_b64encode(f"ab:{token}:cd".encode()).decode(),
        f"https://a.example/?auth={quote(base64.b64encode(token.encode()), safe='')}",
        token.encode().hex(),
        token.encode().hex().upper(),
    ]
    output = {"text": {"type": "text"}, "token": {"type": "text", "secret": "stored"}}
    rows = [{"text": text, "token": token} for text in texts]
    others = [
        {"text": base64.b64encode(bytes(40 + number)).decode(), "token": f"{token}{number}"} for number in range(30)
    ]
    read = run(tmp_path, answer(200, [*rows, *others]), **READ, reply={"ok": [200], "rows": "rows", "output": output})
    for text, row in zip(texts, read.data["rows"], strict=False):
        assert "«secret»" in row["text"], text
        assert len(row["text"]) < len(text)
    assert read.data["rows"][len(texts) :] == [other | {"token": "«secret»"} for other in others]


def test_rows_that_come_with_an_error_are_kept_and_an_error_without_rows_is_no_empty_list(tmp_path: Path) -> None:
    reply = {"ok": [200], "at": ["rows"], "rows": "rows", "output": {"id": {"type": "text"}}}
    some = run(tmp_path, answer(200, {"rows": [{"id": "a"}], "errors": ["one shard is down"]}), **READ, reply=reply)
    assert some.data == {"rows": [{"id": "a"}]}
    deeper = reply | {"at": ["data.rows"]}
    for body, declared in (
        ({"rows": [], "error": "slow down"}, reply),
        ({"rows": None, "error": "slow down"}, reply),
        ({"data": None, "error": "slow down"}, deeper),
        ({"data": None, "errors": [{"message": "slow down"}]}, deeper),
    ):
        none = run(tmp_path, answer(200, body), **READ, reply=declared)
        assert (none.outcome, none.problem.message) == (Outcome.REFUSED, "slow down")


def test_a_body_that_cannot_be_judged_says_neither_that_it_was_done_nor_that_it_was_refused(tmp_path: Path) -> None:
    reply: dict[str, Any] = {"ok": [200], "output": {}, "ok_when": {"ok": True}}
    gone = {"effect": "delete", "request": {"method": "DELETE", "path": "/keys/a5"}}
    for script in (answer(200, "deleted"), answer(200, ""), answer(204)):
        assert run(tmp_path, script, **gone, reply=reply).outcome is Outcome.UNKNOWN
        assert run(tmp_path, script, **READ, reply=reply).outcome is Outcome.NOT_DONE
    assert run(tmp_path, answer(200, {}), **gone, reply=reply).outcome is Outcome.REFUSED
    empty = reply | {"ok": [200, 204]}
    assert run(tmp_path, answer(204), **gone, reply=empty).outcome is Outcome.DONE
    listed = empty | {"rows": "rows", "output": {"id": {"type": "text"}}}
    assert run(tmp_path, answer(204), **READ, reply=listed).data == {"rows": []}


def test_an_output_that_cannot_be_required_is_a_finding(tmp_path: Path) -> None:
    required: dict[str, Any] = {"type": "text", "required": True}
    secret = {"token": {"type": "text", "secret": "once"}}
    outputs: list[tuple[dict[str, Any], str]] = [
        ({"a": required | {"nullable": True}}, '"required" and "nullable"'),
        ({"a": {"type": "nested_object", "children": {"b": required}}}, "only a top-level output"),
        ({"a": required} | secret, "the secret of a success would be lost"),
    ]
    for number, (output, words) in enumerate(outputs):
        ((code, message),) = mistakes(tmp_path / str(number), {"output": output})
        assert (code, words in message) == ("contradiction", True), message


def test_an_output_is_read_from_a_header(tmp_path: Path) -> None:
    output = {
        "left": {"type": "number", "header": "X-RateLimit-Remaining"},
        "row": {"type": "text", "header": "Location"},
        "made": {"type": "datetime", "header": "Last-Modified", "nullable": True},
    }
    headers = {"x-ratelimit-remaining": "41", "location": "/keys/7", "last-modified": "Sat, 28 Nov 2026 14:15:13 GMT"}
    read = {"left": 41, "row": "/keys/7", "made": "2026-11-28T14:15:13Z"}
    empty = run(tmp_path, answer(201, None, headers), reply={"ok": [201], "output": output})
    assert (empty.outcome, empty.data, empty.warnings) == (Outcome.DONE, read, ())
    more = {"ok": [200], "at": ["data"], "output": {"name": {"type": "text", "from": "who.name"}} | output}
    both = run(tmp_path, answer(200, {"data": {"who": {"name": "a"}, "left": 1}}, headers), **READ, reply=more)
    assert both.data == {"name": "a"} | read
    error = answer(200, {"left": 1, "error": "no", "status": 403})
    named = {"ok": [200], "output": {"error": {"type": "text", "header": "X-Error", "nullable": True}}}
    assert run(tmp_path, error, reply=named).outcome is Outcome.REFUSED
    odd = run(tmp_path, answer(200, {}, {"x-ratelimit-remaining": "many"}), reply={"ok": [200], "output": output})
    assert (odd.outcome, odd.data) == (Outcome.DONE, {"left": None, "row": None, "made": None})
    assert odd.warnings == ('"left" is not a number in the response', 'the response has no "row"')
    assert run(tmp_path, answer(200, "<html>", headers), reply=more).outcome is Outcome.UNKNOWN
    replies: list[dict[str, Any]] = [more, {"ok": [200], "output": output}]
    for number, reply in enumerate(replies):
        specs = SpecFolder(folder(tmp_path / str(number), connector(), action(reply=reply)))
        document = json.loads(openapi.files(specs)["openapi.json"])
        success = document["paths"]["/act"]["post"]["responses"]["200"]
        assert [*success["headers"]] == ["X-RateLimit-Remaining", "Location", "Last-Modified"]
        assert ("act" in document["components"]["schemas"]) == ("at" in reply)


def test_an_output_that_cannot_be_a_header_is_a_finding(tmp_path: Path) -> None:
    header = {"type": "text", "header": "X-Id"}
    replies: list[tuple[dict[str, Any], str]] = [
        ({"output": {"a": header | {"from": "b"}}}, '"header" and "from"'),
        ({"output": {"a": header | {"multiple": True}}}, '"header" and "multiple"'),
        ({"output": {"a": header | {"type": "switch"}}}, "and not switch"),
        ({"output": {"a": header | {"header": "Set-Cookie"}}}, '"Set-Cookie" holds a secret'),
        ({"output": {"a": header}, "rows": "rows"}, 'without "rows"'),
        ({"output": {"a": {"type": "nested_object", "children": {"b": header}}}}, "only a top-level output"),
    ]
    for number, (reply, words) in enumerate(replies):
        ((code, message),) = mistakes(tmp_path / str(number), reply)
        assert (code, words in message) == ("contradiction", True), message


def test_an_object_keyed_by_id_is_rows(tmp_path: Path) -> None:
    output = {"id": {"type": "text"}, "note": {"type": "text", "nullable": True}}
    reply = {"ok": [200], "at": ["keys"], "rows": "rows", "rows_by_key": "id", "output": output}
    bodies: list[tuple[Any, list[dict[str, Any]] | None]] = [
        ({"b": {"note": "x", "id": 7}, "a.1": {}}, [{"id": "b", "note": "x"}, {"id": "a.1", "note": None}]),
        ({}, []),
        ([], []),
        (None, []),
        ([{"id": "a"}], None),
        ({"a": "x"}, None),
        ("a", None),
    ]
    for keys, rows in bodies:
        result = run(tmp_path, answer(200, {"keys": keys}), **READ, reply=reply)
        assert result.data == (None if rows is None else {"rows": rows}), keys
        assert result.outcome is (Outcome.NOT_DONE if rows is None else Outcome.DONE), keys
    specs = SpecFolder(folder(tmp_path, connector(), action(**READ, reply=reply)))
    schema = json.loads(openapi.files(specs)["openapi.json"])["components"]["schemas"]["act"]
    assert (schema["type"], [*schema["additionalProperties"]["properties"]]) == ("object", ["note"])


def test_rows_by_key_that_is_no_output_is_a_finding(tmp_path: Path) -> None:
    text = {"type": "text"}
    replies: list[tuple[dict[str, Any], str, str]] = [
        ({"rows": "rows", "output": {"key": text}}, "unknown-reference", 'there is no output "id"'),
        ({"rows": "rows", "output": {"id": {"type": "number"}}}, "contradiction", "needs the type text"),
        ({"rows": "rows", "output": {"id": text | {"from": "x"}}}, "contradiction", "needs the type text"),
        ({"output": {"id": text}}, "missing-key", 'needs "rows"'),
    ]
    for number, (reply, expected, words) in enumerate(replies):
        ((code, message),) = mistakes(tmp_path / str(number), reply | {"rows_by_key": "id"}, **READ)
        assert (code, words in message) == (expected, True), message


def test_an_output_is_read_from_an_item_of_a_list(tmp_path: Path) -> None:
    paths = {"a": "s[0]", "b": "s[1][0].t.u", "c": "s[9]", "d": "no[0]", "e": "o.s[0]", "f": "o[0]"}
    output = {name: {"type": "text", "from": path, "nullable": True} for name, path in paths.items()}
    body = {"s": ["x", [{"t": {"u": "y"}}]], "o": {"s": ["z"]}}
    reply = {"ok": [200], "output": output}
    result = run(tmp_path, answer(200, body), **READ, reply=reply)
    assert result.data == {"a": "x", "b": "y", "c": None, "d": None, "e": "z", "f": None}
    for path in ("tokens[0]", "tokens[name=a.b]"):
        secret = {"token": {"type": "text", "secret": "once", "from": path}}
        ((code, message),) = mistakes(tmp_path / "secret", {"output": secret})
        assert (code, "a secret needs a key" in message) == ("contradiction", True)
    for path in ("keys[0].token", "keys[name=a.b].token"):
        secret = {"token": {"type": "text", "secret": "once", "from": path}, "all": {"type": "json", "from": "keys"}}
        minted = answer(200, {"keys": [{"name": "a.b", "token": "fake-token-0123456789abcdef"}]})
        result = run(tmp_path / "secret", minted, reply={"ok": [200], "output": secret})
        assert result.secrets["token"].reveal() == "fake-token-0123456789abcdef"
        assert "0123456789abcdef" not in str(result.to_dict())
    for number, path in enumerate(("s[x]", "s[-1]", "[0]", "s[0]t", "s[0", "s[12345]")):
        ((code, message),) = mistakes(tmp_path / str(number), {"output": {"a": {"type": "text", "from": path}}})
        assert (code, "items of lists" in message) == ("bad-value", True), path
    listed = {"output": {"a": {"type": "text", "from": "o.s[0]"}}, "ok": [200]}
    specs = SpecFolder(folder(tmp_path / "schema", connector(), action(**READ, reply=listed)))
    schema = json.loads(openapi.files(specs)["openapi.json"])["components"]["schemas"]["act"]
    assert schema["properties"]["o"]["properties"] == {"s": {"type": "array"}}


def test_an_item_of_a_list_is_chosen_by_a_value_in_it_wherever_a_path_may_be(tmp_path: Path) -> None:
    keys = [
        {"id": 1, "active": False, "state": "old", "owner": {"mail": "a.b@c.example"}, "rows": [{"note": "x"}]},
        {"id": 2, "active": True, "state": "in use", "owner": None, "rows": [{"note": "y"}]},
        "no object",
        {"id": 3, "active": True, "state": "in use", "a.b": "7", "rows": None},
    ]
    chosen = {
        "first": "keys[active=true].id", "second": "keys[active=false].state", "words": "keys[state=in use].id",
        "number": "keys[id=3].state", "nested": "keys[owner.mail=a.b@c.example].rows[0].note",
        "dotted": "keys[a.b=7].id", "none": "keys[state=gone].id", "no_list": "keys[id=2].owner[id=1].id",
    }  # fmt: skip
    output = {name: {"type": "json", "from": path, "nullable": True} for name, path in chosen.items()}
    result = run(tmp_path, answer(200, {"keys": keys}), **READ, reply={"ok": [200], "output": output})
    assert result.data == {
        "first": 2, "second": "old", "words": 2, "number": "in use", "nested": "x", "dotted": 3, "none": None,
        "no_list": None,
    }  # fmt: skip
    for at, body, rows in (
        ("keys[active=true].rows", {"keys": keys}, [{"note": "y"}]),
        ("keys[id=3].rows", {"keys": keys}, []),
        ("keys[id=4].rows", {"keys": keys}, None),
        ("$[0].rows", keys, [{"note": "x"}]),
        ("$[state=in use].rows", keys, [{"note": "y"}]),
    ):
        errors = {"code_at": "error", "errors": {"gone": "It was deleted.", "404": "Look again."}}
        reply = {"ok": [200], "at": [at], "rows": "rows", "output": {"note": {"type": "text"}}, **errors}
        result = run(tmp_path, answer(200, body), **READ, reply=reply)
        assert result.data == (None if rows is None else {"rows": rows}), at
        specs = SpecFolder(folder(tmp_path, connector(), action(**READ, reply=reply)))
        responses = json.loads(openapi.files(specs)["openapi.json"])["paths"]["/rows"]["get"]["responses"]
        assert '"contains"' in json.dumps(responses["200"]), at
        assert [*responses] == ["200", "404", "4XX", "5XX"], at  # a code of the API is no status
    for number, path in enumerate(("$.rows", "$[x]", "a[=b]", "a[b=]", "a[b=c", "a[b=[c]]", "a[b==c]")):
        ((code, message),) = mistakes(tmp_path / str(number), {"at": [path], "output": {}})
        assert (code, "items of lists" in message) == ("bad-value", True), path


def test_a_path_that_begins_as_in_jsonpath_is_a_finding_where_it_is(tmp_path: Path) -> None:
    """It would lead nowhere, and every value at it would be missing."""
    text = {"type": "text"}
    replies: list[dict[str, Any]] = [
        {"output": {"id": text | {"from": "$.data.id"}}},
        {"output": {"ids": text | {"from": "$.data[].id", "multiple": True}}},
        {"output": {}, "ok_when": {"$.ok": True}},
        {"output": {}, "error_at": "$.error"},
        {"output": {}, "code_at": "a.$", "codes": {"a": "conflict"}},
    ]
    for number, reply in enumerate(replies):
        ((code, message),) = mistakes(tmp_path / str(number), reply, **READ)
        assert (code in ("bad-value", "bad-name"), "without $. before keys" in message) == (True, True), message
    output = {"all": {"type": "json", "from": "$"}, "ref": text | {"from": "$ref"}, "second": text | {"from": "a.$b"}}
    body = {"$ref": "#/x", "a": {"$b": "c"}}
    read = run(
        tmp_path, answer(200, body), **READ, reply={"ok": [200], "ok_when": {"$": {"not": None}}, "output": output}
    )
    assert read.data == {"all": body, "ref": "#/x", "second": "c"}


def test_a_condition_that_says_nothing_and_a_code_from_nowhere_are_findings(tmp_path: Path) -> None:
    replies: list[tuple[dict[str, Any], str, str]] = [
        ({"ok_when": {"a": {"is": 1, "not": 2}}}, "contradiction", 'either "is" or "not"'),
        ({"ok_when": {"a": {"code": "conflict"}}}, "contradiction", 'either "is" or "not"'),
        ({"ok_when": {"a": {"not": []}}}, "contradiction", 'either "is" or "not"'),
        ({"ok_when": {"a": {"is": 1, "kode": "conflict"}}}, "unknown-key", "did you mean code"),
        ({"ok_when": {"a": {"is": 1, "code": "broken"}}}, "bad-value", "allowed: unauthorized"),
        ({"ok_when": {"a": {"is": 1.5}}}, "bad-value", "ok_when.a.is"),
        ({"ok_when": {"a[b]": 1}}, "bad-name", "items of lists"),
        ({"codes": {"no_auth": "unauthorized"}}, "missing-key", 'needs "code_at"'),
        ({"errors": {"no_auth": "Log in."}}, "missing-key", 'needs "code_at"'),
        ({"code_at": "error", "codes": {"403": "unauthorized"}}, "contradiction", '"code_at" needs a code'),
        ({"codes": {"200": "conflict"}}, "missing-key", '"200" is no status from 400 to 599'),
    ]
    for number, (reply, expected, words) in enumerate(replies):
        ((code, message),) = mistakes(tmp_path / str(number), {"output": {}, **reply}, **READ)
        assert (code, words in message) == (expected, True), (reply, message)


def test_an_output_is_the_value_of_an_input_so_that_a_row_below_another_can_be_revoked(tmp_path: Path) -> None:
    parent = {"title": "Parent", "type": "text", "required": True}
    declared: dict[str, Any] = {"parent": {"type": "text", "from_input": "parent"}, "note": {"type": "text"}}
    path = "/p/{{ parent }}"
    read = READ | {"inputs": {"parent": parent}, "request": {"method": "GET", "path": path}}
    specs = folder(tmp_path, connector(), action(**read, reply={"ok": [200], "rows": "rows", "output": declared}))
    rows = answer(200, [{"note": "x", "parent": "other"}])
    with serving(rows) as server, Connector(AUTH, specs=specs, base_url=server.url) as acme:
        assert acme.run("act", {"parent": "p1"}).data == {"rows": [{"parent": "p1", "note": "x"}]}
    specs = folder(tmp_path, connector(), action(**read, reply={"ok": [200], "output": {"parent": declared["parent"]}}))
    with serving(answer(200, "no JSON")) as server, Connector(AUTH, specs=specs, base_url=server.url) as acme:
        assert acme.run("act", {"parent": "p1"}).data == {"parent": "p1"}
    inputs = {"parent": parent, "key": parent | {"type": "password"}, "all": parent | {"multiple": True}}
    inputs |= {"on": parent | {"type": "switch"}}
    body = {"a": "{{ parent }}", "b": "{{ key }}", "c": "{{ all }}", "d": "{{ on }}"}
    nested = {"type": "nested_object", "children": {"parent": declared["parent"]}}
    for number, (output, code, words) in enumerate(
        (
            ({"type": "text", "from_input": "parnt"}, "unknown-reference", 'unknown input "parnt"'),
            ({"type": "text", "from_input": "key"}, "contradiction", "cannot be an output"),
            ({"type": "text", "from_input": "all"}, "contradiction", "cannot be an output"),
            ({"type": "text", "from_input": "parent", "from": "x"}, "contradiction", '"from_input" and "from"'),
            ({"type": "text", "from_input": "on"}, "contradiction", "cannot be of type text: use switch or json"),
            ({"type": "number", "from_input": "parent"}, "contradiction", "use text or datetime or json"),
            (nested, "contradiction", "only a top-level output"),
        )
    ):
        mine = {"inputs": inputs, "request": {"body": body}}
        ((found, message),) = mistakes(tmp_path / f"m{number}", {"output": {"x": output}}, **mine)
        assert (found, words in message) == (code, True), message
