"""Reads the JSON of a response body, with its secrets sealed and within bounds.

Pure.  What is read with certainty although it is not valid JSON: a byte order mark and a guard prefix before it, NaN
and Infinity, control characters in strings, numbers of any length, a comma after the last value, JSON in a JSON string.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from locoia_pat.secrets.secret import Secret, is_plausible_token

if TYPE_CHECKING:
    from collections.abc import Collection

MAX_VALUES = 200_000
"""The most values of one response: strings, numbers, lists, objects and their keys."""
_BLANK = " \t\r\n\f\v\0\ufeff\xa0"
GUARD = re.compile(r"\)\]\}'?,?|(?:while\s*\(1\)|for\s*\(;;\)|throw\s+1)\s*;|&&&START&&&|\{\}\s*&&")
"""What some servers put before JSON, so that a page cannot load it as a script."""
"""What servers write before JSON, so that a page of another site cannot run it as a script."""
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_TRAILING_COMMA = re.compile(r'("[^"\\]*+(?:\\.[^"\\]*+)*+"?)|,(?=\s*[\]}])', re.DOTALL)
_MAX_DIGITS = 1000


class DocumentError(ValueError):
    """The text is not JSON, or exceeds a bound; the message says which and holds no part of it."""


@dataclass(frozen=True, slots=True)
class JsonDocument:
    """The JSON of one response."""

    value: Any = field(repr=False)
    warnings: tuple[str, ...] = ()


def parse_document(text: Secret, secret_keys: Collection[str] = ()) -> JsonDocument:
    """Parse the JSON *text*; each string under a key of *secret_keys* becomes a :class:`Secret` while it is parsed.

    A key that an object has twice counts with its last value, with a warning.  If its values are different usable
    tokens, the object has none.

    Raises:
        DocumentError: *text* is not JSON, or has more than ``MAX_VALUES`` values.

    """
    text = _unwrap(text)
    reader = _Reader(frozenset(secret_keys))
    value = reader.read(text)
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            value = reader.read(_unwrap(Secret(value)))
            reader.warnings["the response is a JSON string that contains JSON"] = None
        except DocumentError:
            pass  # it is a string after all
    return JsonDocument(value, tuple(reader.warnings))


def is_whole_document(text: Secret) -> bool:
    """Return whether *text* is a complete JSON object or list, so that nothing of it can be missing."""
    if not _unwrap(text).reveal().startswith(("{", "[")):
        return False
    try:
        parse_document(text)
    except DocumentError:
        return False
    return True


def _unwrap(text: Secret) -> Secret:
    """Return *text* without blanks, byte order marks and NUL characters at its ends, and without a guard prefix."""
    text = Secret(text.reveal().strip(_BLANK))
    guard = GUARD.match(text.reveal())
    return Secret(text.reveal()[guard.end() :].strip(_BLANK)) if guard else text


class _Reader:
    def __init__(self, secret_keys: frozenset[str]) -> None:
        self._secret_keys = secret_keys
        self.warnings: dict[str, None] = {}

    def read(self, text: Secret) -> Any:
        decode = self._decoder(int).decode
        if _has_too_many_values(text):
            raise DocumentError(f"the response has more than {MAX_VALUES} values")
        try:
            return decode(text.reveal())
        except RecursionError:
            problem = "the response is nested too deeply"
        except ValueError:  # the error holds the whole text, so it must not become the context of ours
            problem = ""
        if not problem:
            try:
                mended = Secret(_TRAILING_COMMA.sub(lambda found: found[1] or "", text.reveal()))
                value = self._decoder(_read_number).decode(mended.reveal())
            except (ValueError, RecursionError):
                problem = "the response is not JSON"
            else:
                if len(mended.reveal()) != len(text.reveal()):
                    self.warnings["the response has a comma after a last value"] = None
                return value
        raise DocumentError(problem)

    def _decoder(self, parse_int: Any) -> json.JSONDecoder:
        return json.JSONDecoder(object_pairs_hook=self._object, parse_int=parse_int, strict=False)

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        if len(value) != len(pairs):
            self._repeated(pairs, value)
        for key in self._secret_keys & value.keys():
            if isinstance(value[key], str):
                value[key] = Secret(value[key])
        return value

    def _repeated(self, pairs: list[tuple[str, Any]], value: dict[str, Any]) -> None:
        self.warnings["the response has a key twice; its last value is used"] = None
        for key in self._secret_keys & value.keys():
            if len({item for name, item in pairs if name == key and is_plausible_token(item)}) > 1:
                self.warnings[f'the response has two different values of "{key}"; none is used'] = None
                value[key] = None


def _has_too_many_values(text: Secret) -> bool:
    if sum(map(text.reveal().count, ",:[{")) < MAX_VALUES:
        return False
    outside = _STRING.sub("", text.reveal())
    return sum(map(outside.count, ",:[{")) >= MAX_VALUES


def _read_number(digits: str) -> int | float:
    return int(digits) if len(digits) <= _MAX_DIGITS else math.copysign(math.inf, -1 if digits[0] == "-" else 1)
