"""Odd responses: each of them once crashed, leaked or passed as something else."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat.engine.action import CompiledAction
from locoia_pat.http.exchange_types import Response
from locoia_pat.http.json_document import MAX_VALUES
from locoia_pat.http.retry import parse_http_date
from locoia_pat.outcomes import Outcome
from locoia_pat.response.outputs import MAX_STRING, extract_outputs
from locoia_pat.secrets.secret import Secret
from locoia_pat.spec.parse import parse_action
from tests.support.cells import cell
from tests.support.compiled_actions import NOW, classify, compiled_action

if TYPE_CHECKING:
    from locoia_pat.response.classify import ParsedResponse

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
    assert result.data == {"n": None}
    assert result.warnings == ('"n" is not a number in the response',)


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


STATUSES: dict[int, tuple[Outcome, Outcome, str | None]] = {
    200: (Outcome.DONE, Outcome.DONE, None),
    299: (Outcome.DONE, Outcome.DONE, None),
    300: (Outcome.UNKNOWN, Outcome.NOT_DONE, "redirects are not followed"),
    399: (Outcome.UNKNOWN, Outcome.NOT_DONE, "redirects are not followed"),
    400: (Outcome.REFUSED, Outcome.REFUSED, "the API answered 400: no"),
    407: (Outcome.REFUSED, Outcome.REFUSED, "the API answered 407: no"),
    408: (Outcome.UNKNOWN, Outcome.NOT_DONE, "the API answered 408: no"),
    409: (Outcome.REFUSED, Outcome.REFUSED, "the API answered 409: no"),
    428: (Outcome.REFUSED, Outcome.REFUSED, "the API answered 428: no"),
    429: (Outcome.NOT_DONE, Outcome.NOT_DONE, "the API answered 429: no"),
    430: (Outcome.REFUSED, Outcome.REFUSED, "the API answered 430: no"),
    499: (Outcome.REFUSED, Outcome.REFUSED, "the API answered 499: no"),
    500: (Outcome.UNKNOWN, Outcome.NOT_DONE, "the API answered 500: no"),
    599: (Outcome.UNKNOWN, Outcome.NOT_DONE, "the API answered 599: no"),
}


def test_the_outcome_changes_exactly_at_the_bounds_of_each_class_of_statuses() -> None:
    for status, (created, read, message) in STATUSES.items():
        for effect, outcome in (("create", created), ("read", read)):
            with cell(status, effect):
                reply = Response(status, {}, Secret('{"message": "no", "id": "1"}'))
                result = compiled_action(effect=effect).classify(reply, {}, NOW)
                assert result.outcome is outcome
                if result.problem is None:
                    assert result.data == {"id": "1"}
                    documented = f"the API answered {status}, where 200 is documented"
                    assert result.warnings == (() if status == 200 else (documented,))
                else:
                    assert message is not None
                    assert message in result.problem.message
                    assert result.problem.status == status
                    assert ("redirects" in result.problem.message) is (300 <= status < 400)


def test_an_error_inside_a_success_is_a_refusal_exactly_from_400_to_499() -> None:
    for status, code in {399: "unavailable", 400: "validation", 403: "forbidden", 499: "validation"}.items():
        body = {"status": status, "error": "e", "message": "no", "id": "1"}
        with cell(status):
            reply = Response(200, {}, Secret(json.dumps(body)))
            created = compiled_action().classify(reply, {}, NOW)
            read = compiled_action(effect="read").classify(reply, {}, NOW)
            assert created.outcome is (Outcome.UNKNOWN if status == 399 else Outcome.REFUSED)
            assert read.outcome is Outcome.REFUSED
            assert read.problem is not None
            assert created.problem is not None
            assert (read.problem.code, read.problem.status, read.problem.message) == (code, status, "no")
            assert (created.problem.status, created.problem.message) == (200 if status == 399 else status, "no")


def test_a_success_without_its_outputs_is_no_success() -> None:
    for effect, outcome in (("create", Outcome.UNKNOWN), ("read", Outcome.NOT_DONE)):
        for body, reason in (("[1]", "the response has no object"), ("", "the response is not JSON")):
            with cell(effect, body):
                result = compiled_action(effect=effect).classify(Response(200, {}, Secret(body)), {}, NOW)
                assert (result.outcome, result.data) == (outcome, None)
                assert result.problem is not None
                assert result.problem.message == f"the API answered 200, but {reason}"


def test_numbers_of_any_kind_and_strings_of_any_length_end_as_json_can_hold_them() -> None:
    output = {name: {"type": kind, "nullable": True} for name, kind in (("n", "number"), ("t", "text"), ("j", "json"))}
    long = "x" * (MAX_STRING + 1)
    for value, read in (
        (math.nan, (None, None, None)),
        (-math.inf, (None, None, None)),
        ("x" * MAX_STRING, (None, "x" * MAX_STRING, "x" * MAX_STRING)),
        (long, (None, None, None)),
    ):
        with cell(str(value)[:20], len(str(value))):
            result = classify(output, json.dumps({"n": value, "t": value, "j": value}))
            assert tuple(result.data.values()) == read
            assert any('"n" ' in warning for warning in result.warnings)
    nested = classify(output, {"j": {"a": [long, 1], long: 2}})
    assert nested.data["j"] == {"a": [None, 1]}


def test_an_error_with_more_secrets_than_can_be_searched_shows_no_message() -> None:
    for count, message in ((100, "the API answered 422: bad"), (101, "the API answered 422")):
        body = [{"message": "bad"}, *({"token": f"{TOKEN}{n}"} for n in range(count))]
        reply = Response(422, {}, Secret(json.dumps(body)))
        problem = compiled_action(output=SECRET_OUTPUT).classify(reply, {}, NOW).problem
        assert problem is not None
        assert problem.message == message


def test_rows_have_a_limit_for_all_their_values() -> None:
    output = {"a": {"type": "text"}, "b": {"type": "text"}}
    action = compiled_action(output=output, effect="read", rows="rows")
    for count, outcome in ((1000, Outcome.DONE), (MAX_VALUES // 2 + 1, Outcome.NOT_DONE)):
        result = extract_outputs(action.spec, [{}] * count, {}, NOW)
        assert isinstance(result, str) is (outcome is Outcome.NOT_DONE)
    assert result == f"the response has more than {MAX_VALUES} values of rows"


def test_a_failure_inside_a_200_is_not_done_in_the_forms_of_many_apis() -> None:
    refusals: list[tuple[object, str, str, str]] = [
        ({"ok": False, "error": "token_revoked"}, "refused", "unavailable", "token_revoked"),
        ({"ok": False, "message": "no such token"}, "refused", "unavailable", "no such token"),
        *[({"status": status, "message": "no such token"}, "refused", "unavailable", "no such token")
          for status in ("error", "fail", "Failed", "failure")],
        ({"success": False, "errors": [{"code": 1003, "message": "no such token"}], "result": None},
         "refused", "unavailable", "no such token"),
        ({"data": None, "errors": [{"message": "not authorised"}]}, "refused", "unavailable", "not authorised"),
        ({"error": {"code": 190, "message": "no such token"}}, "refused", "unavailable", "no such token"),
        ({"error": {"code": 403, "message": "not yours"}}, "refused", "forbidden", "not yours"),
        ({"status": "error", "message": "no such token"}, "refused", "unavailable", "no such token"),
        ({"status": "FAIL", "data": {"title": "is needed"}}, "refused", "unavailable", "is needed"),
        ({"error": "invalid_grant", "error_description": "gone"}, "refused", "unavailable", "gone"),
        ({"statusCode": 404, "error": "Not Found", "message": "gone"}, "refused", "not_found", "gone"),
        ({"errors": {"name": ["is taken"]}, "status": 422}, "refused", "validation", "is taken"),
    ]  # fmt: skip
    for body, read, code, words in refusals:
        for effect in ("read", "update", "delete"):
            result = judge(body, effect=effect)
            certain = effect == "read" or code != "unavailable"
            assert result.outcome == (read if certain else "unknown"), (body, effect)
            assert result.problem is not None
            assert result.problem.code == (code if certain else "unknown"), (body, effect)
            assert words in result.problem.message, (body, effect)
    for body in (
        {"ok": True}, {"ok": None}, {"success": True, "errors": [], "error": None}, {"error": "", "errors": {}},
        {"status": "active"}, {"status": 200, "message": "gone"}, {"errors": 0, "ok": 0}, [], "x", {"error": 0},
    ):  # fmt: skip
        assert judge(body).outcome is Outcome.DONE, body
        assert judge(body, effect="delete").outcome is Outcome.DONE, body


def test_a_key_that_is_an_output_is_not_taken_for_a_failure() -> None:
    outputs = {name: {"type": "json", "nullable": True} for name in ("ok", "errors", "state")}
    outputs["state"]["from"] = "status"
    body = {"ok": False, "errors": [1], "status": "failed"}
    result = judge(body, output=outputs)
    assert result.data == {"ok": False, "errors": [1], "state": "failed"}


def test_a_token_in_a_response_that_names_an_error_is_kept_unless_it_is_a_refusal() -> None:
    result = classify(SECRET_OUTPUT, {"token": TOKEN, "ends": None, "error": "mail was not sent"})
    assert (result.outcome, result.secrets) == (Outcome.DONE, {"token": Secret(TOKEN)})
    assert result.warnings == ("the response has a token, and an error too: mail was not sent",)
    refused = classify(SECRET_OUTPUT, {"token": TOKEN, "status": 403, "error": "no"})
    assert (refused.outcome, refused.secrets) == (Outcome.REFUSED, {})


def test_ok_when_says_what_a_success_has() -> None:
    for conditions, good, bad in (
        ({"ok": True}, {"ok": True, "error": "a note"}, {"ok": "true"}),
        ({"result.code": 0}, {"result": {"code": 0}}, {"result": {"code": 7, "message": "no"}}),
        ({"code": 0}, {"code": 0}, {"code": False}),
        ({"errors": None}, {"errors": []}, {"errors": ["no"]}),
        ({"errors": None}, {"data": 1}, {"errors": {"a": 1}}),
        ({"state": "ready", "id": "7"}, {"state": "ready", "id": "7"}, {"state": "ready", "id": "8"}),
        ({"user": {"not": None}}, {"user": "ann"}, {"user": ""}),
        ({"user": {"not": [None, "guest"]}}, {"user": "ann"}, {"user": "guest"}),
        ({"state": {"is": ["ready", None]}}, {}, {"state": "gone"}),
        (
            {"checks[name=auth].ok": True},
            {"checks": [{"name": "auth", "ok": True}]},
            {"checks": [{"name": "a", "ok": True}]},
        ),
    ):
        assert judge(good, ok_when=conditions).outcome is Outcome.DONE, good
        for effect in ("read", "delete"):
            result = judge(bad, ok_when=conditions, effect=effect)
            assert result.outcome is Outcome.REFUSED, (bad, effect)
            assert result.problem is not None
            assert result.problem.status == 400
    missing = judge({}, ok_when={"username": "ann"})
    assert missing.problem is not None
    assert missing.problem.message == 'an error inside a successful response: "username" is not as in a success'


def judge(body: object, *, effect: str = "read", **reply: Any) -> ParsedResponse:
    """Return what *body* with status 200 means to an action of that *effect*."""
    spec = {
        "spec": 1, "action": "act", "title": "Act", "summary": "Act.", "effect": effect,
        "request": {"method": {"read": "GET", "update": "PATCH"}.get(effect, "DELETE"), "path": "/x"},
        "reply": {"ok": [200], "output": {}, **reply},
    }  # fmt: skip
    action = CompiledAction(parse_action(json.dumps(spec), "act.yaml"))
    return action.classify(Response(200, {}, Secret(json.dumps(body))), {}, NOW)
