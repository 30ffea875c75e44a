"""Read JSON that a person wrote: what parsers disagree about is a mistake, not a guess.

Pure.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from locoia_pat.messages import describe_value, find_repeated
from locoia_pat.outcomes import InvalidError, invalid

_MAX_DIGITS = 400
"""Python converts a long number slowly, and refuses one of more than 4,300 digits."""
_PYTHON = {"None": "null", "True": "true", "False": "false"}
_WORD = re.compile(r"[A-Za-z]+")
_CLOSING = ("}", "]")
_MISTAKES = {
    "Expecting ',' delimiter": "a comma is missing before this",
    "Expecting ':' delimiter": "a colon is missing after the key",
    "Extra data": "there is more after the end of the value",
    "Unterminated string": "this string has no closing quote",
    "Invalid control": "a line break in a string is written \\n",
    "Invalid \\": "a backslash in a string is written \\\\",
}
"""What Python's messages begin with, and what to say instead."""


def load_json(text: str) -> Any:
    """Return the JSON value in *text*.

    Raises:
        InvalidError: a key is given twice in an object, a number has too many digits, or is not a JSON number.
        ValueError: *text* is not JSON; a ``JSONDecodeError`` knows the line.

    """
    try:
        return _DECODER.decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def describe_json_mistake(text: str) -> str:
    """Return where *text* stops being JSON, and what to write there; it repeats no value of the text."""
    if not text.strip():
        return "it is empty"
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        place = _place(text, error.pos)
        words = _explain(text[:place].rstrip(), text[place:], error.msg)
        line, column = text.count("\n", 0, place) + 1, place - text.rfind("\n", 0, place)
        return f"line {line}, column {column}: {words}"
    except (ValueError, RecursionError):
        pass
    return "it is nested too deeply, or has a number that is too long"


def _place(text: str, position: int) -> int:
    """Return where the mistake is that Python found at *position*: before Python 3.13, it is after a last comma."""
    before = text[:position].rstrip()
    return len(before) - 1 if before.endswith(",") and text[position : position + 1] in _CLOSING else position


def _explain(before: str, rest: str, reason: str) -> str:
    """Return what is wrong between the texts *before* and *rest*, where Python gives the *reason*."""
    word = _WORD.match(rest)
    if word and word[0] in _PYTHON:
        return f"JSON writes {_PYTHON[word[0]]}, not {word[0]}"
    if rest[:1] == "," and rest[1:].lstrip()[:1] in _CLOSING:
        return "remove the comma that nothing follows"
    if not rest.strip():
        braces, brackets = before.count("{") - before.count("}"), before.count("[") - before.count("]")
        return f"it ends too early; close it with {']' * brackets + '}' * braces or 'what is missing'}"
    starts = {
        "'": 'strings and keys are in double quotes ("), not single ones',
        "/": "JSON has no comments; remove it",
        "#": "JSON has no comments; remove it",
    }
    return starts.get(rest[0]) or next(
        (words for message, words in _MISTAKES.items() if reason.startswith(message)),
        "a value is missing, or a string is not in double quotes",
    )


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if (twice := find_repeated(name for name, _ in pairs)) is not None:
        shown = '"$ref"' if twice == "$ref" else describe_value(twice)  # the key itself may be a misplaced secret
        raise invalid(f"a key is given twice in one object: {shown}", hint="Give each key once; remove the other.")
    return dict(pairs)


def _integer(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise _not_a_number(f"a number of {len(digits)} digits")
    return int(digits)


def _constant(name: str) -> NoReturn:
    raise _not_a_number(name)


def _not_a_number(what: str) -> InvalidError:
    return invalid(f"{what} is not allowed", hint="Write a decimal number such as 30, or a string in quotes.")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique_keys, parse_int=_integer, parse_constant=_constant)
