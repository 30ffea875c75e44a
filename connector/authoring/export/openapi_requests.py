"""The parameters and the body of an OpenAPI operation, from the request of an action."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from locoia_pat.authoring.export.json_schema import input_schema, or_null

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from locoia_pat.authoring.export.json_schema import Schema
    from locoia_pat.spec.model import ActionSpec, Input

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"

_SINGLE = re.compile(r"\{\{-?\s*([a-z][a-z0-9_]*)\s*-?\}\}")
_EXPRESSION = re.compile(r"\{\{([^{}]*)\}\}")
_EXPRESSION_ONLY = re.compile(r"\{\{(?:(?!\{\{).)*\}\}", re.DOTALL)
"""A single expression, which may have any type; several of them, or one within text, give a string."""
_RESERVED_HEADERS = {"accept", "content-type", "authorization"}
"""OpenAPI describes these headers elsewhere, and ignores parameters with these names."""


class Operation(NamedTuple):
    """The request of an OpenAPI operation."""

    path: str
    parameters: list[Schema]
    body: Schema | None


def operation(spec: ActionSpec) -> Operation:
    """Return the path, parameters and body of the request of *spec*."""
    path, parameters = _path(spec)
    parameters += _query(spec)
    headers = {name: value for name, value in spec.request.headers.items() if name.lower() not in _RESERVED_HEADERS}
    parameters += _parameters(spec, headers, "header")
    return Operation(path, parameters, _body(spec))


def _path(spec: ActionSpec) -> tuple[str, list[Schema]]:
    """Return the path and its parameters: one for each template, named after the input."""
    parameters: list[Schema] = []
    parts: list[str] = []
    end = 0
    for match in _EXPRESSION.finditer(spec.request.path):
        field = _single_input(match[0], spec.inputs)
        name = single[1] if field and (single := _SINGLE.fullmatch(match[0])) else "part"
        used = {parameter["name"] for parameter in parameters}
        free = next(one for one in (name, *(f"{name}_{n}" for n in range(2, 1000))) if one not in used)
        schema = input_schema(field) if field else {"type": "string"}
        if schema.get("type") == "string":
            schema = {**schema, "minLength": max(1, schema.get("minLength", 1))}
        parameters.append(_parameter(free, "path", schema, required=True) | _example(spec, name if field else None))
        parts += [spec.request.path[end : match.start()], f"{{{free}}}"]
        end = match.end()
    return "".join([*parts, spec.request.path[end:]]), parameters


def _query(spec: ActionSpec) -> Iterator[Schema]:
    yield from _parameters(spec, spec.request.query, "query")
    pages = spec.pages
    if pages and pages.query and pages.query not in spec.request.query:
        kind = "string" if pages.by == "cursor" else "integer"
        description = "Where the next page begins; the first request does not send it."
        yield {**_parameter(pages.query, "query", {"type": kind}, required=False), "description": description}


def _parameters(spec: ActionSpec, values: Mapping[str, Any], location: str) -> Iterator[Schema]:
    for name, value in values.items():
        field = _single_input(value, spec.inputs)
        schema = _schema(value, spec, text=True)
        parameter = _parameter(name, location, schema, required=not _may_be_omitted(value, spec))
        single = _SINGLE.fullmatch(value) if field else None
        yield parameter | _example(spec, single[1] if single else None)


def _parameter(name: str, location: str, schema: Schema, *, required: bool) -> Schema:
    described = {"description": schema["description"]} if "description" in schema else {}
    rest = {key: part for key, part in schema.items() if key != "description"}
    return {"name": name, "in": location, "required": required} | described | {"schema": rest}


def _example(spec: ActionSpec, name: str | None) -> Schema:
    values = [example.inputs[name] for example in spec.examples if name in example.inputs]
    return {"example": values[0]} if values and values[0] is not None else {}


def _body(spec: ActionSpec) -> Schema | None:
    request = spec.request
    if (file := request.file) is not None:
        binary = {"type": "string", "format": "binary"}
        if file.part is None:
            return {"required": True, "content": {file.content_type: {"schema": binary}}}
        fields = _object(request.form or {}, spec, text=True, top=True)
        properties = {**fields["properties"], file.part: binary}
        encoding = {file.part: {"contentType": file.content_type}}
        content = {"schema": {**fields, "properties": properties}, "encoding": encoding}
        return {"required": True, "content": {MULTIPART: content}}
    if request.form is not None:
        return _content(FORM, _object(request.form, spec, text=True, top=True), _bodies(spec, "form"))
    if request.body is not None:
        return _content(JSON, _structure(request.body, spec, top=True), _bodies(spec, "body"))
    return None


def _content(kind: str, schema: Schema, examples: Schema) -> Schema:
    return {"required": True, "content": {kind: {"schema": schema} | ({"examples": examples} if examples else {})}}


def _bodies(spec: ActionSpec, key: str) -> Schema:
    values = {example.name: getattr(example.request, key) for example in spec.examples if example.request}
    return {name: {"value": value} for name, value in values.items() if value is not None}


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
    required = [key for key, item in value.items() if not (top and _may_be_omitted(item, spec))]
    return {"type": "object", "properties": properties} | ({"required": required} if required else {})


def _schema(value: Any, spec: ActionSpec, *, text: bool) -> Schema:
    """Return the schema of a template or a constant; a single input keeps its type, an expression may have any."""
    if isinstance(value, str) and "{{" in value:
        field = _single_input(value, spec.inputs)
        if field is None:
            return {} if _EXPRESSION_ONLY.fullmatch(value) and not text else {"type": "string"}
        schema = input_schema(field)
        null = field.nullable or not field.required
        return or_null(schema) if null and not text and not spec.request.omit_null else schema
    return {"const": value}


def _may_be_omitted(value: Any, spec: ActionSpec) -> bool:
    """Return whether ``omit_null`` may leave *value* out."""
    if not spec.request.omit_null or not (isinstance(value, str) and "{{" in value):
        return False
    field = _single_input(value, spec.inputs)
    return bool(_EXPRESSION_ONLY.fullmatch(value)) if field is None else field.nullable or not field.required


def _single_input(value: Any, inputs: Mapping[str, Input]) -> Input | None:
    """Return the input that the template *value* consists of, if it is a single one."""
    match = _SINGLE.fullmatch(value) if isinstance(value, str) else None
    return inputs.get(match[1]) if match else None
