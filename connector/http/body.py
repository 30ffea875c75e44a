"""Reads the body of a response: within a size limit, and decompressed no further than that.

Pure.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from locoia_pat.http.exchange_types import Response, ResponseOrError, TransportError
from locoia_pat.secrets.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_RESPONSE_BYTES = 8 * 1024 * 1024
"""The largest body that is read, counted after decompression."""
CONTENT_ENCODINGS = ("gzip", "deflate")
"""The compressions that ``Accept-Encoding`` asks for."""
_ANY_HEADER = 47  # zlib's and gzip's alike


class BodyReader:
    """Gathers one response."""

    def __init__(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Begin a response with this *status* and these *headers*."""
        self._status = status
        self._headers = _decode_headers(headers)
        self._body = bytearray()
        self._error: str | None = None
        encoding = self._headers.get("content-encoding", "identity").strip().lower()
        self._decompressor = zlib.decompressobj(_ANY_HEADER) if encoding in (*CONTENT_ENCODINGS, "x-gzip") else None
        if self._decompressor is None and encoding != "identity":
            self._error = "the response has a content encoding that was not asked for"

    def feed(self, chunk: bytes) -> bool:
        """Add *chunk*, and return whether more of the body is to be read."""
        if self._error:
            return False
        try:
            room = MAX_RESPONSE_BYTES + 1 - len(self._body)
            self._body += self._decompressor.decompress(chunk, room) if self._decompressor else chunk
        except zlib.error:
            self._error = "the response cannot be decompressed"
        if len(self._body) > MAX_RESPONSE_BYTES:
            self._error = f"the response is larger than {MAX_RESPONSE_BYTES} bytes"
        return self._error is None

    def result(self) -> ResponseOrError:
        """Return the response, or the reason why it is incomplete."""
        if self._decompressor and not self._error and self._body and not self._decompressor.eof:
            self._error = "the response is truncated"
        if self._error:
            return TransportError(self._error, sent=True)
        return Response(self._status, self._headers, Secret(self._body.decode("utf-8", "replace")))


def _decode_headers(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return *headers* by lower-case name; the values of a repeated header are joined with commas."""
    decoded: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("utf-8", "replace")
        decoded[name] = f"{decoded[name]}, {value}" if name in decoded else value
    return decoded
