"""The trace that requests of this context belong to (https://www.w3.org/TR/trace-context/)."""

from __future__ import annotations

import re
import secrets
from contextvars import ContextVar

TRACEPARENT = "traceparent"
_FORM = re.compile(r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(-.*)?")

current_trace: ContextVar[str | None] = ContextVar("current_trace", default=None)
"""The ``traceparent`` that requests to the API carry on; None for no header."""


def continue_trace(traceparent: str | None) -> str | None:
    """Return the ``traceparent`` of the next part of the trace, or None if *traceparent* is not valid."""
    match = _FORM.fullmatch(traceparent or "")
    if match is None or (match[1] == "00" and match[4]):  # only a later version may be longer
        return None
    return f"00-{match[2]}-{secrets.token_hex(8)}-{match[3]}"


def new_trace() -> str:
    """Return the ``traceparent`` of a trace of its own."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"


def trace_headers(traceparent: str) -> dict[str, str]:
    """Return the headers of a request in the trace of *traceparent*."""
    carried = continue_trace(traceparent)
    return {} if carried is None else {TRACEPARENT: carried}
