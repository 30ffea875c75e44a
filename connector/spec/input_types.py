"""The types of inputs.

Pure.  A row of :data:`INPUT_TYPES` has everything that is specific to a type.  To add a type, add its name to
:data:`InputType`, and its row.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import re
import warnings
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    create_model,
)
from pydantic_core import PydanticCustomError

from locoia_pat.messages import describe_value, did_you_mean
from locoia_pat.secrets.secret import Secret
from locoia_pat.spec.pattern import split_pattern, to_regex

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from locoia_pat.spec.model import Input

InputType = Literal[
    "text", "email", "password", "number", "date", "daterange", "datetime", "select", "switch", "nested_object", "json"
]
JsonSchema = dict[str, Any]

MAX_NUMBER = 10**18
"""The largest absolute value of a number, so that none takes long to write out."""
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
    annotation: Callable[[Input], Any]
    """Return the pydantic type that checks one value."""
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


def input_model(fields: Mapping[str, Input]) -> type[BaseModel]:
    """Return a pydantic model whose aliases are the names of *fields*: an input may be named like a method of pydantic.

    :func:`values_of` returns the values of its instances.
    """
    definitions: dict[str, Any] = {}
    for number, (name, field) in enumerate(fields.items()):
        kind: Any = _annotation(field)
        if field.nullable or not field.required:  # a form sends null for a field that is left empty
            kind = kind | None
        if field.default is not None and not field.nullable:
            kind = Annotated[kind, AfterValidator(partial(_or_default, field.default))]
        default: Any = ... if field.required else field.default
        definitions[f"input_{number}"] = (kind, Field(default, alias=name))
    config = ConfigDict(extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)
    return create_model("Inputs", __config__=config, **definitions)


def values_of(fields: Mapping[str, Input], instance: BaseModel) -> dict[str, Any]:
    """Return the values of an *instance* of the model of *fields*, by their names."""
    return dict(zip(fields, (value for _, value in instance), strict=True))


def _annotation(field: Input) -> Any:
    kind: Any = INPUT_TYPES[field.type].annotation(field)
    if not field.multiple:
        return kind
    return Annotated[list[kind], Field(min_length=1 if field.required else 0), BeforeValidator(_check_list)]


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
    """Return the JSON value in *text*, or *text* itself if it is not JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def types_with_key(key: str) -> list[InputType]:
    """Return the types that have *key*, one of those that only some types have."""
    return [name for name, info in INPUT_TYPES.items() if key in info.keys]


def is_whole_number(field: Input) -> bool:
    """Return whether a number must be a whole number."""
    return field.step is not None and float(field.step).is_integer()


def _parse_number(text: str) -> Any:
    return parse_json(text) if _JSON_NUMBER.fullmatch(text.strip()) else text


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


def _text(field: Input) -> Any:
    kind: Any = Annotated[StrictStr, Field(min_length=field.min_length, max_length=field.max_length)]
    if field.type == "email":
        kind = Annotated[kind, Field(pattern=_EMAIL)]
    return Annotated[kind, Field(pattern=to_regex(field.pattern))] if field.pattern else kind


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


def _number(field: Input) -> Any:
    kind = StrictInt if is_whole_number(field) else StrictInt | StrictFloat
    low = -MAX_NUMBER if field.min is None else field.min
    high = MAX_NUMBER if field.max is None else field.max
    return Annotated[kind, BeforeValidator(_refuse_bool), Field(ge=low, le=high), AfterValidator(_check_step(field))]


def _refuse_bool(value: object) -> object:
    if isinstance(value, bool):
        raise PydanticCustomError("bool", "true and false are not numbers")
    return value


def _check_step(field: Input) -> Callable[[float], float]:
    def check(value: float) -> float:
        steps = (value - (field.min or 0)) / field.step if field.step else 0
        if abs(steps - round(steps)) > 1e-9:
            raise PydanticCustomError("step", "not a multiple of the step")
        return value

    return check


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


def _select(field: Input) -> Any:
    if field.allow_create:
        return StrictStr
    options = frozenset(field.enum or ())

    def check(value: str) -> str:
        if value not in options:
            message = f"{describe_value(value)} is not an option{did_you_mean(value, field.enum or ())}"
            raise PydanticCustomError("unknown_option", "{message}", {"message": message})
        return value

    return Annotated[StrictStr, AfterValidator(check)]


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


def _object(field: Input) -> Any:
    children = field.children or {}
    return Annotated[input_model(children), AfterValidator(partial(values_of, children))]


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
_DATE = Annotated[StrictStr, AfterValidator(_check_date)]
_DATE_SCHEMA: JsonSchema = {"type": "string", "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}

INPUT_TYPES: dict[InputType, TypeInfo] = {
    "text": TypeInfo(
        python_type=str,
        describe=_describe_text,
        annotation=_text,
        json_schema=_text_schema,
        keys=_TEXT_KEYS | {"rows"},
    ),
    "email": TypeInfo(
        python_type=str,
        describe=_describe_text,
        annotation=_text,
        json_schema=_text_schema,
        keys=_TEXT_KEYS,
        also_accepted_by=frozenset(["text", "json"]),
    ),
    "password": TypeInfo(
        python_type=Secret,
        describe=lambda _: "a secret of printable ASCII characters, given as a Secret or a reference to its store",
        annotation=lambda _: Annotated[Any, AfterValidator(_check_secret)],
        json_schema=lambda _: {"type": "string", "format": "password", "writeOnly": True},
        also_accepted_by=frozenset(),
    ),
    "number": TypeInfo(
        python_type=float,
        describe=_describe_number,
        annotation=_number,
        json_schema=_number_schema,
        parse=_parse_number,
        keys=frozenset(["min", "max", "step", "unit"]),
    ),
    "date": TypeInfo(
        python_type=str,
        describe=lambda _: "a date such as 2026-12-31",
        annotation=lambda _: _DATE,
        json_schema=lambda _: _DATE_SCHEMA,
        parse=str.strip,
        also_accepted_by=frozenset(["text", "datetime", "json"]),
    ),
    "daterange": TypeInfo(
        python_type=list,
        describe=lambda _: "a list of two dates, the first not after the second",
        annotation=lambda _: Annotated[list[_DATE], Field(min_length=2, max_length=2), AfterValidator(_check_order)],
        json_schema=lambda _: {"type": "array", "items": _DATE_SCHEMA, "minItems": 2, "maxItems": 2},
        parse=parse_json,
    ),
    "datetime": TypeInfo(
        python_type=str,
        describe=lambda _: "a time such as 2026-12-31T23:59:00Z",
        annotation=lambda _: Annotated[StrictStr, AfterValidator(_check_datetime)],
        json_schema=lambda _: {"type": "string", "format": "date-time"},
        parse=str.strip,
        also_accepted_by=frozenset(["text", "json"]),
    ),
    "select": TypeInfo(
        python_type=str,
        describe=_describe_select,
        annotation=_select,
        json_schema=_select_schema,
        keys=frozenset(["options", "enum", "allowCreate", "includes", "option_notes"]),
        also_accepted_by=frozenset(["text", "json"]),
    ),
    "switch": TypeInfo(
        python_type=bool,
        describe=lambda _: "true or false",
        annotation=lambda _: StrictBool,
        json_schema=lambda _: {"type": "boolean"},
        parse=_parse_switch,
    ),
    "nested_object": TypeInfo(
        python_type=dict,
        describe=lambda field: f"an object with {', '.join(field.children or {})}",
        annotation=_object,
        json_schema=lambda _: {"type": "object"},
        parse=parse_json,
        keys=frozenset(["children"]),
    ),
    "json": TypeInfo(
        python_type=object,
        describe=lambda _: "any JSON value",
        annotation=lambda _: Annotated[Any, AfterValidator(_check_json)],
        json_schema=lambda _: {},
        parse=parse_json,
        keys=frozenset(["rows"]),
        also_accepted_by=frozenset(),
        form_type="text",
    ),
}
"""Each type, by its name in a spec."""
