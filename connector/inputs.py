"""The input model: built from a spec's inputs, it decides what may be sent, and says what is allowed instead.

Pure.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictStr,
    ValidationError,
    create_model,
)
from pydantic_core import PydanticCustomError, PydanticUndefined

from .errors import InvalidError, Problem, did_you_mean, shown
from .secret import Secret, credential

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from .spec import Input, InputType


class Inputs:
    """Checks the inputs of one action."""

    def __init__(self, fields: Mapping[str, Input], *, any_option: Collection[str] = ()) -> None:
        self._fields = fields
        self._model = _model(fields, any_option)

    def check(self, values: Mapping[str, Any], *, today: dt.date | None = None) -> dict[str, Any]:
        """*Values* as the templates use them: complete, typed, and with secrets as :class:`Secret`.

        *today* lets an error say how many days a date stands for.

        Raises:
            InvalidError: for the first input that is wrong; it names the input and what is allowed, and never repeats
                what could be a secret.

        """
        try:
            return dict(self._model.model_validate(dict(values)))
        except ValidationError as error:
            mistakes = error.errors(include_url=False)
        # An unknown name is most often a misspelt one, so it is told before the name it leaves missing.
        mistake = min(mistakes, key=lambda mistake: mistake["type"] != "extra_forbidden")
        # Outside the handler: pydantic's error holds what was given, a misplaced token included.
        raise InvalidError(self._problem(mistake["loc"], mistake["type"], mistake["msg"], mistake["input"], today))

    def _problem(
        self, loc: tuple[int | str, ...], kind: str, message: str, given: object, today: dt.date | None
    ) -> Problem:
        field = str(loc[0])
        if kind == "extra_forbidden":
            known = ", ".join(self._fields) or "none"
            return Problem("validation", f"unknown input{did_you_mean(field, self._fields)}", field=field,
                           hint=f"Inputs: {known}.")  # fmt: skip
        spec = self._fields[field]
        hint = f"Allowed: {allowed(spec)}."
        if kind == "missing":
            return Problem("validation", "is missing", field=field, hint=hint)
        if kind == "unknown_option":
            return Problem("validation", message, field=field, hint=f"Allowed: {', '.join(spec.enum or ())}.")
        if advice := _advice(spec, given, today):
            hint = f"{hint} {advice}"
        return Problem("validation", f"{shown(given)} is not allowed", field=field, hint=hint)


def allowed(field: Input) -> str:
    """What *field* takes, in words."""
    words = _TYPES[field.type](field)
    return f"{words}, or null" if field.nullable else words


def _number(field: Input) -> str:
    words = ("a whole number" if _whole(field) else "a number") + (f" of {field.unit}" if field.unit else "")
    match field.min, field.max:
        case None, None:
            return words
        case low, None:
            return f"{words}, at least {low}"
        case None, high:
            return f"{words}, at most {high}"
        case _:
            return f"{words} from {field.min} to {field.max}"


def _text(field: Input) -> str:
    words = "an email address" if field.type == "email" else "a text"
    match field.min_length or 0, field.max_length:
        case 0, None:
            return words
        case low, None:
            return f"{words} of at least {low} characters"
        case 0, high:
            return f"{words} of at most {high} characters"
        case _:
            return f"{words} of {field.min_length} to {field.max_length} characters"


def _select(field: Input) -> str:
    words = "one or more options, as a list" if field.multiple else "one of the options"
    return f"{words} ({', '.join(field.enum or ())})"


_TYPES: dict[InputType, Callable[[Input], str]] = {
    "text": _text,
    "email": _text,
    "password": lambda _: "a secret of visible ASCII characters, given as a Secret or a reference to its place",
    "number": _number,
    "date": lambda _: "a date such as 2026-12-31",
    "daterange": lambda _: "a list of two dates, the first not after the second",
    "datetime": lambda _: "a time such as 2026-12-31T23:59:00Z",
    "select": _select,
    "switch": lambda _: "true or false",
    "nested_object": lambda field: f"an object with {', '.join(field.children or {})}",
}


def _advice(field: Input, given: object, today: dt.date | None) -> str | None:
    """What the user probably meant."""
    if field.multiple and isinstance(given, str):
        return "A list is given by repeating the name, or as JSON."
    if not isinstance(given, str):
        return None
    if field.nullable and given.lower() in {"never", "none", "no", "unlimited", "nil", ""}:
        return "For no value at all give null."
    if field.unit == "days" and today and (found := re.match(r"\d{4}-\d\d-\d\d", given)):
        try:
            days = (dt.date.fromisoformat(found[0]) - today).days
        except ValueError:
            return None
        return f"{found[0]} is {days} days from today." if days > 0 else f"{found[0]} is not in the future."
    if field.unit and (found := re.match(r"\s*(\d+)\s*[a-z]", given)):
        return f"Give the number of {field.unit} alone, for example {found[1]}."
    return None


def _whole(field: Input) -> bool:
    return field.step is not None and float(field.step).is_integer()


def _model(fields: Mapping[str, Input], any_option: Collection[str]) -> type[BaseModel]:
    definitions: dict[str, Any] = {}
    for name, field in fields.items():
        kind = _type(field, any_option=field.allow_create or name in any_option)
        default: Any = ...
        if not field.required:
            default = field.default
            kind = kind | None
        elif field.nullable:
            kind = kind | None
        definitions[name] = (kind, default if default is not PydanticUndefined else ...)
    return create_model(
        "Inputs", __config__=ConfigDict(extra="forbid", allow_inf_nan=False, hide_input_in_errors=True), **definitions
    )


def _type(field: Input, *, any_option: bool) -> Any:
    if field.type == "select":
        option: Any = StrictStr
        if not any_option:
            option = Annotated[StrictStr, AfterValidator(_one_of(field.enum or []))]
        if not field.multiple:
            return option
        return Annotated[list[option], Field(min_length=1 if field.required else 0)]
    kind: Any = _scalar(field)
    return list[kind] if field.multiple else kind


def _scalar(field: Input) -> Any:
    match field.type:
        case "number":
            number = Annotated[int, Field(strict=True)] if _whole(field) else Annotated[float, Field(strict=True)]
            return Annotated[number, BeforeValidator(_no_bool), Field(ge=field.min, le=field.max)]
        case "switch":
            return StrictBool
        case "password":
            return Annotated[Any, AfterValidator(_secret)]
        case "date":
            return Annotated[StrictStr, AfterValidator(_checked_by(dt.date.fromisoformat))]
        case "datetime":
            return Annotated[StrictStr, AfterValidator(_checked_by(dt.datetime.fromisoformat))]
        case "daterange":
            day = Annotated[StrictStr, AfterValidator(_checked_by(dt.date.fromisoformat))]
            return Annotated[list[day], Field(min_length=2, max_length=2), AfterValidator(_in_order)]
        case "nested_object":
            return Annotated[_model(field.children or {}, ()), AfterValidator(dict)]
        case _:
            length = Field(min_length=field.min_length, max_length=field.max_length)
            if field.type == "email":
                return Annotated[StrictStr, length, Field(pattern=r"^[^@\s]+@[^@\s]+$")]
            return Annotated[StrictStr, length]


def _one_of(options: list[str]) -> Any:
    known = frozenset(options)

    def check(value: str) -> str:
        if value not in known:
            raise PydanticCustomError(
                "unknown_option", "{what}", {"what": f"{shown(value)} is no option{did_you_mean(value, options)}"}
            )
        return value

    return check


def _no_bool(value: object) -> object:
    if isinstance(value, bool):
        raise PydanticCustomError("bool", "true and false are no numbers")
    return value


def _checked_by(parse: Any) -> Any:
    def check(value: str) -> str:
        parse(value)
        return value

    return check


def _in_order(days: list[str]) -> list[str]:
    if days[0] > days[1]:
        raise PydanticCustomError("order", "the first date is after the second")
    return days


def _secret(value: object) -> Secret:
    if not isinstance(value, Secret) or credential(value.reveal()) is None:
        raise PydanticCustomError("secret", "no usable secret")
    return value
