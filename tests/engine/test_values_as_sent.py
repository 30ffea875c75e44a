"""Values that an API writes or wants in its own way: secrets in lists and headers, lists of objects, times, forms."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

from locoia_pat import Connector, ConnectorAuth, Outcome, Secret
from locoia_pat.authoring.example_recorder import Recorder, plan_recordings, record_example
from locoia_pat.authoring.export.json_schema import data_schema
from locoia_pat.engine.action import CompiledAction
from locoia_pat.engine.checker import check_specs
from locoia_pat.engine.examples import example_findings
from locoia_pat.spec.load import SpecFolder
from tests.support.command import call as call  # noqa: PLC0414  # a fixture
from tests.support.loopback import TOKEN, Got, answer, serving
from tests.support.spec_folders import action, connector, folder, pairs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CREDENTIAL = Secret("fake-acme-credential-0123456789")
AUTH = ConnectorAuth(CREDENTIAL)
READ: dict[str, Any] = {"effect": "read", "request": {"method": "GET", "path": "/rows"}}
OTHER = "fake-other-token-0123456789"
LISTED = {
    "ok": [200],
    "rows": "keys",
    "output": {"id": {"type": "text"}, "key": {"type": "text", "secret": "stored", "nullable": True}},
}
HEADER = {
    "ok": [201],
    "output": {"id": {"type": "text"}, "token": {"type": "text", "secret": "once", "header": "X-Subject-Token"}},
}


def run(place: Path, script: Any, given: Any = None, **spec: Any) -> tuple[Any, list[Got]]:
    """The result of the action, and the requests that arrived."""
    specs = folder(place, connector(), action(**spec))
    assert check_specs(SpecFolder(specs)) == []
    with serving(script) as server, Connector(AUTH, specs=specs, base_url=server.url) as acme:
        return acme.run("act", given or {}), server.got


def mistakes(place: Path, **spec: Any) -> list[tuple[str, str]]:
    """The code and message of each finding."""
    return [(one.code, one.message) for one in check_specs(SpecFolder(folder(place, connector(), action(**spec))))]


def recorded(place: Path, script: Any, store: str | None, **spec: Any) -> dict[str, Any]:
    """The example that a real call completes; it replays."""
    specs = folder(place, connector(), action(**spec, examples=[{"name": "one"}]))
    act = CompiledAction(SpecFolder(specs).action("act"))
    (recording,) = plan_recordings([act], [store] if store else [], {})
    with serving(script) as server, Recorder(AUTH, specs=specs, base_url=server.url) as recorder:
        recorder.check(recording)
        example = record_example(recording, recorder, CREDENTIAL)
    specs = folder(place, connector(), action(**spec, examples=[example]))
    assert list(example_findings(CompiledAction(SpecFolder(specs).action("act")), whole=True)) == []
    return example


def test_a_list_that_shows_secrets_has_them_masked_and_recorded_as_fakes(
    tmp_path: Path, call: Callable[..., Any]
) -> None:
    rows = answer(
        200, [{"id": "a", "key": TOKEN}, {"id": "b", "key": None}, {"id": "c", "key": ""}, {"id": f"x{TOKEN}"}]
    )
    result, _ = run(tmp_path, rows, **READ, reply=LISTED)
    assert result.data == {
        "keys": [
            {"id": "a", "key": "«secret»"},
            {"id": "b", "key": None},
            {"id": "c", "key": None},
            {"id": f"x{TOKEN}", "key": None},
        ]
    }
    assert (result.secrets, result.outcome) == ({}, Outcome.DONE)
    assert "a secret: masked" in call("show", str(tmp_path / "act.yaml")).out
    example = recorded(
        tmp_path, answer(200, [{"id": "a", "key": TOKEN}, {"id": "b", "key": OTHER}]), None, **READ, reply=LISTED
    )
    assert TOKEN not in json.dumps(example)
    assert OTHER not in json.dumps(example)
    assert [row["key"][:5] for row in example["reply"]["body"]] == ["fake-", "fake-"]
    schema = data_schema(SpecFolder(folder(tmp_path, connector(), action(**READ, reply=LISTED))).spec("act"))
    assert list(schema["properties"]["keys"]["items"]["properties"]) == ["id", "key"]
    once = LISTED | {"output": {"key": {"type": "text", "secret": "once"}}}
    assert mistakes(tmp_path, **READ, reply=once)[0][0] == "contradiction"
    assert mistakes(tmp_path, reply=once | {"ok": [201]})[0][0] == "contradiction"


def test_a_secret_in_a_header_is_stored_and_shown_nowhere(tmp_path: Path) -> None:
    script = answer(201, {"id": f"of {TOKEN}"}, {"X-Subject-Token": TOKEN})
    result, _ = run(tmp_path, script, reply=HEADER)
    assert (result.token, result.data) == (Secret(TOKEN), {"id": "of «secret»"})
    for headers in ({}, {"X-Subject-Token": "short"}):
        assert run(tmp_path, answer(201, {"id": "1"}, headers), reply=HEADER)[0].outcome is Outcome.UNKNOWN
    script = answer(201, {"id": "1"}, {"X-Subject-Token": TOKEN})
    example = recorded(tmp_path, script, f"file:{tmp_path / 'token.json'}", reply=HEADER)
    assert TOKEN not in json.dumps(example)
    assert example["reply"]["headers"]["x-subject-token"].startswith("fake-")
    shown = {"ok": [201], "output": {"token": {"type": "text", "header": "X-Subject-Token"}}}
    assert "holds a secret" in mistakes(tmp_path, reply=shown)[0][1]


def test_one_key_of_each_object_in_a_list_is_read(tmp_path: Path) -> None:
    names = {"type": "text", "multiple": True, "nullable": True}
    for source, body, expected in (
        ("scopes[].name", {"scopes": [{"name": "a"}, {"name": "b", "id": 1}]}, ["a", "b"]),
        ("scopes[]", {"scopes": ["a"]}, ["a"]),
        ("d.s[].r.n", {"d": {"s": [{"r": {"n": "a"}}]}}, ["a"]),
        ("scopes[].name", {"scopes": []}, []),
        ("scopes[].name", {}, None),
    ):
        reply = {"ok": [200], "output": {"names": names | {"from": source}}}
        result, _ = run(tmp_path, answer(200, body), **READ, reply=reply)
        assert (result.data, result.warnings) == ({"names": expected}, ()), source
    reply = {"ok": [200], "output": {"names": names | {"from": "scopes[].name"}}}
    result, _ = run(tmp_path, answer(200, {"scopes": [{}, {"name": "a"}]}), **READ, reply=reply)
    assert (result.data, result.warnings) == ({"names": ["a"]}, ('"names" is not a text in the response',))
    reply = {"ok": [200], "output": {"names": {"type": "text", "from": "scopes[].name"}}}
    assert mistakes(tmp_path, **READ, reply=reply) == [
        ("contradiction", '"[]" reads all items of a list; add "multiple: true"')
    ]


def test_a_time_that_is_not_the_one_asked_for_is_a_warning(tmp_path: Path) -> None:
    now = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
    ends = {"type": "datetime", "nullable": True}
    for field, given, written, warning in (
        ({"type": "number", "unit": "seconds"}, 3600, now + dt.timedelta(hours=1), None),
        (
            {"type": "number", "unit": "seconds"},
            3600,
            now + dt.timedelta(hours=2),
            "1 hours later than the 3600 seconds that",
        ),
        (
            {"type": "number", "unit": "minutes"},
            10,
            now + dt.timedelta(minutes=2),
            "8 minutes earlier than the 10 minutes that",
        ),
        ({"type": "number", "unit": "seconds"}, 30, now + dt.timedelta(seconds=85), None),
        ({"type": "number", "unit": "hours"}, 100, now, "4 days earlier than the 100 hours that"),
        ({"type": "datetime"}, "2026-03-02T14:00:00+02:00", dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC), None),
        (
            {"type": "datetime"},
            "2026-03-02T14:00:00+02:00",
            dt.datetime(2026, 3, 2, 14, tzinfo=dt.UTC),
            "2 hours later than 2026-",
        ),
        (
            {"type": "datetime"},
            "2026-03-02T14:00:00",
            dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC),
            "2 hours earlier than 2026-",
        ),
        ({"type": "datetime"}, None, now, None),
        ({"type": "text"}, "tomorrow", now, None),
    ):
        body = {"lifetime": "{{ lifetime }}"}
        inputs = {"lifetime": {"title": "Lifetime", **field}}
        has_time = field["type"] != "text"
        reply = {"ok": [201], "output": {"ends": ends | ({"requested_by": "lifetime"} if has_time else {})}}
        script = answer(201, {"ends": written.isoformat()}, {"Date": f"{now:%a, %d %b %Y %H:%M:%S} GMT"})
        request = {"method": "POST", "path": "/a", "body": body}
        result, got = run(tmp_path, script, {"lifetime": given}, inputs=inputs, request=request, reply=reply)
        assert got[0].json == {"lifetime": given}, "it is sent as it was given"
        assert result.data["ends"] == written.strftime("%Y-%m-%dT%H:%M:%SZ")
        assert [warning or ""] == [
            str(each)[len('"ends" is ') :][: len(warning or "")] for each in result.warnings or [""]
        ], result
    query = {"method": "GET", "path": "/a", "query": {"ends": "{{ ends }}"}}
    filters: dict[str, Any] = {"ends": {"title": "Ends", "type": "datetime", "required": True}}
    spec = {"effect": "read", "inputs": filters, "request": query, "reply": {"ok": [200], "output": {"ends": ends}}}
    result, got = run(
        tmp_path, answer(200, {"ends": "2027-01-01T00:00:00Z"}), {"ends": "2026-03-02T14:00:00+02:00"}, **spec
    )
    assert (got[0].path, result.warnings) == ("/v1/a?ends=2026-03-02T14%3A00%3A00%2B02%3A00", ()), "it is a filter"


def test_what_cannot_have_asked_for_a_time_is_a_finding(tmp_path: Path) -> None:
    inputs = {"note": {"title": "Note", "type": "text", "default": "a"}}
    request = {"method": "POST", "path": "/a", "body": {"note": "{{ note }}"}}
    for output, code in (
        ({"type": "datetime", "requested_by": "nota"}, "unknown-reference"),
        ({"type": "datetime", "requested_by": "note"}, "contradiction"),
    ):
        found = mistakes(tmp_path, inputs=inputs, request=request, reply={"ok": [200], "output": {"ends": output}})
        assert [each[0] for each in found] == [code]
    days = {"days": {"title": "Days", "type": "number", "unit": "days", "default": 1}}
    request = {"method": "POST", "path": "/a", "body": {"days": "{{ days }}"}}
    reply = {"ok": [200], "output": {"ends": {"type": "text", "requested_by": "days"}}}
    assert [each[0] for each in mistakes(tmp_path, inputs=days, request=request, reply=reply)] == ["contradiction"]


def test_a_date_given_for_a_lifetime_is_answered_in_its_unit(tmp_path: Path) -> None:
    for unit, factor in (("days", 1), ("hours", 24), ("minutes", 1440), ("seconds", 86400)):
        inputs = {"ttl": {"title": "TTL", "type": "number", "unit": unit, "required": True}}
        today = dt.datetime.now(dt.UTC).date()
        day = today + dt.timedelta(days=3)
        request = {"method": "POST", "path": "/a", "body": {"ttl": "{{ ttl }}"}}
        result, got = run(tmp_path, answer(), {"ttl": str(day)}, inputs=inputs, request=request)
        numbers = [n for n in (2, 3) if f"{day} is {n * factor} {unit} from today" in (result.problem.hint or "")]
        assert numbers, (unit, result.problem)
        assert got == []


def test_an_object_in_a_form_is_written_with_its_keys_in_brackets(tmp_path: Path) -> None:
    owner = {"name": {"title": "Name", "type": "text", "required": True}, "key": {"title": "Key", "type": "password"}}
    inputs = {
        "metadata": {"title": "Metadata", "type": "json"},
        "owner": {"title": "Owner", "type": "nested_object", "children": owner},
    }
    form = {"metadata": "{{ metadata }}", "owner": "{{ owner }}"}
    request = {"method": "POST", "path": "/a", "form": form, "omit_null": True}
    given = {
        "metadata": {"a b": 1, "c": {"d": True}, "e": ["x", "y"]},
        "owner": {"name": "Ann", "key": Secret("fake-key-1")},
    }
    result, got = run(tmp_path, answer(200, {}), given, inputs=inputs, request=request)
    assert result.outcome is Outcome.DONE, result
    assert pairs(got[0].body.decode()) == [
        ("metadata[a b]", "1"),
        ("metadata[c][d]", "true"),
        ("metadata[e]", "x"),
        ("metadata[e]", "y"),
        ("owner[name]", "Ann"),
        ("owner[key]", "fake-key-1"),
    ]
    result, got = run(tmp_path, answer(200, {}), {"metadata": {"a": None}}, inputs=inputs, request=request)
    assert (result.outcome, result.problem.field, got) == (Outcome.INVALID, "metadata", [])
    query = {"method": "GET", "path": "/a", "query": {"metadata": "{{ metadata }}"}, "omit_null": True}
    just = {"metadata": inputs["metadata"]}
    result, got = run(tmp_path, answer(200, {}), {"metadata": {"a": 1}}, inputs=just, request=query, effect="read")
    assert (result.outcome, got) == (Outcome.INVALID, [])
