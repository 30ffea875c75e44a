"""The request of an action as an OpenAPI operation's parameters and body: what the connector sends."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from locoia_pat.authoring.export import schemas as shapes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from locoia_pat.authoring.export.schemas import Schema
    from locoia_pat.spec.form import Input
    from locoia_pat.spec.model import ActionSpec

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"

_LONE = re.compile(r"\{\{-?\s*([a-z][a-z0-9_]*)\s*-?\}\}")
_EXPRESSION = re.compile(r"\{\{([^{}]*)\}\}")
_WHOLE = re.compile(r"\{\{(?:(?!\{\{).)*\}\}", re.DOTALL)
"""One expression alone, which may give anything; more of them, or one among text, give text."""
_NOT_DECLARED = {"accept", "content-type", "authorization"}
"""OpenAPI says these by other means, and ignores parameters of that name."""


class Sent(NamedTuple):
    """What an operation sends."""

    path: str
    parameters: list[Schema]
    body: Schema | None


def sent(spec: ActionSpec) -> Sent:
    """The path, the parameters and the body of *spec*'s request."""
    path, parameters = _path(spec)
    parameters += _query(spec)
    headers = {name: value for name, value in spec.request.headers.items() if name.lower() not in _NOT_DECLARED}
    parameters += _parameters(spec, headers, "header")
    return Sent(path, parameters, _body(spec))


def _path(spec: ActionSpec) -> tuple[str, list[Schema]]:
    """The path, each of its templates a parameter that is called as its input."""
    parameters: list[Schema] = []
    parts: list[str] = []
    end = 0
    for found in _EXPRESSION.finditer(spec.request.path):
        field = _lone(found[0], spec.inputs)
        name = lone[1] if field and (lone := _LONE.fullmatch(found[0])) else "part"
        taken = {parameter["name"] for parameter in parameters}
        free = next(one for one in (name, *(f"{name}_{n}" for n in range(2, 1000))) if one not in taken)
        schema = shapes.value(field) if field else {"type": "string"}
        if schema.get("type") == "string":
            schema = {**schema, "minLength": max(1, schema.get("minLength", 1))}
        parameters.append(_parameter(free, "path", schema, required=True) | _example(spec, name if field else None))
        parts += [spec.request.path[end : found.start()], f"{{{free}}}"]
        end = found.end()
    return "".join([*parts, spec.request.path[end:]]), parameters


def _query(spec: ActionSpec) -> Iterator[Schema]:
    yield from _parameters(spec, spec.request.query, "query")
    pages = spec.pages
    if pages and pages.query and pages.query not in spec.request.query:
        kind = "string" if pages.by == "cursor" else "integer"
        words = "Where to go on; the first request does not say it."
        yield {**_parameter(pages.query, "query", {"type": kind}, required=False), "description": words}


def _parameters(spec: ActionSpec, values: Mapping[str, Any], place: str) -> Iterator[Schema]:
    for name, value in values.items():
        field = _lone(value, spec.inputs)
        schema = _schema(value, spec, text=True)
        found = _parameter(name, place, schema, required=not _may_be_left_out(value, spec))
        lone = _LONE.fullmatch(value) if field else None
        yield found | _example(spec, lone[1] if lone else None)


def _parameter(name: str, place: str, schema: Schema, *, required: bool) -> Schema:
    told = {"description": schema["description"]} if "description" in schema else {}
    rest = {key: part for key, part in schema.items() if key != "description"}
    return {"name": name, "in": place, "required": required} | told | {"schema": rest}


def _example(spec: ActionSpec, name: str | None) -> Schema:
    values = [example.inputs[name] for example in spec.examples if name in example.inputs]
    return {"example": values[0]} if values and values[0] is not None else {}


def _body(spec: ActionSpec) -> Schema | None:
    request = spec.request
    if request.form is not None:
        return _content(FORM, _object(request.form, spec, text=True, top=True), _bodies(spec, "form"))
    if request.body is not None:
        return _content(JSON, _structure(request.body, spec, top=True), _bodies(spec, "body"))
    return None


def _content(kind: str, schema: Schema, examples: Schema) -> Schema:
    return {"required": True, "content": {kind: {"schema": schema} | ({"examples": examples} if examples else {})}}


def _bodies(spec: ActionSpec, key: str) -> Schema:
    told = {example.name: getattr(example.request, key) for example in spec.examples if example.request}
    return {name: {"value": value} for name, value in told.items() if value is not None}


def _structure(value: Any, spec: ActionSpec, *, top: bool = False) -> Schema:
    match value:
        case dict() if value:
            return _object(value, spec, text=False, top=top)
        case list() if value:
            items = [_structure(item, spec) for item in value]
            return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}
        case _:
            return _schema(value, spec, text=False)


def _object(value: Mapping[str, Any], spec: ActionSpec, *, text: bool, top: bool) -> Schema:
    properties = {
        key: _schema(item, spec, text=True) if text else _structure(item, spec) for key, item in value.items()
    }
    required = [key for key, item in value.items() if not (top and _may_be_left_out(item, spec))]
    return {"type": "object", "properties": properties} | ({"required": required} if required else {})


def _schema(value: Any, spec: ActionSpec, *, text: bool) -> Schema:
    """What a template or a constant gives: a lone input keeps its type; an expression may give anything."""
    if isinstance(value, str) and "{{" in value:
        field = _lone(value, spec.inputs)
        if field is None:
            return {} if _WHOLE.fullmatch(value) and not text else {"type": "string"}
        schema = shapes.value(field)
        null = field.nullable or not field.required
        return shapes.or_null(schema) if null and not text and not spec.request.omit_null else schema
    return {"const": value}


def _may_be_left_out(value: Any, spec: ActionSpec) -> bool:
    """Whether ``omit_null`` may take *value* away."""
    if not spec.request.omit_null or not (isinstance(value, str) and "{{" in value):
        return False
    field = _lone(value, spec.inputs)
    return bool(_WHOLE.fullmatch(value)) if field is None else field.nullable or not field.required


def _lone(value: Any, inputs: Mapping[str, Input]) -> Input | None:
    """The input that *value* is, where it is one alone."""
    found = _LONE.fullmatch(value) if isinstance(value, str) else None
    return inputs.get(found[1]) if found else None
