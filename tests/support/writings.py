"""Writings of a secret, as programs, people and APIs produce them: encodings, wrapped, at positions in a text."""

from __future__ import annotations

import base64
import html
import json
import quopri
import textwrap
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Callable

    Write = Callable[[str], str]


def _each(write: str) -> Write:
    return lambda text: "".join(write.format(ord(sign)) for sign in text)


def _some(write: str, other: Write = str) -> Write:
    """Write every third character as *write*."""
    return lambda text: "".join(write.format(ord(s)) if n % 3 == 0 else other(s) for n, s in enumerate(text))


ENCODINGS: dict[str, Write] = {
    "plain": str,
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON three times": lambda text: json.dumps(json.dumps(json.dumps(text))[1:-1])[1:-1],
    "JSON with slashes": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "JSON, every character": _each("\\u{:04x}"),
    "JSON, every character, in JSON": lambda text: json.dumps(_each("\\u{:04X}")(text))[1:-1],
    "JSON, some characters": _some("\\u{:04x}", lambda sign: json.dumps(sign)[1:-1]),
    "JavaScript": _each("\\u{{{:x}}}"),
    "JavaScript's escape": _each("%u{:04X}"),
    "Python": lambda text: repr(text)[1:-1],
    "Python, every character": _each("\\x{:02x}"),
    "Python, long": _each("\\U{:08x}"),
    "C, octal": _each("\\{:03o}"),
    "URL": lambda text: quote(text, safe=""),
    "URL, small letters": lambda text: "".join(f"%{ord(s):02x}" if not s.isalnum() else s for s in text),
    "URL, every character": _each("%{:02X}"),
    "URL, some characters": _some("%{:02X}", lambda sign: quote(sign, safe="/&=+")),
    "URL in a URL in a URL": lambda text: quote(quote(quote(text, safe=""), safe=""), safe=""),
    "URL, every character, in a URL": lambda text: quote(_each("%{:02X}")(text), safe=""),
    "form": quote_plus,
    "HTML": html.escape,
    "HTML twice": lambda text: html.escape(html.escape(text)),
    "HTML, decimal": _each("&#{};"),
    "HTML, decimal with zeros": _each("&#{:05};"),
    "HTML, hexadecimal": _each("&#x{:X};"),
    "HTML, in JSON": lambda text: json.dumps(_each("&#{};")(text)).replace("&", "\\u0026")[1:-1],
    "URL in HTML": lambda text: html.escape(quote(text, safe="/&")),
    "mail": lambda text: quopri.encodestring(text.encode(), quotetabs=True).decode(),
    "mail, every character": _each("={:02X}"),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "base64, one on": lambda text: base64.b64encode(b"u:" + text.encode() + b"!").decode(),
    "base64, two on": lambda text: base64.b64encode(b"u" + text.encode()).decode(),
    "base64 of UTF-16": lambda text: base64.b64encode(text.encode("utf-16-le")).decode(),
    "base64 in a URL": lambda text: quote(base64.b64encode(text.encode()).decode(), safe=""),
    "base64 in JSON": lambda text: base64.b64encode(text.encode()).decode().replace("/", "\\/"),
    "base64 in lines": lambda text: "\n".join(textwrap.wrap(base64.b64encode(text.encode()).decode(), 16)),
    "base32": lambda text: base64.b32encode(text.encode()).decode(),
    "base32, small": lambda text: base64.b32encode(b"x" + text.encode()).decode().lower(),
    "base85": lambda text: base64.b85encode(text.encode()).decode(),
    "base85, one on": lambda text: base64.b85encode(b"x" + text.encode()).decode(),
    "Ascii85": lambda text: base64.a85encode(text.encode()).decode(),
    "hex": lambda text: text.encode().hex(),
    "hex, capitals": lambda text: text.encode().hex().upper(),
    "hex with colons": lambda text: text.encode().hex(":"),
    "hex with spaces": lambda text: text.encode().hex(" ", 2),
    "hex, as a list": lambda text: ", ".join(f"0x{byte:02x}" for byte in text.encode()),
    "a list of characters": lambda text: json.dumps([*text]),
    "a list of Python": lambda text: repr([*text]),
    "a list of bytes": lambda text: json.dumps([*text.encode()]),
    "characters apart": " ".join,
    "characters with dashes": "-".join,
    "a character a line": "\n".join,
    "groups of four": lambda text: " ".join(text[at : at + 4] for at in range(0, len(text), 4)),
    "broken lines": lambda text: "\r\n  ".join(text[at : at + 10] for at in range(0, len(text), 10)),
    "lines of a mail": lambda text: "=\n".join(text[at : at + 10] for at in range(0, len(text), 10)),
}
"""Ways to write a secret of ASCII characters."""

WRAPPINGS: dict[str, Write] = {
    "nothing": str,
    "quotes": "'{}'".format,
    "JSON": '{{"message": "{}"}}'.format,
    "a query": "https://x.example/a?t={}&page=2".format,
    "a header": "Authorization: Bearer {}".format,
    "an element": "<b>{}</b>".format,
    "a traceback": "ValueError: cannot use {}".format,
    "brackets": "[{}]".format,
    "a form": "a=1&t={}".format,
}
POSITIONS: dict[str, Write] = {
    "alone": str,
    "first": "{}\nand more".format,
    "last": "see:\n{}".format,
    "in the middle": "see {} there".format,
    "twice": "{0}\n\n{0}".format,
    "behind escapes": "50%25 \\u0041\\n &amp; {}".format,
    "behind many lines": lambda text: "a line of a log\n" * 50 + text,
}
