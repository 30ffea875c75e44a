"""The types of inputs.

Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from locoia_pat.spec.model import Input

InputType = Literal[
    "text", "email", "password", "number", "date", "daterange", "datetime", "select", "switch", "nested_object", "json"
]


def describe_allowed(field: Input) -> str:
    """Describe the values that *field* accepts."""
    words = _TYPES[field.type](field)
    if field.multiple and field.type != "select":
        words = f"a list, each {words}"
    return f"{words}, or null" if field.nullable else words


def is_whole_number(field: Input) -> bool:
    """Return whether a number must be a whole number."""
    return field.step is not None and float(field.step).is_integer()


def _number(field: Input) -> str:
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


def _text(field: Input) -> str:
    words = "an email address" if field.type == "email" else "a text"
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
    "json": lambda _: "any JSON value",
}
