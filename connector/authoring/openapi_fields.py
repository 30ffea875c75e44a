"""Inputs, outputs, names and descriptions from the schemas of an OpenAPI document."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from locoia_pat.authoring.openapi_document import mapping, sequence
from locoia_pat.secrets.detect import is_secret_name
from locoia_pat.spec.pattern import pattern_error
from locoia_pat.spec.value_rules import RESERVED_NAMES

if TYPE_CHECKING:
    from collections.abc import Collection

    from locoia_pat.authoring.openapi_document import OpenApiDocument

NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_KEY = re.compile(r"[A-Za-z0-9_@$-]+(\.[A-Za-z0-9_@$-]+)*")
"""A key of a response that a spec can read."""
_MAX_CHILDREN = 40
_MAX_DEPTH = 2
_MAX_OPTIONS = 200
_MAX_NUMBER = 10**15
_PAGE_TOKENS = re.compile(r"(?i)(next|page|continuation|sync|prev|previous)[-_]?(page)?[-_]?token")
"""Names of cursors: not secrets."""


def name_of(text: str, taken: Collection[str] = ()) -> str:
    """Return a name in lower_snake_case for *text*, other than those *taken*."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", text)
    base = re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")
    base = base if re.match(r"[a-z]", base) else f"x_{base}"
    name = base = f"{base}_value" if base in RESERVED_NAMES else base[:60].strip("_")
    number = 2
    while name in taken:
        name, number = f"{base}_{number}", number + 1
    return name


def line_of(text: object, limit: int = 300) -> str | None:
    """Return *text* as one printable line, cut after a word; None if nothing is left of it."""
    if not isinstance(text, str):
        return None
    line = " ".join("".join(c if c.isprintable() and c.isascii() else " " for c in text).split())
    return (line if len(line) <= limit else f"{line[:limit].rpartition(' ')[0] or line[:limit]} ...") or None


def title_of(name: str) -> str:
    """Return a title for an input or action *name*."""
    return name_of(name).replace("_", " ").capitalize()


def is_secret(name: str) -> bool:
    """Return whether a value of that name is a secret, judged by the name alone."""
    return is_secret_name(name) and not _PAGE_TOKENS.fullmatch(name)


def input_of(
    document: OpenApiDocument, name: str, schema: object, *, required: bool, info: object = None
) -> dict[str, Any]:
    """Return the descriptor of an input.

    Args:
        document: the document.
        name: the name in the API.
        schema: its schema, or a reference to it.
        required: whether it must be given.
        info: its description, by default that of the schema.

    """
    read = document.schema(schema)
    keys = _type_keys(document, read)
    text = line_of(info) or line_of(read.get("description"))
    return {
        "title": title_of(name),
        **keys,
        **({"info": text} if text else {}),
        **({"required": True} if required else {}),
        **({"nullable": True} if required and read.get("nullable") is True else {}),
    }


def _type_keys(document: OpenApiDocument, schema: dict[str, Any], depth: int = 0) -> dict[str, Any]:
    match schema.get("type"):
        case None | "string" if options := _options(schema):
            return {"type": "select", "enum": options}
        case "string":
            return _text_keys(schema)
        case "integer":
            return {"type": "number", **_bounds(schema), "step": 1}
        case "number":
            return {"type": "number", **_bounds(schema)}
        case "boolean":
            return {"type": "switch"}
        case "array" if depth < _MAX_DEPTH:
            item = _type_keys(document, document.schema(schema.get("items")), depth + 1)
            if item["type"] not in ("json", "nested_object", "password"):
                return {**item, "multiple": True}
        case "object" if depth < _MAX_DEPTH and (children := _children(document, schema, depth)):
            return {"type": "nested_object", "children": children}
    return {"type": "json"}


def _options(schema: dict[str, Any]) -> list[str]:
    options = sequence(schema.get("enum"))
    usable = all(isinstance(option, str) and option for option in options)
    return options if usable and len({*options}) == len(options) <= _MAX_OPTIONS else []


def _children(document: OpenApiDocument, schema: dict[str, Any], depth: int) -> dict[str, Any]:
    """Return the inputs of a nested object; none if its keys cannot be names of inputs."""
    properties = mapping(schema.get("properties"))
    usable = all(NAME.fullmatch(key) and key not in RESERVED_NAMES and not is_secret(key) for key in properties)
    if not usable or len(properties) > _MAX_CHILDREN:
        return {}
    children: dict[str, Any] = {}
    for name, inner in properties.items():
        read = document.schema(inner)
        required = {"required": True} if name in sequence(schema.get("required")) else {}
        null = {"nullable": True} if required and read.get("nullable") is True else {}
        children[name] = {"title": title_of(name), **_type_keys(document, read, depth + 1), **required, **null}
    return children


def _text_keys(schema: dict[str, Any]) -> dict[str, Any]:
    forms = {"date": "date", "date-time": "datetime", "email": "email", "password": "password"}
    if (form := forms.get(str(schema.get("format")))) is not None:
        return {"type": form}
    limits = {key: schema.get(key) for key in ("minLength", "maxLength")}
    keys: dict[str, Any] = {key: limit for key, limit in limits.items() if type(limit) is int and 0 <= limit < 10**6}
    pattern = schema.get("pattern")
    if isinstance(pattern, str) and len(pattern) <= 100 and "{" not in pattern and not pattern_error(pattern):
        keys["pattern"] = pattern
    return {"type": "text", **keys}


def _bounds(schema: dict[str, Any]) -> dict[str, Any]:
    bounds: dict[str, Any] = {"min": schema.get("minimum"), "max": schema.get("maximum")}
    return {key: bound for key, bound in bounds.items() if _is_bound(bound)}


def _is_bound(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < _MAX_NUMBER


def outputs_of(document: OpenApiDocument, schema: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the outputs for the properties of an object, without those that a spec cannot read."""
    required = sequence(schema.get("required"))
    outputs: dict[str, dict[str, Any]] = {}
    for key, inner in mapping(schema.get("properties")).items():
        if not _KEY.fullmatch(key) or len(outputs) >= _MAX_CHILDREN:
            continue
        name = name_of(key, outputs)
        read = document.schema(inner)
        absent = key not in required or read.get("nullable") is True
        outputs[name] = {
            **_output_keys(document, read),
            **({"nullable": True} if absent else {}),
            **({"from": key} if key != name else {}),
        }
    return outputs


def _output_keys(document: OpenApiDocument, schema: dict[str, Any], depth: int = 0) -> dict[str, Any]:
    match schema.get("type"):
        case "string":
            return {"type": "datetime" if schema.get("format") == "date-time" else "text"}
        case "integer" | "number":
            return {"type": "number"}
        case "boolean":
            return {"type": "switch"}
        case "array" if depth == 0:
            item = _output_keys(document, document.schema(schema.get("items")), depth + 1)
            if item != {"type": "json"}:
                return {**item, "multiple": True}
    return {"type": "json"}
