"""Odd responses: each of them once crashed, leaked or passed as something else."""

from __future__ import annotations

import json

import pytest

from locoia_pat.http.exchange_types import Response
from locoia_pat.http.retry import parse_http_date
from locoia_pat.outcomes import Outcome
from locoia_pat.secrets.secret import Secret
from tests.support.compiled_actions import NOW, classify, compiled_action

TOKEN = "fake-minted-token-0123456789abcdef"

SECRET_OUTPUT = {"token": {"type": "text", "secret": "once"}, "ends": {"type": "datetime", "nullable": True}}


@pytest.mark.parametrize(
    "date",
    [
        "Fri, 31 Dec 9999 23:59:59 -2359",
        "Wed, 21 Oct 2015 07:28:00 +99999999999999999999",
        "Wed, 21 Oct 2015 99999999999:28:00 GMT",
    ],
)
def test_a_date_header_out_of_range_is_ignored_and_the_token_is_read(date: str) -> None:
    assert parse_http_date(date) is None
    result = classify(SECRET_OUTPUT, {"token": TOKEN}, {"date": date})
    assert result.secrets["token"] == Secret(TOKEN)


@pytest.mark.parametrize("ends", ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59"])
def test_a_time_that_cannot_be_converted_to_utc_is_null_and_kept_as_raw(ends: str) -> None:
    result = classify(SECRET_OUTPUT, {"token": TOKEN, "ends": ends})
    assert result.data == {"ends": None, "ends_raw": ends}
    assert result.secrets["token"] == Secret(TOKEN)


def test_a_token_that_is_repeated_in_other_outputs_is_masked() -> None:
    output = {
        "token": {"type": "text", "secret": "once"},
        "note": {"type": "text"},
        "all": {"type": "text", "multiple": True},
    }
    result = classify(output, {"token": TOKEN, "note": f"use {TOKEN}", "all": [TOKEN]})
    assert result.data == {"note": "use «secret»", "all": ["«secret»"]}


def test_a_boolean_is_not_read_as_a_number_or_text() -> None:
    result = classify({"n": {"type": "number"}, "t": {"type": "text"}}, {"n": True, "t": True})
    assert result.data == {"n": None, "t": None}
    assert len(result.warnings) == 2


@pytest.mark.parametrize("body", ['{"n": NaN}', '{"n": Infinity}', '{"n": 1e999}'])
def test_numbers_that_are_not_finite_are_never_in_the_data(body: str) -> None:
    result = classify({"n": {"type": "number"}}, body)
    assert result.outcome is Outcome.UNKNOWN or result.data == {"n": None}


def test_days_until_can_be_declared_before_the_datetime() -> None:
    output = {"days": {"type": "number", "days_until": "ends"}, "ends": {"type": "datetime"}}
    result = classify(output, {"ends": "2030-01-08T00:00:00Z"})
    assert list(result.data.items()) == [("days", 7), ("ends", "2030-01-08T00:00:00Z")]


def test_the_field_of_an_error_is_the_last_string_of_its_location() -> None:
    reply = Response(422, {}, Secret(json.dumps({"detail": [{"loc": ["body", "scopes", 0], "msg": "bad"}]})))
    scopes = {"scopes": {"title": "Scopes", "type": "text"}}
    problem = compiled_action(scopes, body="{{ scopes }}").classify(reply, {}, NOW).problem
    assert problem is not None
    assert problem.field == "scopes"


def test_a_json_output_has_no_secret_no_infinity_and_limited_depth() -> None:
    deep = "[" * 70 + "]" * 70
    body = f'{{"token": "{TOKEN}", "any": {{"token": "{TOKEN}", "n": [1e999, 1.5, null], "deep": {deep}}}}}'
    result = classify({"token": {"type": "text", "secret": "once"}, "any": {"type": "json"}}, body)
    assert result.secrets["token"] == Secret(TOKEN)
    assert result.data["any"]["token"] == "«secret»"
    assert result.data["any"]["n"] == [None, 1.5, None]
    assert json.dumps(result.data).count("[") == 1 + 63
