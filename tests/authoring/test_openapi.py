"""The OpenAPI document: valid, whole, and true of the sandbox."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from locoia_pat.actions.sandbox.behaviour import Behaviour
from locoia_pat.authoring.export import openapi
from locoia_pat.engine.action import CompiledAction
from locoia_pat.engine.examples import run_example
from locoia_pat.spec.load import SpecFolder
from locoia_pat.spec.model import ActionSpec
from tests.support.connectors import GITLAB, TWILIO
from tests.support.sandbox_client import calling

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = [None, GITLAB, TWILIO]
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_headers_conformance,response_schema_conformance,ignored_auth"
)


def document(folder: Path | None) -> Any:
    """The document as it is written."""
    return json.loads(openapi.files(SpecFolder(folder))["openapi.json"])


def name_of(folder: Path | None) -> str:
    return folder.name if folder else "locoia"


def operations(found: Any) -> Iterator[tuple[str, str, Any]]:
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def validate(value: Any, schema: Any, found: Any) -> None:
    """Hold *value* against *schema*, which stands in the document *found*."""
    Draft202012Validator({**schema, "components": found["components"]}).validate(value)


@pytest.mark.parametrize("folder", EXAMPLES, ids=name_of)
def test_an_independent_validator_finds_nothing(folder: Path | None) -> None:
    assert list(OpenAPIV31SpecValidator(document(folder)).iter_errors()) == []


@pytest.mark.parametrize("folder", EXAMPLES, ids=name_of)
def test_every_action_that_sends_a_request_is_an_operation(folder: Path | None) -> None:
    specs = SpecFolder(folder)
    sending = {name for name in specs.names if isinstance(specs.spec(name), ActionSpec)}
    assert {operation["operationId"] for _, _, operation in operations(document(folder))} == sending


@pytest.mark.parametrize("folder", EXAMPLES, ids=name_of)
def test_what_the_examples_send_and_answer_is_what_the_document_says(folder: Path | None) -> None:
    specs, found = SpecFolder(folder), document(folder)
    for _, _, operation in operations(found):
        action = CompiledAction(specs.action(operation["operationId"]))
        for example in action.spec.examples:
            for request, reply in run_example(action, example).exchanges:
                content = operation.get("requestBody", {"content": {}})["content"]
                if "application/json" in content:
                    assert request.content is not None
                    validate(json.loads(request.content.reveal()), content["application/json"]["schema"], found)
                assert reply is not None
                status = str(reply.status)
                answer = operation["responses"].get(status) or operation["responses"][f"{status[0]}XX"]
                if text := reply.text.reveal():
                    validate(json.loads(text), answer["content"]["application/json"]["schema"], found)


def run_schemathesis(found: Any, url: str, token: str, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    file = folder / "openapi.json"
    file.write_text(json.dumps(found))
    st = Path(sys.executable).with_name("st")
    fixed = ["--seed=1", "--generation-database=none", "--no-color", f"--checks={CHECKS}", "--warnings=off"]
    arguments = [str(st), "run", str(file), f"--url={url}", f"--header=Authorization: Bearer {token}", *fixed, *options]
    return subprocess.run(arguments, cwd=folder, capture_output=True, text=True, timeout=100, check=False)


BEHAVIOURS = [
    Behaviour(),
    Behaviour(
        create_status=200,
        delete_status=200,
        error_shape="detail_list",
        list_shape="items",
        regenerate_response="token",
        regenerate_id="new",
        regenerate_status=201,
        time_format="http",
    ),
    Behaviour(error_shape="envelope_in_200", list_shape="envelope", time_format="date"),
    Behaviour(error_shape="html", list_shape="data", time_format="naive", unknown_token_status=403),
]


@pytest.mark.parametrize("behaviour", BEHAVIOURS, ids=lambda behaviour: behaviour.error_shape)
def test_schemathesis_finds_no_undocumented_answer(behaviour: Behaviour, tmp_path: Path) -> None:
    scopes = ("automation", "connector_auth")
    checks = [] if behaviour.error_shape != "envelope_in_200" else ["--exclude-checks=ignored_auth"]  # a 401 is a 200
    with calling(behaviour, scopes=scopes) as api:
        done = run_schemathesis(document(None), api.url, api.token.reveal(), tmp_path, "--max-examples=5", *checks)
    assert done.returncode == 0, done.stdout
    assert "8 selected / 8 total" in done.stdout


@pytest.mark.parametrize("missing", ["201", "4XX", "token"])
def test_schemathesis_does_find_what_the_document_leaves_out(missing: str, tmp_path: Path) -> None:
    found = document(None)
    create = found["paths"]["/personal-access-tokens"]["post"]
    if missing == "token":
        found["components"]["schemas"]["create_pat"]["properties"]["token"] = {"type": "integer"}
    else:
        del create["responses"][missing]
    with calling(scopes=("automation",)) as api:
        only = ["--include-operation-id=create_pat", "--phases=examples,coverage", "--max-examples=2"]
        done = run_schemathesis(found, api.url, api.token.reveal(), tmp_path, *only)
    assert done.returncode == 1, done.stdout
    assert "personal-access-tokens" in done.stdout


CONNECTOR = """\
spec: 1
connector: acme
title: Acme
version: 1.0.0
base_url: https://api.acme.example/v1/
hosts: [api.acme.example]
env: {token: ACME_TOKEN}
"""
ACTION = """\
spec: 1
action: %s
title: Title of %s
summary: Summary of %s.
effect: %s
"""
REPLY = """\
reply:
  ok: [200]
  output: {id: {type: text}}
"""


def acme(folder: Path, auth: str = "", **actions: str) -> Any:
    """The document of a connector with *actions*."""
    folder.joinpath("connector.yaml").write_text(CONNECTOR + auth)
    for name, text in actions.items():
        effect = "read" if "GET" in text else "update" if "PUT" in text else "create"
        reply = "" if "reply:" in text else REPLY
        folder.joinpath(f"{name}.yaml").write_text(ACTION % (name, name, name, effect) + text + reply)
    specs = SpecFolder(folder)
    for name in specs.names:
        CompiledAction(specs.action(name))  # they are right
    found = document(folder)
    assert list(OpenAPIV31SpecValidator(found).iter_errors()) == []
    return found


@pytest.mark.parametrize(
    ("auth", "scheme"),
    [
        ("", {"type": "http", "scheme": "bearer"}),
        (
            'auth: {header_key: X-Key, token_format: "{{ token }}", token_prefix: "{{ token_format }}", info: Ask.}\n',
            {"type": "apiKey", "in": "header", "name": "X-Key", "description": "Ask."},
        ),
        (
            'auth: {token_format: "x:{{ token }}", encode: base64, token_prefix: "Basic {{ token_format }}"}\n',
            {"type": "http", "scheme": "basic"},
        ),
        (
            'auth: {token_format: "x:{{ token }}", encode: base64, token_prefix: "Key {{ token_format }}"}\n',
            {"type": "apiKey", "in": "header", "name": "Authorization"},
        ),
        (
            'auth: {token_format: "{{ token }}", token_prefix: "Token {{ token_format }}"}\n',
            {"type": "apiKey", "in": "header", "name": "Authorization"},
        ),
        (
            'auth: {token_format: "{{ token }}", token_prefix: "{{ token_format }}"}\n',
            {"type": "apiKey", "in": "header", "name": "Authorization"},
        ),
    ],
)
def test_how_the_credential_is_sent(auth: str, scheme: Any, tmp_path: Path) -> None:
    found = acme(tmp_path, auth, list_keys="request: {method: GET, path: /keys}\n")
    assert found["components"]["securitySchemes"] == {"credential": scheme}
    assert found["servers"] == [{"url": "https://api.acme.example/v1"}]


SEND = """\
inputs:
  id: {title: ID, type: number, required: true, step: 1}
  area: {title: Area, type: text, info: Where., required: true, minLength: 3}
  tags: {title: Tags, type: text, multiple: true}
  trace: {title: Trace, type: text}
  secret: {title: Secret, type: password, info: A reference., required: true}
  live: {title: Live, type: switch, default: true}
request:
  method: POST
  path: /areas/{{ area }}/keys/{{ id }}-{{ id }}/{{ area|lower }}.json
  query: {tags: "{{ tags }}", limit: 50, label: "l-{{ id }}"}
  headers: {X-Trace: "{{ trace }}", Accept: text/plain}
  omit_null: true
  body:
    secret: "{{ secret }}"
    live: "{{ live }}"
    twice: "{{ id * 2 }}"
    text: "{{ area }} {{ id }}"
    fixed: {a: [1, "x"]}
    deep: {tags: "{{ tags }}", list: ["{{ id }}", 7]}
"""


def test_what_is_sent_and_what_is_left_out(tmp_path: Path) -> None:
    found = acme(tmp_path, create_key=SEND)
    (path, _, operation) = next(operations(found))
    assert path == "/areas/{area}/keys/{id}-{id_2}/{part}.json"
    number = {"title": "ID", "type": "integer"}
    area = {"title": "Area", "type": "string", "minLength": 3}
    assert operation["parameters"] == [
        {"name": "area", "in": "path", "required": True, "description": "Where.", "schema": area},
        {"name": "id", "in": "path", "required": True, "schema": number},
        {"name": "id_2", "in": "path", "required": True, "schema": number},
        {"name": "part", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}},
        {
            "name": "tags",
            "in": "query",
            "required": False,
            "schema": {"title": "Tags", "type": "array", "items": {"type": "string"}},
        },
        {"name": "limit", "in": "query", "required": True, "schema": {"const": 50}},
        {"name": "label", "in": "query", "required": True, "schema": {"type": "string"}},
        {"name": "X-Trace", "in": "header", "required": False, "schema": {"title": "Trace", "type": "string"}},
    ]
    body = operation["requestBody"]["content"]["application/json"]["schema"]
    assert body["required"] == ["secret", "text", "fixed", "deep"]
    assert body["properties"]["secret"] == {
        "title": "Secret", "type": "string", "format": "password", "writeOnly": True,
    }  # fmt: skip
    assert body["properties"]["twice"] == {}
    assert body["properties"]["text"] == {"type": "string"}
    assert body["properties"]["deep"]["properties"]["list"]["prefixItems"] == [number, {"const": 7}]


def test_a_null_that_is_sent_is_documented(tmp_path: Path) -> None:
    text = 'inputs: {day: {title: Day, type: date}}\nrequest: {method: PUT, path: /a, body: {day: "{{ day }}"}}\n'
    (_, _, operation) = next(operations(acme(tmp_path, put_day=text)))
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    assert schema["properties"]["day"]["type"] == ["string", "null"]
    assert schema["required"] == ["day"]


@pytest.mark.parametrize(
    ("by", "kind"),
    [("{by: cursor, query: after, at: next}", "string"), ("{by: page, query: page}", "integer")],
)
def test_the_part_that_asks_for_the_next_page_is_a_parameter(by: str, kind: str, tmp_path: Path) -> None:
    reply = "reply: {ok: [200], at: [keys], rows: keys, output: {id: {type: text}}}\n"
    text = f"request: {{method: GET, path: /keys}}\npages: {by}\n{reply}"
    (_, _, operation) = next(operations(acme(tmp_path, list_keys=text)))
    (parameter,) = operation["parameters"]
    assert (parameter["required"], parameter["schema"]) == (False, {"type": kind})


def test_two_actions_on_one_path_are_one_operation_that_takes_what_either_takes(tmp_path: Path) -> None:
    first = """\
inputs: {id: {title: ID, type: text, required: true}, name: {title: Name, type: text, required: true}}
request: {method: PUT, path: "/keys/{{ id }}", query: {a: 1, only: 1}, body: {name: "{{ name }}"}}
"""
    second = """\
inputs: {key: {title: Key, type: text, required: true}, live: {title: Live, type: switch, required: true}}
request: {method: PUT, path: "/keys/{{ key }}", query: {a: 2, mine: 1}, body: {live: "{{ live }}"}}
reply: {ok: [200, 204], output: {}, errors: {409: Taken.}}
"""
    third = """\
inputs: {key: {title: Key, type: text, required: true}}
request: {method: GET, path: "/keys/{{ key }}"}
"""
    found = acme(tmp_path, a_first=first, b_second=second, c_third=third)
    assert list(found["paths"]) == ["/keys/{id}"]
    both = found["paths"]["/keys/{id}"]["put"]
    assert both["operationId"] == "a_first"
    assert "b_second" in both["description"]
    told = {parameter["name"]: (parameter["required"], parameter["schema"]) for parameter in both["parameters"]}
    assert told["a"] == (True, {"anyOf": [{"const": 1}, {"const": 2}]})
    assert told["only"] == (False, {"const": 1})
    assert told["mine"] == (False, {"const": 1})
    assert len(both["requestBody"]["content"]["application/json"]["schema"]["anyOf"]) == 2
    assert {"200", "204", "409", "4XX", "5XX"} == set(both["responses"])
    assert found["paths"]["/keys/{id}"]["get"]["parameters"][0]["name"] == "id"


def test_a_body_that_only_one_of_two_actions_sends_is_not_required(tmp_path: Path) -> None:
    bare = "request: {method: POST, path: /keys}\n"
    full = "request: {method: POST, path: /keys, form: {name: CI}}\n"
    (_, _, operation) = next(operations(acme(tmp_path, a_bare=bare, b_full=full)))
    assert operation["requestBody"]["required"] is False
    (_, _, without) = next(operations(acme(tmp_path, b_full=bare)))
    assert "requestBody" not in without
    assert "parameters" not in without


def test_an_answer_that_is_not_read_may_be_anything(tmp_path: Path) -> None:
    text = """\
request: {method: PUT, path: /a}
reply: {ok: [200, 204], output: {}}
examples:
  - name: one
    reply: {status: 200, body: {id: 7}}
"""
    (_, _, operation) = next(operations(acme(tmp_path, put_a=text)))
    assert operation["responses"]["200"]["content"] == {"*/*": {}}
    assert "content" not in operation["responses"]["204"]


def test_an_answer_is_described_by_the_names_of_the_api(tmp_path: Path) -> None:
    output = """\
request: {method: GET, path: /a}
reply:
  ok: [200]
  at: [$, data.item]
  output:
    id: {type: text, title: ID}
    name: {type: text, from: about.name, nullable: true}
    size: {type: number, from: about.size}
    days: {type: number, days_until: end}
    kind: {type: nested_object, nullable: true, from: label, last_word: "k/{of}", children: {of: {type: text}}}
    end: {type: datetime}
    more: {type: nested_object, multiple: true, children: {live: {type: switch}}}
    any: {type: json, nullable: true}
examples:
  - name: one
    reply: {status: 200, body: {data: {item: {id: 7, about: {size: 1}, end: "2026-01-31T00:00:00Z", more: []}}}}
"""
    found = acme(tmp_path, get_a=output)
    schema = found["components"]["schemas"]["get_a"]
    assert schema["required"] == ["id", "about", "end", "more"]
    assert schema["properties"]["id"] == {"title": "ID", "type": ["string", "number"]}
    assert schema["properties"]["about"] == {
        "type": "object",
        "properties": {"name": {"type": ["string", "null"]}, "size": {"type": "number"}},
        "required": ["size"],
    }
    assert schema["properties"]["more"]["items"]["properties"] == {"live": {"type": "boolean"}}
    assert schema["properties"]["any"] == {}
    assert not schema["properties"].keys() & {"days", "kind", "label"}
