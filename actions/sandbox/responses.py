"""What answers look like, as the switches say: errors, lists, times."""

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


class Refusal(Exception):  # noqa: N818  # not an error of ours: the answer to a wrong request
    """What the API says instead of doing what it was asked for."""

    def __init__(self, status: int, error: str, message: str, field: str | None = None) -> None:
        super().__init__(status, error, message, field)
        self.status = status
        self.error = error
        self.message = message
        self.field = field

    @property
    def envelope(self) -> dict[str, Any]:
        """The refusal as Locoia's documentation shows an error."""
        data = {"field": self.field} if self.field else None
        return {"status": self.status, "error": self.error, "message": self.message, "data": data}


def refused(refusal: Refusal, behaviour: Behaviour, headers: Mapping[str, str] | None = None) -> Response:
    """A refusal in the shape of an error."""
    message = refusal.message
    match behaviour.error_shape:
        case "envelope":
            return JSONResponse(refusal.envelope, refusal.status, headers)
        case "envelope_in_200":
            return JSONResponse(refusal.envelope, 200, headers)
        case "detail_list" if refusal.status == 422:
            place = ["body", refusal.field] if refusal.field else ["body"]
            detail = {"loc": place, "msg": message, "type": "value_error"}
            return JSONResponse({"detail": [detail]}, refusal.status, headers)
        case "html":
            return page(refusal.status, message, headers)
        case _:
            return JSONResponse({"detail": message}, refusal.status, headers)


def page(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """A page for people, as something between the client and the API may answer."""
    known = status in {known.value for known in HTTPStatus}
    title = f"{status} {HTTPStatus(status).phrase}" if known else str(status)
    content = f"<!doctype html><title>{title}</title><h1>{title}</h1><p>{html.escape(message)}</p>"
    return HTMLResponse(content, status, headers)


def listed(rows: list[dict[str, Any]], behaviour: Behaviour) -> Any:
    """A list of rows."""
    match behaviour.list_shape:
        case "bare":
            return rows
        case "envelope":
            return {"status": 200, "error": None, "message": None, "data": rows}
        case key:
            return {key: rows}


def told_time(time: dt.datetime | None, behaviour: Behaviour) -> str | None:
    """A time as text."""
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
