"""Reads the file that a request sends, before anything is sent."""

from __future__ import annotations

import os
import re
import secrets
import stat
from dataclasses import replace
from typing import TYPE_CHECKING

from locoia_pat.outcomes import invalid
from locoia_pat.secrets.secret import revealed

if TYPE_CHECKING:
    from locoia_pat.http.exchange_types import Request, Upload

MAX_FILE = 32 * 1024 * 1024
"""The most bytes of a file that is sent."""


def with_file(request: Request, upload: Upload) -> Request:
    """Return *request* with the content of the file of its *upload*.

    Raises:
        InvalidError: the file cannot be read, or is too large.

    """
    content = _read(upload)
    if upload.part is None:
        return replace(request, upload=replace(upload, body=content))
    boundary = secrets.token_hex(16)
    parts = [_part(name, revealed(value).encode()) for name, value in upload.fields]
    described = f'; filename="{_quoted(upload.file_name)}"'
    parts.append(_part(upload.part, content, described, f"Content-Type: {upload.content_type}\r\n"))
    delimiter = f"--{boundary}\r\n".encode()
    body = b"".join(delimiter + part for part in parts) + f"--{boundary}--\r\n".encode()
    headers = [pair for pair in request.headers if pair[0] != "content-type"]
    headers.append(("content-type", f"multipart/form-data; boundary={boundary}"))
    return replace(request, headers=tuple(headers), upload=replace(upload, body=body))


def _read(upload: Upload) -> bytes:
    try:
        descriptor = os.open(upload.path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise invalid("is not a file that can be sent", field=upload.input)
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                content = file.read(MAX_FILE + 1)
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "its name has a character that no name has"
        raise invalid(f"the file cannot be read: {reason}", field=upload.input) from None
    if len(content) > MAX_FILE:
        raise invalid(f"the file is larger than {MAX_FILE} bytes", field=upload.input)
    return content


def _part(name: str, content: bytes, described: str = "", header: str = "") -> bytes:
    """Return one part of a form (RFC 7578)."""
    head = f'Content-Disposition: form-data; name="{_quoted(name)}"{described}\r\n{header}\r\n'
    return head.encode() + content + b"\r\n"


def _quoted(name: str) -> str:
    """Return *name* as it is written between quotes: browsers write it in UTF-8, and these characters in percent."""
    return re.sub(r'["\r\n\x00]', lambda match: f"%{ord(match[0]):02X}", name)
