"""Templates: typed, checked before they run, and never guessing."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locoia_pat.outcomes import InvalidError
from locoia_pat.request.template.compiler import (
    MAX_ERRORS,
    MAX_EXPRESSIONS,
    MAX_NODES,
    TemplateError,
    Use,
    path,
    structure,
    text,
)
from locoia_pat.request.template.dialect import FILTERS, MAX_ITEMS
from locoia_pat.request.template.evaluate import MAX_TEXT, Template
from locoia_pat.request.template.source import MAX_SOURCE
from locoia_pat.secrets.secret import Secret
from tests.support.cells import cell
from tests.support.texts import TEMPTING


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


def test_a_string_that_looks_like_another_type_stays_a_string() -> None:
    for value in TEMPTING:
        with cell(value):
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


LONE: list[tuple[str, object]] = [
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
    ("{{ n + 1 }}", 6),
    ("{{ n + 1.5 }}", 6.5),
    ("{{ word + 'y' }}", "Wordy"),
    ("{{ [n] + [zero, 'a'] }}", [5, 0, "a"]),
    ("{{ -1 }}", -1),
    ("{{ -n }}", -5),
    ("{{ 3 - n }}", -2),
    ("{{ n * 99 }}", 495),
    ("{{ n / 2 }}", 2.5),
    ("{{ n // 2 }}", 2),
    ("{{ n % 3 }}", 2),
    ("{{ (n + 1) * 2 }}", 12),
    ("{{ n * 200000000000000000 }}", 10**18),
    ("{{ [word, 'a']|first }}", "Word"),
    ("{{ rows|last }}", "two"),
    ("{{ []|first|default('d') }}", "d"),
    ("{{ [word, 'a']|join }}", "Worda"),
    ("{{ [word, 'a']|join(', ') }}", "Word, a"),
    ("{{ []|join(', ') }}", ""),
    ("{{ rows|length }}", 2),
    ("{{ word|length }}", 4),
    ("{{ obj|length }}", 2),
    ("{{ ' a b '|trim }}", "a b"),
]


def test_a_lone_expression_keeps_the_type_of_its_value() -> None:
    for source, value in LONE:
        with cell(source, value):
            values: dict[str, object] = {
                "n": 5,
                "zero": 0,
                "nil": None,
                "word": "Word",
                "obj": {"a": 1, "items": "mine"},
            }
            values["rows"] = [{"id": "one"}, "two"]
            assert _exact(structure(source, values)(values)) == _exact(value)


@pytest.mark.parametrize("operator", ["+", "-", "*", "/", "//", "%"])
@given(left=st.integers(-1000, 1000), right=st.integers(1, 1000))
def test_arithmetic_works_on_numbers_only(operator: str, left: int, right: int) -> None:
    expected = {
        "+": left + right,
        "-": left - right,
        "*": left * right,
        "/": left / right,
        "//": left // right,
        "%": left % right,
    }
    made = structure(f"{{{{ a {operator} b }}}}", ["a", "b"])({"a": left, "b": right})
    assert _exact(made) == _exact(expected[operator])


def test_an_expression_within_a_string_becomes_text() -> None:
    for source, value, result in [
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
    ]:
        with cell(source, value, result):
            assert structure(source, ["x"])({"x": value}) == result


@pytest.mark.parametrize(
    "brace", ["{", "}", "{}", "}}", "{ {", "a { b"], ids=["open", "close", "both", "two", "apart", "in words"]
)
def test_a_single_brace_is_text(brace: str) -> None:
    assert structure(brace, [])({}) == brace


@pytest.mark.parametrize(
    ("value", "what"),
    [(None, "null"), ([], "an empty list"), ([1], "a list"), ({}, "an object"), ({"a": 1}, "an object")],
    ids=["null", "empty list", "list", "empty object", "object"],
)
@pytest.mark.parametrize("make", [structure, path, text], ids=["structure", "path", "text"])
def test_null_lists_and_objects_cannot_be_used_within_a_string(make: Any, value: object, what: str) -> None:
    with pytest.raises(InvalidError) as caught:
        make("/a{{ x }}", ["x"])({"x": value})
    assert caught.value.problem.message == f"{what} cannot be used within the string /a{{{{ x }}}}"
    assert caught.value.problem.field == "x"


@pytest.mark.parametrize(
    "source", ["{{ x.b }}", "{{ x['b'] }}", "{{ x[3] }}", "{{ y.b }}", "{{ n.real }}", "{{ x.a.b }}"]
)
def test_a_missing_item_is_named(source: str) -> None:
    with pytest.raises(InvalidError) as caught:
        structure([source], ["x", "y", "n"])({"x": {"a": {}}, "y": [], "n": 1})
    assert caught.value.problem.message == f"{source} has no value"
    assert caught.value.problem.field == source[3]


@pytest.mark.parametrize(
    "source",
    ["{{ x.__class__ }}", "{{ x.keys }}", "{{ s.upper }}", "{{ s.format }}", "{{ s['__len__'] }}", "{{ l.append }}"],
)
def test_attributes_of_python_objects_cannot_be_reached(source: str) -> None:
    with pytest.raises(InvalidError, match="has no value"):
        structure(source, ["x", "s", "l"])({"x": {}, "s": "text", "l": []})


def test_a_template_cannot_read_parts_of_a_secret() -> None:
    for source in [
        "{{ s.reveal }}",
        "{{ s._value }}",
        "{{ s[0] }}",
        "{{ s|jsonify }}",
        "{{ s|lower }}",
        "{{ s < s }}",
        "{{ {s: 1} }}",
        "{{ s + 'a' }}",
        "{{ s + s }}",
        "{{ -s }}",
        "{{ '%s' % s }}",
        "{{ s * 2 }}",
        "{{ s|first }}",
        "{{ s|last }}",
        "{{ s|length }}",
        "{{ s|trim }}",
        "{{ s|join }}",
        "{{ [s]|join }}",
    ]:
        with cell(source):
            with pytest.raises(InvalidError) as caught:
                structure(source, ["s"])({"s": Secret("hunter2hunter2")})
            assert "hunter2" not in str(caught.value)
            assert caught.value.__context__ is None


def test_a_secret_stays_a_secret() -> None:
    secret = Secret("hunter2")
    assert structure({"a": ["{{ s }}"]}, ["s"])({"s": secret})["a"][0] is secret


FAILING: list[tuple[str, str]] = [
    ("{{ x|lower }}", "TypeError"),
    ("{{ x < 'a' }}", "TypeError"),
    ("{{ {y: 1} }}", "TypeError"),
    ("{{ '%s' % x }}", "TypeError"),
    ("{{ '%s' % 'a' }}", "TypeError"),
    ("{{ 'a' * 99 }}", "TypeError"),
    ("{{ 99 * 'a' }}", "TypeError"),
    ("{{ [x] * 99 }}", "TypeError"),
    ("{{ x + 'a' }}", "TypeError"),
    ("{{ 'a' + x }}", "TypeError"),
    ("{{ 'a' - 'b' }}", "TypeError"),
    ("{{ [x] + 'a' }}", "TypeError"),
    ("{{ y + y }}", "TypeError"),
    ("{{ x + true }}", "TypeError"),
    ("{{ none + x }}", "TypeError"),
    ("{{ -true }}", "TypeError"),
    ("{{ -'a' }}", "TypeError"),
    ("{{ x / 0 }}", "ZeroDivisionError"),
    ("{{ x // 0 }}", "ZeroDivisionError"),
    ("{{ x % 0 }}", "ZeroDivisionError"),
    ("{{ 1000000000000000000 + 1 }}", "TypeError"),
    ("{{ 1000000000000000001 - 1 }}", "TypeError"),
    ("{{ -1000000000000000000 - 1 }}", "TypeError"),
    ("{{ -1000000000000000001 }}", "TypeError"),
    ("{{ 1000000000 * 1000000001 }}", "TypeError"),
    ("{{ 1e18 / 0.5 }}", "TypeError"),
    ("{{ 1e18 // 0.5 }}", "TypeError"),
    ("{{ 'ab'|first }}", "TypeError"),
    ("{{ {'a': 1}|last }}", "TypeError"),
    ("{{ y|last }}", "TypeError"),
    ("{{ 'ab'|join }}", "TypeError"),
    ("{{ [1, 2]|join }}", "TypeError"),
    ("{{ ['a', 'b']|join(1) }}", "TypeError"),
    ("{{ x|length }}", "TypeError"),
    ("{{ x|trim }}", "TypeError"),
]


def test_an_expression_that_fails_is_invalid_and_the_error_has_no_values() -> None:
    for source, error in FAILING:
        with cell(source, error):
            with pytest.raises(InvalidError) as caught:
                structure(source, ["x", "y"])({"x": 5, "y": {}})
            assert caught.value.problem.message == f"a template cannot be evaluated: {error}"
            assert caught.value.__context__ is None


def test_the_result_of_a_template_is_limited() -> None:
    for source, just, beyond in [
        ("{{ x + 'a' }}", "x" * (MAX_TEXT - 1), "x" * MAX_TEXT),
        ("{{ x ~ 'a' }}", "x" * (MAX_TEXT - 1), "x" * MAX_TEXT),
        ("{{ x }}a", "x" * (MAX_TEXT - 1), "x" * MAX_TEXT),
        ("{{ x|upper }}", "x" * MAX_TEXT, "x" * (MAX_TEXT + 1)),
        ("{{ x|lower }}", "x" * MAX_TEXT, "x" * (MAX_TEXT + 1)),
        ("{{ x|upper }}", "ß" * (MAX_TEXT // 2), "ß" * (MAX_TEXT // 2 + 1)),
        ("{{ x|jsonify }}", "x" * (MAX_TEXT - 2), "x" * (MAX_TEXT - 1)),
        ("{{ [x, 'a']|join }}", "x" * (MAX_TEXT - 1), "x" * MAX_TEXT),
        ("{{ ['a', 'b']|join(x) }}", "x" * (MAX_TEXT // 2 - 1), "x" * MAX_TEXT),
        ("{{ x + [1] }}", [0] * (MAX_ITEMS - 1), [0] * MAX_ITEMS),
    ]:
        with cell(source, just, beyond):
            render = structure(source, ["x"])
            assert len(render({"x": just})) <= (MAX_ITEMS if isinstance(just, list) else MAX_TEXT)
            with pytest.raises(InvalidError) as caught:
                render({"x": beyond})
            assert caught.value.problem.message == "a template cannot be evaluated: ValueError"


WRONG: list[tuple[str, str, int | None, str]] = [
    ("{{ y }}", "unknown-name", 3, 'unknown name "y" (known names: other, x)'),
    ("{{ othr }}", "unknown-name", 3, 'unknown name "othr"; did you mean other? (known names: other, x)'),
    ("{{ x.a[y] }}", "unknown-name", 7, 'unknown name "y"'),
    ("{{ x|default(y) }}", "unknown-name", 13, 'unknown name "y"'),
    ("{{ x }} {{ y }}", "unknown-name", 11, 'unknown name "y"'),
    ("{{ x + y }}", "unknown-name", 7, 'unknown name "y"'),
    ("{{ range }}", "unknown-name", 3, 'unknown name "range"'),
    ("{{ self }}", "unknown-name", 3, 'unknown name "self"'),
    ("{{ config }}", "unknown-name", 3, 'unknown name "config"'),
    ("{{ x|lowr }}", "unknown-filter", 5, 'unknown filter "lowr"; did you mean lower?'),
    (
        "{{ x|attr('a') }}",
        "unknown-filter",
        5,
        'unknown filter "attr" (known filters: default, first, join, jsonify, last, length, lower, trim, upper)',
    ),
    ("{% if x %}a{% endif %}", "template-language", 3, "not {% statements %}"),
    ("{% for a in x %}{{ a }}{% endfor %}", "template-language", 3, "not {% statements %}"),
    ("{% set x = 1 %}", "template-language", 3, "not {% statements %}"),
    ("{{ x() }}", "template-language", 4, "Call is not allowed in a template; use a filter"),
    ("{{ x.pop() }}", "template-language", 8, "Call is not allowed in a template; use a filter"),
    ("{{ +1 }}", "template-language", 3, "Pos is not allowed in a template"),
    ("{{ 2 ** 9 }}", "template-language", 5, "Pow is not allowed in a template"),
    ("{{ x is defined }}", "template-language", 5, "Test is not allowed in a template; compare with =="),
    ("{{ x[1:] }}", "template-language", 6, "Slice is not allowed in a template"),
    ("{{ x, 1 }}", "template-language", 4, "Tuple is not allowed in a template"),
    ("{{ x|default(default_value=1) }}", "template-language", 13, "Keyword is not allowed in a template"),
    ("{{ x|default(*x) }}", "template-language", 5, "* and ** are not allowed in a template"),
    ("{{ x|default(**x) }}", "template-language", 5, "* and ** are not allowed in a template"),
    ("{{ 1e400 }}", "template-language", 3, "a number in a template must be finite"),
    ("{{ x }}{# gone #}", "template-language", 7, "comments {# #}"),
    ("{{ x }}\r\n", "template-language", 7, "carriage returns are not allowed"),
    ("{{ x", "template-syntax", 3, "invalid template"),
    ("{{ }}", "template-syntax", 3, "invalid template"),
    ("{{ x }", "template-syntax", 5, "invalid template"),
    ("{% unknown %}", "template-syntax", 3, "invalid template"),
    ("{{ x | }}", "template-syntax", 7, "invalid template"),
    ("{{ $.rows }}", "template-syntax", 3, "invalid template"),
    ("{{ x[*] }}", "template-language", 4, "[*] is JSONPath"),
    ("{{ x[ * ].id }}", "template-language", 4, "[*] is JSONPath"),
    ("{{ " + "(" * 1000 + "x" + ")" * 1000 + " }}", "yaml-limit", None, "nested too deeply"),
    ("{{ " + "(" * 9999 + "x" + ")" * 9999 + " }}", "yaml-limit", None, f"at most {MAX_SOURCE} characters"),
    ("{{ x }}" + "x" * MAX_SOURCE, "yaml-limit", None, f"at most {MAX_SOURCE} characters"),
]


@pytest.mark.parametrize("make", [structure, path, text], ids=["structure", "path", "text"])
def test_a_wrong_template_is_found_before_it_runs(make: Any) -> None:
    for source, code, offset, part in WRONG:
        with cell(source, code, offset, part):
            before = "/a/"
            with pytest.raises(TemplateError) as caught:
                make(before + source, ["x", "other"])
            error = caught.value
            assert part in error.message
            assert str(error) == error.message
            assert (error.code, error.path) == (code, ())
            assert error.offset == (0 if offset is None else len(before) + offset)
            assert error.all == (error,)


def test_the_filters_are_the_documented_ones() -> None:
    assert set(FILTERS) == {"default", "first", "join", "jsonify", "last", "length", "lower", "trim", "upper"}


def test_the_error_of_a_template_has_its_path_in_the_structure() -> None:
    with pytest.raises(TemplateError) as caught:
        structure({"a": ["{{ x }}", {"b": "{{ y }}"}]}, ["x"])
    assert (caught.value.path, caught.value.offset) == (("a", 1, "b"), 3)


def test_the_first_error_of_a_structure_has_all_the_others() -> None:
    with pytest.raises(TemplateError) as caught:
        structure({"a": "{{ y }}", "b": ["{{ x }}", "<{{ z }}>", "{{"]}, ["x"])
    assert [(error.path, error.code, error.offset) for error in caught.value.all] == [
        (("a",), "unknown-name", 3),
        (("b", 1), "unknown-name", 4),
        (("b", 2), "template-syntax", 0),
    ]
    assert caught.value is caught.value.all[0]


def test_a_template_without_names_can_use_none() -> None:
    with pytest.raises(TemplateError, match=r"\(known names: nothing\)"):
        structure("{{ x }}", [])


def test_an_input_can_never_add_a_key() -> None:
    whole = structure({"{{ x }}": 1, "a": "{{ x }}"}, ["x"])
    assert whole({"x": '1, "admin": true'}) == {"{{ x }}": 1, "a": '1, "admin": true'}


def test_a_template_returns_a_new_value_each_time() -> None:
    render = structure({"a": [1]}, [])
    render({})["a"].append(2)
    assert render({}) == {"a": [1]}


def test_rendering_does_not_change_the_values() -> None:
    values = {"x": [1]}
    assert structure("{{ x }}", ["x"])(values) is values["x"]
    assert values == {"x": [1]}


def test_a_value_is_percent_encoded_into_its_own_segment() -> None:
    for source, value, result in [
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
    ]:
        with cell(source, value, result):
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
    assert caught.value.problem.message == f'"{value}" cannot be a segment of the path {source}'
    assert caught.value.problem.field == "x"


def test_a_secret_cannot_be_used_in_a_path() -> None:
    with pytest.raises(InvalidError, match="a secret cannot be used in the path") as caught:
        path("/a/{{ x }}", ["x"])({"x": Secret("hunter2")})
    assert "hunter2" not in str(caught.value)
    assert caught.value.problem.field == "x"


def test_a_string_that_cannot_be_url_encoded_is_invalid() -> None:
    with pytest.raises(InvalidError, match="a template cannot be evaluated: UnicodeEncodeError"):
        path("/a/{{ x }}", ["x"])({"x": "\ud800"})


def test_an_error_that_no_single_input_causes_has_no_field() -> None:
    with pytest.raises(InvalidError) as caught:
        path("/a/{{ '..' }}", [])({})
    assert caught.value.problem.field is None


@pytest.mark.parametrize(
    ("source", "value", "result"),
    [("Bearer {{ x }}", Secret("s"), "Bearer s"), ("{{ x }}", 5, "5"), ("{{ x }}", True, "true"), ("", "", "")],
)
def test_a_text_template_always_returns_a_string(source: str, value: object, result: str) -> None:
    assert text(source, ["x"])({"x": value}) == result


def test_the_names_that_a_structure_uses_are_known() -> None:
    for value, uses in [
        ("{{ a }}", [Use("a", (), 3, "alone")]),
        ("{{ a }} {{ b.c }}", [Use("a", (), 3, "in string"), Use("b", (), 11, "in expression")]),
        ("{{ a ~ b }}", [Use("a", (), 3, "in expression"), Use("b", (), 7, "in expression")]),
        (
            {"k": ["{{ a|default(b) }}", 1], "{{ key }}": None},
            [Use("a", ("k", 0), 3, "in expression"), Use("b", ("k", 0), 13, "in expression")],
        ),
        ({"k": ["{{ a }}"], "l": "{{ a }}"}, [Use("a", ("k", 0), 3, "alone"), Use("a", ("l",), 3, "alone")]),
        ("no template", []),
        (7, []),
        (None, []),
        ([], []),
        ({}, []),
    ]:
        with cell(value, uses):
            made = structure(value, ["a", "b"])
            assert made.uses == tuple(uses)


@pytest.mark.parametrize("make", [path, text], ids=["path", "text"])
def test_the_names_that_a_text_uses_are_known(make: Any) -> None:
    made = make("/{{ a }}/{{ b.c }}", ["a", "b"])
    assert made.uses == (Use("a", (), 4, "in string"), Use("b", (), 12, "in expression"))
    assert make("{{ a }}", ["a"]).uses == (Use("a", (), 3, "alone"),)
    assert make("/no/template", []).uses == ()


def test_the_number_of_templates_in_a_structure_is_limited() -> None:
    assert len(structure(["{{ x }}"] * MAX_EXPRESSIONS, ["x"])({"x": 1})) == MAX_EXPRESSIONS
    with pytest.raises(TemplateError, match=f"at most {MAX_EXPRESSIONS} templates") as caught:
        structure(["{{ x }}"] * 300, ["x"])
    assert (caught.value.code, caught.value.path) == ("yaml-limit", (MAX_EXPRESSIONS,))


def test_only_the_first_of_many_invalid_templates_are_reported() -> None:
    with pytest.raises(TemplateError) as caught:
        structure(["{{ y }}"] * 300, ["x"])
    assert [error.path for error in caught.value.all] == [(n,) for n in range(MAX_ERRORS)]


def test_the_number_of_parts_of_templates_is_limited() -> None:
    with pytest.raises(TemplateError, match=f"at most {MAX_NODES} names, values and operations"):
        structure(["{{ " + " ~ ".join("x" * 30) + " }}"] * 40, ["x"])


@pytest.mark.parametrize(
    "source", ["{{ x" + ".a" * 30 + " }}", "{{ " + "not " * 30 + "x }}", "{{ x" + "|trim" * 30 + " }}"]
)
def test_the_depth_of_an_expression_is_limited(source: str) -> None:
    with pytest.raises(TemplateError, match="nested too deeply") as caught:
        structure(source, ["x"])
    assert caught.value.code == "yaml-limit"


def test_a_structure_that_is_nested_too_deeply_is_an_error() -> None:
    deep: Any = "{{ x }}"
    for _ in range(2000):
        deep = [deep]
    with pytest.raises(TemplateError, match="nested too deeply"):
        structure(deep, ["x"])


@pytest.mark.parametrize("value", [5, True, None], ids=str)
def test_length_works_on_strings_lists_and_objects(value: object) -> None:
    with pytest.raises(InvalidError, match="TypeError"):
        structure("{{ x|length }}", ["x"])({"x": value})
    assert structure(["{{ x|length }}"], ["x"])({"x": "abc"}) == [3]


TEMPLATES = {
    "undefined below undefined": ("{{ o.zz.y }}", {"o": {}}),
    "undefined in a list": ("{{ [o.zz.y] }}", {"o": {}}),
    "an object in text": ("{{ o ~ 'x' }}", {"o": {"b": 1}}),
    "null in text": ("{{ o ~ 'x' }}", {"o": None}),
}


@pytest.mark.parametrize(("source", "values"), TEMPLATES.values(), ids=TEMPLATES)
def test_a_value_that_cannot_be_rendered_is_invalid(source: str, values: Any) -> None:
    with pytest.raises(InvalidError):
        structure(source, ["o"])(values)


def test_a_template_that_would_crash_jinja_or_change_the_text_is_refused() -> None:
    for source, code, part in [
        ("{{ " + "a." * 250 + "a }}", "yaml-limit", "nested too deeply"),
        ("{{ " + "a." * 900 + "a }}", "yaml-limit", "nested too deeply"),
        ("{{ " + "a and " * 300 + "a }}", "yaml-limit", "nested too deeply"),
        ("{{ " + "a and " * 900 + "a }}", "yaml-limit", f"at most {MAX_SOURCE} characters"),
        ("{{ " + "not " * 200 + "a }}", "yaml-limit", "nested too deeply"),
        ("{{ 1e400 }}", "template-language", "finite"),
        ("{{ a|default(*a) }}", "template-language", "* and ** are not allowed"),
        ("{{ a|default(**a) }}", "template-language", "* and ** are not allowed"),
        ("{# gone #}x", "template-language", "comments {# #}"),
        ("{#", "template-language", "comments {# #}"),
        ("{{ a }}\r\n", "template-language", "carriage returns are not allowed"),
    ]:
        with cell(source, code, part):
            with pytest.raises(TemplateError) as caught:
                structure(source, ["a"])
            assert caught.value.code == code
            assert part in caught.value.message


def test_a_compiled_template_is_data_and_what_is_not_one_is_refused() -> None:
    compiled = structure({"a": ["{{ x }}", "<{{ x }}>", "{{ x|upper }}", 1]}, ["x"])
    node = json.loads(json.dumps(compiled.node))
    assert Template(node, ())({"x": "v"}) == compiled({"x": "v"}) == {"a": ["v", "<v>", "V", 1]}
    for other in (["call", "x"], [], ["name"], ["string", "text", "{{ x }}"]):
        with pytest.raises(ValueError, match="not a compiled template"):
            Template(other, ())
