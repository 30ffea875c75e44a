"""The shape of responses, as the switches set it: errors, lists, times."""

from __future__ import annotations

import datetime as dt
import html
from email.utils import format_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from starlette.responses import HTMLResponse, JSONResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.responses import Response

    from locoia_pat.actions.sandbox.behaviour import Behaviour

_EAST = dt.timezone(dt.timedelta(hours=2))


class ApiError(Exception):
    """An error response of the API."""

    def __init__(self, status: int, error: str, message: str, field: str | None = None) -> None:
        super().__init__(status, error, message, field)
        self.status = status
        self.error = error
        self.message = message
        self.field = field

    @property
    def envelope(self) -> dict[str, Any]:
        """Return the error as Locoia's documentation shows one."""
        data = {"field": self.field} if self.field else None
        return {"status": self.status, "error": self.error, "message": self.message, "data": data}


def error_response(error: ApiError, behaviour: Behaviour, headers: Mapping[str, str] | None = None) -> Response:
    """Return the response for *error*, in the shape that *behaviour* sets."""
    match behaviour.error_shape:
        case "envelope":
            return JSONResponse(error.envelope, error.status, headers)
        case "envelope_in_200":
            return JSONResponse(error.envelope, 200, headers)
        case "detail_list" if error.status == 422:
            location = ["body", error.field] if error.field else ["body"]
            detail = {"loc": location, "msg": error.message, "type": "value_error"}
            return JSONResponse({"detail": [detail]}, error.status, headers)
        case "html":
            return html_page(error.status, error.message, headers)
        case _:
            return JSONResponse({"detail": error.message}, error.status, headers)


def html_page(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return an HTML page, as a proxy between the client and the API may send one."""
    has_phrase = status in {standard.value for standard in HTTPStatus}
    title = f"{status} {HTTPStatus(status).phrase}" if has_phrase else str(status)
    content = f"<!doctype html><title>{title}</title><h1>{title}</h1><p>{html.escape(message)}</p>"
    return HTMLResponse(content, status, headers)


def wrap_list(rows: list[dict[str, Any]], behaviour: Behaviour) -> Any:
    """Return *rows* in the shape that *behaviour* sets."""
    match behaviour.list_shape:
        case "bare":
            return rows
        case "envelope":
            return {"status": 200, "error": None, "message": None, "data": rows}
        case key:
            return {key: rows}


def format_time(time: dt.datetime | None, behaviour: Behaviour) -> str | None:
    """Return *time* as a string in the format that *behaviour* sets; None for None."""
    if time is None:
        return None
    utc = time.astimezone(dt.UTC).replace(microsecond=0)
    match behaviour.time_format:
        case "z":
            return utc.replace(tzinfo=None).isoformat() + "Z"
        case "offset":
            return utc.astimezone(_EAST).isoformat()
        case "naive":
            return utc.replace(tzinfo=None).isoformat()
        case "naive_east":
            return utc.astimezone(_EAST).replace(tzinfo=None).isoformat()
        case "http":
            return format_datetime(utc, usegmt=True)
        case _:
            return utc.date().isoformat()
