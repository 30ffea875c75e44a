"""Percent-encoding: how a value is written into the path or the query of a URL, or into a form (RFC 3986, 2.1).

Pure.
"""

from __future__ import annotations

from urllib.parse import quote

NO_SEGMENTS = frozenset({"", ".", ".."})
"""What names nothing below a path: it cannot be a segment of one."""


def encode(text: str, errors: str = "strict") -> str:
    """Return *text* with everything encoded but letters, digits and ``_.-~``; a slash is encoded too.

    Args:
        text: what to encode.
        errors: what becomes of half of a surrogate pair, as for ``str.encode``.

    Raises:
        UnicodeEncodeError: it has half of a surrogate pair, and *errors* is ``strict``.

    """
    return quote(text, safe="", errors=errors)


def encode_pair(name: str, value: str, errors: str = "strict") -> str:
    """Return a *name* and its *value* as a part of a query or of a form; see :func:`encode`."""
    return f"{encode(name, errors)}={encode(value, errors)}"
