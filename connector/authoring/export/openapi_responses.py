"""The answers to an action as the responses of an OpenAPI operation: what is documented, and what is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from locoia_pat.authoring.export import schemas as shapes
from locoia_pat.authoring.export.openapi_requests import JSON
from locoia_pat.response.outputs import get_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locoia_pat.authoring.export.schemas import Schema
    from locoia_pat.spec.model import ActionSpec

SHARED: dict[str, Schema] = {
    "Error": {
        "description": "What went wrong. APIs have many forms for it, and not all document theirs: these are read.",
        "anyOf": [
            {"type": "object", "minProperties": 1},
            {"type": "array", "minItems": 1},
            {"type": "string", "minLength": 1},
        ],
    },
    "ErrorInside": {
        "description": "An error that arrives as a success; it is read as one of the status that it says.",
        "type": "object",
        "properties": {
            "status": {"type": "integer"},
            "error": {"type": "string", "minLength": 1},
            "message": {"type": ["string", "null"]},
        },
        "required": ["error", "message"],
    },
}
"""Schemas that all operations use."""

_UNKNOWN = "Whether it happened is not known: look before it is sent again."
_OTHERS = {
    "4XX": "Refused: nothing changed. With 408, that is not known; with 429, it may be sent again later.",
    "5XX": "The API failed.",
}


def responses(spec: ActionSpec) -> dict[str, Schema]:
    """The responses of *spec*: its successes, the errors that it documents, and the rest of the 4xx and 5xx."""
    found: dict[str, Schema] = {str(status): _success(spec, status) for status in spec.reply.ok}
    for status, words in sorted(spec.reply.errors.items()):
        found[status] = _error(words)
    for group, words in _OTHERS.items():
        also = f" {_UNKNOWN}" if group == "5XX" and spec.effect != "read" else ""
        found[group] = _error(words + also)
    for status, name, body in _told(spec):
        content = found.get(status) or found[f"{status[0]}XX"]
        if JSON in content.get("content", {}):
            content["content"][JSON].setdefault("examples", {})[name] = {"value": body}
    return found


def payload(spec: ActionSpec) -> Schema:
    """The object in an answer, or the list of them."""
    row = shapes.answered(spec.reply.output, _numbers(spec))
    return {"type": "array", "items": row} if spec.reply.rows else row


def _success(spec: ActionSpec, status: int) -> Schema:
    if status == 204:
        return {"description": "Done; there is no content."}
    words = "Done."
    if not spec.reply.output:
        return {"description": f"{words} The answer is not read.", "content": {"*/*": {}}}
    reference = {"$ref": f"#/components/schemas/{spec.action}"}
    places = [_placed(place, reference) for place in spec.reply.at]
    if len(places) > 1:
        words += " Where in the answer it stands is not documented: each of these places is read."
    schema = {"anyOf": [*places, {"$ref": "#/components/schemas/ErrorInside"}]}
    return {"description": words, "content": {JSON: {"schema": schema}}}


def _placed(place: str, schema: Schema) -> Schema:
    if place == "$":
        return schema
    for key in reversed(place.split(".")):
        schema = {"type": "object", "properties": {key: schema}, "required": [key]}
    return schema


def _error(words: str) -> Schema:
    return {
        "description": words,
        "content": {JSON: {"schema": {"$ref": "#/components/schemas/Error"}}, "text/html": {}, "text/plain": {}},
    }


def _told(spec: ActionSpec) -> Iterator[tuple[str, str, Any]]:
    """Status, name and body of what the examples answer in JSON."""
    for example in spec.examples:
        replies = [reply for reply in (example.reply, *example.pages) if reply]
        for number, reply in enumerate(replies, 1):
            if isinstance(reply.body, dict | list):
                yield str(reply.status), example.name + (f", page {number}" if number > 1 else ""), reply.body


def _numbers(spec: ActionSpec) -> frozenset[str]:
    """The texts that some example answers with a number."""
    rows: list[Any] = []
    for status, _, body in _told(spec):
        for place in spec.reply.at if status.startswith("2") else ():
            found = get_path(body, place)
            rows += found if isinstance(found, list) else [found]
    return frozenset(
        name
        for name, output in spec.reply.output.items()
        for row in rows
        for found in [get_path(row, output.source or name)]
        for item in (found if isinstance(found, list) else [found])
        if isinstance(item, int | float) and not isinstance(item, bool)
    )
