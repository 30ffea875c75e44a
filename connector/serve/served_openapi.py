"""The server's own API as OpenAPI 3.1, from the specs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locoia_pat.authoring.export.json_schema import Schema, data_schema, envelope_schema, inputs_schema
from locoia_pat.outcomes import Outcome
from locoia_pat.serve.idempotency import HEADER, MAX_LENGTH
from locoia_pat.spec.description import STORE_FIELD, takes_stores
from locoia_pat.version import VERSION

if TYPE_CHECKING:
    from locoia_pat.spec.load import SpecFolder
    from locoia_pat.spec.model import ActionSpec, SuperSpec

_JSON = "application/json"
_FAILURE = {"$ref": "#/components/schemas/Failure"}
_ERRORS = {
    "400": "The body is not a JSON object.",
    "401": "No key, or one that is unknown, expired or revoked.",
    "403": "The key does not allow it, and the message says what is missing; or the API refused the credential.",
    "404": "There is no such action, or the API responded with 404.",
    "405": "The path does not take that method.",
    "408": "The body did not arrive in time.",
    "409": "The API refused; or, with Retry-After, a call with the same Idempotency-Key is under way.",
    "413": "The body is too large.",
    "415": "The body is not application/json.",
    "422": "An input, a token store or the Idempotency-Key is wrong; nothing was sent.",
    "424": "The outcome is unknown, or the token was not stored: look first, and do not retry.",
    "429": "A name is busy, or the API limits the rate: retry after the given time.",
    "500": "A bug of the server.",
    "503": "It did not happen: retry after the given time.",
}
_WITH_RETRY_AFTER = ("409", "429", "503")
_OF_A_READ = ("401", "403", "404", "405", "500", "503")


def document(specs: SpecFolder) -> Schema:
    """Return the OpenAPI document of a server of *specs*."""
    actions = [specs.spec(name) for name in specs.names]
    failures = [outcome for outcome in Outcome if outcome is not Outcome.DONE]
    failure = envelope_schema(failures, data={"type": ["object", "null"]})
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{specs.connector.title}: actions served by locoia-pat",
            "version": VERSION,
            "description": "Each action is one POST. Tokens leave only to token stores; a response names the store.",
        },
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "paths": {
            "/v1/actions": {"get": _list_operation()},
            **{f"/v1/actions/{spec.action}": _path(spec) for spec in actions},
            "/healthz": {"get": _plain("healthz", "Whether the process responds.", "200")},
            "/readyz": {"get": _plain("readyz", "Whether calls can be performed.", "200", "503")},
            "/metrics": {"get": _plain("metrics", "Metrics in the text format of Prometheus.", "200")},
        },
        "components": {
            "schemas": {"Failure": failure, **{spec.action: data_schema(spec) for spec in actions}},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "A key of serve key new."}},
        },
    }


def body_schema(spec: ActionSpec | SuperSpec) -> Schema:
    """Return the schema of the body of a call: the inputs, and the token stores next to them."""
    schema = inputs_schema(spec.inputs)
    if not takes_stores(spec):
        return schema
    stores = {
        "title": "Token store",
        "description": "Where a new token is stored: a reference such as file:/PATH or connector-auth:ID, or several.",
        "type": ["string", "array"],
        "items": {"type": "string"},
        "minItems": 1,
    }
    properties = {**schema["properties"], STORE_FIELD: stores}
    return schema | {"properties": properties, "required": [*schema.get("required", []), STORE_FIELD]}


def _path(spec: ActionSpec | SuperSpec) -> Schema:
    return {"get": _describe_operation(spec), "post": _call_operation(spec)}


def _call_operation(spec: ActionSpec | SuperSpec) -> Schema:
    required = any(field.required for field in spec.inputs.values()) or takes_stores(spec)
    data = {"$ref": f"#/components/schemas/{spec.action}"}
    done = envelope_schema([Outcome.DONE], data=data, action={"const": spec.action})
    return {
        "operationId": spec.action,
        "summary": spec.title,
        "description": f"{spec.summary}\n\nEffect: {spec.effect}.",
        **({"externalDocs": {"url": spec.docs}} if spec.docs else {}),
        "parameters": [
            {
                "name": HEADER,
                "in": "header",
                "description": "Names this call: a retry with the same key gets the first response.",
                "schema": {"type": "string", "minLength": 1, "maxLength": MAX_LENGTH, "pattern": "^[!-~]+$"},
            },
        ],
        "requestBody": {"required": required, "content": {_JSON: {"schema": body_schema(spec)}}},
        "responses": {"200": _content("The outcome is done.", done)} | _errors(*_ERRORS),
    }


def _describe_operation(spec: ActionSpec | SuperSpec) -> Schema:
    return {
        "operationId": f"describe_{spec.action}",
        "summary": f"Inputs, outputs and form of {spec.action}",
        "responses": {"200": _content("The action.", {"type": "object"})} | _errors(*_OF_A_READ),
    }


def _list_operation() -> Schema:
    listed = {"type": "object", "properties": {"actions": {"type": "array"}}, "required": ["actions"]}
    return {
        "operationId": "list_actions",
        "summary": "The actions that the key allows",
        "responses": {"200": _content("The actions.", listed)} | _errors(*_OF_A_READ),
    }


def _plain(name: str, summary: str, *statuses: str) -> Schema:
    responses = {status: {"description": summary, "content": {"text/plain": {}}} for status in statuses}
    return {"operationId": name, "summary": summary, "security": [], "responses": responses | _errors("405", "500")}


def _errors(*statuses: str) -> Schema:
    return {status: _content(_ERRORS[status], _FAILURE, status in _WITH_RETRY_AFTER) for status in statuses}


def _content(description: str, schema: Schema, retry_after: bool = False) -> Schema:  # private
    retry = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}}}
    headers = {"headers": retry} if retry_after else {}
    return {"description": description, "content": {_JSON: {"schema": schema}}, **headers}
