"""Odd dates, numbers, names, templates and texts, each of which once crashed, leaked or passed as something else."""

from __future__ import annotations

import base64
import datetime as dt
import json
import time
from typing import Any
from urllib.parse import quote

import pytest

from locoia_pat import InvalidError, Secret, SpecError
from locoia_pat.engine.action import AuthHeader, CompiledAction
from locoia_pat.http.exchange_types import Response
from locoia_pat.http.retry import parse_http_date
from locoia_pat.http.url import validate_base_url
from locoia_pat.messages import describe_value
from locoia_pat.outcomes import Outcome
from locoia_pat.request.template.compiler import TemplateError, structure
from locoia_pat.request.template.source import MAX_SOURCE
from locoia_pat.secrets.secret import load_json, redact
from locoia_pat.spec.input_types import describe_allowed
from locoia_pat.spec.load import SpecFolder
from locoia_pat.spec.parse import parse_action, parse_connector
from locoia_pat.spec.yaml import load

TOKEN = "fake-minted-token-0123456789abcdef"
NOW = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)

HEAD = "spec: 1\naction: act\ntitle: Act\nsummary: Act.\n"


def action(inputs: Any = None, output: Any = None, *, effect: str = "create", body: Any = None) -> CompiledAction:
    """An action whose parts are given as values; its body holds all inputs, where it is not given."""
    request = {"method": "POST", "path": "/act", "body": body or {name: f"{{{{ {name} }}}}" for name in inputs or {}}}
    reply = {"ok": [200], "output": output or {"id": {"type": "text", "nullable": True}}}
    text = f"{HEAD}effect: {effect}\ninputs: {json.dumps(inputs or {})}\nrequest: {json.dumps(request)}\n"
    return CompiledAction(parse_action(f"{text}reply: {json.dumps(reply)}\n", "act.yaml"))


def authorization(**auth: str) -> AuthHeader:
    """The authorization of a connector whose ``auth`` is given as values."""
    text = (
        "spec: 1\nconnector: acme\ntitle: Acme\nversion: 1.0.0\nbase_url: https://api.acme.example\n"
        f"hosts: [api.acme.example]\nenv: {{token: ACME_TOKEN}}\nauth: {json.dumps(auth)}\n"
    )
    return AuthHeader(parse_connector(text, "connector.yaml"))


def code_at(error: SpecError) -> tuple[str, int, str]:
    """File, line and code of the one finding of *error*."""
    [finding] = error.findings
    return finding.file, finding.line, finding.code


def judged(output: Any, body: object, headers: dict[str, str] | None = None) -> Any:
    """What a 200 with *body* gives."""
    reply = Response(200, headers or {}, Secret(body if isinstance(body, str) else json.dumps(body)))
    return action(output=output).classify(reply, {}, NOW)


SECRET_OUTPUT = {"token": {"type": "text", "secret": "once"}, "ends": {"type": "datetime", "nullable": True}}


@pytest.mark.parametrize(
    "date",
    [
        "Fri, 31 Dec 9999 23:59:59 -2359",
        "Wed, 21 Oct 2015 07:28:00 +99999999999999999999",
        "Wed, 21 Oct 2015 99999999999:28:00 GMT",
    ],
)
def test_a_date_that_no_calendar_holds_costs_no_token(date: str) -> None:
    assert parse_http_date(date) is None
    verdict = judged(SECRET_OUTPUT, {"token": TOKEN}, {"date": date})
    assert verdict.secrets["token"] == Secret(TOKEN)


@pytest.mark.parametrize("ends", ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59"])
def test_a_time_at_the_end_of_the_calendar_is_kept_as_text(ends: str) -> None:
    verdict = judged(SECRET_OUTPUT, {"token": TOKEN, "ends": ends})
    assert verdict.data == {"ends": None, "ends_raw": ends}
    assert verdict.secrets["token"] == Secret(TOKEN)


def test_a_token_that_the_api_repeats_elsewhere_is_masked() -> None:
    output = {
        "token": {"type": "text", "secret": "once"},
        "note": {"type": "text"},
        "all": {"type": "text", "multiple": True},
    }
    verdict = judged(output, {"token": TOKEN, "note": f"use {TOKEN}", "all": [TOKEN]})
    assert verdict.data == {"note": "use «secret»", "all": ["«secret»"]}


def test_a_bool_is_no_number_and_no_text() -> None:
    verdict = judged({"n": {"type": "number"}, "t": {"type": "text"}}, {"n": True, "t": True})
    assert verdict.data == {"n": None, "t": None}
    assert len(verdict.warnings) == 2


@pytest.mark.parametrize("body", ['{"n": NaN}', '{"n": Infinity}', '{"n": 1e999}'])
def test_what_json_cannot_say_never_reaches_the_data(body: str) -> None:
    verdict = judged({"n": {"type": "number"}}, body)
    assert verdict.outcome is Outcome.UNKNOWN or verdict.data == {"n": None}


def test_days_may_be_declared_before_their_time() -> None:
    output = {"days": {"type": "number", "days_until": "ends"}, "ends": {"type": "datetime"}}
    verdict = judged(output, {"ends": "2030-01-08T00:00:00Z"})
    assert list(verdict.data.items()) == [("days", 7), ("ends", "2030-01-08T00:00:00Z")]


def test_the_field_at_fault_is_the_last_text_of_a_place() -> None:
    reply = Response(422, {}, Secret(json.dumps({"detail": [{"loc": ["body", "scopes", 0], "msg": "bad"}]})))
    scopes = {"scopes": {"title": "Scopes", "type": "text"}}
    problem = action(scopes, body="{{ scopes }}").classify(reply, {}, NOW).problem
    assert problem is not None
    assert problem.field == "scopes"


BROKEN_OUTPUTS = {
    "nested or_input": (
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


@pytest.mark.parametrize(("output", "code"), BROKEN_OUTPUTS.values(), ids=BROKEN_OUTPUTS)
def test_an_output_that_could_not_be_read_is_a_finding(output: Any, code: str) -> None:
    with pytest.raises(SpecError) as caught:
        action(output=output)
    assert code_at(caught.value) == ("act.yaml", 8, code)


TEXT = {"title": "Text", "type": "text"}
BROKEN_INPUTS = {
    "reserved name": ({"self": TEXT}, "bad-name"),
    "constant as name": ({"none": TEXT}, "bad-name"),
    "nested select": (
        {"o": {"title": "O", "type": "nested_object", "children": {"s": {"title": "S", "type": "select"}}}},
        "missing-key",
    ),
    "remark on no option": (
        {"s": {"title": "S", "type": "select", "enum": ["a"], "option_notes": {"b": "x"}}},
        "unknown-reference",
    ),
    "cover by no option": (
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
def test_an_input_that_could_not_be_given_is_a_finding(inputs: Any, code: str) -> None:
    with pytest.raises(SpecError) as caught:
        action(inputs)
    assert code_at(caught.value) == ("act.yaml", 6, code)


@pytest.mark.parametrize("path", ["/x y", "/x?q", "/x\ny", "/x#f", "/{x}", "x"])
def test_a_path_is_one_path(path: str) -> None:
    text = f"{HEAD}effect: read\nrequest: {json.dumps({'method': 'GET', 'path': path})}\n"
    with pytest.raises(SpecError, match=r"^act\.yaml:6:\d+: bad-value request\.path: ") as caught:
        parse_action(f"{text}reply: {{ok: [200], output: {{id: {{type: text}}}}}}\n", "act.yaml")
    assert code_at(caught.value) == ("act.yaml", 6, "bad-value")


@pytest.mark.parametrize("version", ["true", "1.0", "2"])
def test_the_version_of_the_language_is_the_number_one(version: str) -> None:
    text = f"{HEAD}effect: read\nrequest: {{method: GET, path: /act}}\nreply: {{ok: [200], output: {{}}}}\n"
    assert parse_action(text, "act.yaml").spec == 1
    with pytest.raises(SpecError, match=r"^act\.yaml:1:7: bad-value spec: ") as caught:
        parse_action(text.replace("spec: 1", f"spec: {version}"), "act.yaml")
    assert code_at(caught.value) == ("act.yaml", 1, "bad-value")


def test_a_secret_input_cannot_stand_in_an_address() -> None:
    text = f"{HEAD}effect: read\ninputs: {{key: {{title: Key, type: password}}}}\n"
    text += "request: {method: GET, path: '/act/{{ key }}'}\nreply: {ok: [200], output: {id: {type: text}}}\n"
    with pytest.raises(SpecError, match='"key" is or contains a secret, and URLs are logged') as caught:
        CompiledAction(parse_action(text, "act.yaml"))
    assert code_at(caught.value) == ("act.yaml", 7, "secret-in-address")


TEMPLATES = {
    "undefined below undefined": ("{{ o.zz.y }}", {"o": {}}),
    "undefined in a list": ("{{ [o.zz.y] }}", {"o": {}}),
    "an object in text": ("{{ o ~ 'x' }}", {"o": {"b": 1}}),
    "null in text": ("{{ o ~ 'x' }}", {"o": None}),
}


@pytest.mark.parametrize(("source", "values"), TEMPLATES.values(), ids=TEMPLATES)
def test_a_value_that_does_not_fit_a_template_is_invalid(source: str, values: Any) -> None:
    with pytest.raises(InvalidError):
        structure(source, ["o"])(values)


@pytest.mark.parametrize(
    ("source", "code", "part"),
    [
        ("{{ " + "a." * 250 + "a }}", "yaml-limit", "nested too deeply"),
        ("{{ " + "a." * 900 + "a }}", "yaml-limit", "nested too deeply"),
        ("{{ " + "a and " * 300 + "a }}", "yaml-limit", "nested too deeply"),
        ("{{ " + "a and " * 900 + "a }}", "yaml-limit", f"at most {MAX_SOURCE} characters"),
        ("{{ " + "not " * 200 + "a }}", "yaml-limit", "nested too deeply"),
        ("{{ 1e400 }}", "template-language", "finite"),
        ("{{ a|default(*a) }}", "template-language", "* and ** are not allowed"),
        ("{{ a|default(**a) }}", "template-language", "* and ** are not allowed"),
        ("{# gone #}x", "template-language", "comments {# #}"),
        ("{#", "template-language", "comments {# #}"),
        ("{{ a }}\r\n", "template-language", "carriage returns are not allowed"),
    ],
    ids=lambda value: value[:14],
)
def test_a_template_that_would_crash_or_change_text_is_refused(source: str, code: str, part: str) -> None:
    with pytest.raises(TemplateError) as caught:
        structure(source, ["a"])
    assert caught.value.code == code
    assert part in caught.value.message


def test_joining_follows_the_rules_of_text() -> None:
    assert structure("{{ a ~ true ~ 1 }}", ["a"])({"a": "x"}) == "xtrue1"
    made = authorization(token_format="{{ token ~ ':' }}", token_prefix="Basic {{ token_format }}")
    assert made.header(Secret(TOKEN), None) == ("Authorization", Secret(f"Basic {TOKEN}:"))


@pytest.mark.parametrize(
    "prefix", ["Bearer {{ token_format }}\n", "Bearer\t{{ token_format }}", "Schlüssel {{ token_format }}"]
)
def test_a_header_is_one_line(prefix: str) -> None:
    with pytest.raises(SpecError, match="bad-value it cannot be used in a header: it must be one line"):
        authorization(token_prefix=prefix)


@pytest.mark.parametrize("inputs", [{1: 2}, {"n\ud800": 1}, {"n": 1, 1: 2}], ids=str)
def test_an_input_whose_name_is_no_name_is_unknown(inputs: Any) -> None:
    number = {"n": {"title": "Count", "type": "number"}}
    with pytest.raises(InvalidError, match="unknown input"):
        action(number, body="{{ n }}").check(inputs)


def test_a_huge_number_is_refused_without_writing_it_out() -> None:
    number = {"n": {"title": "Count", "type": "number", "step": 1}}
    with pytest.raises(InvalidError, match="a very long number"):
        action(number, body="{{ n }}").check({"n": 10**5000})
    assert describe_value(10**5000) == "a very long number"


@pytest.mark.parametrize("name", ["model_validate", "model_dump", "model_config", "copy", "json", "schema", "dict"])
def test_an_input_may_be_called_as_a_method_of_pydantic_is(name: str) -> None:
    made = action({name: TEXT}, body="{{ " + name + " }}")
    assert made.request(made.check({name: "x"}), "https://x").content == Secret('"x"')


def problem_of(inputs: Any, values: Any) -> Any:
    with pytest.raises(InvalidError) as caught:
        action(inputs).check(values)
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
def test_an_error_inside_an_object_names_the_place(values: Any, field: str, message: str, hint: str) -> None:
    problem = problem_of(NESTED, values)
    assert (problem.field, problem.message) == (field, message)
    assert hint in problem.hint


def test_a_secret_given_as_text_is_not_repeated() -> None:
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
def test_a_value_beside_what_is_allowed_is_invalid(field: Any, value: Any) -> None:
    assert problem_of({"x": {"title": "Field", **field}}, {"x": value}).field == "x"


@pytest.mark.parametrize(
    "field", [{"type": "number", "default": "x"}, {"type": "password", "default": "x"}, {"type": "text", "default": 1}]
)
def test_a_default_that_is_not_allowed_is_a_finding(field: Any) -> None:
    with pytest.raises(SpecError, match=r"act\.yaml:6:\d+: bad-value the default .* is not allowed") as caught:
        action({"x": {"title": "Field", **field}})
    assert code_at(caught.value) == ("act.yaml", 6, "bad-value")


def test_a_default_is_used_where_nothing_is_given() -> None:
    made = action({"x": {"title": "Field", "type": "number", "default": 3}}, body="{{ x }}")
    assert made.check({}) == {"x": 3}


def test_a_list_is_told_as_one() -> None:
    spec = action({"x": {"title": "Field", "type": "text", "multiple": True}}).spec
    assert describe_allowed(spec.inputs["x"]) == "a list, each a string"


@pytest.mark.parametrize(
    "text",
    [
        *("a: .5", "a: -.5", "a: =", "<<: {}", "no: 1", "true: 1", "&a k: 1", "!!str k: 1"),
        *("007: 1", "1.5: 1", "1_0: 1", "0x1: 1", "12345678901234567: 1", "2026-01-01: 1"),
    ],
)
def test_what_readers_of_yaml_disagree_about_is_a_finding(text: str) -> None:
    with pytest.raises(SpecError, match=r"x\.yaml:1:"):
        load(text, "x.yaml")


@pytest.mark.parametrize("key", ["1", "0", "-7", "404", "1234567890123456"])
def test_a_plain_whole_number_is_a_key_and_a_text(key: str) -> None:
    assert load(f"{key}: 1", "x.yaml").value == {key: 1}


def test_half_a_character_in_a_spec_is_a_finding() -> None:
    with pytest.raises(SpecError, match="surrogates"):
        load("a: \ud800", "x.yaml")


@pytest.mark.parametrize("folder", ["\0", "~no-such-user"])
def test_a_folder_that_cannot_be_named_is_no_folder(folder: str) -> None:
    with pytest.raises(InvalidError, match="is not a folder of specs"):
        _ = SpecFolder(folder).names


def test_a_file_without_a_name_is_no_action(tmp_path: Any) -> None:
    (tmp_path / "connector.yaml").touch()
    (tmp_path / ".yaml").touch()
    assert SpecFolder(tmp_path).names == ()


@pytest.mark.parametrize("path", ["/a b", "/\x00", "/../..", "/v1/.."])
def test_a_base_address_has_a_plain_path(path: str) -> None:
    with pytest.raises(InvalidError):
        validate_base_url(f"https://api.example{path}", ["api.example"], source="x")


def test_halves_of_characters_in_a_secret_are_compared_and_redacted() -> None:
    secret = Secret("\ud800" * 20)
    assert secret == Secret("\ud800" * 20)
    assert redact("x" + "\ud800" * 20, [secret]) == "x«secret»"


FORMS = {
    "quoted as a path": quote("F#C/h>TVabcdefgh1234"),
    "lower-case percents": quote("F#C/h>TVabcdefgh1234", safe="").replace("%2F", "%2f").replace("%3E", "%3e"),
    "escaped slash": json.dumps("F#C/h>TVabcdefgh1234")[1:-1].replace("/", "\\/"),
    "escaped for HTML": json.dumps("F#C/h>TVabcdefgh1234")[1:-1].replace(">", "\\u003e"),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_more_forms_of_a_secret_are_redacted(form: str) -> None:
    assert "abcdefgh" not in redact(f"it is {form}, is it not", [Secret("F#C/h>TVabcdefgh1234")])


def test_a_short_secret_is_redacted_in_base64() -> None:
    encoded = base64.b64encode(b"anna:pass").decode()
    assert redact(f"Basic {encoded}", [Secret("pass")]) != f"Basic {encoded}"


def test_redaction_of_a_repetitive_text_takes_no_time() -> None:
    began = time.monotonic()
    assert set(redact("aB1" * 3_500, [Secret("aB1" * 1365)])) == set("«secret»")
    assert len(redact("a" * 10_000, [Secret("a" * 4096)])) < 2_000  # what is left is too little of one word
    assert time.monotonic() - began < 30  # seconds, where a careless pattern takes hours


def test_json_that_is_none_shows_no_part_of_it() -> None:
    with pytest.raises(ValueError, match=r"^not JSON$") as caught:
        load_json(Secret(f'{{"token": "{TOKEN}", "x": NaN}}'), ["token"])
    assert caught.value.__context__ is None


def test_a_json_output_holds_no_secret_no_infinity_and_few_levels() -> None:
    deep = "[" * 70 + "]" * 70
    body = f'{{"token": "{TOKEN}", "any": {{"token": "{TOKEN}", "n": [1e999, 1.5, null], "deep": {deep}}}}}'
    verdict = judged({"token": {"type": "text", "secret": "once"}, "any": {"type": "json"}}, body)
    assert verdict.secrets["token"] == Secret(TOKEN)
    assert verdict.data["any"]["token"] == "«secret»"
    assert verdict.data["any"]["n"] == [None, 1.5, None]
    assert json.dumps(verdict.data).count("[") == 1 + 63
