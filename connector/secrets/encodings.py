"""The ways in which a text may be written, and how much of each gives it away.

Pure.
"""

from __future__ import annotations

import json
import re
from binascii import b2a_base64
from typing import TYPE_CHECKING, NamedTuple, Self
from urllib.parse import quote, quote_plus

from locoia_pat.secrets.detect import public_ends

if TYPE_CHECKING:
    from collections.abc import Iterator

CUT = 8
"""A beginning or an end of a secret this long gives it away, unless everybody knows it."""
_PERCENT = re.compile("%[0-9A-F]{2}")
_JSON_SIGNS = "<>&'"
_PLAIN = re.compile(r"[A-Za-z0-9_.-]*")
"""What every way of writing leaves as it is, base64 apart."""
_URL_SAFE = str.maketrans("+/", "-_")
_SAFE = ("", "/", "!'()*", "!$&'()*+,;=:@/?")
"""What addresses leave as it is: by the strictest reading, in Python, in browsers and by RFC 3986."""


class Form(NamedTuple):
    """A way in which a secret may be written."""

    text: str
    head: int = CUT
    tail: int = CUT
    """The fewest characters, from its beginning and from its end, that give it away."""

    @classmethod
    def of(cls, text: str) -> Self:
        """The form *text*, whose words at both ends may be known to everybody."""
        head, tail = public_ends(text)
        if text.isalpha() and text.islower():  # words are in many texts
            return cls(text, *(max(CUT, len(text) * 3 // 4),) * 2)
        return cls(text, head + 2 if head >= CUT - 1 else CUT, tail + 2 if tail >= CUT - 1 else CUT)


def plain_forms(value: str) -> Iterator[Form]:
    """The ways in which *value* is written so that people can read it."""
    if value:
        yield from map(Form.of, {value} if _PLAIN.fullmatch(value) else {value, *_written(value)})


def in_base64(value: str) -> set[str]:
    """*Value* in base64, wherever it starts: what stands before it shifts its bits.

    The characters that mix with neighbours are left off, unless it is the end.
    """
    raw = as_bytes(value)
    forms: set[str] = set()
    for offset in range(3) if len(raw) >= CUT // 2 else ():
        whole = b2a_base64(b"\0" * offset + raw, newline=False).decode().rstrip("=")[(0, 2, 3)[offset] :]
        forms |= {whole, whole[:-1]} if (offset + len(raw)) % 3 else {whole}
    for form in [form for form in forms if "+" in form or "/" in form]:
        forms |= {form.translate(_URL_SAFE), quote_plus(form)}
    return forms


def _written(value: str) -> Iterator[str]:
    """*Value* as JSON, Python, HTML and addresses write it, where they do not write it as it is."""
    for once in (value, json.dumps(value)[1:-1]):  # JSON may stand in JSON
        yield from _as_json(once)
    yield from (repr(value)[1:-1], repr(value + "'\"")[1:-4])  # Python quotes in two ways
    import html  # noqa: PLC0415  # most tokens are written one way everywhere, and need none of its 2,200 names

    escaped = html.escape(value)
    yield from (escaped, html.escape(value, quote=False))
    yield escaped.replace("&quot;", "&#34;").replace("&#x27;", "&#39;")
    yield escaped.replace("&#x27;", "&apos;")
    for quoted in {*_as_address(value)}:
        yield from (quoted, quote(quoted, safe=""))  # an address may stand in an address


def _as_json(value: str) -> Iterator[str]:
    escaped = json.dumps(value)[1:-1]
    yield escaped
    yield escaped.replace("/", "\\/")
    for signs, digits in ((_JSON_SIGNS, "04x"), (_JSON_SIGNS, "04X"), (_JSON_SIGNS + '"+', "04X")):
        told = "".join(f"\\u{ord(c):{digits}}" if c in signs else c for c in value)
        yield told if '"' in signs else "".join(f"\\u{ord(c):{digits}}" if c in signs else c for c in escaped)


def _as_address(value: str) -> Iterator[str]:
    raw = as_bytes(value)
    for quoted in (*(quote(raw, safe=safe) for safe in _SAFE), quote_plus(raw)):
        yield quoted
        yield quoted.replace("~", "%7E")
        yield _PERCENT.sub(lambda found: found[0].lower(), quoted)


def parts(value: str) -> Iterator[str]:
    """The beginnings and ends by which each form of *value* is found."""
    for form, head, tail in plain_forms(value):
        yield form[:head]
        if len(form) > tail:
            yield form[-tail:]
    for encoded in in_base64(value):
        yield encoded[:CUT]
        if len(encoded) > CUT:
            yield encoded[-CUT:]


def as_bytes(text: str) -> bytes:
    """*Text* as UTF-8, halves of characters too."""
    return text.encode("utf-8", "surrogatepass")
