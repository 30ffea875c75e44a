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

from locoia_pat.messages import describe_frames

LOGGER = logging.getLogger("locoia_pat.serve")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")


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
            line["error"] = getattr(record.exc_info[0], "__name__", "")
            line["frames"] = describe_frames(record.exc_info[2])
        return json.dumps(line)


def configure() -> None:
    """Write the log of this server, and warnings of uvicorn and of the MCP SDK, to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    for name, level in (("locoia_pat.serve", logging.INFO), ("mcp", logging.WARNING), ("uvicorn", logging.WARNING)):
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
