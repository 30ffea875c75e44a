"""Reads a time that an API wrote, in each form that has one meaning only.

Pure.  A form that could mean several times is not read: a day and a month in figures, a zone known by an abbreviation,
a year of two digits, a duration.  A form that needs an assumption is read, and says what was assumed.
"""

from __future__ import annotations

import datetime as dt
import re
from functools import lru_cache
from typing import NamedTuple

MAX_LENGTH = 100
"""Characters of the longest string that is read as a time."""
_MONTHS = re.findall(r"\w+", "january february march april may june july august september october november december")
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
"""In English whatever the locale of the computer, unlike the names that :mod:`calendar` has."""
_TIME = r"(?P<time>(?:[01]\d|2[0-3]):?[0-5]\d(?::?[0-5]\d(?:[.,]\d+)?)?)"
_ZONE = (
    r"(?P<zone>(?:UTC?|GMT)?(?P<sign>[+-])(?P<hours>0\d|1[0-4]):?(?P<minutes>[0-5]\d)?(?: [A-Z]{3,5})?|Z|UTC?|GMT)"
    r"(?: ?\[[^\]]+\]| \([^)]+\))?"  # a name of the zone that the offset belongs to
)
_WEEKDAY = r"(?:(?P<weekday>[A-Z]{3,9}),? )?"
_MONTH, _DAY, _YEAR = r"(?P<month>[A-Z]{3,9})", r"(?P<day>\d{1,2})", r"(?P<year>\d{4})"
_FORMS = tuple(
    re.compile(form, re.ASCII | re.IGNORECASE)
    for form in (
        # ISO 8601, RFC 3339, SQL, and how Go, Ruby and Java print times
        rf"(?P<date>\d{{4}}-\d\d-\d\d|\d{{8}}|\d{{4}}-?W\d\d-?\d)(?:[T ]{_TIME}(?: ?{_ZONE})?)?",
        rf"{_WEEKDAY}{_DAY}[ -]{_MONTH}[ -]{_YEAR} {_TIME}(?: {_ZONE})?",  # RFC 9110 and 5322
        rf"{_WEEKDAY}{_MONTH} {_DAY} {_YEAR} {_TIME}(?: {_ZONE})?",  # JavaScript
        rf"{_WEEKDAY}{_MONTH} {_DAY} {_TIME}(?: {_ZONE})? {_YEAR}",  # asctime, Java
    )
)
_USUAL = re.compile(r"\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\dZ", re.ASCII)
"""The form that most APIs write, and that :func:`rfc3339` writes."""
_NUMBER = re.compile(r"\d{10,19}(?:\.\d+)?", re.ASCII)
_JSON_DATE = re.compile(r"\\?/Date\((?P<milliseconds>-?\d{1,15})(?:[+-]\d{4})?\)\\?/", re.ASCII)
"""How .NET wrote times in JSON; an offset changes only how the time is to be shown."""
_DAY_LENGTH = dt.timedelta(days=1)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_UNITS = {"seconds": 1, "milliseconds": 10**3, "microseconds": 10**6, "nanoseconds": 10**9}
_SECONDS = (10**9, 2**32)
"""A number from 2001 to 2106; smaller ones are durations, and the ranges of the four units have gaps between them."""


class ReadTime(NamedTuple):
    """A time as it was read."""

    time: dt.datetime | None
    """In UTC and whole seconds; None if it cannot be read without guessing."""
    note: str | None = None
    """What was assumed, or what else it may mean; None if there is nothing to say."""


def read_time(value: object) -> ReadTime:
    """Read *value*, a time in the response of an API."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _checked(_read_number(value))
    if not isinstance(value, str) or len(value) > MAX_LENGTH:
        return ReadTime(None)
    return _read_string(value)


@lru_cache(maxsize=1024)
def _read_string(value: str) -> ReadTime:
    """Read a string; the same times are read several times for each row."""
    try:
        if _USUAL.fullmatch(value):
            return _checked(ReadTime(dt.datetime.fromisoformat(value)))
        text = " ".join(value.split())
        if _NUMBER.fullmatch(text):
            return _checked(_read_number(float(text) if "." in text else int(text)))
        if match := _JSON_DATE.fullmatch(text):
            return _checked(ReadTime(_EPOCH + dt.timedelta(milliseconds=int(match["milliseconds"]))))
        match = next((match for form in _FORMS if (match := form.fullmatch(text))), None)
        return _checked(_read_match(match.groupdict()) if match else ReadTime(None))
    except (ValueError, OverflowError):  # a day that no month has, or a time beyond the calendar
        return ReadTime(None)


def rfc3339(time: dt.datetime) -> str:
    """Return *time* as RFC 3339 in UTC, in whole seconds."""
    return time.astimezone(dt.UTC).isoformat(timespec="seconds").removesuffix("+00:00") + "Z"


def _read_number(number: float) -> ReadTime:
    low, high = _SECONDS
    for unit, per_second in _UNITS.items():
        if low * per_second <= number < high * per_second:
            time = _EPOCH + dt.timedelta(seconds=number // per_second)
            return ReadTime(time, f"is a number; it is read as {unit} since 1970")
    return ReadTime(None)


def _read_match(parts: dict[str, str | None]) -> ReadTime:
    if (date := parts.get("date")) is None:
        month = next((i for i, name in enumerate(_MONTHS, 1) if name.startswith(str(parts["month"]).lower())), 0)
        date = f"{parts['year']}-{month:02}-{parts['day'] or '':0>2}"
    clock = re.split("[.,]", parts["time"] or "00:00")[0]
    time = dt.datetime.fromisoformat(f"{date.upper()}T{clock}").replace(tzinfo=dt.UTC)
    weekday = parts.get("weekday")
    if weekday is not None and not _DAYS[time.weekday()].startswith(weekday.lower()):
        return ReadTime(None)  # it contradicts itself
    if parts["zone"] is None:
        return ReadTime(time, "has no time zone; UTC is assumed")
    if parts["sign"] is not None:
        offset = dt.timedelta(hours=int(parts["hours"] or 0), minutes=int(parts["minutes"] or 0))
        time = time - offset if parts["sign"] == "+" else time + offset
    return ReadTime(time)


def _checked(read: ReadTime) -> ReadTime:
    """Return *read*, but no time that means an absent one: programs write year 1, the epoch or year 9999 then."""
    time = read.time
    if time is None or (1900 < time.year < 9000 and abs(time - _EPOCH) > _DAY_LENGTH):
        return read
    return ReadTime(None, 'is a time that often means "never" or "not set"')
