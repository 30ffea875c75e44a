"""Faults: what goes wrong between a client and the API, for which requests, and how often."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

from locoia_pat.messages import describe_value, did_you_mean
from locoia_pat.outcomes import InvalidError, invalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Kind = Literal[
    "lost",
    "late",
    "late_at_commit",
    "dropped",
    "cut",
    "error_in_200",
    "status",
    "slow",
    "redirect",
    "html",
    "no_token",
]
"""What happens:

``lost``            the request is done, and the connection is closed without a response
``late``            the connection is closed without a response, and the request is done *seconds* later; it is
                    authorised when it arrives
``late_at_commit``  the same, authorised when it is done
``dropped``         the connection is closed without a response, and the request is not done
``cut``             the request is done, and half of the response's body is sent
``slow``            the request is done, and the response is sent *seconds* later
``no_token``        the request is done, and the response has no token
``status``          the response is an error with *status*
``error_in_200``    the response is 200 with an error whose inner status is *status*
``redirect``        the response has *status* and *location*
``html``            the response is an HTML page with *status*

With one of the last four, the request is done only if *commit* is set.
"""

KINDS = get_args(Kind)

_DEFAULTS: dict[str, dict[str, Any]] = {
    "lost": {},
    "dropped": {},
    "cut": {},
    "no_token": {},
    "late": {"seconds": 0.1},
    "late_at_commit": {"seconds": 0.1},
    "slow": {"seconds": 1.0},
    "status": {"status": 503, "retry_after": None, "retry_after_form": "seconds", "commit": False},
    "error_in_200": {"status": 200, "commit": False},
    "redirect": {"status": 307, "location": "/v1/redirected", "commit": False},
    "html": {"status": 200, "commit": False},
}
"""The options of each kind, and their defaults."""

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
_ALWAYS = "always"
_MAX_SECONDS = 600
_BODILESS = (204, 205, 304)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, and which requests it happens to."""

    fault: Kind
    method: str | None = None
    """None for any."""
    path: str | None = None
    """A shell pattern from the root: ``/v1/personal-access-tokens/*/regenerate``.  None for any."""
    times: int | None = 1
    """How many requests it happens to; None for all."""
    seconds: float | None = None
    status: int | None = None
    retry_after: int | None = None
    """Seconds, sent in a ``Retry-After`` header."""
    retry_after_form: Literal["seconds", "date"] | None = None
    location: str | None = None
    commit: bool | None = None
    """Whether the request is done before the response is sent."""

    def __post_init__(self) -> None:
        """Fill in the kind's defaults, and reject options that it does not have."""
        if self.fault not in KINDS:
            raise invalid_field("fault", self.fault, ", ".join(KINDS) + did_you_mean(str(self.fault), KINDS))
        defaults = _DEFAULTS[self.fault]
        for name in _OPTIONS:
            if getattr(self, name) is None:
                object.__setattr__(self, name, defaults.get(name))
            elif name not in defaults:
                raise invalid_field(name, getattr(self, name), f"nothing, because {self.fault} has no such option")
        for name in ("method", "path", "times", *defaults):
            if (value := getattr(self, name)) is not None:
                is_valid, allowed = _CHECKS[name]
                if not is_valid(value):
                    raise invalid_field(name, value, allowed)

    @classmethod
    def from_dict(cls, value: object) -> Self:
        """Return the fault that a JSON object describes.

        Raises:
            InvalidError: the object describes no fault; the error's field says where.

        """
        if not isinstance(value, dict) or "fault" not in value:
            raise invalid_field("fault", value, 'an object such as {"fault": "lost", "method": "POST", "times": 1}')
        for name in value:
            if name not in _NAMES:
                allowed = f"one of {', '.join(_NAMES)}{did_you_mean(str(name), _NAMES)}"
                raise invalid_field(str(name), value[name], allowed)
        return cls(**value)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the fault that ``KIND[:METHOD][:TIMES][:NAME=VALUE]…`` or JSON describes.

        METHOD is ``*`` for any, TIMES is ``always`` for all requests.  A value that has a colon needs JSON.

        Raises:
            InvalidError: *text* describes no fault.

        """
        if text.startswith("{"):
            return cls.from_dict(_json_or_string(text))
        kind, *parts = text.split(":")
        values: dict[str, Any] = {"fault": kind}
        for part in parts:
            name, equals, value = part.partition("=")
            if equals:
                values[name] = _json_or_string(value)
            elif part.isdecimal() or part == _ALWAYS:
                values["times"] = None if part == _ALWAYS else int(part)
            else:
                values["method"] = None if part == "*" else part
        return cls.from_dict(values)

    def to_dict(self) -> dict[str, Any]:
        """Return the fault as JSON values, with the options of its kind."""
        names = ("fault", "method", "path", "times", *_DEFAULTS[self.fault])
        return {name: getattr(self, name) for name in names}

    def matches(self, method: str, path: str) -> bool:
        """Whether it happens to a request with this method and path."""
        return self.method in (None, method) and (self.path is None or fnmatchcase(path, self.path))


_NAMES = tuple(field.name for field in fields(Fault))
_OPTIONS = tuple(name for name in _NAMES if name not in ("fault", "method", "path", "times"))


class Faults:
    """A queue of faults that can be changed while the sandbox runs.  Safe to share between threads.

    Each fault waits for a request that it matches, happens to it, and is used up.
    """

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._pending = list(faults)
        self._lock = threading.Lock()

    def add(self, *faults: Fault) -> None:
        """Append *faults*."""
        with self._lock:
            self._pending += faults

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._pending.clear()

    def pending(self) -> list[Fault]:
        """Return the faults that have not happened yet."""
        with self._lock:
            return list(self._pending)

    def take(self, method: str, path: str) -> Fault | None:
        """Return the first fault that matches a request and use it up by one; return None if none matches."""
        with self._lock:
            for index, fault in enumerate(self._pending):
                if fault.matches(method, path):
                    self._pending[index : index + 1] = [] if fault.times == 1 else [_decremented(fault)]
                    return fault
        return None


def _decremented(fault: Fault) -> Fault:
    return fault if fault.times is None else replace(fault, times=fault.times - 1)


def parse_faults(value: object) -> list[Fault]:
    """Return the faults of a JSON list.

    Raises:
        InvalidError: one of them is invalid; the error's field says which, counted from 0.

    """
    if not isinstance(value, list):
        raise invalid_field("faults", value, "a list of faults")
    return [_parse_item(number, item) for number, item in enumerate(value)]


def _parse_item(number: int, item: object) -> Fault:
    try:
        return Fault.from_dict(item)
    except InvalidError as error:
        problem = error.problem
    raise invalid(problem.message, field=f"{number}.{problem.field}")


def _json_or_string(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _is_integer(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _is_visible_ascii(value: object) -> bool:
    return isinstance(value, str) and value.isascii() and value.isprintable() and " " not in value


_CHECKS: Mapping[str, tuple[Any, str]] = {
    "method": (lambda value: value in _METHODS, ", ".join(_METHODS)),
    "path": (
        lambda value: _is_visible_ascii(value) and value.startswith(("/", "*")),
        "a pattern that begins with / or *",
    ),
    "times": (lambda value: _is_integer(value, 1, 1_000_000), f"a number of at least 1, or null ({_ALWAYS})"),
    "seconds": (
        lambda value: isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _MAX_SECONDS,
        f"a number from 0 to {_MAX_SECONDS}",
    ),
    "status": (
        lambda value: _is_integer(value, 200, 599) and value not in _BODILESS,
        f"a status from 200 to 599, except {', '.join(map(str, _BODILESS))}, which have no body",
    ),
    "retry_after": (lambda value: _is_integer(value, 0, 1_000_000), "a number of seconds from 0 to 1000000"),
    "retry_after_form": (lambda value: value in ("seconds", "date"), "seconds, date"),
    "location": (_is_visible_ascii, "a URL of printable ASCII characters"),
    "commit": (lambda value: isinstance(value, bool), "true, false"),
}
"""For each field, whether a value is allowed, and what is."""


def invalid_field(name: str, received: object, allowed: str) -> InvalidError:
    """Return an error that says what a field *received* and what is *allowed*."""
    return invalid(f"received {describe_value(received)}; allowed: {allowed}", field=name)
