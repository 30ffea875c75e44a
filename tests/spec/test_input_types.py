"""The table of input types: each row agrees with the others and with validation."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator

from locoia_pat.outcomes import InvalidError
from locoia_pat.request.validation import InputValidator
from locoia_pat.secrets.secret import Secret
from locoia_pat.spec.input_types import INPUT_TYPES, InputType, describe_allowed, parse_text, types_with_key
from locoia_pat.spec.model import Input
from tests.support.cells import cell

EXAMPLES: dict[str, tuple[dict[str, Any], list[tuple[str, Any]], list[Any]]] = {
    "text": ({"minLength": 1, "maxLength": 3, "pattern": "^[a-z5 ]*$"}, [("a", "a"), (" 5", " 5")], ["", "abcd", 5]),
    "email": ({}, [("a@b.example", "a@b.example")], ["a", 1]),
    "password": ({}, [], ["secret", None]),
    "number": ({"min": 0, "max": 1000}, [("5", 5), (" 1.5 ", 1.5), ("1e2", 100.0)], ["5", True, -1, 1001]),
    "date": ({}, [(" 2026-01-31", "2026-01-31")], ["31.1.2026", 1]),
    "daterange": ({}, [('["2026-01-01", "2026-01-31"]', ["2026-01-01", "2026-01-31"])], [["2026-01-01"], "2026-01-01"]),
    "datetime": ({}, [("2026-01-31T00:00:00Z ", "2026-01-31T00:00:00Z")], [1, None]),
    "select": ({"enum": ["a", "null"]}, [("a", "a"), ("null", "null")], [" a", "b", 1]),
    "switch": ({}, [("TRUE", True), (" false", False)], ["yes", 0]),
    "nested_object": ({"children": {"a": {"title": "A", "type": "text"}}}, [('{"a": "x"}', {"a": "x"})], [{"b": 1}]),
    "json": ({}, [("[1]", [1]), ("{", "{"), ("null", None)], []),
}  # fmt: skip


def declared(kind: str, **keys: Any) -> Input:
    return Input.model_validate({"title": "X", "type": kind, "required": True, **EXAMPLES[kind][0], **keys})


def accepts(field: Input, value: object) -> bool:
    try:
        InputValidator({"x": field}).check({"x": value})
    except InvalidError:
        return False
    return True


def test_every_type_has_a_row_and_an_example() -> None:
    assert set(INPUT_TYPES) == set(EXAMPLES) == set(get_args(InputType))


def test_text_is_converted_to_values_that_validation_and_the_json_schema_accept() -> None:
    for kind, (_, texts, refused) in EXAMPLES.items():
        field = declared(kind)
        schema = Draft202012Validator(INPUT_TYPES[field.type].json_schema(field))
        for text, value in texts:
            with cell(kind, text):
                assert repr(parse_text(text, field)) == repr(value)
                assert accepts(field, value)
                assert schema.is_valid(value)
        for value in refused:
            with cell(kind, value):
                assert not accepts(field, value)
                assert kind in ("password", "nested_object") or not schema.is_valid(value)


def test_null_is_null_only_if_the_input_is_nullable() -> None:
    for kind in EXAMPLES:
        assert parse_text("null", declared(kind, nullable=True)) is None, kind
        assert parse_text("null", declared(kind)) == (None if kind in JSON_TYPES else "null"), kind


JSON_TYPES = ("daterange", "nested_object", "json")


def test_a_type_is_accepted_by_the_types_that_its_row_names_and_by_no_other() -> None:
    loose: dict[str, dict[str, Any]] = {
        "text": {"minLength": None, "maxLength": None, "pattern": None},
        "number": {"min": None, "max": None},
    }
    for kind, (_, texts, _) in EXAMPLES.items():
        values = [value for _, value in texts] or [Secret("a-secret-of-16-characters")]
        for other in EXAMPLES.keys() - {kind}:
            field = declared(other, **loose.get(other, {}))
            with cell(kind, other):
                named = other in INPUT_TYPES[declared(kind).type].also_accepted_by
                assert all(accepts(field, value) for value in values) == named


def test_the_keys_of_some_types_are_keys_of_the_language() -> None:
    names = {field.alias or name for name, field in Input.model_fields.items()}
    for kind, info in INPUT_TYPES.items():
        assert info.keys <= names, kind
    assert types_with_key("pattern") == ["text", "email"]
    assert types_with_key("title") == []


@pytest.mark.parametrize("pattern", ["/^a$/i", r"^\p{L}+$"])
def test_a_pattern_that_other_engines_read_differently_is_not_in_the_json_schema(pattern: str) -> None:
    field = Input.model_validate({"title": "X", "type": "text", "pattern": pattern})
    assert INPUT_TYPES["text"].json_schema(field) == {"type": "string"}


def test_steps_and_free_options_are_in_the_json_schema() -> None:
    for keys, schema in (
        ({"type": "number", "step": 5, "min": 10}, {"type": "integer", "minimum": 10, "multipleOf": 5}),
        ({"type": "number", "step": 5, "min": 1}, {"type": "integer", "minimum": 1}),
        ({"type": "select", "enum": ["a"], "allowCreate": True}, {"type": "string", "examples": ["a"]}),
    ):
        field = Input.model_validate({"title": "X", **keys})
        assert INPUT_TYPES[field.type].json_schema(field) == schema, json.dumps(keys)


def test_a_list_and_null_are_part_of_the_description() -> None:
    assert describe_allowed(declared("date", multiple=True, nullable=True)) == (
        "a list, each a date such as 2026-12-31, or null"
    )
