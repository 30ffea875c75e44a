"""The ways in which a string may be encoded, and how much of each identifies it.

Pure.
"""

from __future__ import annotations

import json
import re
from binascii import b2a_base64
from typing import TYPE_CHECKING, NamedTuple, Self
from urllib.parse import quote, quote_plus

from locoia_pat.secrets.detect import public_affixes

if TYPE_CHECKING:
    from collections.abc import Iterator

MIN_FRAGMENT = 8
"""Characters at the start or end of a secret that identify it, unless they are a well-known prefix."""
_PERCENT = re.compile("%[0-9A-F]{2}")
_JSON_SIGNS = "<>&'"
_PLAIN = re.compile(r"[A-Za-z0-9_.-]*")
"""Strings that all encodings but base64 leave unchanged."""
_URL_SAFE = str.maketrans("+/", "-_")
_SAFE = ("", "/", "!'()*", "!$&'()*+,;=:@/?")
"""Characters that are not percent-encoded: at the strictest, in Python, in browsers, and by RFC 3986."""


class EncodedForm(NamedTuple):
    """One encoding of a secret."""

    text: str
    head: int = MIN_FRAGMENT
    tail: int = MIN_FRAGMENT
    """The fewest characters at its start and at its end that identify it."""

    @classmethod
    def of(cls, text: str) -> Self:
        """Return the form *text*; well-known words at its ends do not identify it."""
        head, tail = public_affixes(text)
        if text.isalpha() and text.islower():  # a word may be in any text
            return cls(text, *(max(MIN_FRAGMENT, len(text) * 3 // 4),) * 2)
        return cls(
            text,
            head + 2 if head >= MIN_FRAGMENT - 1 else MIN_FRAGMENT,
            tail + 2 if tail >= MIN_FRAGMENT - 1 else MIN_FRAGMENT,
        )


def readable_forms(value: str) -> Iterator[EncodedForm]:
    """Yield the readable encodings of *value*."""
    if value:
        yield from map(EncodedForm.of, {value} if _PLAIN.fullmatch(value) else {value, *_textual_encodings(value)})


def base64_variants(value: str) -> set[str]:
    """Return *value* in base64 at each of the three alignments that the bytes before it can cause.

    Characters that also encode bits of neighbours are left off, except at the end.
    """
    raw = as_bytes(value)
    forms: set[str] = set()
    for offset in range(3) if len(raw) >= MIN_FRAGMENT // 2 else ():
        whole = b2a_base64(b"\0" * offset + raw, newline=False).decode().rstrip("=")[(0, 2, 3)[offset] :]
        forms |= {whole, whole[:-1]} if (offset + len(raw)) % 3 else {whole}
    for form in [form for form in forms if "+" in form or "/" in form]:
        forms |= {form.translate(_URL_SAFE), quote_plus(form)}
    return forms


def _textual_encodings(value: str) -> Iterator[str]:
    """Yield *value* as JSON, Python, HTML and URLs write it, if they do not write it unchanged."""
    for once in (value, json.dumps(value)[1:-1]):  # JSON within JSON
        yield from _json_encodings(once)
    yield from (repr(value)[1:-1], repr(value + "'\"")[1:-4])  # Python has two kinds of quotes
    import html  # noqa: PLC0415  # most tokens need no encoding, and it loads 2,200 names

    escaped = html.escape(value)
    yield from (escaped, html.escape(value, quote=False))
    yield escaped.replace("&quot;", "&#34;").replace("&#x27;", "&#39;")
    yield escaped.replace("&#x27;", "&apos;")
    for quoted in {*_percent_encodings(value)}:
        yield from (quoted, quote(quoted, safe=""))  # a URL within a URL


def _json_encodings(value: str) -> Iterator[str]:
    escaped = json.dumps(value)[1:-1]
    yield escaped
    yield escaped.replace("/", "\\/")
    for signs, digits in ((_JSON_SIGNS, "04x"), (_JSON_SIGNS, "04X"), (_JSON_SIGNS + '"+', "04X")):
        written = "".join(f"\\u{ord(c):{digits}}" if c in signs else c for c in value)
        yield written if '"' in signs else "".join(f"\\u{ord(c):{digits}}" if c in signs else c for c in escaped)


def _percent_encodings(value: str) -> Iterator[str]:
    raw = as_bytes(value)
    for quoted in (*(quote(raw, safe=safe) for safe in _SAFE), quote_plus(raw)):
        yield quoted
        yield quoted.replace("~", "%7E")
        yield _PERCENT.sub(lambda match: match[0].lower(), quoted)


def search_keys(value: str) -> Iterator[str]:
    """Yield the start and the end of each form of *value*: text with none of them holds no form of it."""
    for form, head, tail in readable_forms(value):
        yield form[:head]
        if len(form) > tail:
            yield form[-tail:]
    for encoded in base64_variants(value):
        yield encoded[:MIN_FRAGMENT]
        if len(encoded) > MIN_FRAGMENT:
            yield encoded[-MIN_FRAGMENT:]


def as_bytes(text: str) -> bytes:
    """Return *text* as UTF-8, unpaired surrogates included."""
    return text.encode("utf-8", "surrogatepass")
