"""The request of an action: what stands where, and what is refused because it cannot."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest

from locoia_pat.engine.action import CompiledAction
from locoia_pat.http.exchange_types import Response
from locoia_pat.outcomes import InvalidError, SpecError
from locoia_pat.request.builder import MAX_BODY
from locoia_pat.request.request_compiler import template_findings
from locoia_pat.secrets.secret import MASK, Secret, revealed
from locoia_pat.spec.load import SpecFolder
from locoia_pat.spec.parse import parse_action
from tests.support.cells import cell
from tests.support.compiled_actions import HEAD, code_at

BASE = "https://api.example/v1"
TEXT = {"title": "Text", "type": "text", "required": True}
JSON = {"title": "JSON", "type": "json", "required": True}


def action(inputs: dict[str, Any], **request: Any) -> CompiledAction:
    """An action that sends *request*, by POST to /act where it does not say otherwise."""
    spec = {
        "spec": 1,
        "action": "act",
        "title": "Act",
        "summary": "Act.",
        "effect": "update",
        "inputs": inputs,
        "request": {"method": "POST", "path": "/act", **request},
        "reply": {"ok": [200], "output": {}},
    }
    return CompiledAction(parse_action(json.dumps(spec), "act.yaml"))


def sent(made: CompiledAction, **inputs: Any) -> Any:
    return made.request(made.check(inputs), BASE)


def test_an_input_that_is_not_a_valid_header_is_refused() -> None:
    for value in ["a\r\nX-Admin: 1", "a\nb", "\x00", "é", " a", "a ", "", "\ta", "a\x7f"]:
        with cell(value):
            made = action({"note": TEXT}, headers={"X-Note": "{{ note }}"})
            with pytest.raises(InvalidError, match="cannot be used in a header") as caught:
                sent(made, note=value)
            assert caught.value.problem.field == "note"


def test_a_constant_that_is_not_a_valid_header_is_refused() -> None:
    with pytest.raises(InvalidError) as caught:
        sent(action({}, headers={"X-Note": "a\nb"}))
    assert caught.value.problem.field == "header X-Note"


def test_headers_of_a_spec_override_the_defaults() -> None:
    made = action({}, headers={"Accept": "application/xml", "X-N": "{{ 1 }}"}, body={})
    assert dict(sent(made).headers) == {"accept": "application/xml", "content-type": "application/json", "x-n": "1"}


def test_a_secret_can_be_in_a_header_or_a_form_and_is_not_shown() -> None:
    key = {"title": "Key", "type": "password", "required": True}
    request = sent(
        action({"key": key}, headers={"X-Key": "{{ key }}"}, form={"key": "{{ key }}"}), key=Secret("s3cret")
    )
    assert dict(request.headers)["x-key"] == Secret("s3cret")
    assert request.content == Secret("key=s3cret")
    assert "s3cret" not in repr(request)


@pytest.mark.parametrize("place", ["query", "form"])
@pytest.mark.parametrize(
    ("value", "told"),
    [(None, "null"), ([None], "null"), ([[1]], "a list"), ([{}], "an object")],
    ids=ascii,
)
def test_null_objects_and_nested_lists_are_refused_in_query_headers_and_form(
    place: str, value: object, told: str
) -> None:
    made = action({"x": JSON}, **{place: {"a[]": "{{ x }}"}})
    with pytest.raises(InvalidError) as caught:
        sent(made, x=value)
    assert (caught.value.problem.field, caught.value.problem.message) == (
        "x",
        f"{told} cannot be used in the {place} as a[]",
    )


def test_a_query_has_each_type_of_value_as_text() -> None:
    made = action({"x": JSON}, query={"x": "{{ x }}", "one": True, "two": [1.5, "a&b=c"], "e": "/?"})
    assert (
        sent(made, x=["a b", 2, False]).url == f"{BASE}/act?x=a%20b&x=2&x=false&one=true&two=1.5&two=a%26b%3Dc&e=%2F%3F"
    )


def test_a_form_is_url_encoded() -> None:
    request = sent(action({"x": TEXT}, form={"x": "{{ x }}", "n": 1}), x="a&b=ü\n")
    assert request.content == Secret("x=a%26b%3D%C3%BC%0A&n=1")
    assert dict(request.headers)["content-type"] == "application/x-www-form-urlencoded"


@pytest.mark.parametrize("place", ["query", "form"])
def test_unpaired_surrogates_are_refused(place: str) -> None:
    with pytest.raises(InvalidError, match="unpaired surrogates"):
        sent(action({"x": TEXT}, **{place: {"x": "{{ x }}"}}), x="\ud800")


def test_null_is_left_out_only_with_omit_null() -> None:
    maybe = {"x": {"title": "X", "type": "text"}}
    made = action(
        maybe,
        omit_null=True,
        query={"x": "{{ x }}", "y": 1},
        headers={"X-X": "{{ x }}"},
        body={"x": "{{ x }}", "y": None},
    )
    request = sent(made)
    assert (request.url, request.content) == (f"{BASE}/act?y=1", Secret("{}"))
    assert "x-x" not in dict(request.headers)
    assert sent(action(maybe, body={"x": "{{ x }}"})).content == Secret('{"x": null}')


def test_a_request_is_never_larger_than_its_limit() -> None:
    made = action({"x": TEXT}, body=["{{ x }}"] * 100)
    with pytest.raises(InvalidError, match=f"larger than {MAX_BODY} characters"):
        sent(made, x="a" * (MAX_BODY // 99))
    assert sent(made, x="a" * 1000).content is not None


def test_the_keys_of_an_object_count_towards_the_size() -> None:
    made = action({"x": JSON}, body=["{{ x }}"] * 99)
    with pytest.raises(InvalidError, match="larger than"):
        sent(made, x={str(n): None for n in range(20_000)})


@pytest.mark.parametrize("patterns", [[r"\w{40}"] * 3, [r"\d\d\d" * 12] * 3], ids=["repeats", "classes"])
def test_the_complexity_of_all_patterns_is_limited(patterns: list[str]) -> None:
    inputs = {
        f"x{n}": {"title": "X", "type": "text", "pattern": pattern, "required": True}
        for n, pattern in enumerate(patterns)
    }
    with pytest.raises(SpecError) as caught:
        action(inputs, body=[f"{{{{ {name} }}}}" for name in inputs])
    assert [finding.message for finding in caught.value.findings][:1] == ["the patterns of this action are too complex"]


def test_an_invalid_default_in_an_object_is_found() -> None:
    child = {"title": "N", "type": "number", "min": 1, "default": 0}
    with pytest.raises(SpecError) as caught:
        action({"x": {"title": "X", "type": "nested_object", "children": {"n": child}}}, body="{{ x }}")
    (finding,) = caught.value.findings
    assert finding.message == "the default 0 is not allowed: a number, at least 1"


@pytest.mark.parametrize(
    ("pattern", "right", "wrong"),
    [("/^[a-z]+$/", "abc", "abc1"), ("/^[a-z]+$/i", "ABC", "1"), ("^a", "ab", "ba"), (r"/^\d{3}$/", "123", "1234")],
)
def test_a_string_must_match_its_pattern(pattern: str, right: str, wrong: str) -> None:
    made = action({"x": TEXT | {"pattern": pattern, "regexErrorMessage": "three letters"}}, body="{{ x }}")
    assert made.check({"x": right}) == {"x": right}
    with pytest.raises(InvalidError) as caught:
        made.check({"x": wrong})
    assert caught.value.problem.hint == "Allowed: a string (three letters)."


def test_a_pattern_without_a_message_is_shown_itself() -> None:
    made = action({"x": TEXT | {"type": "email", "pattern": "@acme.example$"}}, body="{{ x }}")
    with pytest.raises(InvalidError) as caught:
        made.check({"x": "a@b.example"})
    assert caught.value.problem.hint == "Allowed: an email address (matching @acme.example$)."


DEEP: Any = 1
for _ in range(25):
    DEEP = [DEEP]


def test_a_value_that_is_not_json_is_refused() -> None:
    for value in [float("nan"), float("inf"), 10**19, {1: 2}, {"a": {3}}, ("a",), b"a", Secret("s"), DEEP]:
        with cell(value):
            with pytest.raises(InvalidError, match="is not allowed") as caught:
                action({"x": JSON}, body="{{ x }}").check({"x": value})
            assert caught.value.problem.hint == "Allowed: any JSON value."


def test_any_json_value_is_sent_unchanged() -> None:
    for value in [None, True, 1, 1.5, "", [], {}, [{"a": [None, "b"]}], DEEP[0]]:
        with cell(value):
            request = sent(action({"x": JSON}, body={"x": "{{ x }}"}), x=value)
            assert json.dumps(json.loads(revealed(request.content or ""))) == json.dumps({"x": value})


def test_a_field_in_an_api_error_is_mapped_to_its_input() -> None:
    made = action({"name": TEXT, "tag": TEXT}, body={"FriendlyName": "n: {{ name }}"}, query={"Tag": "{{ tag }}"})
    told = {"FriendlyName": "name", "Tag": "tag", "name": "name", "other": None}
    for wire, name in told.items():
        refusal = Response(422, {}, Secret(json.dumps({"errors": {wire: ["is bad"]}})))
        problem = made.classify(refusal, {}, dt.datetime.now(dt.UTC)).problem
        assert problem is not None
        assert problem.field == name


def test_the_length_of_a_url_is_limited() -> None:
    with pytest.raises(InvalidError, match="the URL is longer than 16384 characters"):
        sent(action({"x": TEXT}, path="/{{ x }}"), x="a" * 16_384)
    with pytest.raises(InvalidError, match="the request is larger than 16384 characters"):
        sent(action({"x": TEXT}, query={"x": "{{ x }}"}), x="a" * 16_384)


def test_the_complexity_of_one_pattern_is_limited() -> None:
    child = {"title": "C", "type": "text", "pattern": r"\w{99}\w{99}"}
    with pytest.raises(SpecError, match="too complex"):
        action({"x": {"title": "X", "type": "nested_object", "children": {"c": child}}}, body="{{ x }}")


def test_an_object_can_only_be_used_in_the_body_and_alone_in_a_form() -> None:
    made = {"x": {"title": "X", "type": "nested_object", "required": True, "children": {"c": TEXT}}}
    assert sent(action(made, body={"a": "{{ x }}"}), x={"c": "1"})
    assert sent(action(made, form={"a": "{{ x }}"}), x={"c": "1"})
    requests: dict[str, dict[str, Any]] = {
        "path": {"path": "/{{ x }}"},
        "query": {"query": {"a": "{{ x }}"}},
        "form": {"form": {"a": "a {{ x }}"}},
        "headers": {"headers": {"X-A": "{{ x }}"}},
        "body": {"body": {"a": "a {{ x }}"}},
    }
    for key, request in requests.items():
        with cell(key), pytest.raises(SpecError, match=f'"x" is an object, which cannot be used in the {key}'):
            action(made, **request)


def test_each_template_is_listed_with_the_inputs_it_uses() -> None:
    parts = {"path": "/{{ a }}", "body": {"b": "{{ b }} {{ a }}", "c": 1}, "headers": {"X-B": "{{ b }}"}}
    assert list(action({"a": TEXT, "b": TEXT}, **parts).template_uses()) == [
        ("path", "/{{ a }}", ("a",)),
        ("headers.X-B", "{{ b }}", ("b",)),
        ("body.b", "{{ b }} {{ a }}", ("b", "a")),
    ]


def test_a_revoke_needs_every_output_that_its_inputs_use() -> None:
    spec = SpecFolder().action("create_pat")
    compiled = CompiledAction(spec)
    assert compiled.revoke_inputs({"id": "1"}) == {"token_id": "1", "expiration": 1}
    for data in ({}, {"id": None}, {"id": f"x{MASK}"}):
        assert compiled.revoke_inputs(data) is None


def test_templates_are_checked_in_a_file_that_is_invalid_otherwise() -> None:
    text = "inputs: {a: {}}\nrequest: {path: '/{{ b }}', body: {c: '{{ a }}'}}\n"
    assert [(finding.line, finding.code) for finding in template_findings(text, "x.yaml")] == [(2, "unknown-name")]
    for unusable in ("a: ]", "inputs: 1\nrequest: {path: '/{{ b }}'}", "request: {path: [1]}"):
        assert template_findings(unusable, "x.yaml") == []


def test_a_secret_input_cannot_be_used_in_the_path() -> None:
    text = f"{HEAD}effect: read\ninputs: {{key: {{title: Key, type: password}}}}\n"
    text += "request: {method: GET, path: '/act/{{ key }}'}\nreply: {ok: [200], output: {id: {type: text}}}\n"
    with pytest.raises(SpecError, match='"key" is or contains a secret, and URLs are logged') as caught:
        CompiledAction(parse_action(text, "act.yaml"))
    assert code_at(caught.value) == ("act.yaml", 7, "secret-in-address")


@pytest.mark.parametrize("name", ["model_validate", "model_dump", "model_config", "copy", "json", "schema", "dict"])
def test_an_input_can_have_the_name_of_a_pydantic_method(name: str) -> None:
    made = action({name: TEXT}, body="{{ " + name + " }}")
    assert made.request(made.check({name: "x"}), "https://x").content == Secret('"x"')
