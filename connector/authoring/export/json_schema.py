"""Inputs and outputs of a spec as JSON Schema (draft 2020-12), which OpenAPI 3.1 shares.

As an export, they are files for flow engines, forms and type generators.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, get_args

from locoia_pat.outcomes import Code, Outcome
from locoia_pat.spec.input_types import INPUT_TYPES
from locoia_pat.spec.model import ActionSpec

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from locoia_pat.spec.load import SpecFolder
    from locoia_pat.spec.model import Input, Output, SuperSpec

Schema = dict[str, Any]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_STRING_OR_NULL: Schema = {"type": ["string", "null"]}
_DATE_TIME: Schema = {"type": "string", "format": "date-time"}
_SECRET_REFERENCE: Schema = {
    "type": "object",
    "properties": {"$ref": {"type": "string", "description": "Where the secret is stored, such as file:PATH."}},
    "required": ["$ref"],
    "additionalProperties": False,
}
"""How a secret is given to an action: never itself."""


def files(folder: SpecFolder) -> dict[str, str]:
    """Return ``ACTION.inputs.json`` and ``ACTION.outputs.json`` for each action of *folder*, by name.

    Raises:
        InvalidError: a spec is invalid.

    """
    texts: dict[str, str] = {}
    for name in folder.names:
        spec = folder.spec(name)
        for kind, schema in (("inputs", inputs_schema(spec.inputs)), ("outputs", data_schema(spec))):
            head = {"$schema": _DIALECT, "title": f"{spec.title}: {kind}", "description": spec.summary}
            texts[f"{name}.{kind}.json"] = json.dumps(head | schema, indent=2, ensure_ascii=False) + "\n"
    return texts


def data_schema(spec: ActionSpec | SuperSpec) -> Schema:
    """Return the schema of ``data`` in the envelope of the outcome ``done``."""
    if not isinstance(spec, ActionSpec):
        return outputs_schema(spec.output)
    row = outputs_schema(spec.reply.output, has_rows=spec.reply.rows is not None)
    return _object({spec.reply.rows: {"type": "array", "items": row}}) if spec.reply.rows else row


def envelope_schema(outcomes: Collection[Outcome], *, data: Schema, action: Schema = _STRING_OR_NULL) -> Schema:
    """Return the schema of the envelope of a result with one of *outcomes*; *data* and *action* are its parts."""
    strings: Schema = {"type": "array", "items": {"type": "string"}}
    always: dict[str, Schema] = {
        "v": {"const": 1},
        "action": action,
        "api": _STRING_OR_NULL,
        "outcome": {"enum": [outcome.value for outcome in outcomes]},
        "attempts": {"type": "integer", "minimum": 0},
        "warnings": strings,
    }
    sometimes: dict[str, Schema] = {"data": data, "token_ref": {"type": "string"}, "token_refs": strings}
    if Outcome.DONE not in outcomes:
        always["error"] = _error_schema()
    elif len(outcomes) == 1:
        always["data"] = sometimes.pop("data")
    else:
        sometimes["error"] = _error_schema()
    return _object(always, sometimes)


def _error_schema() -> Schema:
    parts = dict.fromkeys(("field", "message", "hint"), _STRING_OR_NULL) | {"message": {"type": "string"}}
    error = {
        **parts,
        "code": {"enum": list(get_args(Code))},
        "status": {"type": ["integer", "null"]},
        "next": _STRING_OR_NULL,
    }
    return _object(error, {"others": {"type": "array", "items": _object(parts)}})


def _object(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    """Return the schema of an object that has no other properties."""
    properties = {**required, **(optional or {})}
    return {"type": "object", "properties": properties, "required": [*required], "additionalProperties": False}


def inputs_schema(fields: Mapping[str, Input], *, secrets: bool = False) -> Schema:
    """Return the schema of the object of inputs that an action takes.

    A form sends ``null`` for a field that is left empty, so only a required input may not be null.

    Args:
        fields: the inputs.
        secrets: whether a secret is the string that is sent to the API; otherwise it is a reference to where it is
            stored.

    """
    properties = {}
    for name, field in fields.items():
        schema = input_schema(field, secrets=secrets)
        properties[name] = schema if field.required and not field.nullable else or_null(schema)
    required = [name for name, field in fields.items() if field.required]
    schema = {"type": "object", "properties": properties}
    return schema | ({"required": required} if required else {}) | {"additionalProperties": False}


def input_schema(field: Input, *, secrets: bool = True) -> Schema:
    """Return the schema of the values of *field* that are not null; *secrets* as in :func:`inputs_schema`."""
    schema = INPUT_TYPES[field.type].json_schema(field)
    if field.type == "password" and not secrets:
        schema = _SECRET_REFERENCE
    elif field.children:
        schema = schema | inputs_schema(field.children, secrets=secrets)
    if field.multiple:
        schema = {"type": "array", "items": schema} | ({"minItems": 1} if field.required else {})
    # The info of a secret says how to give a reference.
    description = "" if secrets and field.type == "password" else _description(field)
    head = {"title": field.title} | ({"description": description} if description else {})
    return head | schema | ({} if field.default is None else {"default": field.default})


def or_null(schema: Schema) -> Schema:
    """Return *schema* extended to allow null."""
    if not schema.keys() - {"title", "description"}:
        return schema  # any value
    if isinstance(schema.get("type"), str) and not schema.keys() & {"enum", "const"}:
        return {**schema, "type": [schema["type"], "null"]}
    head = {key: schema[key] for key in ("title", "description", "default") if key in schema}
    rest = {key: part for key, part in schema.items() if key not in head}
    return head | {"anyOf": [*rest.pop("anyOf", [rest] if rest else []), {"type": "null"}]}


def _description(field: Input) -> str:
    sentences = [field.info] if field.info else []
    sentences += [f"Counted in {field.unit}."] if field.unit else []
    sentences += [f"{option}: {note}." for option, note in (field.option_notes or {}).items()]
    sentences += [f"Format: {field.regex_error_message}."] if field.regex_error_message else []
    return " ".join(sentences)


def outputs_schema(outputs: Mapping[str, Output], *, has_rows: bool = False) -> Schema:
    """Return the schema of the object of outputs that an action returns; secrets are in rows only, masked.

    A value that the API leaves out is null, with a warning, so all that is not required may be null.  The original
    string of a time that could not be parsed, or was read with an assumption, is added as ``NAME_raw``.
    """
    properties: dict[str, Schema] = {}
    visible = {name: output for name, output in outputs.items() if has_rows or not output.secret}
    for name, output in visible.items():
        value = _with_title(output, _output_value(output))
        properties[name] = value if output.required else or_null(value)
        if output.type == "datetime":
            raw = {"type": ["string", "null"], "description": f"{name}, as the API returned it."}
            properties.setdefault(f"{name}_raw", raw)
    schema: Schema = {"type": "object", "properties": properties}
    return schema | {"required": list(visible), "additionalProperties": False}


def _output_value(output: Output) -> Schema:
    match output.type:
        case "datetime":
            return _DATE_TIME
        case "nested_object":
            return _list_of(output, outputs_schema(output.children or {}))
        case _:
            return _list_of(output, _plain(output))


def response_schema(outputs: Mapping[str, Output], numbers: frozenset[str] = frozenset()) -> Schema:
    """Return the schema of the object in an API's response: only what is read of it, under the API's names.

    Args:
        outputs: the outputs of the action.
        numbers: names of outputs of type ``text`` that the API may return as numbers.

    """
    schema: Schema = {"type": "object", "properties": {}}
    for name, output in outputs.items():
        if output.days_until or output.last_word or not output.is_in_body:
            continue  # computed from other outputs, or not in the body
        value = _with_title(output, _response_value(output, number=name in numbers))
        is_one_of_several = len(output.sources) > 1
        required = not (output.nullable or output.fallback_input or is_one_of_several)
        for source in output.sources or [name]:
            path, bracket, _ = source.partition("[")
            at_path: Schema = {"type": "array"} if bracket else value  # several outputs may be read from one list
            at_path = or_null(at_path) if output.nullable or is_one_of_several else at_path
            _add_property(schema, path.split("."), at_path, required=required)
    return schema


def _add_property(schema: Schema, path: list[str], value: Schema, *, required: bool) -> None:
    """Add the *value* at *path* to the *schema* of an object; what is an object or something else may be anything."""
    key, *rest = path
    _require(schema, key, required=required)
    before = schema["properties"].get(key)
    if not rest:
        is_mixed = before is not None and "properties" in before and "object" not in value.get("type", "object")
        schema["properties"][key] = {} if is_mixed else value
    elif before is not None and "object" not in before.get("type", "object"):
        schema["properties"][key] = {}
    else:
        inner = schema["properties"].setdefault(key, {"type": "object"})
        inner.setdefault("properties", {})
        _add_property(inner, rest, value, required=required)


def _require(schema: Schema, name: str, *, required: bool) -> None:
    if required and name not in schema.setdefault("required", []):
        schema["required"].append(name)


def _response_value(output: Output, *, number: bool) -> Schema:
    match output.type:
        case "datetime":
            return {
                "type": "string",
                "description": "A time, in ISO 8601 or in the HTTP date format; UTC if it has no time zone.",
            }
        case "nested_object":
            return _list_of(output, response_schema(output.children or {}))
        case "text" if number:
            return _list_of(output, {"type": ["string", "number"]})
        case _:
            return _list_of(output, _plain(output))


_TYPES: dict[str, Schema] = {"text": {"type": "string"}, "number": {"type": "number"}, "switch": {"type": "boolean"}}


def _plain(output: Output) -> Schema:
    return dict(_TYPES.get(output.type, {}))  # the others may be any JSON


def _list_of(output: Output, schema: Schema) -> Schema:
    return {"type": "array", "items": schema} if output.multiple else schema


def _with_title(output: Output, schema: Schema) -> Schema:
    sentences = [schema["description"]] if "description" in schema else []
    sentences += ["Shown only once."] if output.secret else []
    head = {"title": output.title} if output.title else {}
    return head | schema | ({"description": " ".join(sentences)} if sentences else {})
