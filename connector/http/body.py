"""Reads the body of a response: within a size limit, decompressed no further than that, and decoded.

Pure.
"""

from __future__ import annotations

from sys import getsizeof
from typing import TYPE_CHECKING

from locoia_pat.http.charset import decode_text
from locoia_pat.http.content_encoding import NOT_ASKED_FOR, NOT_DECOMPRESSED, decompress_body
from locoia_pat.http.exchange_types import Response, ResponseOrError, TransportError
from locoia_pat.http.json_document import is_whole_document
from locoia_pat.secrets.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_RESPONSE_BYTES = 8 * 1024 * 1024
"""The largest body that is read: as it is received, and again after each decompression."""
MAX_TEXT_BYTES = 2 * MAX_RESPONSE_BYTES
"""The most memory of a decoded body: Python keeps each character in four bytes if one of them needs that."""


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
