"""The input model: what may be sent, and what is said of what may not."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locoia_pat.messages import describe_value
from locoia_pat.outcomes import InvalidError, Problem
from locoia_pat.request.validation import InputValidator
from locoia_pat.secrets.secret import Secret
from locoia_pat.spec.input_types import describe_allowed
from locoia_pat.spec.model import Input
from tests.support.cells import cell
from tests.support.compiled_actions import compiled_action

TODAY = dt.date(2026, 1, 1)
TOKEN = "pat_0123456789abcdef"


def _input(**keys: Any) -> Input:
    return Input.model_validate({"title": "Title", "type": "text", **keys})


def _inputs(*, any_option: tuple[str, ...] = (), **fields: dict[str, Any]) -> InputValidator:
    return InputValidator({name: _input(**keys) for name, keys in fields.items()}, any_option=any_option)


def _check(keys: dict[str, Any], value: object) -> Any:
    return _inputs(x=keys).check({"x": value}, today=TODAY)["x"]


def _problem(inputs: InputValidator, values: dict[str, Any], *, today: dt.date | None = TODAY) -> Problem:
    with pytest.raises(InvalidError) as caught:
        inputs.check(values, today=today)
    assert caught.value.__context__ is None, "pydantic's error holds what was given"
    return caught.value.problem


WHOLE = {"type": "number", "step": 1, "min": 1}
DAYS = {**WHOLE, "unit": "days", "required": True, "nullable": True}
SELECT = {"type": "select", "enum": ["view", "manage"]}
PERSON = {
    "type": "nested_object",
    "children": {
        "name": {"title": "Name", "type": "text", "required": True},
        "age": {"title": "Age", "type": "number", "step": 1, "default": 18},
    },
}


ALLOWED: list[tuple[dict[str, Any], object]] = [
    ({}, ""),
    ({}, "007"),
    ({}, "\ud83d\x00"),
    ({"minLength": 2, "maxLength": 3}, "ab"),
    ({"minLength": 2, "maxLength": 3}, "abc"),
    ({"maxLength": 1}, "🔑"),
    ({"type": "email"}, "a@b"),
    (WHOLE, 1),
    (WHOLE, 10**18),
    ({"type": "number"}, 1.5),
    ({"type": "number", "min": -1, "max": 1}, -1.0),
    ({"type": "number", "step": 0.5}, 0.5),
    ({"type": "switch"}, True),
    ({"type": "switch"}, False),
    ({"type": "date"}, "2024-02-29"),
    ({"type": "datetime"}, "2026-01-01T00:00:00Z"),
    ({"type": "daterange"}, ["2026-01-01", "2026-01-01"]),
    ({"type": "daterange"}, ["2026-01-01", "2027-01-01"]),
    (SELECT, "view"),
    ({**SELECT, "multiple": True}, []),
    ({**SELECT, "multiple": True, "required": True}, ["view", "manage"]),
    ({**SELECT, "allowCreate": True}, "anything"),
    ({**SELECT, "allowCreate": True, "multiple": True}, ["anything", "view"]),
    ({"multiple": True}, ["a", "b"]),
    ({**WHOLE, "multiple": True}, [1, 2]),
    ({"nullable": True, "required": True}, None),
    ({}, None),
    (PERSON, {"name": "Anna", "age": 30}),
]


def test_an_allowed_value_is_returned_unchanged() -> None:
    for keys, value in ALLOWED:
        with cell(keys, value):
            found = _check(keys, value)
            assert (type(found), found) == (type(value), value)


REFUSED: list[tuple[dict[str, Any], object]] = [
    ({}, 5),
    ({}, True),
    ({}, ["a"]),
    ({}, b"a"),
    ({"required": True}, None),
    ({"minLength": 2}, "a"),
    ({"maxLength": 3}, "abcd"),
    ({"type": "email"}, "a"),
    ({"type": "email"}, "a@b c"),
    ({"type": "email"}, "a@b\n"),
    (WHOLE, 0),
    (WHOLE, 1.0),
    (WHOLE, 1.5),
    (WHOLE, "1"),
    (WHOLE, True),
    (WHOLE, [1]),
    ({"type": "number"}, True),
    ({"type": "number"}, False),
    ({"type": "number"}, "1"),
    ({"type": "number"}, float("nan")),
    ({"type": "number"}, float("inf")),
    ({"type": "number"}, 10**400),
    ({"type": "number", "max": 1}, 1.5),
    ({"type": "switch"}, 1),
    ({"type": "switch"}, "true"),
    ({"type": "date"}, "2026-02-29"),
    ({"type": "date"}, "31.12.2026"),
    ({"type": "date"}, ""),
    ({"type": "date"}, "2026-01-01T00:00:00Z"),
    ({"type": "date"}, dt.date(2026, 1, 1)),
    ({"type": "datetime"}, "noon"),
    ({"type": "daterange"}, ["2026-01-01"]),
    ({"type": "daterange"}, ["2027-01-01", "2026-01-01"]),
    ({"type": "daterange"}, ["2026-01-01", "later"]),
    ({"type": "daterange"}, ["2026-01-01", "2026-01-02", "2026-01-03"]),
    ({"type": "daterange"}, "2026-01-01"),
    (SELECT, "delete"),
    (SELECT, "VIEW"),
    (SELECT, ["view"]),
    (SELECT, 1),
    ({**SELECT, "allowCreate": True}, 1),
    ({**SELECT, "multiple": True}, "view"),
    ({**SELECT, "multiple": True}, ["view", "delete"]),
    ({**SELECT, "multiple": True, "required": True}, []),
    ({"multiple": True}, "a"),
    ({"multiple": True}, [1]),
    ({"type": "password"}, TOKEN),
    ({"type": "password"}, Secret("")),
    ({"type": "password"}, Secret("a b ")),
    ({"type": "password"}, Secret(" ab")),
    ({"type": "password"}, Secret("a\nb")),
    ({"type": "password"}, Secret("ü")),
    ({"type": "password", "required": True}, None),
    (PERSON, {"name": 5}),
    (PERSON, {}),
    (PERSON, "Anna"),
    (PERSON, []),
    (PERSON, {"name": "Anna", "age": "30"}),
]


def test_any_other_value_is_invalid_and_names_its_input() -> None:
    for keys, value in REFUSED:
        with cell(keys, value):
            problem = _problem(_inputs(x=keys), {"x": value})
            assert (problem.code, (problem.field or "").split(".")[0], problem.status) == ("validation", "x", None)
            assert problem.hint is not None
            assert TOKEN not in problem.message


def test_a_secret_is_given_as_a_secret() -> None:
    secret = Secret(TOKEN)
    assert _check({"type": "password"}, secret) is secret


def test_an_object_is_returned_with_its_defaults() -> None:
    found = _check(PERSON, {"name": "Anna"})
    assert found == {"name": "Anna", "age": 18}
    assert type(found) is dict
    assert _check({**PERSON, "multiple": True}, [{"name": "A", "age": 1}]) == [{"name": "A", "age": 1}]


def test_an_input_that_is_not_given_has_its_default() -> None:
    inputs = _inputs(a={}, b={"default": "x"}, c={"type": "switch", "default": False}, d={"required": True})
    assert inputs.check({"d": "y"}) == {"a": None, "b": "x", "c": False, "d": "y"}


def test_null_means_the_default_of_an_input_that_is_not_nullable() -> None:
    inputs = _inputs(a={"multiple": True, "default": ["x"]}, b={"default": "x", "nullable": True}, c={})
    assert inputs.check({"a": None, "b": None, "c": None}) == {"a": ["x"], "b": None, "c": None}
    inputs.check({"a": None})["a"].append("y")
    assert inputs.check({"a": None})["a"] == ["x"]


def test_a_default_is_copied_each_time() -> None:
    inputs = _inputs(a={"multiple": True, "default": ["x"]})
    inputs.check({})["a"].append("y")
    assert inputs.check({}) == {"a": ["x"]}


def test_null_of_a_required_nullable_input_must_be_given() -> None:
    problem = _problem(_inputs(expiration=DAYS), {})
    assert problem.message == "is missing"
    assert problem.field == "expiration"
    assert problem.hint == "Allowed: a whole number of days, at least 1, or null."


def test_an_unknown_input_is_reported_before_a_missing_one() -> None:
    problem = _problem(_inputs(note={"required": True}, scopes={"required": True}), {"scope": [], "note": 5})
    assert problem.message == "unknown input; did you mean scopes?"
    assert problem.field == "scope"
    assert problem.hint == "Inputs: note, scopes."


def test_an_action_without_inputs_accepts_none() -> None:
    assert _inputs().check({}) == {}
    assert _problem(_inputs(), {"x": 1}).hint == "This action takes no inputs."


def test_a_misspelt_option_is_reported_with_all_options() -> None:
    problem = _problem(_inputs(x={**SELECT, "multiple": True}), {"x": ["view", "mange"]})
    assert problem.message == '"mange" is not an option; did you mean manage?'
    assert problem.hint == "Allowed: view, manage."


def test_unknown_options_are_accepted_if_the_caller_allows_them() -> None:
    inputs = _inputs(x=SELECT, y=SELECT, any_option=("x",))
    assert inputs.check({"x": "new", "y": "view"}) == {"x": "new", "y": "view"}
    assert _problem(inputs, {"x": "new", "y": "new"}).field == "y"


@pytest.mark.parametrize(
    "value", [TOKEN, f"Bearer {TOKEN}", [TOKEN], {"a": TOKEN}], ids=["text", "header", "list", "object"]
)
@pytest.mark.parametrize(
    "keys", [WHOLE, SELECT, {"type": "date"}, {"type": "email"}, {"maxLength": 3}, {"type": "password"}]
)
def test_a_misplaced_token_is_not_repeated(keys: dict[str, Any], value: object) -> None:
    problem = _problem(_inputs(x=keys), {"x": value})
    assert TOKEN not in problem.message + (problem.hint or "")


_EARLY = "it ends too early; close it with ]"
_LIST = 'Give a list: repeat the name for each of its values, or in JSON ["…"].'


@pytest.mark.parametrize(
    ("keys", "value", "advice"),
    [
        ({**SELECT, "multiple": True}, "view,manage", "Repeat the name for each value: x=view x=manage."),
        ({"title": "X", "type": "daterange"}, '["2026-01-01"', f"It is not valid JSON: line 1, column 14: {_EARLY}."),
        ({**SELECT, "multiple": True}, "view,xxxxxx", _LIST),
        (DAYS, "never", "For never or none, give null: x=null."),
        (DAYS, "None", "For never or none, give null: x=null."),
        (DAYS, "30", "Give the number without quotes: 30."),
        (DAYS, "2026-12-31", "2026-12-31 is 364 days from today: give 364."),
        (DAYS, "2026-01-02T10:00", "2026-01-02 is 1 days from today: give 1."),
        (DAYS, "9999-12-31", "9999-12-31 is 2912442 days from today: give 2912442."),
        (DAYS, "2026-01-01", "2026-01-01 is not in the future."),
        (DAYS, "1999-01-01", "1999-01-01 is not in the future."),
        (DAYS, "30d", "Give the number of days without a unit, for example 30."),
        (DAYS, " 30 days", "Give the number of days without a unit, for example 30."),
        ({**WHOLE, "unit": "hours"}, "24h", "Give the number of hours without a unit, for example 24."),
    ],
)
def test_an_error_suggests_what_was_probably_meant(keys: dict[str, Any], value: str, advice: str) -> None:
    hint = _problem(_inputs(x=keys), {"x": value}).hint
    assert hint == f"{advice} Allowed: {describe_allowed(_input(**keys))}."


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (DAYS, "2026-99-99"),
        (DAYS, "soon"),
        (DAYS, ""),
        (DAYS, -1),
        (DAYS, True),
        (WHOLE, "never"),
        (WHOLE, "30d"),
        ({**SELECT, "multiple": True}, 5),
    ],
)
def test_an_error_without_a_likely_fix_suggests_none(keys: dict[str, Any], value: object) -> None:
    assert _problem(_inputs(x=keys), {"x": value}).hint == f"Allowed: {describe_allowed(_input(**keys))}."


def test_without_a_date_of_today_no_days_are_suggested() -> None:
    problem = _problem(_inputs(x=DAYS), {"x": "2026-12-31"}, today=None)
    assert problem.hint == "Allowed: a whole number of days, at least 1, or null."
    assert problem.message == '"2026-12-31" is not allowed'


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"type": "number"}, "a number"),
        ({"type": "number", "step": 0.1, "min": 0}, "a number, at least 0"),
        ({"type": "number", "step": 1.0}, "a whole number"),
        ({"type": "number", "step": 5, "max": 10}, "a whole number, at most 10"),
        ({"type": "number", "step": 1, "min": 0, "max": 9, "unit": "hours"}, "a whole number of hours from 0 to 9"),
        ({**DAYS}, "a whole number of days, at least 1, or null"),
        (SELECT, "one of the options (view, manage)"),
        ({**SELECT, "multiple": True}, "one or more options, as a list (view, manage)"),
        ({"type": "switch", "nullable": True}, "true or false, or null"),
        ({"type": "password"}, "a secret of printable ASCII characters, given as a Secret or a reference to its store"),
        ({"type": "date"}, "a date such as 2026-12-31"),
        ({"type": "datetime"}, "a time such as 2026-12-31T23:59:00Z"),
        ({"type": "daterange"}, "a list of two dates, the first not after the second"),
        (PERSON, "an object with name, age"),
        ({}, "a string"),
        ({"minLength": 2}, "a string of at least 2 characters"),
        ({"maxLength": 9}, "a string of at most 9 characters"),
        ({"minLength": 0, "maxLength": 9}, "a string of at most 9 characters"),
        ({"minLength": 2, "maxLength": 9}, "a string of 2 to 9 characters"),
        ({"type": "email", "maxLength": 9}, "an email address of at most 9 characters"),
        ({"type": "email"}, "an email address"),
    ],
)
def test_allowed_values_are_described(keys: dict[str, Any], words: str) -> None:
    assert describe_allowed(_input(**keys)) == words


@given(st.integers())
def test_a_whole_number_is_allowed_exactly_within_its_bounds(number: int) -> None:
    inputs = _inputs(x={"type": "number", "step": 1, "min": -5, "max": 5})
    if -5 <= number <= 5:
        assert inputs.check({"x": number}) == {"x": number}
    else:
        assert _problem(inputs, {"x": number}).hint == "Allowed: a whole number from -5 to 5."


@given(st.text())
def test_any_string_is_accepted_unchanged(value: str) -> None:
    assert _check({}, value) == value


@given(st.lists(st.sampled_from(["view", "manage"]), min_size=1))
def test_a_list_of_options_keeps_its_order_and_duplicates(options: list[str]) -> None:
    assert _check({**SELECT, "multiple": True, "required": True}, options) == options


@pytest.mark.parametrize("inputs", [{1: 2}, {"n\ud800": 1}, {"n": 1, 1: 2}], ids=str)
def test_an_input_whose_name_is_not_an_identifier_is_unknown(inputs: Any) -> None:
    number = {"n": {"title": "Count", "type": "number"}}
    with pytest.raises(InvalidError, match="unknown input"):
        compiled_action(number, body="{{ n }}").check(inputs)


def test_a_huge_number_is_refused_without_converting_it_to_text() -> None:
    number = {"n": {"title": "Count", "type": "number", "step": 1}}
    with pytest.raises(InvalidError, match="a very long number"):
        compiled_action(number, body="{{ n }}").check({"n": 10**5000})
    assert describe_value(10**5000) == "a very long number"


def problem_of(inputs: Any, values: Any) -> Any:
    with pytest.raises(InvalidError) as caught:
        compiled_action(inputs).check(values)
    return caught.value.problem


CHILDREN = {"role": {"title": "Role", "type": "select", "enum": ["admin"], "required": True}}


NESTED = {"o": {"title": "O", "type": "nested_object", "children": CHILDREN}}


@pytest.mark.parametrize(
    ("values", "field", "message", "hint"),
    [
        ({"o": {}}, "o.role", "is missing", "one of the options (admin)"),
        ({"o": {"role": "admni"}}, "o.role", '"admni" is not an option; did you mean admin?', "Allowed: admin."),
        ({"o": {"role": "admin", "rle": 1}}, "o.rle", "unknown input; did you mean role?", "Inputs: role."),
    ],
)
def test_an_error_in_an_object_has_its_dotted_name(values: Any, field: str, message: str, hint: str) -> None:
    problem = problem_of(NESTED, values)
    assert (problem.field, problem.message) == (field, message)
    assert hint in problem.hint


def test_a_secret_given_as_a_string_is_not_repeated() -> None:
    problem = problem_of({"key": {"title": "Key", "type": "password"}}, {"key": "plain"})
    assert "plain" not in problem.message


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ({"type": "daterange"}, ["2026-02-01", "20260101"]),
        ({"type": "daterange"}, ["2026-02-01", "2026-01-01"]),
        ({"type": "date"}, "20260101"),
        ({"type": "date"}, "2026-W01-1"),
        ({"type": "number", "step": 5}, 3),
        ({"type": "number", "min": 1, "step": 2}, 2),
        ({"type": "number", "step": 0.5}, 0.7),
        ({"type": "text", "multiple": True, "required": True}, []),
    ],
    ids=str,
)
def test_a_value_just_outside_of_what_is_allowed_is_invalid(field: Any, value: Any) -> None:
    assert problem_of({"x": {"title": "Field", **field}}, {"x": value}).field == "x"


def test_a_default_is_used_if_nothing_is_given() -> None:
    made = compiled_action({"x": {"title": "Field", "type": "number", "default": 3}}, body="{{ x }}")
    assert made.check({}) == {"x": 3}


def test_a_list_is_described_as_a_list() -> None:
    spec = compiled_action({"x": {"title": "Field", "type": "text", "multiple": True}}).spec
    assert describe_allowed(spec.inputs["x"]) == "a list, each a string"
