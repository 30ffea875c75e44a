"""Reads the body of a response: within a size limit, decompressed no further than that, and decoded.

Pure.  What the content encodings of the header say is undone as far as the bytes agree.  httpx returns the first member
of a gzip body only, and does not know ``x-gzip``; so this is done here.  Text is decoded by its byte order mark, else
by the charset that the response names.
"""

from __future__ import annotations

import json
import re
import zlib
from sys import getsizeof
from typing import TYPE_CHECKING

from locoia_pat.http.exchange_types import Response, ResponseOrError, TransportError
from locoia_pat.http.json_document import is_whole_document
from locoia_pat.secrets.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_RESPONSE_BYTES = 8 * 1024 * 1024
"""The largest body that is read: as it is received, and again after each decompression."""
MAX_TEXT_BYTES = 2 * MAX_RESPONSE_BYTES
"""The most memory of a decoded body: Python keeps each character in four bytes if one of them needs that."""
CONTENT_ENCODINGS = ("gzip", "deflate")
"""The compressions that ``Accept-Encoding`` asks for."""
MAX_ENCODINGS = 5
"""The most compressions of one body, one around the other."""
MAX_MEMBERS = 1000
"""The most members of one gzip body (RFC 1952, 2.2)."""
_COMPRESSED = (*CONTENT_ENCODINGS, "x-gzip")
_PLAIN = ("", "identity", "none", "binary", "7bit", "8bit")
"""What servers write for a body that is not compressed; the name of a charset is another such mistake."""
_CHARSET_NAME = re.compile(r"[a-z0-9._-]{2,40}")
_GZIP_MAGIC = b"\x1f\x8b\x08"
_GZIP, _ZLIB, _RAW = 31, 15, -15  # zlib's numbers for the three formats
_SLICE = 64 * 1024

NOT_ASKED_FOR = "the response has a content encoding that was not asked for"
NOT_DECOMPRESSED = "the response cannot be decompressed"

_CHARSET = re.compile(r"""(?ai);\s*charset\s*=\s*["']?\s*([\w.:+-]{2,40})""")
_NOT_TRUSTED = re.compile(r"(?i)idna|punycode|.*unicode[-_ ]?escape|u(nicode[-_ ]?1[-_ ]?1[-_ ]?)?(tf)?[-_ ]?7|hz.*")
"""Python's codecs in which printable ASCII may mean other characters, or that take quadratic time."""
_ESCAPES = b"+~\\"
"""What begins other characters in them."""
_JSON_STARTS = frozenset('{["-0123456789tfn\ufeff')


class BodyReader:
    """Gathers one response."""

    def __init__(self, method: str, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Begin the response to a *method*, with this *status* and these *headers*."""
        self._is_read = method == "GET"
        self._status = status
        self._headers = _decode_headers(headers)
        self._body = bytearray()

    def feed(self, chunk: bytes) -> bool:
        """Add *chunk*, and return whether more of the body is to be read."""
        self._body += chunk[: MAX_RESPONSE_BYTES + 1 - len(self._body)]
        return len(self._body) <= MAX_RESPONSE_BYTES

    def result(self, failure: str | None = None) -> ResponseOrError:
        """Return the response, or the reason why it is incomplete.

        A body that is not what its headers say is a response nonetheless if it is a complete JSON document.  So is one
        whose end is missing, unless it is read with GET: what a POST minted must not be lost to the bytes behind it.

        Args:
            failure: why the rest of the body was not received, or None.

        """
        limit = MAX_RESPONSE_BYTES
        too_large = f"the response is larger than {limit} bytes" if len(self._body) > limit else None
        received = bytes(self._body)
        self._body.clear()
        content, doubt = decompress_body(received, self._headers.get("content-encoding", ""), limit)
        del received
        text, warning = _decode(content, self._headers)
        del content
        if text is not None and getsizeof(text.reveal()) > MAX_TEXT_BYTES:
            return TransportError(f"the response takes more than {MAX_TEXT_BYTES} bytes as text", sent=True)
        if text is None:
            return TransportError("the response has a charset that cannot be read with certainty", sent=True)
        reason = failure or too_large or doubt
        if reason is not None:
            is_cut = reason not in (NOT_ASKED_FOR, NOT_DECOMPRESSED)
            if (is_cut and self._is_read) or not is_whole_document(text):
                return TransportError(reason, sent=True)
            warning = f"{reason}, but its JSON is complete"
        return Response(self._status, self._headers, text, (warning,) if warning else ())


def _decode(content: bytes, headers: dict[str, str]) -> tuple[Secret | None, str | None]:
    text, warning = decode_text(content, headers.get("content-type", ""))
    return None if text is None else Secret(text), warning


def _decode_headers(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return *headers* by lower-case name; the values of a repeated header are joined with commas."""
    decoded: dict[str, list[str]] = {}
    for raw_name, raw_value in headers:
        decoded.setdefault(raw_name.decode("latin-1").lower(), []).append(raw_value.decode("utf-8", "replace"))
    return {name: ", ".join(values) for name, values in decoded.items()}


def decompress_body(body: bytes, header: str, limit: int) -> tuple[bytes, str | None]:
    """Return *body* without its content encodings, and why the result may not be what the server meant, or None.

    Args:
        body: the bytes as they were received.
        header: the value of ``Content-Encoding``.
        limit: the most bytes that are decompressed.

    """
    doubt: str | None = None
    names = [name.strip(" \t\"'").lower() for name in header.split(",")]
    for name in reversed([name for name in names if not _is_plain(name)][:MAX_ENCODINGS]):
        if name not in _COMPRESSED:
            return body, NOT_ASKED_FOR
        body, problem = _decompress(body, limit)
        doubt = doubt or problem
    for _ in range(MAX_ENCODINGS):
        if not body.startswith(_GZIP_MAGIC):
            break
        body, problem = _decompress(body, limit)  # compressed once more than the header says
        doubt = doubt or problem
    return body, doubt


def _is_plain(name: str) -> bool:
    if name in _PLAIN:
        return True
    try:
        return _CHARSET_NAME.fullmatch(name) is not None and b"1234".decode(name) is not None
    except UnicodeError:
        return True  # four bytes are not always text in it
    except LookupError:
        return False


def _decompress(body: bytes, limit: int) -> tuple[bytes, str | None]:
    """Decompress *body* by the format that it is in, whatever the header calls it."""
    formats = (_GZIP,) if body.startswith(_GZIP_MAGIC[:2]) else (_ZLIB, _RAW)
    for format_ in formats if body else ():
        try:
            data, rest, problem = _members(body, format_, limit)
        except zlib.error:
            continue
        if format_ == _RAW and (rest or problem):
            continue  # without a header and a checksum, anything may begin like it
        if rest.strip(b"\0"):
            problem = problem or "the response has bytes after its compressed body"
        return data, problem
    return body, NOT_DECOMPRESSED if body else None


def _members(body: bytes, format_: int, limit: int) -> tuple[bytes, bytes, str | None]:
    """Return the decompressed members of *body*, the bytes behind them, and why they are incomplete, or None.

    Raises:
        zlib.error: the first of them is not in this format, or is damaged.

    """
    data = bytearray()
    at = 0
    for _ in range(MAX_MEMBERS):
        member = zlib.decompressobj(format_)
        while not member.eof:
            chunk = body[at : at + _SLICE]
            if not chunk:
                return bytes(data), b"", "the response is truncated"
            data += member.decompress(chunk, limit + 1 - len(data))
            at += len(chunk) - len(member.unconsumed_tail) - len(member.unused_data)
            if len(data) > limit:
                return bytes(data[:limit]), b"", f"the response is larger than {limit} bytes"
        if format_ != _GZIP or not body.startswith(_GZIP_MAGIC, at):
            return bytes(data), body[at:], None
    return bytes(data), b"", f"the response has more than {MAX_MEMBERS} compressed members"


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
