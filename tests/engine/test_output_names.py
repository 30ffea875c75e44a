"""An output may have several names of one meaning: the first that is there and not null gives its value."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat import Connector, ConnectorAuth, Outcome, Secret
from locoia_pat.authoring.diff.compare import find_changes
from locoia_pat.authoring.diff.spec_set import specs_of
from locoia_pat.authoring.example_recorder import Recorder, plan_recordings, record_example
from locoia_pat.authoring.export import openapi
from locoia_pat.engine.action import CompiledAction
from locoia_pat.engine.checker import check_specs
from locoia_pat.engine.compiled_specs import ready_action
from locoia_pat.response.outputs import DeclaredOutputs, extract_outputs
from locoia_pat.spec.load import SpecFolder
from tests.support.compiled_actions import NOW
from tests.support.loopback import TOKEN, answer, serving
from tests.support.spec_folders import action, connector, folder

if TYPE_CHECKING:
    from pathlib import Path

CREDENTIAL = Secret("fake-acme-credential-0123456789")
AUTH = ConnectorAuth(CREDENTIAL)
READ: dict[str, Any] = {"effect": "read", "request": {"method": "GET", "path": "/rows"}}
OTHER = "fake-other-secret-abcdef987654321"
MINT = {"ok": [200], "output": {"token": {"type": "text", "secret": "once", "from": ["token", "data.key"]}}}


def run(place: Path, body: Any, output: dict[str, Any], headers: dict[str, str] | None = None, **reply: Any) -> Any:
    """The result of an action whose API answers with *body*; its YAML and its compiled form read the same."""
    specs = folder(place, connector(), action(**READ, reply={"ok": [200], "output": output, **reply}))
    assert check_specs(SpecFolder(specs)) == []
    with serving(answer(200, body, headers)) as server, Connector(AUTH, specs=specs, base_url=server.url) as acme:
        result = acme.run("act")
    read = extract_outputs(SpecFolder(specs).action("act"), body, {}, NOW, headers or {})
    compiled = extract_outputs(ready_action(SpecFolder(specs), "act"), body, {}, NOW, headers or {})
    assert read == compiled
    return result


@pytest.mark.parametrize(
    ("output", "body", "value"),
    [
        ({"type": "text"}, {"a": "1", "b": {"c": "2"}}, "1"),
        ({"type": "text"}, {"a": None, "b": {"c": "2"}}, "2"),
        ({"type": "text"}, {"b": {"c": 2}}, "2"),
        ({"type": "text"}, {"a": "", "b": {"c": "2"}}, ""),
        ({"type": "text"}, {"a": "1", "b": 3}, "1"),
        ({"type": "text", "nullable": True}, {"b": 3}, None),
        ({"type": "switch"}, {"a": False, "b": {"c": True}}, False),
        ({"type": "number"}, {"a": 0, "b": {"c": 1}}, 0),
        ({"type": "datetime"}, {"b": {"c": "2026-11-28T14:15:13Z"}}, "2026-11-28T14:15:13Z"),
        ({"type": "json"}, {"a": [], "b": {"c": 1}}, []),
        ({"type": "text", "multiple": True}, {"b": {"c": ["x"]}}, ["x"]),
        (
            {"type": "nested_object", "children": {"d": {"type": "text", "from": ["e", "f"]}}},
            {"a": {"f": "1"}},
            {"d": "1"},
        ),
        (
            {"type": "nested_object", "children": {"n": {"type": "text"}}, "last_word": "~m/{n}"},
            {"a": "x ~m/1"},
            {"n": "1"},
        ),
    ],
)
def test_the_first_that_is_there_and_not_null_gives_the_value(
    tmp_path: Path, output: dict[str, Any], body: dict[str, Any], value: Any
) -> None:
    output = output | {"from": ["a", "b.c"]}
    result = run(tmp_path, body, {"name": output})
    assert (result.outcome, result.data, result.warnings) == (Outcome.DONE, {"name": value}, ())
    rows = run(tmp_path, [body] * 30, {"name": output, "z": {"type": "text", "nullable": True}}, rows="rows")
    assert rows.data == {"rows": [{"name": value, "z": None}] * 30}
    assert rows.warnings == ()


def test_items_of_lists_and_what_is_nowhere(tmp_path: Path) -> None:
    names = {"type": "text", "multiple": True, "from": ["scopes[].name", "scopes", "roles[0].all"]}
    for body, value in (
        ({"scopes": [{"name": "a"}, {}]}, ["a"]),
        ({"scopes": ["a", "b"]}, ["a", "b"]),
        ({"scopes": [], "roles": [{"all": ["c"]}]}, []),
        ({"roles": [{"all": ["c"]}]}, ["c"]),
    ):
        assert run(tmp_path, body, {"names": names}).data == {"names": value}, body
    nowhere = run(tmp_path, {}, {"name": {"type": "text", "from": ["a", "b"]}})
    assert (nowhere.data, nowhere.warnings) == ({"name": None}, ('the response has no "name"',))
    required = run(tmp_path, {"b": ""}, {"name": {"type": "text", "from": ["a", "b"], "required": True}})
    assert "the response has no name" in required.problem.message
    odd = run(tmp_path, {"a": {"b": 1}, "b": "x"}, {"name": {"type": "text", "from": ["a", "b"]}})
    assert (odd.data, odd.warnings) == ({"name": None}, ('"name" is not a text in the response',))
    # A name that is an output is no failure, whichever of its names it is.
    reads = {"why": {"type": "text", "from": ["reason", "error"], "nullable": True}}
    assert run(tmp_path, {"error": "none"}, reads).data == {"why": "none"}


def mint(place: Path, body: Any, **reply: Any) -> Any:
    specs = folder(place, connector(), action(reply=MINT | reply))
    assert check_specs(SpecFolder(specs)) == []
    with serving(answer(200, body)) as server, Connector(AUTH, specs=specs, base_url=server.url) as acme:
        return acme.run("act")


def test_every_name_of_a_secret_is_secret(tmp_path: Path) -> None:
    for body in (
        {"token": TOKEN},
        {"data": {"key": TOKEN}},
        {"token": None, "data": {"key": TOKEN}},
        {"token": "", "data": {"key": TOKEN}},
        {"token": {"odd": 1}, "data": {"key": TOKEN}},
        {"token": "short", "data": {"key": TOKEN}},
        {"token": TOKEN, "data": {"key": TOKEN}},
    ):
        result = mint(tmp_path, body)
        assert (result.outcome, result.token, result.warnings) == (Outcome.DONE, Secret(TOKEN), ()), body
    more: dict[str, Any] = {"note": {"type": "text"}, "raw": {"type": "json", "from": "data"}}
    both = mint(
        tmp_path,
        {"token": TOKEN, "data": {"key": OTHER}, "note": f"was {OTHER} and {TOKEN}"},
        output=MINT["output"] | more,  # type: ignore[operator]
    )
    assert both.token == Secret(TOKEN)
    assert both.warnings == ('the response has different values of "token"; the first is used',)
    assert OTHER not in json.dumps(both.to_dict())
    assert TOKEN not in json.dumps(both.to_dict())
    unusable: list[Any] = [{}, {"token": "short"}, {"token": None}, {"data": {"key": "short"}}]
    for body in unusable:
        none = mint(tmp_path, body)
        assert (none.outcome, "no usable token" in none.problem.message) == (Outcome.UNKNOWN, True), body
    refused = mint(tmp_path, {"ok": False, "status": 400, "error": f"key {OTHER}", "data": {"key": OTHER}})
    assert OTHER not in json.dumps(refused.to_dict())


def test_secrets_of_rows_and_stored_ones_have_several_names(tmp_path: Path) -> None:
    output = {"id": {"type": "text"}, "key": {"type": "text", "secret": "stored", "from": ["a", "b"], "nullable": True}}
    rows = run(tmp_path, [{"id": "1", "b": OTHER}, {"id": "2", "a": TOKEN}, {"id": OTHER}], output, rows="rows")
    masked = [row["key"] for row in rows.data["rows"]]
    assert masked[0] == masked[1] != masked[2]
    assert masked[2] is None
    assert TOKEN not in json.dumps(rows.to_dict())
    for body, token in (({"id": "1", "b": OTHER}, Secret(OTHER)), ({"id": "1", "a": "", "b": None}, None)):
        stored = run(tmp_path, body, output)
        assert (stored.outcome, stored.token) == (Outcome.DONE, token), body


def test_a_secret_may_be_under_a_key_that_has_a_dot(tmp_path: Path) -> None:
    token = {"type": "text", "secret": "once", "from": ["@api.token", "data.@api.key"]}
    for body in ({"@api.token": TOKEN}, {"data": {"@api.key": TOKEN}}):
        assert mint(tmp_path, body, output={"token": token}).token == Secret(TOKEN)


def test_a_recording_has_fakes_for_every_name_of_a_secret(tmp_path: Path) -> None:
    specs = folder(tmp_path / "specs", connector(), action(reply=MINT, examples=[{"name": "one"}]))
    act = CompiledAction(SpecFolder(specs).action("act"))
    assert set(act.spec.secret_keys) == {"token", "key", "data.key"}
    store = f"file:{tmp_path / 'token.json'}"
    (recording,) = plan_recordings([act], [store], {})
    body = {"token": TOKEN, "data": {"key": OTHER}}
    with serving(answer(200, body)) as server, Recorder(AUTH, specs=specs, base_url=server.url) as recorder:
        recorded = record_example(recording, recorder, CREDENTIAL)
    assert recorded["reply"]["body"] == {"token": "fake-secret-0001", "data": {"key": "fake-secret-0001"}}


@pytest.mark.parametrize(
    ("paths", "more", "code", "message"),
    [
        ([], {}, "bad-value", "a list of at least 1"),
        (["a", "b", "a"], {}, "contradiction", '"a" is in the list twice'),
        (["$", "a"], {"type": "json"}, "contradiction", '"a" is never read: "$" before it is always there'),
        (["a", "b[].c"], {}, "contradiction", '"[]" reads all items of a list; add "multiple: true"'),
        (["a", "b[0]"], {"secret": "stored"}, "contradiction", "a secret needs a key"),
        (["a", "b c"], {}, "bad-value", "keys with dots between them"),
        (["a", 5], {}, "bad-value", "expected a string"),
        (["a", ["b"]], {}, "bad-value", "expected a string"),
        (5, {}, "bad-value", "expected a string"),
        (["a", "b"], {"header": "X-A"}, "contradiction", '"header" and "from" exclude each other'),
        (["X-A: b"], {}, "bad-value", "keys with dots between them"),
    ],
)
def test_a_wrong_list_of_names_is_a_finding(
    tmp_path: Path, paths: Any, more: dict[str, Any], code: str, message: str
) -> None:
    output = {"name": {"type": "text", "from": paths, **more}}
    specs = folder(tmp_path, connector(), action(**READ, reply={"ok": [200], "output": output}))
    (finding,) = check_specs(SpecFolder(specs))
    assert (finding.code, message in finding.message) == (code, True), finding
    lines = (tmp_path / "act.yaml").read_text().splitlines()
    expected = next(number for number, line in enumerate(lines, 1) if "from:" in line)
    assert finding.line >= expected
    assert finding.column > 1


def test_the_position_of_a_wrong_name_is_its_own(tmp_path: Path) -> None:
    specs = folder(tmp_path, connector(), action(**READ))
    text = (specs / "act.yaml").read_text().partition("reply:")[0]
    reply = "reply: {ok: [200], output: {id: {type: text, from: [id, uid, id]}}}\n"
    (specs / "act.yaml").write_text(text + reply)
    (finding,) = check_specs(SpecFolder(specs))
    assert (finding.line, finding.column) == (text.count("\n") + 1, reply.index("id]}") + 1)


def test_an_input_and_a_key_of_rows_have_no_names_in_the_response(tmp_path: Path) -> None:
    note = {"title": "Note", "type": "text", "required": True}
    for output, reply, message in (
        ({"type": "text", "from": ["a", "b"], "from_input": "note"}, {}, '"from_input" and "from" exclude each other'),
        ({"type": "text", "from": ["a", "b"]}, {"rows": "rows", "rows_by_key": "name"}, "is the key of a row"),
    ):
        made = action({"note": note}, {"method": "GET", "path": "/a/{{ note }}"}, effect="read",
                      reply={"ok": [200], "output": {"name": output}, **reply})  # fmt: skip
        (finding,) = check_specs(SpecFolder(folder(tmp_path, connector(), made)))
        assert message in finding.message


def test_an_output_under_the_key_of_a_secret_is_a_finding(tmp_path: Path) -> None:
    user = {"type": "nested_object", "children": {"key": {"type": "text"}}}
    hidden: list[tuple[dict[str, Any], str]] = [
        ({"key": {"type": "text"}}, "key:"),
        ({"again": {"type": "text", "from": ["name", "token"]}}, "- token"),
        ({"when": {"type": "datetime", "from": "user.key"}}, "from: user.key"),
        ({"keys": {"type": "text", "multiple": True, "from": "all[].key"}}, "all[].key"),
        ({"user": user}, "key:"),
    ]
    for output, line in hidden:
        spec = action(reply=MINT | {"output": MINT["output"] | output})  # type: ignore[operator]
        (finding,) = check_specs(SpecFolder(folder(tmp_path, connector(), spec)))
        assert (finding.code, "is a secret here, and this output is shown" in finding.message) == (
            "contradiction",
            True,
        )
        assert line in (tmp_path / "act.yaml").read_text().splitlines()[finding.line - 1]
    kept = {"count": {"type": "number", "from": "user.key"}, "raw": {"type": "json", "from": "data"}}
    spec = action(reply=MINT | {"output": MINT["output"] | kept})  # type: ignore[operator]
    assert check_specs(SpecFolder(folder(tmp_path, connector(), spec))) == []
    rows = {"id": {"type": "text"}, "word": {"type": "text", "secret": "stored", "from": ["word", "id"]}}
    reply = {"ok": [200], "rows": "rows", "rows_by_key": "id", "output": rows}
    assert run(tmp_path, {"a": {"word": TOKEN}}, rows, rows="rows", rows_by_key="id").data["rows"][0]["id"] == "a"
    assert check_specs(SpecFolder(folder(tmp_path, connector(), action(**READ, reply=reply)))) == []


def test_an_exported_response_may_have_any_of_the_names(tmp_path: Path) -> None:
    output = {
        "id": {"type": "text", "from": ["id", "data.uid"]},
        "name": {"type": "text"},
        "either": {"type": "text", "from": ["e", "e.value"]},
        "other": {"type": "text", "from": ["o.value", "o"]},
        "list": {"type": "text", "multiple": True, "from": ["l[].name", "l"]},
    }
    specs = folder(tmp_path, connector(), action(**READ, reply={"ok": [200], "output": output}))
    schema = openapi.document(SpecFolder(specs))["components"]["schemas"]["act"]
    assert schema["required"] == ["name"]
    properties = schema["properties"]
    assert properties["id"]["type"] == properties["data"]["properties"]["uid"]["type"] == ["string", "null"]
    assert (properties["e"], properties["o"]) == ({}, {})
    assert properties["l"]["type"] == ["array", "null"]


def test_a_diff_shows_the_names(tmp_path: Path) -> None:
    def read(folder_name: str, source: dict[str, Any]) -> Any:
        output = {"id": {"type": "text", **source}}
        spec = action(**READ, reply={"ok": [200], "output": output})
        return specs_of(SpecFolder(folder(tmp_path / folder_name, connector(), spec)), {})

    plain, one, several = read("a", {}), read("b", {"from": "uid"}), read("c", {"from": ["id", "uid"]})
    for old, new, message in (
        (plain, one, "output id: from changed from null to uid"),
        (one, several, "output id: from changed from uid to id, uid"),
        (several, plain, "output id: from changed from id, uid to null"),
    ):
        (change,) = find_changes(old, new)
        assert (change.kind, change.message) == ("changed-response", message)


def calls(source: Any) -> int:
    """How many functions are called to read one output of 50 rows from *source*."""
    output = {"name": {"type": "text", "from": source, "nullable": True}, "n": {"type": "number"}}
    spec = CompiledAction(_spec(output)).spec
    declared = DeclaredOutputs(spec)
    rows = [{"a": {"b": "x"}, "c": "y", "n": 1}] * 50
    count = 0

    def profile(_: Any, event: str, __: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    extract_outputs(spec, rows, {}, NOW, declared=declared)
    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        extract_outputs(spec, rows, {}, NOW, declared=declared)
    finally:
        sys.setprofile(before)
    return count


def _spec(output: dict[str, Any]) -> Any:
    from locoia_pat.spec.parse import parse_action  # noqa: PLC0415
    from locoia_pat.spec.yaml import dump  # noqa: PLC0415

    return parse_action(dump(action(**READ, reply={"ok": [200], "rows": "rows", "output": output})), "act.yaml")


def test_one_name_costs_the_same_alone_and_in_a_list() -> None:
    assert calls("a.b") == calls(["a.b"]) == calls(["a.b", "c"])
    assert calls("c") == calls(["c"])
