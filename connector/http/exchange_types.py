"""What crosses the network border, as plain values: no type of an HTTP library comes further in.

Pure: no input or output.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locoia_pat.secrets.secret import Secret


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request without its credential, which only the executor adds."""

    method: str
    url: str
    headers: tuple[tuple[str, str | Secret], ...] = ()
    content: Secret | None = None
    """The body: inputs that are secret stand in it."""


@dataclass(frozen=True, slots=True)
class Response:
    """One whole HTTP answer."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    """By lower-case name; one that nobody asked for may hold a secret."""
    text: Secret
    """The body: it may hold a fresh token, so it is one secret until it is read."""


@dataclass(frozen=True, slots=True)
class TransportError:
    """No whole answer came."""

    reason: str
    sent: bool
    """Whether the server may have acted: False only where the request provably never left."""


ResponseOrError = Response | TransportError
