"""What a JSON answer says: the outputs a spec declares, or the API's own words on what went wrong.

Pure.  What the API's documentation leaves open is read in every plausible form; what was assumed is a warning.
"""

from __future__ import annotations

import datetime as dt
import html
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .retry import http_date
from .secret import MASK, Secret, usable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .spec import ActionSpec, Output

_MAX_MESSAGE = 500
_DEPTH = 4


@dataclass(frozen=True, slots=True)
class Payload:
    """The outputs of one answer."""

    data: Mapping[str, Any]
    secrets: Mapping[str, Secret]
    warnings: tuple[str, ...]


def read_payload(spec: ActionSpec, body: object, inputs: Mapping[str, Any], now: dt.datetime) -> Payload | str:
    """The outputs that *spec* declares, from the JSON *body*; or, as a text, why there are none.

    An answer is whole when the payload has the declared shape and each secret in it is usable.
    """
    reader = _Reader(inputs, now)
    reply = spec.reply
    places = [found for at in reply.at if (found := _at(body, at)) is not None]
    if reply.rows:
        for place in places:
            if isinstance(place, list) and all(isinstance(row, dict) for row in place):
                rows = [reader.outputs(reply.output, row) for row in place]
                return Payload({reply.rows: rows}, {}, tuple(reader.warnings))
        return f"no list of {reply.rows} is in it"
    if not reply.output:
        return Payload({}, {}, ())
    objects = [place for place in places if isinstance(place, dict)]
    if not objects:
        return "no object is in it"
    for place in objects:
        secrets = {name: place[name] for name in spec.secrets if _is_usable(place.get(name))}
        if len(secrets) == len(spec.secrets):
            data = _without(list(secrets.values()), reader.outputs(reply.output, place))
            return Payload(data, secrets, tuple(reader.warnings))
    return f"no usable {spec.secrets[0]} is in it"


def _without(secrets: list[Secret], data: Any) -> Any:
    """*Data* with a secret that the API repeats elsewhere masked."""
    match data:
        case str():
            for secret in secrets:
                data = data.replace(secret.reveal(), MASK)
            return data
        case list():
            return [_without(secrets, item) for item in data]
        case dict():
            return {key: _without(secrets, value) for key, value in data.items()}
        case _:
            return data


def _is_usable(value: object) -> bool:
    return isinstance(value, Secret) and usable(value.reveal())


def _at(body: object, path: str) -> object:
    if path == "$":
        return body
    for key in path.split("."):
        if not isinstance(body, dict):
            return None
        body = body.get(key)
    return body


class _Reader:
    """Reads declared outputs, and notes once what had to be assumed."""

    def __init__(self, inputs: Mapping[str, Any], now: dt.datetime) -> None:
        self._inputs = inputs
        self._now = now
        self.warnings: dict[str, None] = {}

    def outputs(self, declared: Mapping[str, Output], given: Mapping[str, Any]) -> dict[str, Any]:
        """The outputs of one object, secrets left out."""
        data: dict[str, Any] = {}
        times: dict[str, dt.datetime] = {}
        for name, output in declared.items():
            if output.secret:
                continue
            if output.days_until:
                data[name] = None  # keeps its place
            elif (value := given.get(name)) is None:
                data[name] = self._absent(name, output)
            elif output.type == "datetime":
                self._time(name, value, data, times)
            else:
                data[name] = self._value(name, output, value)
        for name, output in declared.items():
            if (until := times.get(output.days_until or "")) is not None:
                data[name] = round((until - self._now) / dt.timedelta(days=1))
        return data

    def _absent(self, name: str, output: Output) -> Any:
        if output.or_input is not None:
            self._warn(f'the answer has no "{name}"; the input {output.or_input} stands in')
            return self._inputs[output.or_input]
        if not output.nullable:
            self._warn(f'the answer has no "{name}"')
        return None

    def _value(self, name: str, output: Output, value: object) -> Any:
        if not output.multiple:
            return self._one(name, output, value)
        if not isinstance(value, list):
            self._warn(f'"{name}" is no list in the answer')
            value = [value]
        read = [self._one(name, output, item) for item in value]
        return [item for item in read if item is not None]

    def _one(self, name: str, output: Output, value: object) -> Any:
        match output.type, value:
            case "nested_object", dict():
                return self.outputs(output.children or {}, value)
            case ("text", str()) | ("switch", bool()):
                return value
            case "number", int() | float() if math.isfinite(value) and not isinstance(value, bool):
                return value
            case "text", int() | float() if not isinstance(value, bool):
                return str(value)
            case _:
                self._warn(f'"{name}" is no {output.type} in the answer')
                return None

    def _time(self, name: str, value: object, data: dict[str, Any], times: dict[str, dt.datetime]) -> None:
        found = _time(value)
        data[name] = None
        if found is None:
            data[f"{name}_raw"] = str(value)[:100] if isinstance(value, str | int | float) else None
            self._warn(f'"{name}" is no time that could be read; {name}_raw keeps it')
            return
        if found.tzinfo is None:
            found = found.replace(tzinfo=dt.UTC)
            data[f"{name}_raw"] = str(value)
            self._warn(f'"{name}" came without a time zone; UTC is assumed and {name}_raw keeps the text')
        times[name] = found
        data[name] = _rfc3339(found)

    def _warn(self, message: str) -> None:
        self.warnings[message] = None


def _time(value: object) -> dt.datetime | None:
    if not isinstance(value, str):
        return None
    try:
        found = dt.datetime.fromisoformat(value.strip())
        return found.astimezone(dt.UTC) if found.tzinfo else found
    except OverflowError:  # at the very end of the calendar
        return None
    except ValueError:
        return http_date(value)  # as Python's web frameworks write times in JSON by default


def _rfc3339(time: dt.datetime) -> str:
    return time.replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def error_in(body: object) -> tuple[str | None, str | None]:
    """The API's own words on what went wrong, on one line, and the name of the field at fault, where it says one.

    Read are ``detail``, ``message``, ``error``, ``errors`` and ``title`` as texts, lists or objects, plain text, and
    HTML by its title.
    """
    if isinstance(body, Secret):
        return _of_text(body.reveal()), None
    words = list(_words(body))
    field = next((name for name in _fields(body)), None)
    text = _one_line("; ".join(dict.fromkeys(words)))
    return text or None, field


_SENTENCES = ("message", "detail", "msg", "error_description", "error", "title")
_DETAILS = ("errors", "data")


def _words(body: object, *, depth: int = 0) -> Iterable[str]:
    """The first sentence there is, and the details beside it."""
    match body:
        case str() if body.strip():
            yield body.strip()
        case list() if depth < _DEPTH:
            for item in body:
                yield from _words(item, depth=depth + 1)
        case dict() if depth < _DEPTH:
            inner = {key: list(_words(value, depth=depth + 1)) for key, value in body.items()}
            sentence = next((inner[key] for key in _SENTENCES if inner.get(key)), [])
            details = [word for key in _DETAILS for word in inner.get(key, [])]
            if sentence or details:
                yield from (*sentence, *details)
            else:
                yield from (f"{key}: {word}" for key, words in inner.items() for word in words)


def _fields(body: object, *, depth: int = 0) -> Iterable[str]:
    """Names of fields at fault: the last text of ``loc``, a ``field``, or the keys of an ``errors`` object."""
    match body:
        case list() if depth < _DEPTH:
            for item in body:
                yield from _fields(item, depth=depth + 1)
        case dict() if depth < _DEPTH:
            match body:
                case {"loc": list(loc)}:
                    yield from [part for part in reversed(loc) if isinstance(part, str)][:1]
                case {"field": str(name)}:
                    yield name
                case {"errors": dict(errors)}:
                    yield from (key for key in errors if isinstance(key, str))
            for key in ("detail", "errors", "error", "data"):
                yield from _fields(body.get(key), depth=depth + 1)


def _of_text(text: str) -> str | None:
    if re.match(r"\s*<", text):
        title = re.search(r"(?is)<title[^>]*>(.*?)</title>|<h1[^>]*>(.*?)</h1>", text[:20_000])
        inner = re.sub(r"<[^>]*>", " ", title[1] or title[2] or "") if title else ""
        return _one_line(html.unescape(inner)) or "a page of HTML"
    # JSON that does not parse was cut, perhaps inside a token: it is not shown.
    return "an answer that is not whole" if text.lstrip()[:1] in ("{", "[") else _one_line(text) or None


def _one_line(text: str) -> str:
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= _MAX_MESSAGE else line[: _MAX_MESSAGE - 1] + "…"
