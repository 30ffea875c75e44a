"""What came, and which fact it tells.

Pure: each function takes what was sent and what came, and gives a value; ``unknown`` where it tells nothing.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING

from locoia_pat.actions.lifecycle.capabilities import UNKNOWN
from locoia_pat.http.retry import parse_http_date
from locoia_pat.response.outputs import get_path

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

_ISO = re.compile(
    r"\d{4}-\d\d-\d\d(?P<time>[T ]\d\d:\d\d(?P<seconds>:\d\d)?(?P<part>\.\d+)?(?P<zone>[Zz]|[+-]\d\d:?\d\d)?)?"
)
_NEAR = dt.timedelta(seconds=60)
"""How far an expiry may be off without being rounded: the answer took its time, and clocks differ."""
_QUARTER = dt.timedelta(minutes=15)
_FARTHEST = dt.timedelta(hours=14)
"""Zones are multiples of a quarter of an hour, and none is farther from UTC."""
_PAGING = (
    *("next", "next_page", "next_page_token", "next_cursor", "cursor", "page", "pages", "page_count", "total_pages"),
    *("per_page", "page_size", "total", "total_count", "count", "limit", "offset", "has_more", "more", "pagination"),
    *("paging", "links", "_links"),
)
_PARTS = ("id", "expiration", "note", "scopes")


def time_format(raw: object) -> str:
    """How a time is written: ``z``, ``offset``, ``naive``, ``date``, ``http``, ``number`` or ``other``."""
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        return "number"
    if not isinstance(raw, str):
        return UNKNOWN
    found = _ISO.fullmatch(raw.strip())
    if _time(raw) is None:
        return "other"
    if found is None:
        return "http"
    zone = found["zone"]
    return "date" if not found["time"] else "naive" if not zone else "z" if zone in "Zz" else "offset"


def time_precision(raw: object) -> str:
    """How exact a time is written: ``day``, ``minute``, ``second`` or ``fraction``."""
    found = _ISO.fullmatch(raw.strip()) if isinstance(raw, str) else None
    match time_format(raw):
        case "z" | "offset" | "naive":
            assert found is not None  # noqa: S101  # that is how they are told
            return "fraction" if found["part"] else "second" if found["seconds"] else "minute"
        case "date":
            return "day"
        case "http":
            return "second"
        case _:
            return UNKNOWN


def time_zone(raw: object, expected: dt.datetime) -> str:
    """The zone of a time as ``+HH:MM``: as it says, else by how far it is from what was *expected*."""
    told = _time(raw)
    if told is None or time_format(raw) == "date":
        return UNKNOWN
    if told.tzinfo is not None:
        return _offset(told.utcoffset() or dt.timedelta())
    away = told.replace(tzinfo=dt.UTC) - expected
    near = round(away / _QUARTER) * _QUARTER
    return _offset(near) if abs(away - near) <= _NEAR and abs(near) <= _FARTHEST else UNKNOWN


def rounding(raw: object, expected: dt.datetime) -> str:
    """Where an expiry was moved to: ``none``, ``midnight``, ``end of day``, ``hour``, ``day`` or ``other``."""
    told = _time(raw)
    if told is None:
        return UNKNOWN
    if time_format(raw) == "date":
        return "day"
    if time_zone(raw, expected) != UNKNOWN if told.tzinfo is None else abs(told - expected) <= _NEAR:
        return "none"
    match told.hour, told.minute, told.second:
        case 0, 0, 0:
            return "midnight"
        case 23, 59, _:
            return "end of day"
        case _, 0, 0:
            return "hour"
        case _:
            return "other"


def _time(raw: object) -> dt.datetime | None:
    """A time in text, with the zone that it tells."""
    if not isinstance(raw, str):
        return None
    try:
        return dt.datetime.fromisoformat(raw.strip()) if _ISO.fullmatch(raw.strip()) else parse_http_date(raw)
    except ValueError:
        return None


def _offset(away: dt.timedelta) -> str:
    minutes = round(abs(away) / dt.timedelta(minutes=1))
    return f"{'-' if away < dt.timedelta() else '+'}{minutes // 60:02}:{minutes % 60:02}"


def list_shape(body: object, places: Sequence[str]) -> str:
    """Where the rows stand: ``bare``, or a key, with what stands beside it."""
    for place in places:
        if isinstance(get_path(body, place), list):
            if place == "$":
                return "bare"
            beside = sorted(map(str, body)) if isinstance(body, dict) else []
            others = [key for key in beside if key != place.split(".", maxsplit=1)[0]]
            return f"{place} beside {', '.join(others)}" if others else place
    return UNKNOWN


def page_signs(body: object, headers: Mapping[str, str]) -> list[str]:
    """What says that there may be more rows than came."""
    signs = ["Link"] if 'rel="next"' in headers.get("link", "") or "rel=next" in headers.get("link", "") else []
    signs += [name for name in headers if name.startswith(("x-total", "x-page", "x-next", "x-per-page"))]
    found = [body, get_path(body, "data"), get_path(body, "meta")]
    signs += [key for place in found if isinstance(place, dict) for key in place if str(key).lower() in _PAGING]
    return list(dict.fromkeys(signs))


def whole(listed: Collection[str], known: Collection[str], signs: Sequence[str]) -> bool | str:
    """Whether a list has all rows that are *known*; where there are *signs* of pages, nothing is known of others."""
    if not {*known} <= {*listed}:
        return False
    return UNKNOWN if signs else True


def answered(payload: object) -> str:
    """What of its row a regenerate answers: ``row``, ``part`` or ``token``."""
    if not isinstance(payload, dict):
        return UNKNOWN
    there = [name for name in _PARTS if name in payload]
    return "row" if len(there) == len(_PARTS) else "part" if there else "token"


def error_shape(body: object, text: str) -> str:
    """What an error looks like: the keys of an object, ``html`` or ``text``."""
    if isinstance(body, dict):
        return ", ".join(sorted(map(str, body)))
    return "html" if text.lstrip().startswith("<") else "text"
