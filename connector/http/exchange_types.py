"""Requests and responses as plain values: no type of an HTTP library is used outside :mod:`locoia_pat.http`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locoia_pat.secrets.secret import Secret


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that is sent as a body, or as a part of a form."""

    path: str
    input: str
    """The name of the input with the path."""
    content_type: str
    file_name: str
    """Its name for the API, in a form."""
    part: str | None
    """The name of its part of a form; None if it is the whole body."""
    fields: tuple[tuple[str, str | Secret], ...] = ()
    """The other parts of the form."""
    body: bytes = field(default=b"", repr=False)
    """The bytes of the body, once the file was read."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request without its credential, which is added when it is sent."""

    method: str
    url: str
    headers: tuple[tuple[str, str | Secret], ...] = ()
    content: Secret | None = None
    """The body; secret inputs are part of it."""
    upload: Upload | None = None
    """The file that is sent instead of ``content``."""


@dataclass(frozen=True, slots=True)
class Response:
    """One complete HTTP response."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    """By lower-case name; any of them may hold a secret."""
    text: Secret
    """The body, which may hold a fresh token: it is a secret until it is parsed."""
    warnings: tuple[str, ...] = ()
    """What was assumed to read the body."""


@dataclass(frozen=True, slots=True)
class TransportError:
    """No complete response was received."""

    reason: str
    sent: bool
    """Whether the server may have acted: False only if the request provably never left."""


ResponseOrError = Response | TransportError
