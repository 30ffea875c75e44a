"""An answer while it comes: gathered within a limit of size, and unpacked no further than that.

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
"""Bytes an answer may have, unpacked."""
CONTENT_ENCODINGS = ("gzip", "deflate")
"""How an answer may be packed, as ``Accept-Encoding`` says it."""
_ANY_HEADER = 47  # zlib's and gzip's alike


class BodyReader:
    """Gathers one answer."""

    def __init__(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """An answer whose *status* and *headers* came."""
        self._status = status
        self._headers = _plain(headers)
        self._chunks = bytearray()
        self._cut: str | None = None
        packed = self._headers.get("content-encoding", "identity").strip().lower()
        self._unpacking = zlib.decompressobj(_ANY_HEADER) if packed in (*CONTENT_ENCODINGS, "x-gzip") else None
        if self._unpacking is None and packed != "identity":
            self._cut = "the answer is packed in a way that was not asked for"

    def feed(self, chunk: bytes) -> bool:
        """Whether, with *chunk*, more of it is to be read."""
        if self._cut:
            return False
        try:
            room = MAX_RESPONSE_BYTES + 1 - len(self._chunks)
            self._chunks += self._unpacking.decompress(chunk, room) if self._unpacking else chunk
        except zlib.error:
            self._cut = "the answer cannot be unpacked"
        if len(self._chunks) > MAX_RESPONSE_BYTES:
            self._cut = f"the answer is larger than {MAX_RESPONSE_BYTES} bytes"
        return self._cut is None

    def result(self) -> ResponseOrError:
        """What came: all of it, or why not."""
        if self._unpacking and not self._cut and self._chunks and not self._unpacking.eof:
            self._cut = "the answer ends before its end"
        if self._cut:
            return TransportError(self._cut, sent=True)
        return Response(self._status, self._headers, Secret(self._chunks.decode("utf-8", "replace")))


def _plain(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """*Headers* by their names in small letters; of several of one name, the values follow each other."""
    plain: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("utf-8", "replace")
        plain[name] = f"{plain[name]}, {value}" if name in plain else value
    return plain
