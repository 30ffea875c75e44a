"""The types of inputs.

Pure.  A row of :data:`INPUT_TYPES` has everything that is specific to a type.  To add a type, add its name to
:data:`InputType`, and its row.
"""

from __future__ import annotations

import datetime as dt
import math
import re
import warnings
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, cast

from locoia_pat.messages import describe_value, did_you_mean
from locoia_pat.secrets.secret import Secret
from locoia_pat.spec.core_validator import PydanticCustomError, SchemaValidator
from locoia_pat.spec.json_text import load_json
from locoia_pat.spec.pattern import split_pattern, to_regex

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic_core import CoreConfig
    from pydantic_core import CoreSchema as PydanticSchema

    from locoia_pat.spec.model import Input

InputType = Literal[
    "text", "email", "password", "number", "date", "daterange", "datetime", "select", "switch", "nested_object", "json"
]
UNIT_SECONDS = {"days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}
"""The seconds of each unit that a number may have."""
CoreSchema = dict[str, Any]
"""How pydantic-core validates a value (https://docs.pydantic.dev/latest/api/pydantic_core_schema/)."""
JsonSchema = dict[str, Any]

MAX_NUMBER = 10**18
"""The largest absolute value of a number, so that none takes long to write out."""
_MAX_LENGTH = 100
"""The most characters of a number in an argument or a cell."""
_MAX_DEPTH = 24
"""The most levels of a JSON value."""
_EMAIL = r"^[^@\s]+@[^@\s]+$"
_JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_SECRET_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,8190}[\x21-\x7e])?")
"""A secret input: a word such as Bearer may precede a token, and a password may contain spaces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeInfo:
    """What is specific to one type of input."""

    python_type: type
    """The type of a checked value."""
    describe: Callable[[Input], str]
    """Describe the values it accepts, for a person."""
    core_schema: Callable[[Input], CoreSchema]
    """Return how pydantic-core validates one value."""
    json_schema: Callable[[Input], JsonSchema]
    """Return the JSON Schema of one value; an object's properties and a reference to a secret are added elsewhere."""
    parse: Callable[[str], Any] = str
    """Convert the text of an argument or of a CSV cell; text that is not of the type stays a string."""
    keys: frozenset[str] = frozenset()
    """The keys of a spec that only some types have."""
    also_accepted_by: frozenset[InputType] = frozenset(["json"])
    """The other types that accept all its values."""
    form_type: str | None = None
    """Its type in Locoia's UI Form Schema, if it is another."""


_CONFIG: CoreConfig = {"allow_inf_nan": False, "hide_input_in_errors": True}


def input_validator(fields: Mapping[str, Input]) -> SchemaValidator:
    """Return what validates a dict of inputs, and returns a complete one in the order of *fields*."""
    return SchemaValidator(cast("PydanticSchema", _object_schema(fields)), _CONFIG)


def _object_schema(fields: Mapping[str, Input]) -> CoreSchema:
    declared = {name: {"type": "typed-dict-field", **_field_schema(field)} for name, field in fields.items()}
    return {"type": "typed-dict", "fields": declared, "extra_behavior": "forbid"}


def _field_schema(field: Input) -> CoreSchema:
    schema = INPUT_TYPES[field.type].core_schema(field)
    if field.multiple:
        items = {"type": "list", "items_schema": schema, "min_length": 1 if field.required else 0}
        schema = _before(_check_list, items)
    if field.nullable or not field.required:  # a form sends null for a field that is left empty
        schema = {"type": "nullable", "schema": schema}
    if field.default is not None and not field.nullable:
        schema = _after(schema, partial(_or_default, field.default))
    if field.required:
        return {"schema": schema, "required": True}
    schema = {"type": "default", "schema": schema, "default": field.default, "copy_default": True}
    return {"schema": schema, "required": False}


def _before(function: Callable[[Any], Any], schema: CoreSchema) -> CoreSchema:
    return {"type": "function-before", "function": {"type": "no-info", "function": function}, "schema": schema}


def _after(schema: CoreSchema, *functions: Callable[[Any], Any]) -> CoreSchema:
    for function in functions:
        schema = {"type": "function-after", "function": {"type": "no-info", "function": function}, "schema": schema}
    return schema


def _check_list(value: object) -> object:
    if not isinstance(value, list | tuple):
        raise PydanticCustomError("list", "not a list")
    return value


def _or_default(default: object, value: object) -> object:
    return deepcopy(default) if value is None else value


def describe_allowed(field: Input) -> str:
    """Describe the values that *field* accepts."""
    words = INPUT_TYPES[field.type].describe(field)
    if field.multiple and field.type != "select":
        words = f"a list, each {words}"
    return f"{words}, or null" if field.nullable else words


def parse_text(text: str, field: Input) -> Any:
    """Return the *text* of an argument or of a CSV cell as one value of *field*.

    ``null`` is null for an input that is nullable.  Text that is not of the input's type stays a string, for validation
    to refuse.
    """
    return None if text == "null" and field.nullable else INPUT_TYPES[field.type].parse(text)


def parse_json(text: str) -> Any:
    """Return the JSON value in *text*, or *text* itself if it is not JSON.

    Raises:
        InvalidError: as for :func:`load_json`.

    """
    try:
        return load_json(text)
    except ValueError:
        return text


def parse_list(text: str, field: Input) -> Any:
    """Return the *text* of an argument or of a CSV cell as the list of *field*: one value, a JSON list, or ``a;b``.

    Commas separate values too where an ``enum`` shows that none of them contains a comma.
    """
    if text.startswith("["):
        return parse_json(text)
    separators = ";," if field.enum and text not in field.enum else ";"
    parts = [part.strip() for part in re.split(f"[{separators}]", text)]
    return [parse_text(part, field) for part in parts if part] or [parse_text(text, field)]


def types_with_key(key: str) -> list[InputType]:
    """Return the types that have *key*, one of those that only some types have."""
    return [name for name, info in INPUT_TYPES.items() if key in info.keys]


def is_whole_number(field: Input) -> bool:
    """Return whether a number must be a whole number."""
    return field.step is not None and float(field.step).is_integer()


def _parse_number(text: str) -> Any:
    return parse_json(text) if len(text) <= _MAX_LENGTH and _JSON_NUMBER.fullmatch(text.strip()) else text


def _parse_switch(text: str) -> Any:
    return {"true": True, "false": False}.get(text.strip().lower(), text)


def _describe_text(field: Input) -> str:
    words = "an email address" if field.type == "email" else "a string"
    match field.min_length or 0, field.max_length:
        case 0, None:
            pass
        case low, None:
            words = f"{words} of at least {low} characters"
        case 0, high:
            words = f"{words} of at most {high} characters"
        case _:
            words = f"{words} of {field.min_length} to {field.max_length} characters"
    return f"{words} ({field.regex_error_message or f'matching {field.pattern}'})" if field.pattern else words


def _text(field: Input) -> CoreSchema:
    limits = {"min_length": field.min_length, "max_length": field.max_length}
    schema: CoreSchema = _STRING | {key: value for key, value in limits.items() if value is not None}
    patterns = [_EMAIL] if field.type == "email" else []
    patterns += [to_regex(field.pattern)] if field.pattern else []
    return {"type": "chain", "steps": [schema, *(_STRING | {"pattern": pattern} for pattern in patterns)]}


def _text_schema(field: Input) -> JsonSchema:
    schema: JsonSchema = {"type": "string"}
    schema |= {} if field.min_length is None else {"minLength": field.min_length}
    schema |= {} if field.max_length is None else {"maxLength": field.max_length}
    if field.type == "email":
        schema |= {"format": "email", "pattern": _EMAIL}
    elif field.pattern and (pattern := _portable_pattern(field.pattern)):
        schema["pattern"] = pattern
    return schema


def _portable_pattern(pattern: str) -> str | None:
    """Return a pattern that other engines read in the same way, or None if there is none."""
    plain, flags = split_pattern(pattern)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # about what another engine may read differently
            re.compile(plain)
    except (re.error, Warning):
        return None
    return None if flags else plain


def _describe_number(field: Input) -> str:
    words = ("a whole number" if is_whole_number(field) else "a number") + (f" of {field.unit}" if field.unit else "")
    match field.min, field.max:
        case None, None:
            return words
        case low, None:
            return f"{words}, at least {low}"
        case None, high:
            return f"{words}, at most {high}"
        case _:
            return f"{words} from {field.min} to {field.max}"


def _number(field: Input) -> CoreSchema:
    whole = {"type": "int", "strict": True}
    schema = (
        whole if is_whole_number(field) else {"type": "union", "choices": [whole, {"type": "float", "strict": True}]}
    )
    return _after(schema, partial(_check_range, field), partial(_check_step, field))


def _check_range(field: Input, value: float) -> float:
    low = -MAX_NUMBER if field.min is None else field.min
    high = MAX_NUMBER if field.max is None else field.max
    if not low <= value <= high:
        raise PydanticCustomError("range", "not within the limits")
    return value


def _check_step(field: Input, value: float) -> float:
    steps = (value - (field.min or 0)) / field.step if field.step else 0
    if abs(steps - round(steps)) > 1e-9:
        raise PydanticCustomError("step", "not a multiple of the step")
    return value


def _number_schema(field: Input) -> JsonSchema:
    schema: JsonSchema = {"type": "integer" if is_whole_number(field) else "number"}
    schema |= {} if field.min is None else {"minimum": field.min}
    schema |= {} if field.max is None else {"maximum": field.max}
    counted_from_zero = not field.min or (field.step and (field.min / field.step).is_integer())
    if field.step and field.step != 1 and counted_from_zero:
        schema["multipleOf"] = field.step
    return schema


def _describe_select(field: Input) -> str:
    words = "one or more options, as a list" if field.multiple else "one of the options"
    return f"{words} ({', '.join(field.enum or ())})"


def _select(field: Input) -> CoreSchema:
    if field.allow_create:
        return _STRING
    options = frozenset(field.enum or ())

    def check(value: str) -> str:
        if value not in options:
            message = f"{describe_value(value)} is not an option{did_you_mean(value, field.enum or ())}"
            raise PydanticCustomError("unknown_option", "{message}", {"message": message})
        return value

    return _after(_STRING, check)


def _select_schema(field: Input) -> JsonSchema:
    options = list(field.enum or ())
    return {"type": "string", "examples": options} if field.allow_create else {"type": "string", "enum": options}


def _check_secret(value: object) -> Secret:
    if not isinstance(value, Secret) or not _SECRET_VALUE.fullmatch(value.reveal()):
        raise PydanticCustomError("secret", "not a usable secret")
    return value


def _check_date(value: str) -> str:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        raise ValueError("not a date")
    dt.date.fromisoformat(value)
    return value


def _check_datetime(value: str) -> str:
    dt.datetime.fromisoformat(value)
    return value


def _check_order(days: list[str]) -> list[str]:
    if days[0] > days[1]:
        raise PydanticCustomError("order", "the first date is after the second")
    return days


def _check_json(value: object) -> object:
    if not _is_json(value, _MAX_DEPTH):
        raise PydanticCustomError("json", "not a JSON value")
    return value


def _is_json(value: object, depth: int) -> bool:
    match value:
        case None | bool() | str():
            return True
        case int():
            return abs(value) <= MAX_NUMBER
        case float():
            return math.isfinite(value)
        case list():
            return depth > 0 and all(_is_json(item, depth - 1) for item in value)
        case dict():
            return depth > 0 and all(isinstance(key, str) and _is_json(item, depth - 1) for key, item in value.items())
        case _:
            return False


_TEXT_KEYS = frozenset(["minLength", "maxLength", "pattern", "regexErrorMessage"])
_ANY: CoreSchema = {"type": "any"}
_STRING: CoreSchema = {"type": "str", "strict": True}
_DATE = _after(_STRING, _check_date)
_DATES: CoreSchema = {"type": "list", "items_schema": _DATE, "min_length": 2, "max_length": 2}
_DATE_SCHEMA: JsonSchema = {"type": "string", "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}

INPUT_TYPES: dict[InputType, TypeInfo] = {
    "text": TypeInfo(
        python_type=str,
        describe=_describe_text,
        core_schema=_text,
        json_schema=_text_schema,
        keys=_TEXT_KEYS | {"rows"},
    ),
    "email": TypeInfo(
        python_type=str,
        describe=_describe_text,
        core_schema=_text,
        json_schema=_text_schema,
        keys=_TEXT_KEYS,
        also_accepted_by=frozenset(["text", "json"]),
    ),
    "password": TypeInfo(
        python_type=Secret,
        describe=lambda _: "a secret of printable ASCII characters, given as a Secret or a reference to its store",
        core_schema=lambda _: _after(_ANY, _check_secret),
        json_schema=lambda _: {"type": "string", "format": "password", "writeOnly": True},
        also_accepted_by=frozenset(),
    ),
    "number": TypeInfo(
        python_type=float,
        describe=_describe_number,
        core_schema=_number,
        json_schema=_number_schema,
        parse=_parse_number,
        keys=frozenset(["min", "max", "step", "unit"]),
    ),
    "date": TypeInfo(
        python_type=str,
        describe=lambda _: "a date such as 2026-12-31",
        core_schema=lambda _: _DATE,
        json_schema=lambda _: _DATE_SCHEMA,
        parse=str.strip,
        also_accepted_by=frozenset(["text", "datetime", "json"]),
    ),
    "daterange": TypeInfo(
        python_type=list,
        describe=lambda _: "a list of two dates, the first not after the second",
        core_schema=lambda _: _after(_DATES, _check_order),
        json_schema=lambda _: {"type": "array", "items": _DATE_SCHEMA, "minItems": 2, "maxItems": 2},
        parse=parse_json,
    ),
    "datetime": TypeInfo(
        python_type=str,
        describe=lambda _: "a time such as 2026-12-31T23:59:00Z",
        core_schema=lambda _: _after(_STRING, _check_datetime),
        json_schema=lambda _: {"type": "string", "format": "date-time"},
        parse=str.strip,
        also_accepted_by=frozenset(["text", "json"]),
    ),
    "select": TypeInfo(
        python_type=str,
        describe=_describe_select,
        core_schema=_select,
        json_schema=_select_schema,
        keys=frozenset(["options", "enum", "allowCreate", "includes", "option_notes"]),
        also_accepted_by=frozenset(["text", "json"]),
    ),
    "switch": TypeInfo(
        python_type=bool,
        describe=lambda _: "true or false",
        core_schema=lambda _: {"type": "bool", "strict": True},
        json_schema=lambda _: {"type": "boolean"},
        parse=_parse_switch,
    ),
    "nested_object": TypeInfo(
        python_type=dict,
        describe=lambda field: f"an object with {', '.join(field.children or {})}",
        core_schema=lambda field: _object_schema(field.children or {}),
        json_schema=lambda _: {"type": "object"},
        parse=parse_json,
        keys=frozenset(["children"]),
    ),
    "json": TypeInfo(
        python_type=object,
        describe=lambda _: "any JSON value",
        core_schema=lambda _: _after(_ANY, _check_json),
        json_schema=lambda _: {},
        parse=parse_json,
        keys=frozenset(["rows"]),
        also_accepted_by=frozenset(),
        form_type="text",
    ),
}
"""Each type, by its name in a spec."""
