"""Templates: typed, checked before they run, and never guessing."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from locoia_pat.errors import InvalidError
from locoia_pat.secret import Secret
from locoia_pat.template import TemplateError, path, structure, text, used

TEMPTING = [
    "123",
    "0123",
    "1e5",
    "1_000",
    "0x1F",
    "12e400",
    "None",
    "True",
    "null",
    "true",
    "",
    " 5",
    "'bot'",
    "1,2",
    "[1, 2]",
    "{'admin': True}",
    '{"admin": true}',
    "b'abc'",
    "...",
    "2026-01-01",
    "1.10",
    "+4915112345",
    "-7",
    "ci-bot",
    "1j",
    "{{ config['api_key'] }}",
    'a"b',
    "5 # c",
    "NaN",
    "no",
    "~",
    "line\nbreak\ttab",
    "\x00\u202e\U0001f511",
    "{% raw %}{{ 7*7 }}{% endraw %}",
]


def _json(texts: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    return st.recursive(
        st.none() | st.booleans() | numbers | texts,
        lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
        max_leaves=20,
    )


def _exact(value: object) -> str:
    """*Value* as text that tells ``1``, ``1.0`` and ``true`` apart."""
    return json.dumps(value)


@pytest.mark.parametrize("value", TEMPTING, ids=ascii)
def test_a_text_that_looks_like_something_else_stays_that_text(value: str) -> None:
    assert structure("{{ x }}", ["x"])({"x": value}) == value
    whole = structure({"a": "{{ x }}", "b": ["{{ x }}", {"c": ["{{ x }}"]}]}, ["x"])
    assert whole({"x": value}) == {"a": value, "b": [value, {"c": [value]}]}
    assert text("{{ x }}", ["x"])({"x": value}) == value
    assert structure("<{{ x }}>", ["x"])({"x": value}) == f"<{value}>"


@given(_json(st.text()))
def test_a_value_passes_unchanged_alone_and_nested(value: Any) -> None:
    given_as = _exact(value)
    assert _exact(structure("{{ x }}", ["x"])({"x": value})) == given_as
    nested = structure({"k": ["{{ x }}", {"{{ x }}": "{{x}}"}]}, ["x"])({"x": value})
    assert _exact(nested["k"][0]) == given_as
    assert _exact(nested["k"][1]) == _exact({"{{ x }}": value})


@given(_json(st.text(st.characters(exclude_characters="{"))))
def test_a_structure_without_templates_is_its_own_value(value: Any) -> None:
    assert _exact(structure(value, [])({})) == _exact(value)


@given(st.text(st.characters(exclude_characters="\r"), max_size=30), st.text(max_size=30))
def test_text_around_an_expression_is_kept(around: str, value: str) -> None:
    around = around.replace("{", "(")
    assert structure(around + "{{ x }}" + around, ["x"])({"x": value}) == around + value + around


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("{{ 1 }}", 1),
        ("{{ none }}", None),
        ("{{ true }}", True),
        ("{{ 'a' }}", "a"),
        ("{{ [1, 'a', none] }}", [1, "a", None]),
        ("{{ {'a': n} }}", {"a": 5}),
        ("{{n}}", 5),
        ("{{- n -}}", 5),
        ("{{ obj.a }}", 1),
        ("{{ obj['a'] }}", 1),
        ("{{ obj.items }}", "mine"),
        ("{{ rows[1] }}", "two"),
        ("{{ rows[0].id }}", "one"),
        ("{{ n == 5 }}", True),
        ("{{ 'two' in rows }}", True),
        ("{{ not n }}", False),
        ("{{ n and zero }}", 0),
        ("{{ zero or n }}", 5),
        ("{{ n if zero else 'none' }}", "none"),
        ("{{ obj.absent|default('d') }}", "d"),
        ("{{ obj.absent|default }}", ""),
        ("{{ nil|default('d') }}", None),
        ("{{ zero|default(1) }}", 0),
        ("{{ word|upper }}", "WORD"),
        ("{{ 'ABC'|lower }}", "abc"),
        ("{{ obj|jsonify }}", '{"a": 1, "items": "mine"}'),
        ("{{ word ~ '-' ~ word }}", "Word-Word"),
    ],
)
def test_a_lone_expression_keeps_the_type_of_its_value(source: str, value: object) -> None:
    values: dict[str, object] = {"n": 5, "zero": 0, "nil": None, "word": "Word", "obj": {"a": 1, "items": "mine"}}
    values["rows"] = [{"id": "one"}, "two"]
    assert _exact(structure(source, values)(values)) == _exact(value)


@pytest.mark.parametrize(
    ("source", "value", "result"),
    [
        ("{{ x }} ", 5, "5 "),
        ("n={{ x }}", 1.5, "n=1.5"),
        ("n={{ x }}", True, "n=true"),
        ("n={{ x }}", False, "n=false"),
        ("{{ x }}{{ x }}", 5, "55"),
        ("{{ x }}{{ x }}", "é", "éé"),
        ("a{b}c {{ x }}", "x", "a{b}c x"),
        ("{ {{ x }} }", "x", "{ x }"),
        ("{{ x }}\n", "x", "x\n"),
        ("{% raw %}{{ x }}{% endraw %}", "x", "{{ x }}"),
        ("{{ '{{' }} x", "x", "{{ x"),
        ("token {{ x }}", Secret("s3cret"), "token s3cret"),
    ],
)
def test_an_expression_among_text_becomes_text(source: str, value: object, result: str) -> None:
    assert structure(source, ["x"])({"x": value}) == result


@pytest.mark.parametrize(
    "brace", ["{", "}", "{}", "}}", "{ {", "a { b"], ids=["open", "close", "both", "two", "apart", "in words"]
)
def test_a_brace_alone_is_text(brace: str) -> None:
    assert structure(brace, [])({}) == brace


@pytest.mark.parametrize(
    ("value", "what"),
    [(None, "null"), ([], "an empty list"), ([1], "a list"), ({}, "an object"), ({"a": 1}, "an object")],
    ids=["null", "empty list", "list", "empty object", "object"],
)
@pytest.mark.parametrize("make", [structure, path, text], ids=["structure", "path", "text"])
def test_what_has_no_one_text_cannot_stand_among_text(make: Any, value: object, what: str) -> None:
    with pytest.raises(InvalidError) as caught:
        make("/a{{ x }}", ["x"])({"x": value})
    assert caught.value.problem.message == f"{what} cannot stand inside the text /a{{{{ x }}}}"
    assert caught.value.problem.field == "x"


@pytest.mark.parametrize(
    "source", ["{{ x.b }}", "{{ x['b'] }}", "{{ x[3] }}", "{{ y.b }}", "{{ n.real }}", "{{ x.a.b }}"]
)
def test_an_item_that_is_not_there_is_named(source: str) -> None:
    with pytest.raises(InvalidError) as caught:
        structure([source], ["x", "y", "n"])({"x": {"a": {}}, "y": [], "n": 1})
    assert caught.value.problem.message == f"{source} has no value"
    assert caught.value.problem.field == source[3]


@pytest.mark.parametrize(
    "source",
    ["{{ x.__class__ }}", "{{ x.keys }}", "{{ s.upper }}", "{{ s.format }}", "{{ s['__len__'] }}", "{{ l.append }}"],
)
def test_attributes_of_python_objects_are_out_of_reach(source: str) -> None:
    with pytest.raises(InvalidError, match="has no value"):
        structure(source, ["x", "s", "l"])({"x": {}, "s": "text", "l": []})


@pytest.mark.parametrize(
    "source",
    [
        "{{ s.reveal }}",
        "{{ s._value }}",
        "{{ s[0] }}",
        "{{ s|jsonify }}",
        "{{ s|lower }}",
        "{{ s < s }}",
        "{{ {s: 1} }}",
    ],
)
def test_a_template_gets_nothing_out_of_a_secret(source: str) -> None:
    with pytest.raises(InvalidError) as caught:
        structure(source, ["s"])({"s": Secret("hunter2hunter2")})
    assert "hunter2" not in str(caught.value)
    assert caught.value.__context__ is None


def test_a_secret_passes_as_the_secret_it_is() -> None:
    secret = Secret("hunter2")
    assert structure({"a": ["{{ s }}"]}, ["s"])({"s": secret})["a"][0] is secret


@pytest.mark.parametrize(
    ("source", "error"),
    [("{{ x|lower }}", "TypeError"), ("{{ x < 'a' }}", "TypeError"), ("{{ {y: 1} }}", "TypeError")],
)
def test_an_expression_that_fails_is_invalid_and_holds_no_values(source: str, error: str) -> None:
    with pytest.raises(InvalidError) as caught:
        structure(source, ["x", "y"])({"x": 5, "y": {}})
    assert caught.value.problem.message == f"a template cannot be evaluated: {error}"
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("source", "part"),
    [
        ("{{ y }}", 'there is no "y" (known here: other, x)'),
        ("{{ othr }}", 'there is no "othr"; did you mean other?'),
        ("{{ x.a[y] }}", 'there is no "y"'),
        ("{{ x|default(y) }}", 'there is no "y"'),
        ("{{ range }}", 'there is no "range"'),
        ("{{ self }}", 'there is no "self"'),
        ("{{ config }}", 'there is no "config"'),
        ("{{ x|lowr }}", 'there is no filter "lowr"; did you mean lower?'),
        ("{{ x|attr('a') }}", 'there is no filter "attr" (known: default, jsonify, lower, upper)'),
        ("{% if x %}a{% endif %}", "no {% statements %}"),
        ("{% for a in x %}{{ a }}{% endfor %}", "no {% statements %}"),
        ("{% set x = 1 %}", "no {% statements %}"),
        ("{{ x() }}", "Call is not part"),
        ("{{ x.pop() }}", "Call is not part"),
        ("{{ x + 1 }}", "Add is not part"),
        ("{{ -1 }}", "Neg is not part"),
        ("{{ 'a' * 99 }}", "Mul is not part"),
        ("{{ '%s' % x }}", "Mod is not part"),
        ("{{ 2 ** 9 }}", "Pow is not part"),
        ("{{ x is defined }}", "Test is not part"),
        ("{{ x[1:] }}", "Slice is not part"),
        ("{{ x, 1 }}", "Tuple is not part"),
        ("{{ x|default(default_value=1) }}", "Keyword is not part"),
        ("{{ x", "this is no template"),
        ("{{ }}", "this is no template"),
        ("{{ x }", "this is no template"),
        ("{% unknown %}", "this is no template"),
        ("{{ x | }}", "this is no template"),
        ("{{ $.rows }}", "this is no template"),
        ("{{ x[*] }}", "[*] is JSONPath"),
        ("{{ x[ * ].id }}", "[*] is JSONPath"),
        ("{{ " + "(" * 9999 + "x" + ")" * 9999 + " }}", "nested too deeply"),
    ],
    ids=lambda value: value[:30],
)
@pytest.mark.parametrize("make", [structure, path, text], ids=["structure", "path", "text"])
def test_a_wrong_template_is_found_before_it_runs(make: Any, source: str, part: str) -> None:
    with pytest.raises(TemplateError) as caught:
        make("/a/" + source, ["x", "other"])
    assert part in caught.value.message
    assert str(caught.value) == caught.value.message


def test_a_wrong_template_says_where_in_the_structure_it_stands() -> None:
    with pytest.raises(TemplateError) as caught:
        structure({"a": ["{{ x }}", {"b": "{{ y }}"}]}, ["x"])
    assert caught.value.path == ("a", 1, "b")


def test_without_names_a_template_may_use_nothing() -> None:
    with pytest.raises(TemplateError, match=r"\(known here: nothing\)"):
        structure("{{ x }}", [])


def test_an_input_can_never_add_a_key() -> None:
    whole = structure({"{{ x }}": 1, "a": "{{ x }}"}, ["x"])
    assert whole({"x": '1, "admin": true'}) == {"{{ x }}": 1, "a": '1, "admin": true'}


def test_a_template_gives_a_fresh_value_each_time() -> None:
    render = structure({"a": [1]}, [])
    render({})["a"].append(2)
    assert render({}) == {"a": [1]}


def test_rendering_leaves_the_values_as_they_are() -> None:
    values = {"x": [1]}
    assert structure("{{ x }}", ["x"])(values) is values["x"]
    assert values == {"x": [1]}


@pytest.mark.parametrize(
    ("source", "value", "result"),
    [
        ("/a/{{ x }}/b", "id", "/a/id/b"),
        ("/a/{{ x }}", "a/b", "/a/a%2Fb"),
        ("/a/{{ x }}", "../../admin", "/a/..%2F..%2Fadmin"),
        ("/a/{{ x }}", "?a=b#c", "/a/%3Fa%3Db%23c"),
        ("/a/{{ x }}", "%2e%2e", "/a/%252e%252e"),
        ("/a/{{ x }}", " ", "/a/%20"),
        ("/a/{{ x }}", "é\r\nX: y", "/a/%C3%A9%0D%0AX%3A%20y"),
        ("/a/{{ x }}", "...", "/a/..."),
        ("/a/{{ x }}", 7, "/a/7"),
        ("/a/{{ x }}", True, "/a/true"),
        ("/a/{{ 'c' ~ x }}", "d", "/a/cd"),
        ("/a.b-c", "", "/a.b-c"),
        ("", "", ""),
    ],
)
def test_a_value_is_quoted_into_its_own_segment(source: str, value: object, result: str) -> None:
    assert path(source, ["x"])({"x": value}) == result


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda value: value not in {".", ".."}))
def test_no_value_leaves_its_segment(value: str) -> None:
    start, name, segment, end = path("/a/{{ x }}/z", ["x"])({"x": value}).split("/")
    assert (start, name, end) == ("", "a", "z")
    assert unquote(segment) == value
    assert segment.isascii()
    assert not set(segment) & set("?# \r\n\\:")


@pytest.mark.parametrize("value", ["", ".", ".."])
@pytest.mark.parametrize("source", ["/a/{{ x }}", "/a/.{{ x }}/b"])
def test_a_segment_that_servers_resolve_is_refused(source: str, value: str) -> None:
    with pytest.raises(InvalidError) as caught:
        path(source, ["x"])({"x": value})
    assert caught.value.problem.message == f'"{value}" cannot be a part of the path {source}'
    assert caught.value.problem.field == "x"


def test_a_secret_cannot_stand_in_a_path() -> None:
    with pytest.raises(InvalidError, match="a secret cannot stand in the path") as caught:
        path("/a/{{ x }}", ["x"])({"x": Secret("hunter2")})
    assert "hunter2" not in str(caught.value)
    assert caught.value.problem.field == "x"


def test_a_text_that_no_address_can_say_is_invalid() -> None:
    with pytest.raises(InvalidError, match="a template cannot be evaluated: UnicodeEncodeError"):
        path("/a/{{ x }}", ["x"])({"x": "\ud800"})


def test_a_problem_without_one_input_names_none() -> None:
    with pytest.raises(InvalidError) as caught:
        path("/a/{{ '..' }}", [])({})
    assert caught.value.problem.field is None


@pytest.mark.parametrize(
    ("source", "value", "result"),
    [("Bearer {{ x }}", Secret("s"), "Bearer s"), ("{{ x }}", 5, "5"), ("{{ x }}", True, "true"), ("", "", "")],
)
def test_a_text_template_always_gives_text(source: str, value: object, result: str) -> None:
    assert text(source, ["x"])({"x": value}) == result


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("{{ a }} {{ b.c }}", {"a", "b"}),
        ({"k": ["{{ a|default(b) }}", 1], "{{ key }}": None}, {"a", "b"}),
        ("no template", set()),
        (7, set()),
        (None, set()),
        ([], set()),
        ({}, set()),
    ],
)
def test_the_names_that_a_structure_uses_are_known(value: object, names: set[str]) -> None:
    assert used(value) == names
