"""What a JSON answer says: declared outputs, or the API's own words on what went wrong."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locoia_pat.response.error_message import find_error_message
from locoia_pat.response.outputs import Outputs, extract_outputs
from locoia_pat.secrets.secret import Secret, load_json
from locoia_pat.spec.model import ActionSpec
from tests.support.cells import cell

NOW = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
TOKEN = "t0ken-t0ken-t0ken-t0ken"


def _spec(output: dict[str, Any], **reply: Any) -> ActionSpec:
    return ActionSpec.model_validate(
        {
            "spec": 1,
            "action": "make_key",
            "title": "Make key",
            "summary": "Make a key.",
            "effect": "create",
            "inputs": {"key_id": {"title": "Key", "type": "text"}},
            "request": {"method": "POST", "path": "/keys"},
            "reply": {"ok": [200], "output": output, **reply},
        }
    )


def _read(output: dict[str, Any], body: object, **reply: Any) -> Outputs | str:
    spec = _spec(output, **reply)
    return extract_outputs(spec, load_json(Secret(json.dumps(body)), spec.secrets), {"key_id": "from the input"}, NOW)


def _payload(output: dict[str, Any], body: object, **reply: Any) -> Outputs:
    payload = _read(output, body, **reply)
    assert isinstance(payload, Outputs), payload
    return payload


TEXT: dict[str, Any] = {"type": "text"}
KEY: dict[str, Any] = {"type": "text", "secret": "once"}
TIME: dict[str, Any] = {"type": "datetime"}


def test_a_declared_output_is_read_without_a_warning() -> None:
    for output, given_value, value in [
        (TEXT, "x", "x"),
        (TEXT, "", ""),
        (TEXT, 7, "7"),
        (TEXT, 1.5, "1.5"),
        ({"type": "number"}, 7, 7),
        ({"type": "number"}, 1.5, 1.5),
        ({"type": "number"}, 0, 0),
        ({"type": "switch"}, False, False),
        ({**TEXT, "multiple": True}, ["a", "b"], ["a", "b"]),
        ({**TEXT, "multiple": True}, [], []),
        ({"type": "nested_object", "children": {"a": TEXT}}, {"a": "x", "b": "y"}, {"a": "x"}),
        ({"type": "nested_object"}, {"a": "x"}, {}),
        (TIME, "2026-02-01T00:00:00Z", "2026-02-01T00:00:00Z"),
        (TIME, " 2026-02-01T01:30:00.999+01:30 ", "2026-02-01T00:00:00Z"),
        (TIME, "Sun, 01 Feb 2026 00:00:00 GMT", "2026-02-01T00:00:00Z"),
        ({**TEXT, "nullable": True}, None, None),
    ]:
        with cell(output, given_value, value):
            payload = _payload({"a": output}, {"a": given_value, "undeclared": 1})
            assert (payload.data, payload.warnings) == ({"a": value}, ())
            assert type(payload.data["a"]) is type(value)


def test_what_had_to_be_assumed_is_a_warning() -> None:
    for output, body, data, warning in [
        (TEXT, {}, {"a": None}, 'the response has no "a"'),
        (TEXT, {"a": None}, {"a": None}, 'the response has no "a"'),
        (TEXT, {"a": ["x"]}, {"a": None}, '"a" is not a text in the response'),
        (TEXT, {"a": {"b": 1}}, {"a": None}, '"a" is not a text in the response'),
        ({"type": "number"}, {"a": "7"}, {"a": None}, '"a" is not a number in the response'),
        ({"type": "switch"}, {"a": 1}, {"a": None}, '"a" is not a switch in the response'),
        ({"type": "nested_object"}, {"a": []}, {"a": None}, '"a" is not a nested_object in the response'),
        ({**TEXT, "multiple": True}, {"a": "x"}, {"a": ["x"]}, '"a" is not a list in the response'),
        ({**TEXT, "multiple": True}, {"a": ["x", []]}, {"a": ["x"]}, '"a" is not a text in the response'),
        (
            {**TEXT, "fallback_input": "key_id"},
            {},
            {"a": "from the input"},
            'the response has no "a"; the input key_id is used instead',
        ),
        (
            TIME,
            {"a": "2026-02-01 00:00"},
            {"a": "2026-02-01T00:00:00Z", "a_raw": "2026-02-01 00:00"},
            '"a" has no time zone; UTC is assumed, and a_raw has the original text',
        ),
        (
            TIME,
            {"a": "soon"},
            {"a": None, "a_raw": "soon"},
            '"a" is not a readable time; a_raw has it',
        ),
        (
            TIME,
            {"a": 1767225600},
            {"a": "2026-01-01T00:00:00Z", "a_raw": "1767225600"},
            '"a" is a number; it is read as seconds since 1970, and a_raw has the original text',
        ),
        (
            TIME,
            {"a": "x" * 500},
            {"a": None, "a_raw": "x" * 100},
            '"a" is not a readable time; a_raw has it',
        ),
    ]:
        with cell(output, body, data, warning):
            payload = _payload({"a": output}, body)
            assert (payload.data, payload.warnings) == (data, (warning,))


def test_an_output_the_answer_gives_is_not_taken_from_the_input() -> None:
    payload = _payload({"a": {**TEXT, "fallback_input": "key_id"}}, {"a": "given"})
    assert (payload.data, payload.warnings) == ({"a": "given"}, ())


def test_days_are_counted_from_now_in_whole_days() -> None:
    for ends, days in [
        ("2026-01-31T12:00:00Z", 30),
        ("2026-01-31T11:59:00Z", 30),
        ("2026-01-31T23:59:00Z", 30),
        ("2026-02-01T00:01:00Z", 31),
        ("2026-01-01T12:00:00Z", 0),
        ("2025-12-31T12:00:00Z", -1),
        ("2026-01-31T13:00:00+01:00", 30),
        ("2026-01-31T12:00:00", 30),
        ("nonsense", None),
        (None, None),
    ]:
        with cell(ends, days):
            output = {"ends": {**TIME, "nullable": True}, "left": {"type": "number", "days_until": "ends"}}
            assert _payload(output, {"ends": ends, "left": 999}).data["left"] == days


MARK = {
    "type": "nested_object",
    "from": "note",
    "last_word": "~m/{name}/{}/{slot}",
    "children": {"name": {"type": "text"}, "slot": {"type": "text"}},
}


def test_the_last_word_of_a_string_is_parsed_if_it_has_the_format() -> None:
    for note, parts in [
        ("CI ~m/ci/x/a", {"name": "ci", "slot": "a"}),
        ("~m/ci/x/a", {"name": "ci", "slot": "a"}),
        ("~m/1/2/3 ~m/ci/x/a \n", {"name": "ci", "slot": "a"}),
        ("CI ~m/ci/x/a/b", {"name": "ci", "slot": "a/b"}),
        ("CI~m/ci/x/a", None),
        ("CI ~m/ci/x/a behind", None),
        ("CI ~m/ci/a", None),
        ("CI ~m//x/a", None),
        ("", None),
        (None, None),
        (7, None),
    ]:
        with cell(note, parts):
            payload = _payload({"mark": MARK}, {"note": note})
            assert (payload.data["mark"], payload.warnings) == (parts, ())


@given(st.text(max_size=500), st.text(alphabet="~m/ {}ab", max_size=2000))
def test_any_text_is_looked_at_for_parts(before: str, after: str) -> None:
    found = _payload({"mark": MARK}, {"note": before + after}).data["mark"]
    assert found is None or found.keys() == {"name", "slot"}


def test_a_warning_is_told_once_for_all_rows() -> None:
    payload = _payload({"a": TEXT}, [{}, {"a": 1}, {}], rows="keys")
    assert payload.data == {"keys": [{"a": None}, {"a": "1"}, {"a": None}]}
    assert payload.warnings == ('the response has no "a"',)


@pytest.mark.parametrize(
    "body",
    [{"data": {"items": [{"a": "x"}]}}, {"items": [{"a": "x"}]}, [{"a": "x"}]],
    ids=["data.items", "items", "bare"],
)
def test_rows_are_found_in_the_first_place_that_fits(body: object) -> None:
    assert _payload({"a": TEXT}, body, rows="keys", at=["$", "items", "data.items"]).data == {"keys": [{"a": "x"}]}


def test_no_rows_are_rows() -> None:
    assert _payload({"a": TEXT}, [], rows="keys").data == {"keys": []}


def test_null_on_the_way_to_the_rows_is_a_list_without_rows_unless_something_else_is_there() -> None:
    places = ["$", "data.items", "list.rows.all"]
    body: Any
    for body, null in (
        ({"data": None}, "data"),
        ({"data": {}, "list": {"rows": None}}, "list.rows"),
        ({"data": None, "list": None}, "data"),
    ):
        payload = _payload({"a": TEXT}, body, rows="keys", at=places)
        assert payload.data == {"keys": []}
        assert payload.warnings == (f'"{null}" is null in the response, which is taken as a list without rows',)
        assert not payload.is_whole
    for body in ({"data": None, "list": {"rows": {"all": {}}}}, {"data": {}}, {"list": {"rows": 5}}):
        assert _read({"a": TEXT}, body, rows="keys", at=places) == "the response has no list of keys", body
    for body in ({"data": {"items": []}, "list": None}, {"data": {"items": None}, "list": None}):
        payload = _payload({"a": TEXT}, body, rows="keys", at=places)
        assert (payload.data, payload.warnings, payload.is_whole) == ({"keys": []}, (), True)


@pytest.mark.parametrize("body", [None, {}, {"items": {}}, {"items": [1]}, ["x"], "text", 5, {"data": "x"}], ids=str)
def test_without_a_list_of_objects_there_are_no_rows(body: object) -> None:
    assert _read({"a": TEXT}, body, rows="keys", at=["$", "items", "data.items"]) == "the response has no list of keys"


@pytest.mark.parametrize(
    "body",
    [{"key": TOKEN, "a": "x"}, {"data": {"key": TOKEN, "a": "x"}}, {"key": None, "data": {"key": TOKEN, "a": "x"}}],
    ids=["whole", "wrapped", "wrapped beside a null"],
)
def test_the_payload_stands_where_the_secret_is(body: object) -> None:
    payload = _payload({"a": TEXT, "key": KEY}, body, at=["$", "data"])
    assert payload.data == {"a": "x"}
    assert payload.secrets == {"key": Secret(TOKEN)}
    assert TOKEN not in repr(payload)


def test_without_a_usable_secret_an_answer_is_not_whole() -> None:
    for key in [
        None,
        "",
        "short",
        "x" * 15,
        "has a space in the middle",
        "ü" * 20,
        "x" * 4097,
        1234567890123456789,
        [TOKEN],
        {"key": TOKEN},
    ]:
        with cell(key):
            assert _read({"a": TEXT, "key": KEY}, {"a": "x", "key": key}) == "the response has no usable key"
            assert _read({"a": TEXT, "key": KEY}, {"a": "x"}) == "the response has no usable key"


@pytest.mark.parametrize("body", [None, [], [{"a": "x"}], "text", 5, True], ids=str)
def test_without_an_object_there_are_no_outputs(body: object) -> None:
    assert _read({"a": TEXT}, body, at=["$", "data"]) == "the response has no object"


def test_a_secret_in_the_place_of_another_output_is_not_shown() -> None:
    body = {"key": TOKEN, "a": {"key": TOKEN}, "ends": {"key": TOKEN}}
    payload = _payload({"a": TEXT, "key": KEY, "ends": TIME}, body)
    assert TOKEN not in json.dumps(payload.data)
    assert payload.data["ends_raw"] is None


def test_a_secret_that_should_be_a_time_is_not_kept() -> None:
    output = {"key": KEY, "inner": {"type": "nested_object", "children": {"key": TIME}}}
    payload = _payload(output, {"key": TOKEN, "inner": {"key": TOKEN}})
    assert payload.data == {"inner": {"key": None, "key_raw": None}}


def test_the_words_of_the_api_are_read_in_every_plausible_form() -> None:
    for body, words, field in [
        ({"message": "no"}, "no", None),
        ({"detail": "no"}, "no", None),
        ({"error": "no"}, "no", None),
        ({"title": "no"}, "no", None),
        ({"error": "code", "error_description": "no"}, "no", None),
        ({"error": "biz_logic", "message": "Note is taken"}, "Note is taken", None),
        ({"error": {"message": "no", "field": "note"}}, "no", "note"),
        ({"message": "", "error": "no"}, "no", None),
        ({"message": None, "detail": [], "title": "no"}, "no", None),
        ({"message": ["one", "two", "one"]}, "one; two", None),
        ({"detail": [{"loc": ["body", "note"], "msg": "too long"}]}, "too long", "note"),
        ({"detail": [{"loc": ["body"], "msg": "a"}, {"loc": ["body", "b"], "msg": "c"}]}, "a; c", "body"),
        ({"errors": {"note": ["too long"], "days": ["too many"]}}, "note: too long; days: too many", "note"),
        ({"message": "wrong", "errors": {"note": ["too long"]}}, "wrong; note: too long", "note"),
        ({"message": "wrong", "errors": ["a", {"message": "b"}]}, "wrong; a; b", None),
        ({"errors": [{"field": "scopes", "message": "unknown"}]}, "unknown", "scopes"),
        ({"status": 400, "message": "no", "data": {"errors": {"note": "x"}}}, "no; note: x", "note"),
        ({"note": ["too long"], "days": "too many"}, "note: too long; days: too many", None),
        ({"code": 5}, None, None),
        ({"field": 5, "loc": []}, None, None),
        (["one", ["two"]], "one; two", None),
        ("plain", "plain", None),
        ("  ", None, None),
        ("", None, None),
        ({}, None, None),
        ([], None, None),
        (None, None, None),
        (True, None, None),
        (5, None, None),
        ({"a": {"b": {"c": "near"}}}, "a: b: c: near", None),
        ({"a": {"b": {"c": {"d": {"e": "far"}}}}}, None, None),
        ([[[[["far"]]]]], None, None),
        ({"detail": {"error": {"data": {"field": "near"}}}}, "field: near", "near"),
        ({"detail": {"error": {"data": {"errors": {"field": "far"}}}}}, None, "field"),
        ({"detail": {"error": {"data": {"error": {"field": "far"}}}}}, None, None),
        ({"detail": [[[{"field": "far"}]]]}, None, None),
        ({"detail": [[{"field": "near"}]]}, "field: near", "near"),
        ({"message": "two\nlines\t and\r\nmore"}, "two lines and more", None),
        ({"message": "\x00a\u202eb\x1b[31m\ud800"}, "a b [31m", None),
        ({"message": "x" * 500}, "x" * 500, None),
        ({"message": "x" * 501}, "x" * 499 + "…", None),
        ({"message": Secret(TOKEN), "token": Secret(TOKEN)}, None, None),
    ]:
        with cell(body, words, field):
            assert find_error_message(body) == (words, field)


def test_an_answer_that_is_not_json_is_told_on_one_line() -> None:
    for text, words in [
        ("Bad gateway", "Bad gateway"),
        ("two\nlines", "two lines"),
        ("", None),
        (" \n ", None),
        ("<html><title>502 Bad\n Gateway</title><h1>Oops</h1></html>", "502 Bad Gateway"),
        ("\n<!doctype html><TITLE lang=en>Not &amp; found</TITLE>", "Not & found"),
        ("<h1 class='x'>Down <b>for</b> work</h1>", "Down for work"),
        ("<html><body>nothing to say</body></html>", "an HTML page"),
        ("<title></title>", "an HTML page"),
        ("<title>never closed", "an HTML page"),
        ("<" + "x" * 30_000 + "><title>late</title>", "an HTML page"),
        ("y" * 501, "y" * 499 + "…"),
    ]:
        with cell(text, words):
            assert find_error_message(Secret(text)) == (words, None)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["message", "detail", "errors", "error", "data", "loc", "field", "title", "x"]), inner
            )
        ),
        max_leaves=15,
    )
)
def test_whatever_the_answer_its_words_are_one_short_printable_line(body: Any) -> None:
    words, field = find_error_message(body)
    assert words is None or (words.isprintable() and 0 < len(words) <= 500 and words == words.strip())
    assert field is None or isinstance(field, str)


def test_an_expiry_that_is_not_the_days_that_were_asked_for_is_a_warning() -> None:
    output = {"ends": TIME, "left": {"type": "number", "days_until": "ends"}}
    inputs = {"ends": {"title": "Days", "type": "number", "unit": "days"}}
    for asked, ends, words in (
        (30, "2026-01-31T12:00:00Z", None),
        (30, "2026-01-31T12:59:00Z", None),
        (30, "2026-01-31T14:00:00Z", "2 hours later than the 30 days"),
        (30, "2026-01-31T00:00:00Z", "12 hours earlier than the 30 days"),
        (90, "2026-01-11T12:00:00Z", "80 days earlier than the 90 days"),
        (10**7, "2026-01-11T12:00:00Z", "9999990 days earlier than the 10000000 days"),  # it is beyond the calendar
        (10**18, "2026-01-11T12:00:00Z", f"{10**18 - 10:.0f} days earlier than the {10**18} days"),
        (-(10**18), "2026-01-11T12:00:00Z", f"{10**18 + 10:.0f} days later than the {-(10**18)} days"),
        (None, "2026-01-11T12:00:00Z", None),
    ):
        spec = ActionSpec.model_validate(
            {**_spec(output).model_dump(by_alias=True, exclude_unset=True), "inputs": inputs}
        )
        read = extract_outputs(spec, {"ends": ends}, {"ends": asked}, NOW)
        assert isinstance(read, Outputs)
        expected = () if words is None else (f'"ends" is {words} that were asked for',)
        assert read.warnings == expected, (asked, ends)
        listed = spec.model_copy(update={"reply": _spec(output, rows="rows").reply})
        read = extract_outputs(listed, [{"ends": ends}] * 24, {"ends": asked}, NOW)
        assert isinstance(read, Outputs)
        assert read.warnings == expected, (asked, ends)


COLUMNS: dict[str, Any] = {
    "id": TEXT,
    "ends": {**TIME, "nullable": True},
    "left": {"type": "number", "days_until": "ends", "nullable": True},
    "tags": {**TEXT, "multiple": True, "nullable": True},
    "on": {"type": "switch", "nullable": True},
    "mark": {
        "type": "nested_object",
        "nullable": True,
        "from": "note",
        "last_word": "~m/{name}/{state}",
        "children": {"name": TEXT, "state": TEXT},
    },
}
UNUSUAL: dict[str, list[Any]] = {
    "id": [7, None, "x" * 300_000, ["a"], {"a": 1}],
    "ends": ["soon", 1_800_000_000, "0001-01-01T00:00:00Z", "2026-05-01", ["a"]],
    "tags": ["a", ["a", None], [["a"]], [1], ["x" * 300_000], {"a": 1}],
    "on": ["yes", 1, [True]],
    "note": [5, ["a"], {"a": 1}],
}
USUAL: dict[str, list[Any]] = {
    "id": ["a", "b"],
    "ends": ["2026-05-01T00:00:00Z", "2026-05-01T00:00:00+02:00", "2026-02-03T00:00:00Z", None],
    "tags": [["a", "b"], [], None],
    "on": [True, False, None],
    "note": ["CI ~m/billing/on", "CI", "", None],
}


def _by_rows(output: dict[str, Any], rows: list[dict[str, Any]]) -> tuple[list[Any], list[str]]:
    """The outputs and warnings of *rows*, each read as a response of its own."""
    read = [_payload(output, [row], rows="rows") for row in rows]
    warnings = dict.fromkeys(warning for one in read for warning in one.warnings)
    return [row for one in read for row in one.data["rows"]], [*warnings]


@pytest.mark.parametrize("name", ["", *UNUSUAL])
def test_many_rows_are_read_as_each_of_them_is(name: str) -> None:
    for value in UNUSUAL.get(name, [None]):
        rows = [{key: values[at % len(values)] for key, values in USUAL.items()} for at in range(24)]
        if name:
            rows[13][name] = value
        read = _payload(COLUMNS, rows, rows="rows")
        assert (read.data["rows"], [*read.warnings]) == _by_rows(COLUMNS, rows), value
        marks = [row["mark"] for row in read.data["rows"] if row["mark"]]
        assert len(marks) == len({id(mark) for mark in marks}), "each row has its own values"


def test_many_rows_of_other_outputs_are_read_as_each_of_them_is() -> None:
    rows = [{"id": "a", "in": {"x": "b"}, "ends": "2026-05-01T00:00:00Z", "key_id": 5} for _ in range(24)]
    for output in (
        {"id": TEXT, "x": {**TEXT, "from": "in.x"}},
        {"key_id": {"type": "number"}},
        {"id": TEXT, "absent": TEXT},
        {"id": {**TEXT, "multiple": True}},
        {"id": TEXT, "fallback": {**TEXT, "nullable": True, "fallback_input": "key_id"}},
        {"id": TEXT, "ends": TIME, "left": {"type": "number", "days_until": "ends", "nullable": True}},
        {"id": TEXT, "in": {"type": "nested_object", "children": {"x": TEXT}}},
    ):
        read = _payload(output, rows, rows="rows")
        assert (read.data["rows"], [*read.warnings]) == _by_rows(output, rows), output
