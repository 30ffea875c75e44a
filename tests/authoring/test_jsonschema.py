"""The JSON Schemas of inputs and outputs: they say what the actions take and give, and nothing else."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from locoia_pat.authoring.export import json_schema
from locoia_pat.outcomes import InvalidError
from locoia_pat.request.validation import InputValidator
from locoia_pat.response.outputs import Outputs, extract_outputs
from locoia_pat.secrets.secret import Secret
from locoia_pat.spec.load import SpecFolder
from locoia_pat.spec.model import ActionSpec, Input, Output
from tests.support.cells import cell
from tests.support.connectors import GITLAB, TWILIO

if TYPE_CHECKING:
    from pathlib import Path

FOLDERS = [SpecFolder(), SpecFolder(GITLAB), SpecFolder(TWILIO)]
SPECS = [(folder, name) for folder in FOLDERS for name in folder.names]
NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def schema(folder: SpecFolder, name: str, kind: str) -> Any:
    return json.loads(json_schema.files(folder)[f"{name}.{kind}.json"])


def test_each_action_has_two_schemas_and_its_examples_fit_them() -> None:
    for folder, name in SPECS:
        with cell(folder, name):
            inputs, outputs = schema(folder, name, "inputs"), schema(folder, name, "outputs")
            for found in (inputs, outputs):
                Draft202012Validator.check_schema(found)
                assert found["$schema"] == "https://json-schema.org/draft/2020-12/schema"
            spec = folder.spec(name)
            assert list(inputs["properties"]) == list(spec.inputs)
            for example in spec.examples if isinstance(spec, ActionSpec) else ():
                passwords = [key for key in example.inputs if spec.inputs[key].type == "password"]
                given_ = example.inputs | {key: {"$ref": "file:secret.txt"} for key in passwords}
                Draft202012Validator(inputs).validate(given_)
                if example.result and example.result.data is not None:
                    Draft202012Validator(outputs).validate(example.result.data)


TIMES = st.sampled_from(["about k/x/y", "2026-01-31T00:00:00", "2026-01-31T00:00:00Z", "Sat, 31 Jan 2026 00:00:00 GMT"])
LEAVES = st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4) | TIMES
EVERYTHING = {
    name: Output.model_validate(told)
    for name, told in {
        "a": {"type": "text"},
        "b": {"type": "number", "nullable": True},
        "c": {"type": "switch", "multiple": True},
        "d": {"type": "datetime"},
        "e": {"type": "nested_object", "children": {"a": {"type": "text"}, "d": {"type": "datetime"}}},
        "f": {"type": "nested_object", "multiple": True, "children": {"b": {"type": "number"}}},
        "g": {"type": "json"},
        "h": {"type": "number", "days_until": "d"},
        "i": {
            "type": "nested_object",
            "from": "a",
            "last_word": "k/{p}/{}",
            "children": {"p": {"type": "text"}},
        },
    }.items()
}
BODIES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcdefghx"), inner, max_size=9)
)


@given(body=st.dictionaries(st.sampled_from("abcdefghx"), BODIES), rows=st.booleans())
def test_whatever_an_api_answers_the_outputs_fit_their_schema(body: dict[str, Any], rows: bool) -> None:
    spec = SpecFolder().action("list_pats" if rows else "get_connector_auth")
    reply = spec.reply.model_copy(update={"output": EVERYTHING, "rows": "tokens" if rows else None})
    spec = spec.model_copy(update={"reply": reply})
    read = extract_outputs(spec, [body] if rows else body, {}, NOW)
    assert isinstance(read, Outputs)
    row = json_schema.outputs_schema(EVERYTHING)
    for data in read.data["tokens"] if rows else [read.data]:
        Draft202012Validator(row).validate(data)


def test_an_output_that_is_shown_once_is_in_no_schema() -> None:
    assert "token" not in schema(SpecFolder(), "create_pat", "outputs")["properties"]
    assert list(schema(SpecFolder(), "list_pats", "outputs")["properties"]) == ["tokens"]


REF = {"$ref": "file:secret.txt"}
CASES: list[tuple[dict[str, Any], list[Any], list[Any]]] = [
    ({"type": "text"}, ["", "a"], [1, None, ["a"], True]),
    ({"type": "text", "minLength": 2, "maxLength": 3}, ["ab", "äöü"], ["a", "abcd"]),
    ({"type": "text", "pattern": "^a+$"}, ["a", "aa"], ["b", ""]),
    ({"type": "text", "pattern": "/^a+$/"}, ["a"], ["b", "/a/"]),
    ({"type": "text", "multiple": True}, [["a"], ["a", "b"]], ["a", [], [1]]),
    ({"type": "email"}, ["a@b"], ["a", "a b@c"]),
    ({"type": "number"}, [1, 1.5, -3], ["1", True, None]),
    ({"type": "number", "step": 1, "min": 1}, [1, 7], [0, 1.5, "1"]),
    ({"type": "number", "step": 5, "min": 10, "max": 20}, [10, 20], [12, 5, 25]),
    ({"type": "number", "step": 0.5}, [1, 1.5], [1.2]),
    ({"type": "number", "unit": "hours", "max": 3}, [3], [4]),
    ({"type": "date"}, ["2026-01-31"], ["2026-1-31", "today", 1]),
    ({"type": "datetime"}, ["2026-01-31T00:00:00Z"], [1, None]),
    ({"type": "daterange"}, [["2026-01-01", "2026-01-31"]], [["2026-01-01"], "2026-01-01", []]),
    ({"type": "select", "enum": ["a", "b"]}, ["a"], ["c", ["a"], None]),
    ({"type": "select", "enum": ["a", "b"], "multiple": True}, [["a"], ["a", "b"]], [["c"], [], "a"]),
    ({"type": "select", "enum": ["a"], "allowCreate": True}, ["a", "c"], [1]),
    ({"type": "switch"}, [True, False], [0, "true", None]),
    ({"type": "json"}, [1, "a", [None], {}], []),
    ({"type": "password"}, [REF], ["token", {"$ref": 1}, {"$ref": "a", "b": 1}, None]),
    (
        {"type": "nested_object", "children": {"a": {"title": "A", "type": "text", "required": True}}},
        [{"a": "x"}],
        [{}, {"a": 1}, {"a": "x", "b": 1}, None],
    ),
    ({"type": "text", "nullable": True}, ["a", None], [1]),
    ({"type": "select", "enum": ["a"], "nullable": True}, ["a", None], ["b"]),
    ({"type": "text", "required": False}, ["a", None], [1]),
    ({"type": "date", "required": False, "default": "2026-01-31"}, ["2026-01-31", None], [1]),
    ({"type": "json", "required": False}, [1, None], []),
]


def accepted(field: Input, value: Any) -> bool:
    """Whether the action takes *value*."""
    try:
        InputValidator({"x": field}).check({"x": Secret("a-secret-of-mine") if value == REF else value})
    except InvalidError:
        return False
    return True


def test_a_schema_takes_what_the_action_takes() -> None:
    for told, right, wrong in CASES:
        with cell(told, right, wrong):
            field = Input.model_validate({"title": "X", "required": True, **told})
            validator = Draft202012Validator(json_schema.inputs_schema({"x": field}))
            for value in right:
                assert (accepted(field, value), validator.is_valid({"x": value})) == (True, True), value
            for value in wrong:
                assert (accepted(field, value), validator.is_valid({"x": value})) == (False, False), value
            assert validator.is_valid({}) is not field.required
            assert not validator.is_valid({"y": 1})


def test_a_pattern_that_other_engines_cannot_read_is_left_out() -> None:
    for pattern in ("/^a$/i", r"^\p{L}+$", r"[[:alpha:]&&[^x]]\z"):
        assert "pattern" not in json_schema.input_schema(
            Input.model_validate({"title": "X", "type": "text", "pattern": pattern})
        )


def test_a_step_that_does_not_count_from_zero_is_left_out() -> None:
    field = Input.model_validate({"title": "X", "type": "number", "step": 5, "min": 1})
    assert json_schema.input_schema(field) == {"title": "X", "type": "integer", "minimum": 1}


def test_what_a_form_shows_is_told() -> None:
    described = json_schema.input_schema(
        Input.model_validate({
            "title": "Scope", "type": "select", "enum": ["a"], "info": "What it may.", "default": "a",
            "unit": "days", "option_notes": {"a": "is new"}, "regexErrorMessage": "one letter",
        })
    )  # fmt: skip
    assert described["description"] == "What it may. Counted in days. a: is new. Format: one letter."
    assert (described["title"], described["default"]) == ("Scope", "a")


def test_a_folder_without_actions_has_no_schemas(tmp_path: Path) -> None:
    (tmp_path / "connector.yaml").write_text("")
    assert json_schema.files(SpecFolder(tmp_path)) == {}
