"""Undoes the content encodings of a response body: what its header names, as far as the bytes agree.

Pure.  httpx returns the first member of a gzip body only, and does not know ``x-gzip``; so this is done here.
"""

from __future__ import annotations

import re
import zlib

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
