"""Read JSON that a person wrote: what parsers disagree about is a mistake, not a guess.

Pure.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

from locoia_pat.messages import describe_value, find_repeated
from locoia_pat.outcomes import InvalidError, invalid

_MAX_DIGITS = 400
"""Python converts a long number slowly, and refuses one of more than 4,300 digits."""


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
