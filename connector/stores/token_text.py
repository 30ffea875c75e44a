"""A bare token as text, in a file, a variable or a line of standard input; and what the text holds instead.

Pure.
"""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING

from locoia_pat.secrets.secret import Secret, credential

if TYPE_CHECKING:
    from collections.abc import Callable

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig", "surrogateescape"),
    (codecs.BOM_UTF16_LE, "utf-16", "replace"),
    (codecs.BOM_UTF16_BE, "utf-16", "replace"),
)
"""Byte order marks, the encoding that each announces, and what becomes of bytes that are not valid in it."""

_QUOTES = ('""', "''", "``", "\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}")
_SCHEME = re.compile(r"\s*(?:authorization:\s*)?(?:bearer|basic|token)\s", re.IGNORECASE)
_ASSIGNMENT = re.compile(
    r"\s*(?:(?:export|set|setx)\s+\w+\s*=|\$env:\w+\s*=|[A-Z0-9_]*(?:TOKEN|KEY|SECRET|PASSWORD|PAT)[A-Z0-9_]*\s*=[^=])"
)
_UNREPLACED = re.compile(r"\$[A-Z_][A-Z0-9_]*|\$\{\{?[^{}]+\}\}?|%[A-Z_][A-Z0-9_]*%|<[^<>]+>")

_INSTEAD: tuple[tuple[str, Callable[[str], object]], ...] = (
    ("is empty", lambda text: not text.strip()),
    ("has NUL characters, as UTF-16 without a byte order mark has", lambda text: "\0" in text),
    ("begins with a byte order mark", lambda text: text.startswith("\ufeff")),
    ("has several lines", lambda text: "\n" in text or "\r" in text),
    ("names a variable that nothing has replaced by its value", _UNREPLACED.fullmatch),
    ("is JSON", lambda text: text.startswith(("{", "[")) or text.strip() in ("null", "true", "false")),
    ("is in quotes", lambda text: len(text) > 1 and text[0] + text[-1] in _QUOTES),
    ("begins with a quote", lambda text: text.startswith('"')),
    ("begins with a word such as Bearer, which is added to the token", _SCHEME.match),
    ("sets a variable, instead of being its value", _ASSIGNMENT.match),
    ("has a space or another blank at one end", lambda text: text != text.strip()),
    ("has a space or another blank in it", re.compile(r"\s").search),
    ("has characters that are not ASCII", lambda text: not text.isascii()),
    ("has control characters", lambda text: not text.isprintable()),
)
"""What text may be instead of a token, in the order in which it is looked for."""


def decode_text(raw: bytes) -> Secret:
    """Return *raw* as text: UTF-8, or what its byte order mark says, as PowerShell writes files.

    Bytes that are not UTF-8 become lone surrogates.
    """
    for mark, encoding, errors in _MARKS:
        if raw.startswith(mark):
            whole = len(raw) // 2 * 2 if encoding == "utf-16" else None  # a line of UTF-16 may be cut in its line feed
            return Secret(raw[:whole].decode(encoding, errors))
    return Secret(raw.decode("utf-8", "surrogateescape"))


def read_bare_token(text: Secret) -> Secret | str:
    """Return the token in *text*, which may end with line breaks; or what the text is instead: "is empty"."""
    for reason, applies in _INSTEAD:
        if applies(text.reveal().strip("\r\n")):
            return reason
    return credential(text) or "is too long"
