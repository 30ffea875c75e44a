"""The templates for Locoia render, on stock Jinja, to what our own templates send."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from locoia_pat.authoring.locoia.body_writer import BodyWriter
from locoia_pat.authoring.locoia.ui_form import to_form
from locoia_pat.request.template.compiler import structure
from tests.security.test_coercion import CONSTANTS, JSON, same
from tests.support.locoia_export import one, rendered, request, sent
from tests.support.texts import TEMPTING

if TYPE_CHECKING:
    from pathlib import Path

TEXT = {"title": "T", "type": "text", "required": True}
FIELDS: dict[str, Any] = {
    "text": TEXT,
    "maybe": {"title": "T", "type": "text"},
    "word": {"title": "T", "type": "text", "default": 'a "b"'},
    "number": {"title": "T", "type": "number", "required": True, "nullable": True},
    "half": {"title": "T", "type": "number", "default": 1.5},
    "switch": {"title": "T", "type": "switch", "default": True},
    "sure": {"title": "T", "type": "switch", "required": True},
    "texts": {"title": "T", "type": "text", "multiple": True, "required": True},
    "object": {
        "title": "T",
        "type": "nested_object",
        "required": True,
        "children": {"text": {"title": "T", "type": "text", "required": True}},
    },
    "json": {"title": "T", "type": "json", "required": True},
    "jsons": {"title": "T", "type": "json"},
    "kinds": {"title": "T", "type": "json", "default": {"a": [1, None]}},
}
STRUCTURE: dict[str, Any] = {
    **{name: f"{{{{ {name} }}}}" for name in FIELDS},
    "among": "made for {{ text }}, {{ sure }} {{ number or 0 }}",
    "twice": "{{ text }}{{ text }}",
    "chosen": "{{ maybe or text }}",
    "item": "{{ object.text }}",
    "counted": "{{ texts|length + 1 }}",
    "inside": ["a {{ texts|jsonify }} b", {"deep": ["{{ text }}", {"k": "{{ texts }}"}]}],
    "constants": CONSTANTS,
    "signs": ['"', "\\", "\n", "{", "{ {", "}}", "%}", "{a}", "{% raw %}{{ 7*7 }}{% endraw %} {", ""],
    'a "key" {{': 1,
}
GIVEN: dict[str, Any] = {
    "text": "t", "maybe": None, "word": "w", "number": 3, "half": 2, "switch": False, "sure": False,
    "texts": ["a"], "object": {"text": "o"}, "json": {"j": 1}, "jsons": None, "kinds": [],
}  # fmt: skip


def of_locoia(inputs: dict[str, Any]) -> dict[str, Any]:
    """*Inputs* as a form gives them: JSON is typed as text, and null is a switch."""
    form = {name: json.dumps(v) if FIELDS[name]["type"] == "json" else v for name, v in inputs.items()}
    return form | {"no_number": inputs["number"] is None}


def test_every_string_of_the_table_of_coercions_renders_to_the_json_that_we_send(tmp_path: Path) -> None:
    specs = one(
        tmp_path,
        {"v": TEXT, "vs": FIELDS["texts"], "o": FIELDS["object"]},
        {"body": {"v": "{{ v }}", "t": "<{{ v }}>", "in": ["{{ v }}", {"v": "a {{ v }} b {{ v|lower }}"}],
                  "vs": "{{ vs }}", "o": "{{ o }}", "j": "{{ v|jsonify }}"}},
    )  # fmt: skip
    body = request(specs)["body"]
    for text in TEMPTING:
        inputs = {"v": text, "vs": [text, text], "o": {"text": text}}
        ours = sent(specs, **inputs)[1]
        assert same(json.loads(rendered(body, **inputs)), ours), ascii(text)
        assert ours["v"] == text


@pytest.mark.parametrize("omit", [True, False])
def test_every_optional_string_renders_to_the_json_that_we_send_and_an_empty_one_is_null(
    tmp_path: Path, *, omit: bool
) -> None:
    request_ = {"body": {"v": "{{ v }}", "a": 1}} | ({"omit_null": True} if omit else {})
    specs = one(tmp_path, {"v": FIELDS["maybe"]}, request_)
    body = request(specs)["body"]
    for text in TEMPTING:
        made = json.loads(rendered(body, v=text))
        assert same(made, sent(specs, v=text or None)[1]), ascii(text)
        assert made.get("v") == (text or None)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return one(tmp_path_factory.mktemp("whole"), FIELDS, {"body": STRUCTURE})


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"maybe": "m", "number": None, "jsons": [1], "sure": True, "switch": True},
        {"maybe": "{{ 1 }}", "number": -0.5, "text": 'a"b\\', "texts": ["{%", "#}"]},
    ],
)
def test_every_kind_of_template_renders_to_the_json_that_we_send(whole: Any, changed: dict[str, Any]) -> None:
    inputs = GIVEN | changed
    assert same(json.loads(rendered(request(whole)["body"], **of_locoia(inputs))), sent(whole, **inputs)[1])


@pytest.mark.parametrize("empty", ["missing", None, ""])
def test_an_empty_field_is_an_input_that_is_not_given(whole: Any, empty: str | None) -> None:
    optional = ("maybe", "word", "half", "switch", "jsons", "kinds")
    inputs = {name: value for name, value in GIVEN.items() if name not in optional} | {"number": None}
    shown = of_locoia(inputs)
    shown |= {} if empty == "missing" else dict.fromkeys((*optional, "number"), empty)
    ours = sent(whole, **inputs)[1]
    if empty != "missing":  # a field with a default that the user emptied is null, as null is here
        ours |= dict.fromkeys(("word", "half", "switch"))
    assert same(json.loads(rendered(request(whole)["body"], **shown)), ours)


def test_the_switch_for_null_has_a_name_and_a_title_of_its_own(tmp_path: Path) -> None:
    fields = {"v": {"title": "V", "type": "number", "required": True, "nullable": True}, "no_v": TEXT}
    specs = one(tmp_path, fields, {"body": {"v": "{{ v }}", "t": "{{ no_v }}"}})
    assert to_form(fields)["no_no_v"]["title"] == "No value for: V"
    body = request(specs)["body"]
    assert json.loads(rendered(body, v="", no_v="x", no_no_v=True)) == {"v": None, "t": "x"}
    assert json.loads(rendered(body, v=1, no_v="x", no_no_v=False)) == {"v": 1, "t": "x"}


def test_a_null_that_a_switch_says_is_left_out_where_nulls_are(tmp_path: Path) -> None:
    specs = one(tmp_path, {"v": FIELDS["number"]}, {"body": {"v": "{{ v }}", "a": 1}, "omit_null": True})
    body = request(specs)["body"]
    assert json.loads(rendered(body, v="", no_v=True)) == {"a": 1}
    assert json.loads(rendered(body, v="", no_v=False)) == {"v": "v is empty: fill it in, or switch no_v on", "a": 1}
    assert json.loads(rendered(body, v=2, no_v=False)) == {"v": 2, "a": 1} == sent(specs, v=2)[1]


quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@quick
@given(text=st.text(), texts=st.lists(st.text(), min_size=1, max_size=3), value=JSON)
def test_any_value_renders_to_the_json_that_we_send(whole: Any, text: str, texts: list[str], value: Any) -> None:
    inputs = GIVEN | {"text": text, "texts": texts, "object": {"text": text}, "json": value, "kinds": value}
    if value is None:
        inputs["kinds"] = 0
    assert same(json.loads(rendered(request(whole)["body"], **of_locoia(inputs))), sent(whole, **inputs)[1])


LEAVES = st.sampled_from([value for value in STRUCTURE.values() if isinstance(value, str)]) | st.none() | st.integers()
STRUCTURES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=15
)


@quick
@given(value=STRUCTURES)
def test_any_structure_renders_to_what_our_own_template_gives(value: Any) -> None:
    expected = structure(value, FIELDS)(GIVEN)
    assert same(json.loads(rendered(BodyWriter(FIELDS).to_json(value), **of_locoia(GIVEN))), expected)
    prefixed = BodyWriter(FIELDS, "form.").to_json(value)
    assert same(json.loads(rendered(prefixed, form=of_locoia(GIVEN))), expected)


@pytest.mark.parametrize(
    "given_", [{}, {"maybe": "m"}, {"number": 0, "switch": False}, {"texts": [], "jsons": 0}, {"kinds": None}]
)
def test_null_values_are_left_out_in_any_order(tmp_path: Path, given_: dict[str, Any]) -> None:
    names = ("maybe", "number", "switch", "texts", "jsons", "kinds")
    fields = {name: {**FIELDS[name], "required": False, "nullable": True} for name in names}
    specs = one(
        tmp_path, fields, {"body": {name: f"{{{{ {name} }}}}" for name in names} | {"not": None}, "omit_null": True}
    )
    shown = {
        name: json.dumps(v) if fields[name]["type"] == "json" and v is not None else v for name, v in given_.items()
    }
    made = json.loads(rendered(request(specs)["body"], **shown))
    ours = sent(specs, **given_)[1]
    assert same(made, ours)


def test_a_value_in_a_path_is_quoted_into_one_segment(tmp_path: Path) -> None:
    specs = one(
        tmp_path,
        {"v": TEXT, "s": FIELDS["sure"], "n": {"title": "T", "type": "number", "required": True}},
        {"path": "/a/{{ v }}/b{{ n + 1 }}/{{ s }}"},
    )
    endpoint = request(specs)["endpoint"]
    for text in filter(None, TEMPTING):
        inputs = {"v": text + "/..?", "s": True, "n": 7}
        assert "/" + rendered(endpoint, **inputs) == sent(specs, **inputs)[0], ascii(text)


def test_headers_queries_and_forms_are_objects_of_their_own(tmp_path: Path) -> None:
    specs = one(
        tmp_path,
        {"v": TEXT, "m": FIELDS["maybe"]},
        {"query": {"a": "{{ v }}", "b": [1, "{{ m }}"], "m": "{{ m }}"}, "headers": {"X-V": "<{{ v }}>"},
         "form": {"f": "{{ v }}"}, "omit_null": True},
    )  # fmt: skip
    made = request(specs)
    assert json.loads(rendered(made["query"], v="x", m="y")) == {"a": "x", "b": [1, "y"], "m": "y"}
    assert json.loads(rendered(made["query"], v="x")) == {"a": "x", "b": [1, None]}
    assert json.loads(rendered(made["headers"], v="x")) == {"X-V": "<x>"}
    assert json.loads(rendered(made["form"], v='"')) == {"f": '"'}
    assert "body" not in made
