"""Inputs and outputs of a spec as JSON Schema (draft 2020-12), which OpenAPI 3.1 shares."""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, Any

from locoia_pat.request.allowed import is_whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locoia_pat.spec.form import Input
    from locoia_pat.spec.model import Output

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_DATE: Schema = {"type": "string", "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}
_REFERENCE: Schema = {
    "type": "object",
    "properties": {"$ref": {"type": "string", "description": "The place of the secret, such as file:PATH."}},
    "required": ["$ref"],
    "additionalProperties": False,
}
"""How a secret is given to an action: never itself."""
_MAX_SAFE = 10**15
"""Numbers past it are not told: JSON readers do not agree on them."""


def taken(fields: Mapping[str, Input], *, secrets: bool = False) -> Schema:
    """The object that an action takes.

    A form sends ``null`` for what was left empty, so only what is required may not be null.  With *secrets*, a secret
    is the text that is sent to the API; else it is a reference to its place.
    """
    properties = {name: _given(field, secrets=secrets) for name, field in fields.items()}
    required = [name for name, field in fields.items() if field.required]
    schema: Schema = {"type": "object", "properties": properties}
    return schema | ({"required": required} if required else {}) | {"additionalProperties": False}


def _given(field: Input, *, secrets: bool) -> Schema:
    schema = value(field, secrets=secrets)
    return schema if field.required and not field.nullable else or_null(schema)


def value(field: Input, *, secrets: bool = True) -> Schema:
    """What *field* takes where it is not null."""
    schema = _option(field) if field.type == "select" else _scalar(field, secrets=secrets)
    if field.multiple:
        schema = {"type": "array", "items": schema} | ({"minItems": 1} if field.required else {})
    words = "" if secrets and field.type == "password" else _described(field)  # that speaks of a reference
    told = {"title": field.title} | ({"description": words} if words else {})
    return told | schema | ({} if field.default is None else {"default": field.default})


def or_null(schema: Schema) -> Schema:
    """*Schema*, and null."""
    if not schema.keys() - {"title", "description"}:
        return schema  # anything
    if isinstance(schema.get("type"), str) and not schema.keys() & {"enum", "const"}:
        return {**schema, "type": [schema["type"], "null"]}
    told = {key: schema[key] for key in ("title", "description", "default") if key in schema}
    rest = {key: part for key, part in schema.items() if key not in told}
    return told | {"anyOf": [*rest.pop("anyOf", [rest] if rest else []), {"type": "null"}]}


def _described(field: Input) -> str:
    words = [field.info] if field.info else []
    words += [f"Counted in {field.unit}."] if field.unit else []
    words += [f"{option}: {remark}." for option, remark in (field.remarks or {}).items()]
    words += [f"Format: {field.regex_error_message}."] if field.regex_error_message else []
    return " ".join(words)


def _option(field: Input) -> Schema:
    options = list(field.enum or ())
    return {"type": "string", "examples": options} if field.allow_create else {"type": "string", "enum": options}


def _scalar(field: Input, *, secrets: bool) -> Schema:
    match field.type:
        case "number":
            return _number(field)
        case "switch":
            return {"type": "boolean"}
        case "password":
            return {"type": "string", "format": "password", "writeOnly": True} if secrets else _REFERENCE
        case "date":
            return _DATE
        case "datetime":
            return {"type": "string", "format": "date-time"}
        case "daterange":
            return {"type": "array", "items": _DATE, "minItems": 2, "maxItems": 2}
        case "nested_object":
            return taken(field.children or {}, secrets=secrets)
        case "json":
            return {}
        case _:
            return _text(field)


def _number(field: Input) -> Schema:
    schema: Schema = {"type": "integer" if is_whole(field) else "number"}
    schema |= {} if field.min is None else {"minimum": field.min}
    schema |= {} if field.max is None else {"maximum": field.max}
    counted_from_zero = not field.min or (field.step and (field.min / field.step).is_integer())
    if field.step and field.step != 1 and counted_from_zero:
        schema["multipleOf"] = field.step
    return schema


def _text(field: Input) -> Schema:
    schema: Schema = {"type": "string"}
    schema |= {} if field.min_length is None else {"minLength": field.min_length}
    schema |= {} if field.max_length is None else {"maxLength": field.max_length}
    if field.type == "email":
        schema |= {"format": "email", "pattern": r"^[^@\s]+@[^@\s]+$"}
    elif field.pattern and (pattern := _pattern(field.pattern)):
        schema["pattern"] = pattern
    return schema


def _pattern(text: str) -> str | None:
    """A pattern that other engines read as well; None where it cannot be told to them."""
    found = re.fullmatch(r"/(.*)/(i?)", text, re.DOTALL)
    plain = found[1] if found else text
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # of what another engine may read otherwise
            re.compile(plain)
    except (re.error, Warning):
        return None
    return None if found and found[2] else plain


def read(outputs: Mapping[str, Output]) -> Schema:
    """The object that an action gives: all its outputs, without those that are shown once.

    What an API leaves out is null, with a warning, so everything may be null; a time that could not be read, or came
    without its zone, stands as it came beside it.
    """
    properties: dict[str, Schema] = {}
    told = {name: output for name, output in outputs.items() if not output.secret}
    for name, output in told.items():
        properties[name] = or_null(_described_output(output, _result(output)))
        if output.type == "datetime":
            properties.setdefault(f"{name}_raw", {"type": ["string", "null"], "description": f"{name}, as it came."})
    schema: Schema = {"type": "object", "properties": properties}
    return schema | {"required": list(told), "additionalProperties": False}


def _result(output: Output) -> Schema:
    match output.type:
        case "datetime":
            return {"type": "string", "format": "date-time"}
        case "nested_object":
            return _listed(output, read(output.children or {}))
        case _:
            return _listed(output, _plain(output))


def answered(outputs: Mapping[str, Output], numbers: frozenset[str] = frozenset()) -> Schema:
    """The object that an API answers with: its own names, and only what is read of it.

    Texts named in *numbers* come as numbers as well.
    """
    schema: Schema = {"type": "object", "properties": {}}
    for name, output in outputs.items():
        if output.days_until or output.parts:
            continue  # made here of others, not answered
        at, places = schema, (output.source or name).split(".")
        needed = not output.nullable and output.or_input is None
        for place in places[:-1]:
            _need(at, place, needed=needed)
            at = at["properties"].setdefault(place, {"type": "object"})
            at.setdefault("properties", {})
        _need(at, places[-1], needed=needed)
        found = _described_output(output, _answer(output, number=name in numbers))
        at["properties"][places[-1]] = or_null(found) if output.nullable else found
    return schema


def _need(schema: Schema, name: str, *, needed: bool) -> None:
    if needed and name not in schema.setdefault("required", []):
        schema["required"].append(name)


def _answer(output: Output, *, number: bool) -> Schema:
    match output.type:
        case "datetime":
            return {
                "type": "string",
                "description": "A time: as ISO 8601 or as HTTP writes dates; without a zone, UTC.",
            }
        case "nested_object":
            return _listed(output, answered(output.children or {}))
        case "text" if number:
            return _listed(output, {"type": ["string", "number"]})
        case _:
            return _listed(output, _plain(output))


_TYPES: dict[str, Schema] = {"text": {"type": "string"}, "number": {"type": "number"}, "switch": {"type": "boolean"}}


def _plain(output: Output) -> Schema:
    return dict(_TYPES.get(output.type, {}))  # any JSON, where it is none of these


def _listed(output: Output, schema: Schema) -> Schema:
    return {"type": "array", "items": schema} if output.multiple else schema


def _described_output(output: Output, schema: Schema) -> Schema:
    words = [schema["description"]] if "description" in schema else []
    words += ["Shown this one time."] if output.secret else []
    told = {"title": output.title} if output.title else {}
    return told | schema | ({"description": " ".join(words)} if words else {})
