"""The ways in which a string may be encoded, and how much of each identifies it.

Pure.
"""

from __future__ import annotations

import json
import math
import re
from binascii import b2a_base64
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Self
from urllib.parse import quote, quote_plus

from locoia_pat.secrets.detect import public_affixes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

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
        if text.isalpha() and text.islower():  # a word may be in any text
            return cls(text, *(max(MIN_FRAGMENT, len(text) * 3 // 4),) * 2)
        return cls(text, *(size + 2 if size >= MIN_FRAGMENT - 1 else MIN_FRAGMENT for size in public_affixes(text)))


def readable_forms(value: str) -> Iterator[EncodedForm]:
    """Yield the readable encodings of *value*."""
    if value:
        yield from map(EncodedForm.of, {value} if _PLAIN.fullmatch(value) else {value, *_textual_encodings(value)})


def packed_forms(value: str) -> Iterator[EncodedForm]:
    """Yield *value* in base64, hexadecimal, base32 and base85, as UTF-8, and in base64 as UTF-16 too."""
    raw = as_bytes(value)
    if len(raw) < MIN_FRAGMENT // 2:
        return
    head, tail = public_affixes(value)
    to_base64 = partial(_unaligned, bits=6, encode=partial(b2a_base64, newline=False), head=head, tail=tail)
    for form in {*to_base64(raw), *to_base64(value.encode("utf-16-le", "surrogatepass"))}:
        yield form
        if "+" in form.text or "/" in form.text:
            yield form._replace(text=form.text.translate(_URL_SAFE))
            yield form._replace(text=quote_plus(form.text))
    if len(raw) < MIN_FRAGMENT:
        return
    from base64 import a85encode, b32encode, b85encode  # noqa: PLC0415  # most runs need none of them

    for form in (EncodedForm(raw.hex(), _least(4, head), _least(4, tail)), *_unaligned(raw, 5, b32encode, head, tail)):
        yield from (form, form._replace(text=form.text.swapcase()))
    for encode in (b85encode, a85encode):
        yield EncodedForm(encode(raw).decode(), _least(6.4, head), _least(6.4, tail))
        for skipped in range(4):  # only whole groups of four bytes do not depend on their neighbours
            group = raw[skipped : skipped + (len(raw) - skipped) // 4 * 4]
            if len(group) >= MIN_FRAGMENT:
                yield EncodedForm(encode(group).decode(), _least(6.4, max(0, head - skipped)), _least(6.4, tail))


def packed_cores(value: str) -> Iterator[str]:
    """Yield what each text with *value* in base64, at any alignment, or in hexadecimal has in it."""
    raw = as_bytes(value)
    for offset in range(3):
        text = b2a_base64(bytes(offset) + raw, newline=False).decode()
        yield text[-(-offset * 8 // 6) : (offset + len(raw)) * 8 // 6]
    yield from (raw.hex(), raw.hex().upper())


def _unaligned(raw: bytes, bits: int, encode: Callable[[bytes], bytes], head: int, tail: int) -> Iterator[EncodedForm]:
    """Yield *raw* with *bits* in each character, at each alignment that the bytes before it can cause.

    Characters that also encode bits of neighbours are left off, except at the end.
    """
    for offset in range(3 if bits == 6 else 5):  # base64 or base32
        text = encode(bytes(offset) + raw).decode().rstrip("=")
        start = -(-offset * 8 // bits)
        for form in {text[start:], text[start : (offset + len(raw)) * 8 // bits]}:
            yield EncodedForm(form, _least(bits, head), _least(bits, tail))


def _least(bits: float, public: int) -> int:
    """Return how many characters of *bits* identify a secret with that many *public* characters at an end."""
    least = MIN_FRAGMENT if bits == 6 else MIN_FRAGMENT * 8 / bits  # of base64, eight are enough
    return math.ceil(max(least, (public + 2) * 8 / bits if public >= MIN_FRAGMENT - 1 else 0))


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


def search_keys(forms: Iterable[EncodedForm]) -> Iterator[str]:
    """Yield the start and the end of each of *forms*: text with none of them holds no form."""
    for text, head, tail in forms:
        yield text[:head]
        if len(text) > tail:
            yield text[-tail:]


def as_bytes(text: str) -> bytes:
    """Return *text* as UTF-8, unpaired surrogates included."""
    return text.encode("utf-8", "surrogatepass")
