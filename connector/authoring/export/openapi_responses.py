"""The responses of an OpenAPI operation: what the API documents, and what the connector reads."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from locoia_pat.authoring.export.json_schema import response_schema
from locoia_pat.authoring.export.openapi_requests import JSON
from locoia_pat.response.outputs import get_path
from locoia_pat.spec.action_rules import is_status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locoia_pat.authoring.export.json_schema import Schema
    from locoia_pat.spec.model import ActionSpec

SHARED: dict[str, Schema] = {
    "Error": {
        "description": "An error. The forms that the connector reads; not all APIs document theirs.",
        "anyOf": [
            {"type": "object", "minProperties": 1},
            {"type": "array", "minItems": 1},
            {"type": "string", "minLength": 1},
        ],
    },
    "ErrorInside": {
        "description": "An error with a status of success; it is read as an error of the status in its body.",
        "type": "object",
        "properties": {
            "status": {"type": "integer"},
            "error": {"type": "string", "minLength": 1},
            "message": {"type": ["string", "null"]},
        },
        "required": ["error", "message"],
    },
}
"""Schemas that all operations share."""

_UNKNOWN = "The outcome is unknown: check before sending it again."
_OTHER_ERRORS = {
    "4XX": "Refused: nothing changed. With 408, the outcome is unknown; after 429, it may be retried later.",
    "5XX": "The API failed.",
}


def responses(spec: ActionSpec) -> dict[str, Schema]:
    """Return the responses of *spec* by status: successes, documented errors, and all other 4xx and 5xx."""
    by_status: dict[str, Schema] = {str(status): _success(spec, status) for status in spec.reply.ok}
    for status, description in sorted(spec.reply.errors.items()):
        if is_status(status):
            by_status[status] = _error(description)
    for group, description in _OTHER_ERRORS.items():
        unknown = f" {_UNKNOWN}" if group == "5XX" and spec.effect != "read" else ""
        by_status[group] = _error(description + unknown)
    for status, name, body in _json_examples(spec):
        content = by_status.get(status) or by_status[f"{status[0]}XX"]
        if JSON in content.get("content", {}):
            content["content"][JSON].setdefault("examples", {})[name] = {"value": body}
    return by_status


def payload_schema(spec: ActionSpec) -> Schema:
    """Return the schema of the object in a response, or of the list of rows."""
    key_output = spec.reply.rows_by_key
    read = {name: output for name, output in spec.reply.output.items() if name != key_output}
    row = response_schema(read, _numeric_texts(spec))
    if key_output is not None:
        return {"type": "object", "additionalProperties": row}
    return {"type": "array", "items": row} if spec.reply.rows else row


def _success(spec: ActionSpec, status: int) -> Schema:
    if status == 204:
        return {"description": "Success, without content."}
    description = "Success."
    headers = {output.header: {"schema": {"type": "string"}} for output in spec.reply.output.values() if output.header}
    shared = {"headers": headers} if headers else {}
    if not spec.reads_body:
        return {"description": f"{description} The response body is not read.", **shared, "content": {"*/*": {}}}
    reference = {"$ref": f"#/components/schemas/{spec.action}"}
    payloads = [_nest(path, reference) for path in spec.reply.at]
    if len(payloads) > 1:
        description += " The API does not document where the payload is: each of these places is read."
    schema = {"anyOf": [*payloads, {"$ref": "#/components/schemas/ErrorInside"}]}
    return {"description": description, **shared, "content": {JSON: {"schema": schema}}}


def _nest(path: str, schema: Schema) -> Schema:
    for step in reversed(re.findall(r"\[[^\]]*\]|[^.\[\]]+", path.removeprefix("$"))):
        if step.startswith("["):
            schema = {"type": "array", "contains": schema}
        else:
            schema = {"type": "object", "properties": {step: schema}, "required": [step]}
    return schema


def _error(description: str) -> Schema:
    return {
        "description": description,
        "content": {JSON: {"schema": {"$ref": "#/components/schemas/Error"}}, "text/html": {}, "text/plain": {}},
    }


def _json_examples(spec: ActionSpec) -> Iterator[tuple[str, str, Any]]:
    """Yield status, name and body of each JSON response of the examples."""
    for example in spec.examples:
        replies = [reply for reply in (example.reply, *example.pages) if reply]
        for number, reply in enumerate(replies, 1):
            if isinstance(reply.body, dict | list):
                yield str(reply.status), example.name + (f", page {number}" if number > 1 else ""), reply.body


def _numeric_texts(spec: ActionSpec) -> frozenset[str]:
    """Return the outputs of type ``text`` that are numbers in a response of the examples."""
    rows: list[Any] = []
    for status, _, body in _json_examples(spec):
        for path in spec.reply.at if status.startswith("2") else ():
            payload = get_path(body, path)
            rows += payload if isinstance(payload, list) else [payload]
    return frozenset(
        name
        for name, output in spec.reply.output.items()
        for row in rows
        for value in [get_path(row, path) for path in output.sources or [name]]
        for item in (value if isinstance(value, list) else [value])
        if isinstance(item, int | float) and not isinstance(item, bool)
    )
