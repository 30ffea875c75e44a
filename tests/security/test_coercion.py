"""A value goes onto the wire as it was given: no text becomes a number, no key is dropped."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from locoia_pat import Connector, ConnectorAuth, InvalidError, Outcome, Secret
from tests.support.cells import cell
from tests.support.loopback import Got, Server, answer, serving
from tests.support.spec_folders import TOKEN, action, connector, folder, pairs, query, segments
from tests.support.texts import TEMPTING

if TYPE_CHECKING:
    from collections.abc import Iterator

INPUTS: dict[str, Any] = {
    "text": {"title": "T", "type": "text"},
    "required": {"title": "T", "type": "text", "required": True},
    "number": {"title": "T", "type": "number"},
    "whole": {"title": "T", "type": "number", "step": 1},
    "switch": {"title": "T", "type": "switch"},
    "texts": {"title": "T", "type": "text", "multiple": True},
    "numbers": {"title": "T", "type": "number", "multiple": True},
    "json": {"title": "T", "type": "json"},
    "jsons": {"title": "T", "type": "json", "multiple": True},
    "object": {
        "title": "T",
        "type": "nested_object",
        "children": {
            "text": {"title": "T", "type": "text"},
            "number": {"title": "T", "type": "number"},
            "switch": {"title": "T", "type": "switch"},
            "texts": {"title": "T", "type": "text", "multiple": True},
            "json": {"title": "T", "type": "json"},
            "object": {
                "title": "T",
                "type": "nested_object",
                "children": {"text": {"title": "T", "type": "text"}},
            },
        },
    },
}
CONSTANTS: dict[str, Any] = {"c": [1, 1.0, 1.5, -0.5, True, False, None, "1", "1.0", "true", "null", "", "no", {}, []]}


def declared(*names: str, **changed: Any) -> dict[str, Any]:
    return {name: INPUTS[name] | changed for name in names}


BODY = {name: f"{{{{ {name} }}}}" for name in INPUTS if name != "required"}
ACTIONS = [
    action(declared(*BODY), {"body": BODY | CONSTANTS | {"n": {"o": {"p": ["{{ json }}"]}}}}, action="structure"),
    action(
        {"v": INPUTS["json"]},
        {"body": {"list": [1, "{{ v }}", "{{ [v, v] }}"], "object": {"in": {"a": "{{ v }}"}, "b": "{{ {'k': v} }}"}}},
        action="inside",
    ),
    action({"v": INPUTS["json"]}, {"body": "{{ v }}"}, action="alone"),
    action(
        {"v": INPUTS["json"] | {"required": True}}, {"body": {"t": "<{{ v }}>", "j": "{{ v ~ '' }}"}}, action="among"
    ),
    action({"v": INPUTS["json"]}, {"body": ["a {{ v|jsonify }} b"]}, action="jsonified"),
    action({"v": INPUTS["json"] | {"required": True}}, {"query": {"a": "1", "v": "{{ v }}", "b": "2"}}, action="query"),
    action({"v": INPUTS["json"] | {"required": True}}, {"form": {"a": "1", "v": "{{ v }}", "b": "2"}}, action="form"),
    action({"v": INPUTS["json"] | {"required": True}}, {"path": "/a/{{ v }}/b"}, action="path"),
    action({"v": INPUTS["required"]}, {"body": ["{{ v }}", "<{{ v }}>", {"v": "{{ v }}"}]}, action="text"),
    action({"v": INPUTS["required"]}, {"headers": {"X-V": "{{ v }}"}}, action="header"),
]


@dataclass
class Wire:
    """A connector, and the server that it talks to."""

    connector: Connector
    server: Server

    def run(self, action: str, **inputs: Any) -> Got:
        """The one request that a run sends."""
        before = len(self.server.got)
        result = self.connector.run(action, inputs)
        assert result.outcome is Outcome.DONE, result.problem
        assert len(self.server.got) == before + 1
        return self.server.got[-1]

    def refuses(self, action: str, **inputs: Any) -> InvalidError:
        """The error that a run ends with before anything is sent."""
        before = len(self.server.got)
        with pytest.raises(InvalidError) as caught:
            self.connector.run(action, inputs).raise_for_outcome()
        assert len(self.server.got) == before
        return caught.value


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    place = folder(tmp_path_factory.mktemp("specs"), connector(), *ACTIONS)
    with (
        serving(answer(200, {})) as server,
        Connector(ConnectorAuth(Secret(TOKEN)), specs=place, base_url=server.url) as made,
    ):
        yield Wire(made, server)


def same(one: object, other: object) -> bool:
    """Whether two JSON values are the same to the type of each number, and to the order of the keys."""
    return json.dumps(one) == json.dumps(other)


def test_the_comparison_distinguishes_types_and_orders() -> None:
    assert same({"a": [1, "1"]}, {"a": [1, "1"]})
    for one, other in ((1, 1.0), (1, True), (0, False), (0.0, -0.0), ("1", 1), ({"a": 1, "b": 2}, {"b": 2, "a": 1})):
        assert not same(one, other)


def test_a_string_arrives_unchanged(wire: Wire) -> None:
    for text in TEMPTING:
        with cell(text):
            assert wire.run("text", v=text).json == [text, f"<{text}>", {"v": text}]
            assert wire.run("alone", v=text).json == text
            assert wire.run("among", v=text).json == {"t": f"<{text}>", "j": text}
            assert wire.run("jsonified", v=text).json == [f"a {json.dumps(text)} b"]
            assert wire.run("inside", v=text).json == inside(text)
            assert query(wire.run("query", v=text)) == [("a", "1"), ("v", text), ("b", "2")]
            assert pairs(wire.run("form", v=text).body.decode()) == [("a", "1"), ("v", text), ("b", "2")]
            if text:
                assert segments(wire.run("path", v=text)) == ["", "v1", "a", text, "b"]
            else:
                assert wire.refuses("path", v=text).problem.field == "v"


def test_a_string_in_a_structure_arrives_unchanged(wire: Wire) -> None:
    for text in TEMPTING:
        with cell(text):
            given = {
                "text": text,
                "texts": [text, text],
                "json": {text: [text, {"k": text}]},
                "jsons": [text, [text]],
                "object": {"text": text, "texts": [text], "json": text, "object": {"text": text}},
            }
            assert same(wire.run("structure", **given).json, structure(given))


def test_a_string_in_a_header_arrives_unchanged_or_is_refused(wire: Wire) -> None:
    for text in TEMPTING:
        with cell(text):
            if text.isascii() and text.isprintable() and text.strip() == text != "":
                assert wire.run("header", v=text).headers["x-v"] == text
            else:
                assert wire.refuses("header", v=text).problem.field == "v"


def test_a_number_keeps_its_type(wire: Wire) -> None:
    for value in [1, 1.0, True, 0, 0.0, -0.0, False, "1", "1.0", 10**18, -(10**18), 1e22, 5e-324]:
        with cell(value):
            assert same(wire.run("alone", v=value).json, value)
            assert same(wire.run("inside", v=value).json, inside(value))
            assert wire.run("among", v=value).json == {"t": f"<{as_text(value)}>", "j": as_text(value)}
            assert query(wire.run("query", v=value))[1] == ("v", as_text(value))
            assert segments(wire.run("path", v=value))[3] == as_text(value)


def test_a_number_is_given_as_one_or_refused(wire: Wire) -> None:
    for value in [True, False, "1", 1.5, 1.0, None]:
        with cell(value):
            if value is None:
                assert wire.run("structure", whole=value).json["whole"] is None
            else:
                assert wire.refuses("structure", whole=value).problem.field == "whole"


OTHER_TYPES: list[dict[str, Any]] = [
    {"text": 1},
    {"text": ["a"]},
    {"text": True},
    {"switch": 1},
    {"switch": "true"},
    {"switch": 0},
    {"number": "1"},
    {"number": True},
    {"texts": "a"},
    {"texts": [1]},
    {"texts": [None]},
    {"texts": {"a"}},
    {"texts": (text for text in "ab")},
    {"numbers": range(3)},
    {"object": {"text": 1}},
    {"object": {"nope": 1}},
    {"object": []},
    {"object": '{"text": "a"}'},
    {"json": {1: "a"}},
    {"json": {"a": (1,)}},
    {"json": float("nan")},
    {"json": [float("inf")]},
    {"json": b"abc"},
    {"json": {"a": {1, 2}}},
    {"jsons": "a"},
]


def test_a_value_of_another_type_is_refused_and_never_converted(wire: Wire) -> None:
    for inputs in OTHER_TYPES:
        with cell(inputs):
            field = wire.refuses("structure", **inputs).problem.field
            assert field is not None
            assert field.partition(".")[0] == next(iter(inputs))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from(TEMPTING),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.sampled_from(TEMPTING), inner, max_size=4)
    ),
    max_leaves=12,
)
SCALARS = st.booleans() | st.integers(-(10**18), 10**18) | st.floats(allow_nan=False, allow_infinity=False) | st.text()
TEXT = st.text() | st.sampled_from(TEMPTING)
NUMBER = st.integers(-(10**18), 10**18) | st.floats(-1e18, 1e18)
OBJECT = st.fixed_dictionaries(
    {},
    optional={
        "text": TEXT,
        "number": NUMBER,
        "switch": st.booleans(),
        "texts": st.lists(TEXT, max_size=3),
        "json": JSON,
        "object": st.fixed_dictionaries({}, optional={"text": TEXT}),
    },
)
GIVEN = st.fixed_dictionaries(
    {},
    optional={
        "text": TEXT,
        "number": NUMBER,
        "whole": st.integers(-(10**15), 10**15),
        "switch": st.booleans(),
        "texts": st.lists(TEXT, max_size=4),
        "numbers": st.lists(NUMBER, max_size=4),
        "json": JSON,
        "jsons": st.lists(JSON, max_size=3),
        "object": OBJECT,
    },
)
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def structure(given: dict[str, Any]) -> dict[str, Any]:
    """What ``structure`` sends: every key, and null for what was not given."""
    sent = {name: given.get(name) for name in BODY}
    if "object" in given:
        sent["object"] = filled(given["object"], INPUTS["object"]["children"])
    return sent | CONSTANTS | {"n": {"o": {"p": [given.get("json")]}}}


def filled(value: dict[str, Any], children: dict[str, Any]) -> dict[str, Any]:
    """An object with all its children, in the order of the spec."""
    found = {name: value.get(name) for name in children}
    if "object" in value:
        found["object"] = filled(value["object"], children["object"]["children"])
    return found


def inside(value: Any) -> Any:
    """What ``inside`` sends."""
    return {"list": [1, value, [value, value]], "object": {"in": {"a": value}, "b": {"k": value}}}


def as_text(value: Any) -> str:
    """A value among text, in a query or in a path."""
    return str(value).lower() if isinstance(value, bool) else str(value)


@quick
@given(given=GIVEN)
def test_every_value_of_every_type_arrives_as_it_was_given(wire: Wire, given: dict[str, Any]) -> None:
    assert same(wire.run("structure", **given).json, structure(given))


@quick
@given(value=JSON)
def test_any_json_value_arrives_as_it_was_given(wire: Wire, value: Any) -> None:
    assert same(wire.run("alone", v=value).json, value)
    assert same(wire.run("inside", v=value).json, inside(value))
    (text,) = wire.run("jsonified", v=value).json
    assert same(json.loads(text[2:-2]), value)


@quick
@given(value=SCALARS)
def test_any_scalar_arrives_in_text_and_in_urls_as_it_was_given(wire: Wire, value: Any) -> None:
    assert wire.run("among", v=value).json == {"t": f"<{as_text(value)}>", "j": as_text(value)}
    assert query(wire.run("query", v=value)) == [("a", "1"), ("v", as_text(value)), ("b", "2")]
    assert pairs(wire.run("form", v=value).body.decode()) == [("a", "1"), ("v", as_text(value)), ("b", "2")]
    if as_text(value) in {"", ".", ".."}:
        assert wire.refuses("path", v=value).problem.field == "v"
    else:
        assert segments(wire.run("path", v=value)) == ["", "v1", "a", as_text(value), "b"]


@quick
@given(values=st.lists(SCALARS, max_size=5))
def test_a_list_of_scalars_repeats_the_name_for_each_of_them(wire: Wire, values: list[Any]) -> None:
    expected = [("a", "1"), *(("v", as_text(value)) for value in values), ("b", "2")]
    assert query(wire.run("query", v=values)) == expected
    assert pairs(wire.run("form", v=values).body.decode()) == expected


def test_no_key_of_an_object_is_read_or_dropped(wire: Wire) -> None:
    for key in [*TEMPTING, "__class__", "self", "a.b", "$ref", "{{ v }}", "\ud800"]:
        with cell(key):
            value = {"before": 1, key: {key: key}, "after": None}
            assert same(wire.run("alone", v=value).json, value)


def test_half_a_character_arrives_in_json_and_is_refused_in_urls(wire: Wire) -> None:
    half = "a\ud800b"
    assert wire.run("alone", v=half).json == half
    assert wire.run("text", v=half).json == [half, f"<{half}>", {"v": half}]
    for name in ("query", "form", "path", "header"):
        assert wire.refuses(name, v=half).outcome is Outcome.INVALID
