"""What ``--verbose`` prints: a line for each attempt of a request, with its status and the wait before the next."""

from __future__ import annotations

import datetime as dt
import json
import logging
from typing import TYPE_CHECKING

from locoia_pat.cli import render

if TYPE_CHECKING:
    from collections.abc import Callable

_LOGGER = "locoia_pat"


def log_requests(*, as_json: bool) -> Callable[[], None]:
    """Print each attempt to standard error, as text or as JSON lines, until the returned function is called."""
    logger, handler = logging.getLogger(_LOGGER), _Handler(as_json=as_json)
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)

    def stop() -> None:
        logger.removeHandler(handler)
        logger.setLevel(before)

    return stop


class _Handler(logging.Handler):
    def __init__(self, *, as_json: bool) -> None:
        super().__init__()
        self._as_json = as_json

    def emit(self, record: logging.LogRecord) -> None:
        """Print *record*."""
        if not self._as_json:
            render.say(record.getMessage())
            return
        at = dt.datetime.fromtimestamp(record.created, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        facts = record.args if isinstance(record.args, dict) else {}
        render.say(json.dumps({"at": at, "event": "request", **facts}))
