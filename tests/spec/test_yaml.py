"""YAML text as plain values that remember where they stood."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from locoia_pat.outcomes import Finding, SpecError
from locoia_pat.spec.yaml import MAX_CHARACTERS, MAX_DEPTH, MAX_FINDINGS, MAX_PARTS, dump, iter_scalars, load
from tests.support.cells import cell


def _json(texts: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    whole = st.integers(-(10**16) + 1, 10**16 - 1)
    return st.recursive(
        st.none() | st.booleans() | whole | texts,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
        max_leaves=15,
    )


def _findings(text: str) -> list[tuple[int, int, str, str]]:
    with pytest.raises(SpecError) as caught:
        load(text, "a.yaml")
    assert {finding.file for finding in caught.value.findings} == {"a.yaml"}
    return [(finding.line, finding.column, finding.code, finding.message) for finding in caught.value.findings]


@given(_json(st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), max_size=40)))
def test_json_is_read_as_json(value: Any) -> None:
    assert json.dumps(load(json.dumps(value), "a.yaml").value) == json.dumps(value)


@given(_json(st.text(st.characters(categories=["L", "P", "S"]), max_size=40)))
def test_json_with_any_characters_is_read_as_json(value: Any) -> None:
    assert json.dumps(load(json.dumps(value, ensure_ascii=False), "a.yaml").value) == json.dumps(value)


def test_an_unquoted_scalar_is_its_json_value_or_a_string() -> None:
    for plain, value in [
        ("null", None),
        ("~", None),
        ("", None),
        ("true", True),
        ("false", False),
        ("0", 0),
        ("-7", -7),
        ("9999999999999999", 9999999999999999),
        ("1.5", 1.5),
        ("-0.25", -0.25),
        ("1.0e+20", 1e20),
        ("-1.5e-7", -1.5e-7),
        ("9.25e+99", 9.25e99),
        ("automation:view", "automation:view"),
        ("ci-bot", "ci-bot"),
        ("1a", "1a"),
        ("1-2", "1-2"),
        ("v1.10", "v1.10"),
        ("nope", "nope"),
        ("٣", "٣"),
    ]:
        with cell(plain, value):
            found = load(f"a: {plain}", "a.yaml").value["a"]
            assert (type(found), found) == (type(value), value)


def test_an_ambiguous_unquoted_scalar_is_a_finding() -> None:
    for plain in [
        *("no", "No", "YES", "on", "off", "Null", "NULL", "True", "FALSE"),
        *(
            "1.10",
            "007",
            "1_000",
            "0x1F",
            "0o17",
            "0b1",
            "1e5",
            "1.5e3",
            "10.5e+3",
            "1.5e+100",
            "12:30:45",
            "+1",
            "1.",
            "1,000",
        ),
        *("12345678901234567", "0.1000000000000000055", ".inf", "-.INF", ".nan"),
        *("2026-01-01", "2026-1-1", "2026-01-01T10:00:00Z"),
    ]:
        with cell(plain):
            [(line, column, code, message)] = _findings(f"b: 1\na:   {plain}\n")
            assert (line, column, code) == (2, 6, "ambiguous-scalar")
            assert f"unquoted value: {plain};" in message


@pytest.mark.parametrize(
    "quoted", ["'no'", '"no"', "|-\n  no", ">-\n  no"], ids=["single", "double", "block", "folded"]
)
def test_quoted_and_block_scalars_are_strings(quoted: str) -> None:
    assert load(f"a: {quoted}", "a.yaml").value == {"a": "no"}


def test_yaml_that_is_not_allowed_is_found_at_its_position() -> None:
    for text, line, column, code, part in [
        ("a: 1\nb: 2\na: 3", 3, 1, "duplicate-key", 'duplicate key "a"'),
        ("{a: 1, 'a': 2}", 1, 8, "duplicate-key", 'duplicate key "a"'),
        ("x:\n  - a: 1\n    a: 2", 3, 5, "duplicate-key", 'duplicate key "a"'),
        ("404: 1\n'404': 2", 2, 1, "duplicate-key", 'duplicate key "404"'),
        ("a: &here 1", 1, 4, "yaml-feature", "anchors"),
        ("&here\na: 1", 1, 1, "yaml-feature", "anchors"),
        ("a: *there", 1, 4, "yaml-feature", "aliases"),
        ("a: !!str 1", 1, 4, "yaml-feature", "tags"),
        ("a: !mine {b: 1}", 1, 4, "yaml-feature", "tags"),
        ("? [a]\n: 1", 1, 3, "yaml-feature", "a key must be a string"),
        ("? {a: b}\n: {c: d}", 1, 3, "yaml-feature", "a key must be a string"),
        ("a: 1\n---\nb: 2", 3, 1, "yaml-feature", "a file can have only one document"),
        ("---\n---\nb: 2", 3, 1, "yaml-feature", "a file can have only one document"),
        ("a: [1, 2}", 1, 9, "yaml", "invalid YAML"),
        ("a: b: c", 1, 5, "yaml", "invalid YAML: the value contains"),
        ("a: 1\n\tb: 2", 2, 1, "yaml", "invalid YAML"),
        ("a: @b", 1, 4, "yaml", "invalid YAML"),
        ("a: 'b", 1, 6, "yaml", "invalid YAML"),
        ("a: \x07", 1, 1, "yaml", "invalid YAML"),
        ("a\x00b", 1, 1, "yaml", "invalid YAML"),
        ("%YAML 3.0\n---\na: 1", 1, 1, "yaml", "invalid YAML"),
    ]:
        with cell(text, line, column, code, part):
            [(found_line, found_column, found_code, message)] = _findings(text)
            assert part in message
            assert (found_line, found_column, found_code) == (line, column, code)


def test_all_findings_of_a_file_are_reported_in_order() -> None:
    found = _findings("z: no\na: &x [yes]\nb: *x\nz: 1.10\n")
    assert [(line, column, code) for line, column, code, _ in found] == [
        (1, 4, "ambiguous-scalar"),
        (2, 4, "yaml-feature"),
        (2, 8, "ambiguous-scalar"),
        (3, 4, "yaml-feature"),
        (4, 1, "duplicate-key"),
        (4, 4, "ambiguous-scalar"),
    ]


@pytest.mark.parametrize("shape", ["[{}]", "{{a: {}}}", "[{{a: {}}}]"], ids=["lists", "objects", "both"])
def test_the_depth_of_a_document_is_limited(shape: str) -> None:
    levels = 2 if shape == "[{{a: {}}}]" else 1
    text = "x"
    for _ in range(MAX_DEPTH // levels):
        text = shape.format(text)
    assert load(text, "a.yaml").values
    [(_, _, code, message)] = _findings(shape.format(text))
    assert code == "yaml-limit"
    assert f"more than {MAX_DEPTH} levels" in message


def test_nested_brackets_are_refused_at_the_first_level_beyond_the_limit() -> None:
    [(line, column, code, _)] = _findings("[" * 900)
    assert (line, column, code) == (1, MAX_DEPTH + 2, "yaml-limit")


def test_more_nested_brackets_than_the_parser_accepts_are_one_finding() -> None:
    text = "[" * 60_000
    assert len(text) < MAX_CHARACTERS  # so the brackets are what is refused
    [_] = _findings(text)
    [(line, column, code, _)] = _findings("[" * 100_000)
    assert (line, column, code) == (1, 1, "yaml-limit")


def test_the_length_of_a_document_is_limited() -> None:
    longest = "a: " + "x" * (MAX_CHARACTERS - 3)
    assert load(longest, "a.yaml").value == {"a": "x" * (MAX_CHARACTERS - 3)}
    [(line, column, code, message)] = _findings(longest + "x")
    assert (line, column, code) == (1, 1, "yaml-limit")
    assert str(MAX_CHARACTERS + 1) in message


@pytest.mark.parametrize(
    "text", ["", "# only a comment\n", "---\n", "\n\n"], ids=["empty", "comment", "start", "lines"]
)
def test_a_document_without_a_value_is_null(text: str) -> None:
    document = load(text, "a.yaml")
    assert document.value is None
    finding = document.finding("yaml", (), "empty")
    assert finding.line in {1, 2}
    assert (finding.code, finding.message) == ("yaml", "empty")


TEXT = """\
title: A
inputs:
  id:   {type: text, enum: [one, two]}
  "né": [
    x]
"""


def test_a_finding_is_at_its_part_or_its_nearest_parent() -> None:
    for path, at_key, line, column in [
        ((), False, 1, 1),
        (("title",), False, 1, 8),
        (("title",), True, 1, 1),
        (("inputs",), False, 3, 3),
        (("inputs",), True, 2, 1),
        (("inputs", "id"), False, 3, 9),
        (("inputs", "id"), True, 3, 3),
        (("inputs", "id", "enum", 1), False, 3, 34),
        (("inputs", "né"), True, 4, 3),
        (("inputs", "né", 0), False, 5, 5),
        (("inputs", "id", "enum", 5), False, 3, 28),
        (("inputs", "id", "absent", "deeper"), False, 3, 9),
        (("inputs", "id", "absent"), True, 3, 9),
        (("nowhere",), True, 1, 1),
    ]:
        with cell(path, at_key, line, column):
            finding = load(TEXT, "a.yaml").finding("bad-value", path, "wrong", at_key=at_key)
            assert finding == Finding("a.yaml", line, column, "bad-value", "wrong")


def test_columns_count_characters_and_not_bytes() -> None:
    assert load('{"🔑é": x, b: z}', "a.yaml").keys["b",] == (1, 11)


def test_only_the_first_of_many_mistakes_are_reported() -> None:
    assert len(_findings("".join(f"k{n}: no\n" for n in range(MAX_FINDINGS + 9)))) == MAX_FINDINGS


def test_the_number_of_parts_of_a_document_is_limited() -> None:
    [(line, _, code, message)] = _findings("- a\n" * (MAX_PARTS + 9))
    assert (line, code, message) == (MAX_PARTS, "yaml-limit", f"the file has more than {MAX_PARTS} keys and values")


def test_offsets_are_used_only_in_unquoted_strings_on_one_line() -> None:
    document = load("a: one two\nb: one\n  two\nc: 'x'\nd: |\n  x\n", "a.yaml")
    assert document.plain == {("a",)}
    found = [document.finding("yaml", (key,), "x", offset=4) for key in "abcd"]
    assert [(finding.line, finding.column) for finding in found] == [(1, 8), (2, 4), (4, 4), (5, 4)]


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(10**15), 10**15)
        | st.floats(-1e9, 1e9).filter(lambda number: number == 0 or abs(number) > 1e-9)
        | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab ~:é1", max_size=5), inner, max_size=3),
        max_leaves=10,
    )
)
def test_a_dumped_value_is_loaded_as_the_same_value(value: Any) -> None:
    try:
        text = dump(value)
    except ValueError:
        assume(False)
    assert json.dumps(load(text, "a.yaml").value) == json.dumps(value)


@pytest.mark.parametrize("value", [10**30, {"a": [10**17]}, "x" * (MAX_CHARACTERS + 1)], ids=["long", "deep", "large"])
def test_a_value_that_cannot_be_represented_is_not_dumped(value: Any) -> None:
    with pytest.raises(ValueError, match="cannot represent"):
        dump(value)


def test_every_key_and_string_of_a_file_has_its_path_and_position() -> None:
    text = "a: [x, {b: 1}]\nc: &anchor y\nd: *anchor\ne: !!binary aGk=\n"
    assert list(iter_scalars(text)) == [
        ((), "a", (1, 1)),
        (("a", 0), "x", (1, 5)),
        ((), "b", (1, 9)),
        ((), "c", (2, 1)),
        (("c",), "y", (2, 4)),
        ((), "d", (3, 1)),
        (("d",), "y", (3, 4)),
        ((), "e", (4, 1)),
        (("e",), None, (4, 4)),
    ]
    assert list(iter_scalars("x")) == [((), "x", (1, 1))]
    for literal in ("null", "~", "true", "False", "12345678", "-1.5", "1e5"):
        assert list(iter_scalars(f"a: {literal}")) == [((), "a", (1, 1))], literal
        assert list(iter_scalars(f"a: '{literal}'"))[1:] == [(("a",), literal, (1, 4))], literal
    with pytest.raises(ValueError, match="not YAML"):
        list(iter_scalars("a: ]"))


def test_what_yaml_parsers_disagree_about_is_a_finding() -> None:
    for text in [
        *("a: .5", "a: -.5", "a: =", "<<: {}", "no: 1", "true: 1", "&a k: 1", "!!str k: 1"),
        *("007: 1", "1.5: 1", "1_0: 1", "0x1: 1", "12345678901234567: 1", "2026-01-01: 1"),
    ]:
        with cell(text), pytest.raises(SpecError, match=r"x\.yaml:1:"):
            load(text, "x.yaml")


@pytest.mark.parametrize("key", ["1", "0", "-7", "404", "1234567890123456"])
def test_an_unquoted_integer_key_is_a_string(key: str) -> None:
    assert load(f"{key}: 1", "x.yaml").value == {key: 1}


def test_an_unpaired_surrogate_is_a_finding() -> None:
    with pytest.raises(SpecError, match="surrogates"):
        load("a: \ud800", "x.yaml")
