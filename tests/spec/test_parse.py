"""Specs with parts that contradict each other or themselves."""

from __future__ import annotations

import json
from typing import Any

import pytest

from locoia_pat.outcomes import SpecError
from locoia_pat.spec.parse import parse_action, parse_spec
from tests.support.cells import cell
from tests.support.compiled_actions import HEAD, code_at, compiled_action

TEXT = {"title": "Text", "type": "text"}
BROKEN_OUTPUTS = {
    "nested fallback_input": (
        {"o": {"type": "nested_object", "children": {"p": {"type": "text", "fallback_input": "nope"}}}},
        "unknown-reference",
    ),
    "nested secret": (
        {"o": {"type": "nested_object", "children": {"p": {"type": "text", "secret": "once"}}}},
        "contradiction",
    ),
    "secret number": ({"o": {"type": "number", "secret": "once"}}, "contradiction"),
    "secret list": ({"o": {"type": "text", "multiple": True, "secret": "once"}}, "contradiction"),
    "kept secret": ({"o": {"type": "text", "store_with_token": True, "secret": "once"}}, "contradiction"),
    "object without children": ({"o": {"type": "nested_object"}}, "contradiction"),
    "days until itself": ({"o": {"type": "number", "days_until": "o"}}, "unknown-reference"),
    "days as text": ({"o": {"type": "text", "days_until": "e"}, "e": {"type": "datetime"}}, "unknown-reference"),
    "many times": ({"o": {"type": "datetime", "multiple": True}}, "contradiction"),
}


def test_an_output_that_can_never_be_read_is_a_finding() -> None:
    for case, (output, code) in BROKEN_OUTPUTS.items():
        with cell(case):
            with pytest.raises(SpecError) as caught:
                compiled_action(output=output)
            assert code_at(caught.value) == ("act.yaml", 8, code)


BROKEN_INPUTS = {
    "reserved name": ({"self": TEXT}, "bad-name"),
    "constant as name": ({"none": TEXT}, "bad-name"),
    "nested select": (
        {"o": {"title": "O", "type": "nested_object", "children": {"s": {"title": "S", "type": "select"}}}},
        "missing-key",
    ),
    "note on no option": (
        {"s": {"title": "S", "type": "select", "enum": ["a"], "option_notes": {"b": "x"}}},
        "unknown-reference",
    ),
    "includes of no option": (
        {"s": {"title": "S", "type": "select", "enum": ["a"], "includes": {"b": ["a"]}}},
        "unknown-reference",
    ),
    "min over max": ({"n": {"title": "Count", "type": "number", "min": 2, "max": 1}}, "contradiction"),
    "minLength over maxLength": (
        {"n": {"title": "Text", "type": "text", "minLength": 2, "maxLength": 1}},
        "contradiction",
    ),
}


@pytest.mark.parametrize(("inputs", "code"), BROKEN_INPUTS.values(), ids=BROKEN_INPUTS)
def test_an_input_that_can_never_be_given_is_a_finding(inputs: Any, code: str) -> None:
    with pytest.raises(SpecError) as caught:
        compiled_action(inputs)
    assert code_at(caught.value) == ("act.yaml", 6, code)


@pytest.mark.parametrize("path", ["/x y", "/x?q", "/x\ny", "/x#f", "/{x}", "x"])
def test_a_path_cannot_contain_a_query_a_fragment_or_spaces(path: str) -> None:
    text = f"{HEAD}effect: read\nrequest: {json.dumps({'method': 'GET', 'path': path})}\n"
    with pytest.raises(SpecError, match=r"^act\.yaml:6:\d+: bad-value request\.path: ") as caught:
        parse_action(f"{text}reply: {{ok: [200], output: {{id: {{type: text}}}}}}\n", "act.yaml")
    assert code_at(caught.value) == ("act.yaml", 6, "bad-value")


@pytest.mark.parametrize("version", ["true", "1.0", "2"])
def test_the_version_of_the_language_must_be_the_integer_1(version: str) -> None:
    text = f"{HEAD}effect: read\nrequest: {{method: GET, path: /act}}\nreply: {{ok: [200], output: {{}}}}\n"
    assert parse_action(text, "act.yaml").spec == 1
    with pytest.raises(SpecError, match=r"^act\.yaml:1:7: bad-value spec: ") as caught:
        parse_action(text.replace("spec: 1", f"spec: {version}"), "act.yaml")
    assert code_at(caught.value) == ("act.yaml", 1, "bad-value")


@pytest.mark.parametrize(
    "field", [{"type": "number", "default": "x"}, {"type": "password", "default": "x"}, {"type": "text", "default": 1}]
)
def test_a_default_that_is_not_allowed_is_a_finding(field: Any) -> None:
    with pytest.raises(SpecError, match=r"act\.yaml:6:\d+: bad-value the default .* is not allowed") as caught:
        compiled_action({"x": {"title": "Field", **field}})
    assert code_at(caught.value) == ("act.yaml", 6, "bad-value")


def test_a_spec_that_is_not_an_object_is_a_finding() -> None:
    with pytest.raises(SpecError, match=r"a\.yaml:1:1: bad-value the file: "):
        parse_spec("- a", "a.yaml")
