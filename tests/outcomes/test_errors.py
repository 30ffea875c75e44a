"""What can go wrong, as the caller can react to it."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locoia_pat.messages import describe_value, did_you_mean
from locoia_pat.outcomes import (
    ConnectorError,
    Finding,
    InvalidError,
    NotDoneError,
    NotStoredError,
    Outcome,
    Problem,
    RefusedError,
    SpecError,
    UnknownOutcomeError,
    invalid,
)
from locoia_pat.secrets.secret import Secret
from tests.support.cells import cell


@pytest.mark.parametrize(
    ("outcome", "code"),
    [("done", 0), ("invalid", 2), ("refused", 3), ("not_done", 4), ("unknown", 5), ("not_stored", 6)],
)
def test_each_outcome_has_its_exit_code(outcome: str, code: int) -> None:
    assert Outcome(outcome).exit_code == code


def test_only_what_was_not_done_is_safe_to_retry() -> None:
    assert [outcome for outcome in Outcome if outcome.safe_to_retry] == [Outcome.NOT_DONE]


def test_each_outcome_but_done_has_one_class_of_its_own() -> None:
    classes = [InvalidError, RefusedError, NotDoneError, UnknownOutcomeError, NotStoredError]
    assert [kind.outcome for kind in classes] == [outcome for outcome in Outcome if outcome is not Outcome.DONE]
    assert all(issubclass(kind, ConnectorError) for kind in classes)
    assert issubclass(SpecError, InvalidError)


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem("validation", "is missing"), "is missing"),
        (Problem("validation", "is missing", field="note"), "note: is missing"),
        (Problem("validation", "is missing", field="note", hint="Give one."), "note: is missing\nGive one."),
    ],
    ids=["message", "field", "hint"],
)
def test_an_error_reads_as_field_message_and_hint(problem: Problem, text: str) -> None:
    assert str(InvalidError(problem)) == text


def test_the_error_of_the_envelope_has_all_its_keys() -> None:
    assert Problem("conflict", "taken", 409, next="locoia-pat actions").to_dict() == {
        "code": "conflict",
        "message": "taken",
        "status": 409,
        "field": None,
        "hint": None,
        "next": "locoia-pat actions",
    }


def test_invalid_makes_an_error_for_a_field() -> None:
    error = invalid("is wrong", field="a", hint="b", next="c")
    assert error.problem == Problem("validation", "is wrong", field="a", hint="b", next="c")
    assert error.result is None


@pytest.mark.parametrize("kind", [InvalidError, RefusedError, NotDoneError, UnknownOutcomeError, NotStoredError])
def test_an_error_travels_through_pickle(kind: type[ConnectorError]) -> None:
    problem = Problem("unknown", "lost", field="x")
    copied = pickle.loads(pickle.dumps(kind(problem)))  # noqa: S301  # our own bytes
    assert type(copied) is kind
    assert copied.problem == problem


def test_a_spec_error_travels_through_pickle_with_its_findings() -> None:
    findings = (Finding("a.yaml", 1, 2, "yaml", "one"), Finding("a.yaml", 3, 1, "bad-name", "two"))
    copied = pickle.loads(pickle.dumps(SpecError(findings)))  # noqa: S301  # our own bytes
    assert copied.findings == findings
    assert copied.outcome is Outcome.INVALID


def test_a_spec_error_tells_its_findings_in_the_order_of_the_file() -> None:
    error = SpecError(
        [
            Finding("a.yaml", 10, 1, "bad-value", "late"),
            Finding("a.yaml", 2, 9, "bad-name", "b"),
            Finding("a.yaml", 2, 3, "yaml", "a"),
            Finding("a.yaml", 2, 9, "bad-name", "b"),
        ]
    )
    assert str(error) == "a.yaml:2:3: yaml a\na.yaml:2:9: bad-name b\na.yaml:10:1: bad-value late"
    assert error.problem.code == "validation"


@pytest.mark.parametrize(
    ("word", "known", "hint"),
    [
        ("scope", ["scopes", "note"], "; did you mean scopes?"),
        ("colour", ["scopes"], ""),
        ("x", [], ""),
        ("", ["scopes"], ""),
    ],
)
def test_a_near_miss_is_told_and_nothing_else(word: str, known: list[str], hint: str) -> None:
    assert did_you_mean(word, known) == hint


def test_a_message_shows_short_plain_values_and_others_by_their_kind() -> None:
    for value, text in [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-1.5, "-1.5"),
        (float("nan"), "nan"),
        (10**39, "1" + "0" * 39),
        (10**40, "a very long number"),
        ("", '""'),
        ("CI bot", '"CI bot"'),
        ("2026-12-31", '"2026-12-31"'),
        ("automation:webhook_run", '"automation:webhook_run"'),
        ("é" * 40, '"' + "é" * 40 + '"'),
        ("6f9619ff-8b86-d011-b42d-00cf4fc964ff", '"6f9619ff-8b86-d011-b42d-00cf4fc964ff"'),
        ("6f9619ff-8b86-d011-b42d-00cf4fc964ff0", "a 37-character string"),
        ("x" * 41, "a 41-character string"),
        ("0123456789abcdef", "a 16-character string"),
        ("a 0123456789abcdef", "a 18-character string"),
        ("line\nbreak", "a 10-character string"),
        ('quo"te', "a 6-character string"),
        ("\u202e", "a 1-character string"),
        ("\ud800", "a 1-character string"),
        ([], "an empty list"),
        ([1], "a list"),
        ({}, "an object"),
        ({"a": 1}, "an object"),
        (b"x", "a bytes"),
        (Secret("x"), "a Secret"),
    ]:
        with cell(value, text):
            assert describe_value(value) == text


@given(
    token=st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), min_size=16).filter(
        lambda text: any(c.isdigit() for c in text) and any(c.isalpha() for c in text)
    ),
    around=st.sampled_from(["", "Bearer ", "token: "]),
)
def test_a_message_never_shows_what_looks_like_a_token(token: str, around: str) -> None:
    assert describe_value(around + token) == f"a {len(around + token)}-character string"
