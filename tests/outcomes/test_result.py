"""What an action returns for every outcome, and its envelope."""

from __future__ import annotations

import base64
import copy
import dataclasses
import json
import pickle
from functools import partial
from typing import TYPE_CHECKING

import pytest

from locoia_pat.outcomes import (
    ConnectorError,
    InvalidError,
    NotDoneError,
    NotStoredError,
    Outcome,
    Problem,
    RefusedError,
    Result,
    UnknownOutcomeError,
    invalid,
)
from locoia_pat.secrets.secret import MASK, CopiedSecret, Secret

if TYPE_CHECKING:
    from collections.abc import Callable

TOKEN = "t0ken-t0ken-t0ken-t0ken"
DONE = Result(
    "create_pat",
    Outcome.DONE,
    api="https://api.locoia.com/v1",
    attempts=1,
    data={"id": "1"},
    secrets={"token": Secret(TOKEN)},
)


def test_the_envelope_of_what_is_done_has_data_and_no_error() -> None:
    assert DONE.to_dict() == {
        "v": 1,
        "action": "create_pat",
        "api": "https://api.locoia.com/v1",
        "outcome": "done",
        "attempts": 1,
        "warnings": [],
        "data": {"id": "1"},
    }


def test_the_envelope_of_what_failed_has_an_error_and_no_data() -> None:
    problem = Problem("forbidden", "no", 403)
    envelope = Result("list_pats", Outcome.REFUSED, problem=problem).to_dict()
    assert envelope == {
        "v": 1,
        "action": "list_pats",
        "api": None,
        "outcome": "refused",
        "attempts": 0,
        "warnings": [],
        "error": {"code": "forbidden", "message": "no", "status": 403, "field": None, "hint": None, "next": None},
    }


def test_the_envelope_keeps_empty_data() -> None:
    assert Result("list_pats", Outcome.DONE, data={}).to_dict()["data"] == {}


@pytest.mark.parametrize(
    ("refs", "named"),
    [
        ((), {}),
        (("file:/a",), {"token_ref": "file:/a"}),
        (("file:/a", "file:/b"), {"token_ref": "file:/a", "token_refs": ["file:/a", "file:/b"]}),
    ],
    ids=["none", "one", "two"],
)
def test_the_envelope_names_the_first_place_and_all_where_there_are_more(
    refs: tuple[str, ...], named: dict[str, object]
) -> None:
    envelope = Result("create_pat", Outcome.DONE, token_refs=refs).to_dict()
    assert {key: value for key, value in envelope.items() if key.startswith("token")} == named


def test_no_token_is_in_the_envelope_or_in_the_repr() -> None:
    assert TOKEN not in json.dumps(DONE.to_dict())
    assert TOKEN not in repr(DONE)
    assert MASK in repr(DONE)


def test_the_token_is_the_secret_that_was_minted() -> None:
    assert DONE.token == Secret(TOKEN)
    assert Result("list_pats", Outcome.DONE).token is None


def test_warnings_are_added_behind_and_the_result_stays() -> None:
    first = DONE.with_warnings("one")
    assert first.with_warnings("two", "three").to_dict()["warnings"] == ["one", "two", "three"]
    assert first.warnings == ("one",)
    assert DONE.warnings == ()
    assert DONE.with_warnings() == DONE


@pytest.mark.parametrize(
    ("outcome", "kind", "code"),
    [
        (Outcome.INVALID, InvalidError, 2),
        (Outcome.REFUSED, RefusedError, 3),
        (Outcome.NOT_DONE, NotDoneError, 4),
        (Outcome.UNKNOWN, UnknownOutcomeError, 5),
        (Outcome.NOT_STORED, NotStoredError, 6),
    ],
)
def test_each_outcome_but_done_raises_its_class_with_the_result(
    outcome: Outcome, kind: type[ConnectorError], code: int
) -> None:
    result = Result("create_pat", outcome, problem=Problem("unknown", "why"))
    assert result.exit_code == code
    with pytest.raises(ConnectorError) as caught:
        result.raise_for_outcome()
    assert type(caught.value) is kind
    assert caught.value.result is result
    assert caught.value.problem is result.problem


def test_what_is_done_raises_nothing() -> None:
    assert DONE.raise_for_outcome() is DONE
    assert DONE.exit_code == 0


def test_an_error_before_anything_was_sent_is_a_result_of_no_attempts() -> None:
    error = invalid("is missing", field="note")
    assert Result.from_error("create_pat", error, api="https://x") == Result(
        "create_pat", Outcome.INVALID, api="https://x", problem=error.problem
    )


def through_pickle(protocol: int, value: Result) -> Result:
    back = pickle.loads(pickle.dumps(value, protocol))  # noqa: S301  # our own bytes
    assert isinstance(back, Result)
    return back


WAYS: dict[str, Callable[[Result], Result]] = {
    **{f"pickle {number}": partial(through_pickle, number) for number in range(pickle.HIGHEST_PROTOCOL + 1)},
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}


def test_a_copy_of_a_result_has_no_token_and_says_where_it_is_stored() -> None:
    for refs in ((), ("file:/a", "keyring:b/c")):
        for name, way in WAYS.items():
            result = dataclasses.replace(DONE, token_refs=refs)
            back = way(way(result))
            envelope = result.to_dict()
            if not refs:
                envelope["warnings"] = [back.warnings[-1]]
                assert "name one in token_to" in back.warnings[-1], name
            assert back.to_dict() == envelope, name
            assert back.token is not None
            assert (refs[0] if refs else "no token store") in str(reveal_error(back.token)), name
            assert (repr(back.token), str(back.token)) == (
                f"Secret(stored in {', '.join(refs)})" if refs else f"Secret({MASK})",
                MASK,
            )
            assert back.token != DONE.token
            assert (back.token == CopiedSecret(refs), back == way(result)) == (True, True), name
            assert result.token is not None
            assert result.token.reveal() == TOKEN
    for form in (TOKEN, base64.b64encode(TOKEN.encode()).decode()):
        assert form.encode() not in pickle.dumps(DONE)
    assert DONE.__json__() == DONE.to_dict()


def reveal_error(secret: Secret) -> InvalidError:
    with pytest.raises(InvalidError) as caught:
        secret.reveal()
    return caught.value
