"""The log of the server: one JSON object per line, without inputs, tokens and keys."""

from __future__ import annotations

import datetime as dt
import json
import logging
import re
import secrets
import sys
from contextlib import suppress
from typing import Any

LOGGER = logging.getLogger("locoia_pat.serve")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})")
_TRACEPARENT_00 = 55
"""Characters of a traceparent of version 00; a later version may be longer."""


class JsonLines(logging.Formatter):
    """Formats a record, and the fields it was given as ``extra={"fields": …}``, as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        at = dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {
            "at": at.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[2] is not None:  # where it happened, without values that may be secret
            import traceback  # noqa: PLC0415  # only a bug needs it

            frames = traceback.extract_tb(record.exc_info[2])[-8:]
            line["error"] = getattr(record.exc_info[0], "__name__", "")
            line["frames"] = [f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in frames]
        return json.dumps(line)


def configure() -> None:
    """Write the log of this server, and warnings of uvicorn, to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    for name, level in (("locoia_pat.serve", logging.INFO), ("uvicorn", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)


def log(message: str, *, level: int = logging.INFO, **fields: Any) -> None:
    """Log *message* with *fields*; a log that cannot be written stops no call."""
    with suppress(OSError, ValueError):
        LOGGER.log(level, message, extra={"fields": fields})


def request_id(given: str | None) -> str:
    """Return the caller's request id if it is a plain one, else a new one."""
    return given if given is not None and _REQUEST_ID.fullmatch(given) else secrets.token_hex(16)


def next_traceparent(given: str | None) -> str:
    """Return the ``traceparent`` of this server's part of a trace, which *given* continues if it is valid.

    Source: https://www.w3.org/TR/trace-context/
    """
    match = _TRACEPARENT.match(given or "")
    valid = match is not None and given is not None and (len(given) == _TRACEPARENT_00 or given[_TRACEPARENT_00] == "-")
    trace_id, flags = match.groups() if match is not None and valid else (secrets.token_hex(16), "00")
    return f"00-{trace_id}-{secrets.token_hex(8)}-{flags}"
