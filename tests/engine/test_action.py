"""The core: spec and inputs make a request, an answer makes an outcome."""

from __future__ import annotations

import base64
import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locoia_pat.engine.action import AuthHeader, CompiledAction
from locoia_pat.http.exchange_types import Response, TransportError
from locoia_pat.outcomes import InvalidError, Outcome, Problem, SpecError
from locoia_pat.request.template.compiler import structure
from locoia_pat.secrets.secret import Secret
from locoia_pat.spec.load import SpecFolder
from locoia_pat.spec.parse import parse_action, parse_connector
from tests.support.cells import cell
from tests.support.compiled_actions import authorization

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locoia_pat.response.classify import ParsedResponse

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
BASE = "https://api.locoia.com/v1"
TOKEN = "t0ken-t0ken-t0ken-t0ken"
INPUTS = {"expiration": 30, "scopes": ["automation:view"], "note": "CI"}
BODY = {
    "id": "1",
    "token": TOKEN,
    "expiration": "2026-01-31T00:00:00Z",
    "note": "CI",
    "last_used": None,
    "scopes": ["automation:view"],
}

FOLDER = SpecFolder()
CREATE = CompiledAction(FOLDER.action("create_pat"))
LIST = CompiledAction(FOLDER.action("list_pats"))
REGENERATE = CompiledAction(FOLDER.action("regenerate_pat"))

SEALED = CompiledAction(
    parse_action(
        """\
spec: 1
action: connect
title: Connect
summary: Store a credential.
effect: create
inputs:
  auth_token: {title: Token, type: password, required: true}
  options: {title: Options, type: nested_object, children: {retries: {title: Retries, type: number, step: 1}}}
request:
  method: PUT
  path: /connect
  body: {auth: {header: "Bearer {{ auth_token }}", raw: "{{ auth_token }}"}, options: "{{ options }}"}
reply: {ok: [204], output: {}}
""",
        "connect.yaml",
    )
)


def _reply(status: int, body: object = None, headers: Mapping[str, str] | None = None) -> Response:
    return Response(status, headers or {}, Secret(body if isinstance(body, str) else json.dumps(body)))


def _judge(
    action: CompiledAction, status: int, body: object = None, headers: Mapping[str, str] | None = None
) -> ParsedResponse:
    return action.classify(_reply(status, body, headers), INPUTS, NOW)


def _problem(verdict: ParsedResponse) -> Problem:
    assert verdict.problem is not None
    assert verdict.data is None
    assert not verdict.secrets
    return verdict.problem


def test_a_request_is_made_of_the_spec_and_the_inputs() -> None:
    request = CREATE.request(CREATE.check(INPUTS), BASE)
    assert (request.method, request.url) == ("POST", BASE + "/personal-access-tokens")
    assert request.content is not None
    assert json.loads(request.content.reveal()) == INPUTS
    assert dict(request.headers) == {"accept": "application/json", "content-type": "application/json"}


def test_null_stays_null_in_the_request() -> None:
    request = CREATE.request(CREATE.check({**INPUTS, "expiration": None, "note": "null"}), BASE)
    assert request.content is not None
    assert json.loads(request.content.reveal()) == {**INPUTS, "expiration": None, "note": "null"}


def test_a_request_without_a_body_has_no_content() -> None:
    request = LIST.request(LIST.check({}), BASE)
    assert (request.method, request.url, request.content) == ("GET", BASE + "/personal-access-tokens", None)
    assert dict(request.headers) == {"accept": "application/json"}


def test_an_input_stays_in_its_segment_of_the_path() -> None:
    request = REGENERATE.request(REGENERATE.check({"token_id": "../a?b", "expiration": 1}), BASE)
    assert request.url == BASE + "/personal-access-tokens/..%2Fa%3Fb/regenerate"


@pytest.mark.parametrize("token_id", [".", ".."])
def test_an_id_that_leads_elsewhere_is_invalid(token_id: str) -> None:
    with pytest.raises(InvalidError) as caught:
        REGENERATE.request(REGENERATE.check({"token_id": token_id, "expiration": 1}), BASE)
    assert caught.value.problem.field == "token_id"


def test_a_secret_input_is_in_the_body_and_nowhere_else() -> None:
    request = SEALED.request(SEALED.check({"auth_token": Secret(TOKEN), "options": {"retries": 3}}), BASE)
    assert request.content is not None
    assert json.loads(request.content.reveal()) == {
        "auth": {"header": f"Bearer {TOKEN}", "raw": TOKEN},
        "options": {"retries": 3},
    }
    assert TOKEN not in repr(request)


@given(st.text())
def test_any_note_arrives_as_it_was_given(note: str) -> None:
    request = CREATE.request({**INPUTS, "note": note}, BASE)
    assert request.content is not None
    assert json.loads(request.content.reveal())["note"] == note


def test_the_inputs_of_an_action_are_checked() -> None:
    with pytest.raises(InvalidError) as caught:
        CREATE.check({**INPUTS, "expiration": "2026-12-31"}, today=NOW.date())
    assert caught.value.problem.field == "expiration"
    assert "364 days" in str(caught.value)


def test_unknown_options_pass_only_where_the_caller_says_so() -> None:
    inputs = {**INPUTS, "scopes": ["brand_new"]}
    assert CompiledAction(CREATE.spec, any_option=["scopes"]).check(inputs) == inputs
    with pytest.raises(InvalidError, match="brand_new"):
        CREATE.check(inputs)


@pytest.mark.parametrize(
    ("data", "inputs"),
    [
        ({"id": "7"}, {"token_id": "7", "expiration": 1}),
        ({"id": None}, None),
        ({}, None),
    ],
    ids=["id", "null", "no id"],
)
def test_a_token_with_an_id_can_be_revoked(data: dict[str, Any], inputs: dict[str, Any] | None) -> None:
    assert CREATE.revoke_inputs(data) == inputs


def test_without_a_way_to_revoke_there_are_no_inputs_for_it() -> None:
    assert LIST.revoke_inputs({"id": "7"}) is None


def test_a_revoke_that_cannot_be_said_is_none() -> None:
    text = (
        "spec: 1\naction: make\ntitle: Make\nsummary: Make it.\neffect: create\n"
        'revoke: {action: drop, inputs: {name: "key-{{ name }}"}}\n'
        "request: {method: POST, path: /keys}\n"
        "reply: {ok: [200], output: {id: {type: text}, name: {type: text, nullable: true},"
        " key: {type: text, secret: once}}}\n"
    )
    action = CompiledAction(parse_action(text, "make.yaml"))
    assert action.revoke_inputs({"id": "7", "name": "x"}) == {"name": "key-x"}
    assert action.revoke_inputs({"id": "7", "name": None}) is None


def test_a_whole_answer_is_done_with_the_token_apart() -> None:
    verdict = _judge(CREATE, 201, BODY)
    assert verdict.outcome is Outcome.DONE
    assert verdict.problem is None
    assert verdict.warnings == ()
    assert verdict.data == {
        "id": "1",
        "expiration": "2026-01-31T00:00:00Z",
        "expires_in_days": 30,
        "note": "CI",
        "last_used": None,
        "scopes": ["automation:view"],
    }
    assert verdict.secrets == {"token": Secret(TOKEN)}
    assert TOKEN not in repr(verdict)


def test_now_is_the_time_of_the_server() -> None:
    verdict = _judge(CREATE, 201, BODY, {"date": "Wed, 21 Jan 2026 00:00:00 GMT"})
    assert verdict.data is not None
    assert verdict.data["expires_in_days"] == 10


def test_another_success_than_the_documented_is_done_with_a_warning() -> None:
    verdict = _judge(CREATE, 202, BODY)
    assert verdict.outcome is Outcome.DONE
    assert verdict.warnings == ("the API answered 202, where 200 or 201 is documented",)


def test_warnings_of_the_answer_come_first() -> None:
    verdict = _judge(CREATE, 202, {**BODY, "note": None})
    assert verdict.warnings == ('the response has no "note"', "the API answered 202, where 200 or 201 is documented")


@pytest.mark.parametrize(
    "body", ["", "not json", f'{{"token": "{TOKEN}"', {}, {"token": "short"}, [], None, 5, {"data": None}]
)
@pytest.mark.parametrize("status", [200, 201, 204])
def test_a_success_without_a_usable_token_may_have_happened(status: int, body: object) -> None:
    verdict = _judge(CREATE, status, body)
    problem = _problem(verdict)
    assert (verdict.outcome, problem.code, problem.status) == (Outcome.UNKNOWN, "unknown", status)
    assert problem.next == "locoia-pat run list_pats"
    assert TOKEN not in problem.message


@pytest.mark.parametrize("body", ["", "not json", {}, {"tokens": "x"}, None])
def test_a_read_of_no_use_did_not_happen(body: object) -> None:
    verdict = _judge(LIST, 200, body)
    problem = _problem(verdict)
    assert (verdict.outcome, problem.code, problem.status) == (Outcome.NOT_DONE, "unavailable", 200)
    assert problem.hint == "It is safe to retry."


REFUSALS = [
    (400, "validation"),
    (401, "unauthorized"),
    (402, "forbidden"),
    (403, "forbidden"),
    (404, "not_found"),
    (405, "not_found"),
    (409, "conflict"),
    (410, "not_found"),
    (412, "conflict"),
    (418, "validation"),
    (422, "validation"),
    (423, "conflict"),
    (451, "forbidden"),
    (499, "validation"),
]


@pytest.mark.parametrize("action", [CREATE, LIST, REGENERATE], ids=["create", "read", "rotate"])
@pytest.mark.parametrize(("status", "code"), REFUSALS)
def test_an_answer_in_the_400s_is_a_refusal(action: CompiledAction, status: int, code: str) -> None:
    verdict = _judge(action, status, {"message": "because"})
    problem = _problem(verdict)
    assert (verdict.outcome, problem.code, problem.status) == (Outcome.REFUSED, code, status)
    assert problem.message == f"the API answered {status}: because"
    assert problem.next is None


def test_an_answer_that_tells_nothing_is_unknown_for_an_effect_and_not_done_for_a_read() -> None:
    for status in [100, 300, 301, 302, 304, 307, 408, 500, 502, 503, 504, 599, 600]:
        with cell(status):
            for action in (CREATE, REGENERATE):
                verdict = _judge(action, status, "<title>Oops</title>", {"retry-after": "5"})
                problem = _problem(verdict)
                assert (verdict.outcome, problem.code, problem.status) == (Outcome.UNKNOWN, "unknown", status)
                assert problem.message.startswith(f"the API answered {status}: Oops")
                assert problem.hint is not None
                assert "may have succeeded. Check" in problem.hint
                assert problem.next == "locoia-pat run list_pats"
            verdict = _judge(LIST, status)
            problem = _problem(verdict)
            assert (verdict.outcome, problem.code, problem.status) == (Outcome.NOT_DONE, "unavailable", status)


@pytest.mark.parametrize("action", [CREATE, LIST], ids=["create", "read"])
def test_a_redirect_says_that_it_was_not_followed(action: CompiledAction) -> None:
    for status in (300, 302, 399):
        assert _problem(_judge(action, status)).message.endswith(
            "redirects are not followed, because the credential belongs to one host"
        )
    for status in (199, 408, 500):
        assert "redirect" not in _problem(_judge(action, status)).message


@pytest.mark.parametrize(
    ("headers", "hint"),
    [
        ({"retry-after": "90"}, "It asks to wait 90 s."),
        ({"retry-after": "Thu, 01 Jan 2026 00:02:00 GMT"}, "It asks to wait 120 s."),
        ({}, "Wait before you retry."),
        ({"retry-after": "soon"}, "Wait before you retry."),
    ],
    ids=["seconds", "date", "none", "unreadable"],
)
@pytest.mark.parametrize("action", [CREATE, LIST], ids=["create", "read"])
def test_too_many_requests_did_not_happen(action: CompiledAction, headers: dict[str, str], hint: str) -> None:
    verdict = _judge(action, 429, {"message": "slow down"}, headers)
    assert verdict.outcome is Outcome.NOT_DONE
    assert verdict.problem == Problem("rate_limited", "the API answered 429: slow down", 429, hint=hint)


def test_a_refusal_names_the_input_at_fault_only_where_there_is_such_an_input() -> None:
    named = {"detail": [{"loc": ["body", "note"], "msg": "too long"}]}
    assert _problem(_judge(CREATE, 422, named)).field == "note"
    assert _problem(_judge(LIST, 422, named)).field is None
    assert _problem(_judge(CREATE, 422, {"errors": {"name": ["x"]}})).field is None


def test_a_refusal_that_is_not_json_is_told_in_its_own_words() -> None:
    assert _problem(_judge(CREATE, 403, "Forbidden by proxy")).message == "the API answered 403: Forbidden by proxy"
    assert _problem(_judge(CREATE, 403, "")).message == "the API answered 403"


def test_a_token_in_an_error_is_not_told() -> None:
    assert TOKEN not in repr(_judge(CREATE, 400, {"token": TOKEN, "detail": {"token": TOKEN}}))


def test_an_error_inside_a_success_of_an_effect() -> None:
    for body, outcome, code, status, message in [
        ({"status": 404, "error": "x", "message": "gone"}, "refused", "not_found", 404, "gone"),
        ({"status": 422, "error": "x"}, "refused", "validation", 422, "x"),
        (
            {"status": 400, "error": True, "message": None},
            "refused",
            "validation",
            400,
            "an error inside a successful response",
        ),
        ({"status": 499, "error": "x"}, "refused", "validation", 499, "x"),
        ({"code": 400, "error": "x", "message": "no"}, "refused", "validation", 400, "no"),
        ({"code": 399, "error": "x", "message": "no"}, "unknown", "unknown", 201, "no"),
        ({"status": 200, "error": "biz_logic", "message": "no", "data": None}, "unknown", "unknown", 201, "no"),
        ({"status": 500, "error": "x", "message": "boom"}, "unknown", "unknown", 201, "boom"),
        ({"status": 399, "error": "x"}, "unknown", "unknown", 201, "x"),
        ({"status": "404", "error": "x"}, "unknown", "unknown", 201, "x"),
        ({"status": True, "error": "x"}, "unknown", "unknown", 201, "x"),
        ({"error": "x", "message": "no"}, "unknown", "unknown", 201, "no"),
        ({**BODY, "status": 403, "error": "x", "message": "no"}, "refused", "forbidden", 403, "no"),
    ]:
        with cell(body, outcome, code, status, message):
            verdict = _judge(CREATE, 201, body)
            problem = _problem(verdict)
            assert (verdict.outcome, problem.code, problem.status, problem.message) == (outcome, code, status, message)


@pytest.mark.parametrize(
    ("body", "code", "status"),
    [
        ({"status": 404, "error": "x", "message": "gone"}, "not_found", 404),
        ({"status": 200, "error": "x", "message": "no"}, "unavailable", 200),
        ({"status": 500, "error": "x", "message": "no"}, "unavailable", 500),
        ({"status": 499, "error": "x", "message": "no"}, "validation", 499),
        ({"status": 429, "error": "x", "message": "no"}, "rate_limited", 429),
        ({"status": True, "error": "x", "message": "no"}, "unavailable", 200),
        ({"status": 450, "error": "x", "message": "no"}, "validation", 450),
        ({"error": "x", "message": "no"}, "unavailable", 200),
    ],
)
def test_an_error_inside_a_success_of_a_read_is_a_refusal(body: object, code: str, status: int) -> None:
    verdict = _judge(LIST, 200, body)
    problem = _problem(verdict)
    assert (verdict.outcome, problem.code, problem.status) == (Outcome.REFUSED, code, status)
    assert type(problem.status) is int


def test_an_error_inside_a_success_names_the_input_at_fault() -> None:
    body = {"status": 422, "error": {"message": "too long", "field": "note"}}
    assert _problem(_judge(CREATE, 200, body)).field == "note"
    assert _problem(_judge(LIST, 200, body)).field is None


@pytest.mark.parametrize(
    "extra", [{"error": None}, {"error": ""}, {"error": False, "status": 200}, {"error": "x"}], ids=str
)
def test_a_whole_answer_with_an_empty_error_is_done(extra: dict[str, Any]) -> None:
    assert _judge(CREATE, 201, BODY | extra).outcome is Outcome.DONE


def test_an_answer_that_was_lost_is_unknown_for_an_effect() -> None:
    verdict = CREATE.classify(TransportError("the connection broke", sent=True), INPUTS, NOW)
    problem = _problem(verdict)
    assert (verdict.outcome, problem.code, problem.status) == (Outcome.UNKNOWN, "unknown", None)
    assert problem.message == "incomplete response: the connection broke"


@pytest.mark.parametrize(
    ("action", "sent", "message"),
    [
        (CREATE, False, "the API was not reached: no route"),
        (LIST, False, "the API was not reached: no route"),
        (LIST, True, "incomplete response: no route"),
    ],
    ids=["create unsent", "read unsent", "read lost"],
)
def test_what_was_not_sent_or_was_a_read_did_not_happen(action: CompiledAction, sent: bool, message: str) -> None:
    verdict = action.classify(TransportError("no route", sent=sent), INPUTS, NOW)
    assert verdict.outcome is Outcome.NOT_DONE
    assert verdict.problem == Problem("unavailable", message, hint="It is safe to retry.")


def test_without_an_action_to_look_with_there_is_no_next_command() -> None:
    problem = _problem(SEALED.classify(TransportError("lost", sent=True), {}, NOW))
    assert problem.next is None


@given(
    status=st.integers(100, 599),
    body=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.sampled_from([*BODY, "data", "error", "status", "message", "detail"]), inner)
        ),
        max_leaves=15,
    ),
)
def test_whatever_the_api_answers_an_effect_is_done_only_with_a_token(status: int, body: Any) -> None:
    verdict = _judge(CREATE, status, body)
    assert (verdict.outcome is Outcome.DONE) == (verdict.problem is None) == bool(verdict.secrets)
    if status == 408 or not 200 <= status < 500:
        assert verdict.outcome is Outcome.UNKNOWN
    if 400 <= status < 500 and status not in {408, 429}:
        assert verdict.outcome is Outcome.REFUSED


def _authorization(auth: dict[str, str], env: str = "{token: ACME_TOKEN}") -> AuthHeader:
    text = (
        "spec: 1\nconnector: acme\ntitle: Acme\nversion: 1.0.0\nbase_url: https://api.acme.example\n"
        f"hosts: [api.acme.example]\nenv: {env}\nauth: {json.dumps(auth)}\n"
    )
    return AuthHeader(parse_connector(text, "connector.yaml"))


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ({}, "Authorization", f"Bearer {TOKEN}"),
        ({"header_key": "X-Key", "token_prefix": "{{ token_format }}"}, "X-Key", TOKEN),
        (
            {"token_format": "{{ token }}:", "token_prefix": "Basic {{ token_format }}"},
            "Authorization",
            f"Basic {TOKEN}:",
        ),
    ],
    ids=["default", "own header", "two stages"],
)
def test_a_credential_is_put_in_its_header_in_two_stages(auth: dict[str, str], header: str, value: str) -> None:
    name, secret = _authorization(auth).header(Secret(TOKEN), None)
    assert (name, secret.reveal()) == (header, value)
    assert _authorization(auth).header_key == header
    assert TOKEN not in repr(secret)


@pytest.mark.parametrize(
    ("auth", "place", "part"),
    [
        (
            {"token_format": "{{ tokn }}"},
            "8:24: unknown-name",
            '"tokn"; did you mean token? (known names: token)',
        ),
        ({"token_prefix": "{{ token }}"}, "8:24: unknown-name", '"token"; did you mean token_format?'),
        ({"token_prefix": "{{"}, "8:24: template-syntax", "invalid template"),
        ({"token_format": "{{ identifier }}"}, "8:24: unknown-name", 'unknown name "identifier" (known names: token)'),
    ],
)
def test_a_stage_that_is_no_template_over_its_name_is_wrong(auth: dict[str, str], place: str, part: str) -> None:
    with pytest.raises(SpecError) as caught:
        _authorization(auth)
    [finding] = caught.value.findings
    assert str(finding).startswith(f"connector.yaml:{place} ")
    assert part in finding.message


def test_all_wrong_stages_are_found_at_once() -> None:
    with pytest.raises(SpecError) as caught:
        _authorization({"token_format": "{{ a }}", "token_prefix": "{{ b }}"})
    assert [(finding.line, finding.column, finding.code) for finding in caught.value.findings] == [
        (8, 24, "unknown-name"),
        (8, 51, "unknown-name"),
    ]


def test_an_identifier_stands_beside_the_token_where_the_connector_has_one() -> None:
    auth = {
        "token_format": "{{ identifier }}:{{ token }}",
        "encode": "base64",
        "token_prefix": "Basic {{ token_format }}",
    }
    made = _authorization(auth, env="{token: ACME_TOKEN, identifier: ACME_USER}")
    encoded = base64.b64encode(f"anna:{TOKEN}".encode()).decode()
    assert made.header(Secret(TOKEN), "anna") == ("Authorization", Secret(f"Basic {encoded}"))
    for missing in (None, ""):
        with pytest.raises(InvalidError) as caught:
            made.header(Secret(TOKEN), missing)
        problem = Problem("validation", "there is no identifier", field="auth", hint="Set ACME_USER.")
        assert caught.value.problem == problem


def test_a_tilde_converts_values_as_a_string_does() -> None:
    assert structure("{{ a ~ true ~ 1 }}", ["a"])({"a": "x"}) == "xtrue1"
    made = authorization(token_format="{{ token ~ ':' }}", token_prefix="Basic {{ token_format }}")
    assert made.header(Secret(TOKEN), None) == ("Authorization", Secret(f"Basic {TOKEN}:"))


@pytest.mark.parametrize(
    "prefix", ["Bearer {{ token_format }}\n", "Bearer\t{{ token_format }}", "Schlüssel {{ token_format }}"]
)
def test_the_constant_parts_of_the_credentials_header_must_be_printable_ascii(prefix: str) -> None:
    with pytest.raises(SpecError, match="bad-value it cannot be used in a header: it must be one line"):
        authorization(token_prefix=prefix)
