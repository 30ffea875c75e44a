"""Finds the error message in a response, whatever its form.

Pure.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

from locoia_pat.secrets.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterable

_MAX_MESSAGE = 500
_DEPTH = 4
_MAX_WORDS = 50
_MAX_TEXT = 20_000
"""Characters that are searched: a response may be far longer than a useful message."""


def find_error_message(body: object) -> tuple[str | None, str | None]:
    """Return the API's error message, on one line, and the name of the field at fault; each may be None.

    The message is read from ``detail``, ``message``, ``error``, ``errors``, ``validation_errors`` and ``title`` as
    strings, lists or objects, from plain text, and from the title of an HTML page.
    """
    if isinstance(body, Secret):
        return _of_text(body.reveal()[:_MAX_TEXT]), None
    words = list(islice(_words(body), _MAX_WORDS))
    field = next((name for name in _fields(body)), None)
    text = _one_line("; ".join(_without_repetitions(words)))
    return text or None, field


def _without_repetitions(words: list[str]) -> Iterable[str]:
    # The single characters of a token are kept as they are, so that it is found and masked.
    return words if all(len(word) == 1 for word in words) else dict.fromkeys(words)


_SENTENCES = ("message", "detail", "msg", "error_description", "error", "title")
_DETAILS = ("errors", "validation_errors", "data")


def _words(body: object, *, depth: int = 0) -> Iterable[str]:
    """Yield the first sentence and its details."""
    match body:
        case str() if body[:_MAX_TEXT].strip():
            yield body[:_MAX_TEXT].strip()
        case list() if depth < _DEPTH:
            for item in body:
                yield from _words(item, depth=depth + 1)
        case dict() if depth < _DEPTH:
            inner = {key: list(islice(_words(value, depth=depth + 1), _MAX_WORDS)) for key, value in body.items()}
            sentence = next((inner[key] for key in _SENTENCES if inner.get(key)), [])
            details = [word for key in _DETAILS for word in inner.get(key, [])]
            if sentence or details:
                yield from (*sentence, *details)
            else:
                yield from (f"{key[:_MAX_MESSAGE]}: {word}" for key, words in inner.items() for word in words)


def _fields(body: object, *, depth: int = 0) -> Iterable[str]:
    """Yield the names of fields at fault: the last of ``loc``, ``field``, ``param``, or the keys of ``errors``."""
    match body:
        case list() if depth < _DEPTH:
            for item in body:
                yield from _fields(item, depth=depth + 1)
        case dict() if depth < _DEPTH:
            match body:
                case {"loc": list(loc)}:
                    yield from [part for part in reversed(loc) if isinstance(part, str)][:1]
                case {"field": str(name)} | {"param": str(name)}:
                    yield name
                case {"errors": dict(errors)} | {"validation_errors": dict(errors)}:
                    yield from (key for key in errors if isinstance(key, str))
            for key in ("detail", "errors", "error", "data"):
                yield from _fields(body.get(key), depth=depth + 1)


def _of_text(text: str) -> str | None:
    if re.match(r"\s*<", text):
        import html  # noqa: PLC0415  # an answer is seldom a page

        title = re.search(r"(?is)<title[^>]*>(.*?)</title>|<h1[^>]*>(.*?)</h1>", text[:5_000])
        inner = re.sub(r"<[^>]*>", " ", title[1] or title[2] or "") if title else ""
        return _one_line(html.unescape(inner)) or "an HTML page"
    # JSON that does not parse was cut, perhaps inside a token: it is not shown.
    return "an incomplete response" if text.lstrip()[:1] in ("{", "[") else _one_line(text) or None


def _one_line(text: str) -> str:
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= _MAX_MESSAGE else line[: _MAX_MESSAGE - 1] + "…"
