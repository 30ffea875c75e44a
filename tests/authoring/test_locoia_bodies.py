"""Locoia's text renders, on stock Jinja, to what our own templates send; and it leads back to the structure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from locoia_pat.authoring.locoia.bodies import Writer
from locoia_pat.authoring.locoia.structures import Unreadable, path, structure
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
    "signs": ['"', "\\", "\n", "{", "{ {", "}}", "%}", "{a}", "\u2028", "{% raw %}{{ 7*7 }}{% endraw %} {", ""],
    'a "key" {{': 1,
}
GIVEN: dict[str, Any] = {
    "text": "t", "maybe": None, "word": "w", "number": 3, "half": 2, "switch": False, "sure": False,
    "texts": ["a"], "object": {"text": "o"}, "json": {"j": 1}, "jsons": None, "kinds": [],
}  # fmt: skip


def of_locoia(inputs: dict[str, Any]) -> dict[str, Any]:
    """*Inputs* as a form gives them: JSON is typed as text."""
    return {name: json.dumps(v) if FIELDS[name]["type"] == "json" else v for name, v in inputs.items()}


@pytest.mark.parametrize("text", TEMPTING, ids=ascii)
def test_a_text_of_the_table_of_coercions_renders_to_the_json_that_we_send(tmp_path: Path, text: str) -> None:
    specs = one(
        tmp_path,
        {"v": TEXT, "vs": FIELDS["texts"], "o": FIELDS["object"]},
        {"body": {"v": "{{ v }}", "t": "<{{ v }}>", "in": ["{{ v }}", {"v": "a {{ v }} b {{ v|lower }}"}],
                  "vs": "{{ vs }}", "o": "{{ o }}", "j": "{{ v|jsonify }}"}},
    )  # fmt: skip
    inputs = {"v": text, "vs": [text, text], "o": {"text": text}}
    ours = sent(specs, **inputs)[1]
    assert same(json.loads(rendered(request(specs)["body"], **inputs)), ours)
    assert ours["v"] == text


@pytest.mark.parametrize("omit", [True, False])
@pytest.mark.parametrize("text", TEMPTING, ids=ascii)
def test_a_text_that_may_be_left_out_renders_so_too_and_empty_is_not_given(
    tmp_path: Path, text: str, *, omit: bool
) -> None:
    request_ = {"body": {"v": "{{ v }}", "a": 1}} | ({"omit_null": True} if omit else {})
    specs = one(tmp_path, {"v": FIELDS["maybe"]}, request_)
    made = json.loads(rendered(request(specs)["body"], v=text))
    assert same(made, sent(specs, v=text or None)[1])
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
def test_a_field_that_was_left_empty_is_an_input_that_was_not_given(whole: Any, empty: str | None) -> None:
    optional = ("maybe", "word", "half", "switch", "jsons", "kinds")
    inputs = {name: value for name, value in GIVEN.items() if name not in optional} | {"number": None}
    shown = of_locoia({name: value for name, value in inputs.items() if name != "number"})
    shown |= {} if empty == "missing" else dict.fromkeys((*optional, "number"), empty)
    ours = sent(whole, **inputs)[1]
    if empty != "missing":  # what was taken out of a field that had a default is null, as null is here
        ours |= dict.fromkeys(("word", "half", "switch"))
    assert same(json.loads(rendered(request(whole)["body"], **shown)), ours)


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
def test_the_text_of_any_structure_leads_back_to_it(value: Any) -> None:
    text = Writer(FIELDS).json(value)
    assert structure(text, FIELDS) == (value, False)
    assert "form.text" in Writer(FIELDS, "form.").json(value) or "{{ text }}" not in json.dumps(value)


PARTS = st.dictionaries(st.text(), LEAVES.filter(lambda value: value is not None), min_size=1, max_size=5)


@quick
@given(value=PARTS)
def test_the_text_that_leaves_out_what_is_null_leads_back_to_the_structure(value: dict[str, Any]) -> None:
    made, sparse = structure(Writer(FIELDS).sparse({"none": None} | value), FIELDS)
    assert made == {key: inner for key, inner in value.items() if inner is not None}
    assert sparse or "is not none" not in Writer(FIELDS).sparse(value)


@pytest.mark.parametrize(
    "given_", [{}, {"maybe": "m"}, {"number": 0, "switch": False}, {"texts": [], "jsons": 0}, {"kinds": None}]
)
def test_what_is_null_is_left_out_in_any_order(tmp_path: Path, given_: dict[str, Any]) -> None:
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


@pytest.mark.parametrize("text", [text for text in TEMPTING if text], ids=ascii)
def test_a_value_in_an_address_is_quoted_into_its_own_segment(tmp_path: Path, text: str) -> None:
    specs = one(
        tmp_path,
        {"v": TEXT, "s": FIELDS["sure"], "n": {"title": "T", "type": "number", "required": True}},
        {"path": "/a/{{ v }}/b{{ n + 1 }}/{{ s }}"},
    )
    inputs = {"v": text + "/..?", "s": True, "n": 7}
    assert "/" + rendered(request(specs)["endpoint"], **inputs) == sent(specs, **inputs)[0]
    assert path(request(specs)["endpoint"])[0] == "a/{{ v }}/b{{ n + 1 }}/{{ s }}"


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


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"note": "{{ text }}"}', {"note": "{{ text }}"}),
        ('{"n": "{{ number }}"}', {"n": '{{ number ~ "" }}'}),
        ('{"n": "{{ texts }}"}', {"n": '{{ texts ~ "" }}'}),
        ('{"n": {{ number }}, "k": "{{ unknown }}"}', {"n": "{{ number }}", "k": "{{ unknown }}"}),
        ('{"a": "x \\" {{ text }} y", "b": {{ text|jsonify }}}', {"a": 'x " {{ text }} y', "b": "{{ text }}"}),
        ('{"a": {{ text | tojson }}{# why #}}', {"a": "{{ text }}"}),
        ('{"a": {{- texts | first | jsonify -}} }', {"a": "{{ texts | first }}"}),
        ('{"a": {{ (text ~ "/" ~ text) | jsonify }}}', {"a": "{{ text }}/{{ text }}"}),
        ('{"a": {{ (text ~ 1 + 2) | jsonify }}}', {"a": "{{ text ~ 1 + 2 }}"}),
        ('{"a": "\\u007b{ {{ text }}"}', {"a": '{{ "{{ " }}{{ text }}'}),
        ('{"a": "{", "@": "@v0@ {{ text }}"}', {"a": "{", "@": "@v0@ {{ text }}"}),
        ('[{{ jsonify }}, "a{{ text }}"]', ["{{ jsonify }}", "a{{ text }}"]),
        ("{{ json }}", "{{ json }}"),
        (
            {"a": "{{ text | jsonify }}", "b": [1, "x {{ number }}"]},
            {"a": "{{ text | jsonify }}", "b": [1, "x {{ number }}"]},
        ),
        ({"a": "{# why #}{{ number }}", "b": "{ {{ text }}"}, {"a": '{{ number ~ "" }}', "b": "{ {{ text }}"}),
        ({"a": "{"}, {"a": "{"}),
        ("[{{ }}]", ["{{  }}"]),
    ],
)  # fmt: skip
def test_what_people_write_by_hand_is_read(text: Any, value: Any) -> None:
    assert structure(text, FIELDS) == (value, False)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{% for x in y %}{{ x }}{% endfor %}", "no statements"),
        ({"a": "{% if x %}1{% endif %}"}, "no statements"),
        ("a=1&b={{ text }}", "no JSON"),
        ('{"a": {{ text }}', "no JSON"),
        ('{"a": 1, "a": 2}', "twice"),
        ('{"a": NaN}', "NaN"),
        ('{"a": {{ text ]}}', "no template"),
        ('{"a": {{ text', "not closed"),
        ("[" * 400 + "]" * 400, "too deeply"),
        ("[" * 40000 + "]" * 20000, "too deeply"),
        ('"' + "a" * 70_000 + '"', "characters"),
    ],
)
def test_what_a_spec_cannot_say_is_told(text: Any, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        structure(text, FIELDS)


@pytest.mark.parametrize(
    ("endpoint", "found"),
    [
        ("contacts/{{ id }}", ("contacts/{{ id }}", {})),
        ("/contacts?limit=5&q={{ q | urlencode }}", ("/contacts", {"limit": "5", "q": "{{ q | urlencode }}"})),
        ("a{# why #}b?", ("ab", {})),
    ],
)
def test_an_endpoint_is_a_path_and_a_query(endpoint: str, found: tuple[str, dict[str, str]]) -> None:
    assert path(endpoint) == found


def test_an_endpoint_with_statements_is_told() -> None:
    with pytest.raises(Unreadable, match="no statements"):
        path("{% if a %}b{% endif %}")
