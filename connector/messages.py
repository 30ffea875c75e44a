"""How error messages word names and values."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import TracebackType

_MAX_NAME_LENGTH, _MAX_CANDIDATES, _MAX_LISTED = 64, 100, 30
"""Limits, so that a suggestion for a long word or a long list stays cheap and readable."""
_ROW_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_PLAIN_WORD = re.compile(r"[\w:.,@ +-]{0,40}")
_LIKE_A_TOKEN = re.compile(r"(?=\S*[0-9])(?=\S*[A-Za-z])\S{16,}")


def describe_value(value: object) -> str:
    """Describe *value* in an error message: short plain values as they are, all others by their kind.

    A user may have put a token into the wrong field, so nothing that could be a token is repeated.
    """
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case int() if value.bit_length() > 132:
            return "a very long number"
        case int() | float():
            return str(value)
        case str() if _ROW_ID.fullmatch(value) or (_PLAIN_WORD.fullmatch(value) and not _LIKE_A_TOKEN.search(value)):
            return f'"{value}"'
        case str():
            return f"a {len(value)}-character string"
        case []:
            return "an empty list"
        case list():
            return "a list"
        case dict():
            return "an object"
        case _:
            return f"a {type(value).__name__}"


def wrong_arguments(
    called: str, extra: Sequence[object], unknown: Iterable[str], example: str, known: Iterable[str] = ()
) -> TypeError:
    """Return the error of a call with arguments that do not exist, which says what to write.

    Args:
        called: the name of the function or class.
        extra: positional arguments that are too many.
        unknown: names of arguments that do not exist.
        example: a call that is right.
        known: names that *unknown* may have meant.

    """
    if extra:
        return TypeError(f"{called}: too many positional arguments; write {example}")
    name = next(iter(unknown))
    return TypeError(f"{called} has no argument {name}{did_you_mean(name, known) or f'; write {example}'}")


def printable(text: str) -> str:
    """Return *text*, which others wrote, on one line: each character that cannot be printed is a question mark."""
    return "".join(character if character.isprintable() else "?" for character in text)


def describe_frames(traceback: TracebackType | None) -> list[str]:
    """Return where the last frames of *traceback* are, without values, which may be secret."""
    from traceback import extract_tb  # noqa: PLC0415  # only a bug needs it

    return [f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in extract_tb(traceback)[-8:]]


def plural(count: float, noun: str) -> str:
    """Return *count* and *noun*, which takes an s unless it is one."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def join_names(names: Iterable[str]) -> str:
    """Join *names*, sorted, with commas; only the first 30 of them, and "nothing" for none."""
    ordered = sorted(names)
    return ", ".join(ordered[:_MAX_LISTED]) + (", …" if len(ordered) > _MAX_LISTED else "") or "nothing"


def find_repeated(names: Iterable[str]) -> str | None:
    """Return the first of *names* that is there more than once, or None."""
    given = [*names]
    if len({*given}) == len(given):
        return None
    from collections import Counter  # noqa: PLC0415  # needed for a mistake only

    return next(name for name, count in Counter(given).items() if count > 1)


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """Return ``; did you mean NAME?`` for the candidate closest to *word*, or an empty string."""
    close = closest(word, candidates)
    return f"; did you mean {close}?" if close else ""


def closest(word: str, candidates: Iterable[str]) -> str:
    """Return the candidate closest to *word*, or an empty string if none is close."""
    names = [name for name in candidates if len(name) <= _MAX_NAME_LENGTH][:_MAX_CANDIDATES]
    if not 0 < len(word) <= _MAX_NAME_LENGTH:
        return ""
    import difflib  # noqa: PLC0415  # needed for a misspelt word only

    close = difflib.get_close_matches(word.lower(), names, n=1) or [name for name in names if word.lower() in name]
    return close[0] if close else ""
