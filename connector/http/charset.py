"""Decodes the bytes of a response body: by their byte order mark, else by the charset that the response names.

Pure.
"""

from __future__ import annotations

import json
import re

_CHARSET = re.compile(r"""(?ai);\s*charset\s*=\s*["']?\s*([\w.:+-]{2,40})""")
_NOT_TRUSTED = re.compile(r"(?i)idna|punycode|.*unicode[-_ ]?escape|u(nicode[-_ ]?1[-_ ]?1[-_ ]?)?(tf)?[-_ ]?7|hz.*")
"""Python's codecs in which printable ASCII may mean other characters, or that take quadratic time."""
_ESCAPES = b"+~\\"
"""What begins other characters in them."""
_JSON_STARTS = frozenset('{["-0123456789tfn\ufeff')


def decode_text(body: bytes, content_type: str) -> tuple[str | None, str | None]:
    """Return *body* as a string, and a warning if some of its bytes are not readable; None if it may be misread.

    A charset in *content_type* is believed if the bytes are valid in it, unless the text would begin like JSON only
    without it.  The text of JSON is UTF-8, or UTF-16 or UTF-32 as its first bytes show (RFC 4627, 3).
    """
    found = json.detect_encoding(body)
    label = _CHARSET.search(content_type)
    named = [label[1]] if label else []
    if label and _NOT_TRUSTED.fullmatch(label[1]):
        if any(byte in body for byte in _ESCAPES):
            return None, None
        named = []
    names = [*named, "utf-8"] if found == "utf-8" else [found, *named, "utf-8"]
    first: str | None = None
    for name in names:
        try:
            text = body.decode(name)
        except (UnicodeError, LookupError):
            continue
        if text.lstrip()[:1] in _JSON_STARTS:
            return text, None
        first = text if first is None else first
    if first is not None:
        return first, None
    return body.decode("utf-8", "replace"), "the response has bytes that are not UTF-8; they are shown as \ufffd"
