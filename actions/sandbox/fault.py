"""One fault: what goes wrong between a client and the API, for which requests, and how often.

Pure.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

from locoia_pat.messages import describe_value, did_you_mean
from locoia_pat.outcomes import InvalidError, invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

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

``lost``            it is done, and the connection closed without an answer
``late``            the connection is closed without an answer, and it is done *seconds* later; authorised on arrival
``late_at_commit``  the same, authorised when it is done
``dropped``         the connection is closed without an answer, and it is not done
``cut``             it is done, and half of the answer's body comes
``slow``            it is done, and the answer comes *seconds* later
``no_token``        it is done, and the answer has no token
``status``          it is answered with *status* in the shape of an error
``error_in_200``    it is answered 200, with an error whose inner status is *status*
``redirect``        it is answered with *status* and *location*
``html``            it is answered with *status* and a page of HTML

The last four do it only with *commit*.
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
"""The options of each kind."""

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
_ALWAYS = "always"
_MOST_SECONDS = 600
_BODILESS = (204, 205, 304)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, and which requests it waits for."""

    fault: Kind
    method: str | None = None
    """None for any."""
    path: str | None = None
    """As a shell would match it, from the root: ``/v1/personal-access-tokens/*/regenerate``.  None for any."""
    times: int | None = 1
    """How many requests it happens to; None for all that come."""
    seconds: float | None = None
    status: int | None = None
    retry_after: int | None = None
    """Seconds, said in a ``Retry-After`` header."""
    retry_after_form: Literal["seconds", "date"] | None = None
    location: str | None = None
    commit: bool | None = None
    """Whether the request is done before it is answered."""

    def __post_init__(self) -> None:
        """Fill in the kind's defaults, and refuse what it does not take."""
        if self.fault not in KINDS:
            raise unfit("fault", self.fault, ", ".join(KINDS) + did_you_mean(str(self.fault), KINDS))
        defaults = _DEFAULTS[self.fault]
        for name in _OPTIONS:
            if getattr(self, name) is None:
                object.__setattr__(self, name, defaults.get(name))
            elif name not in defaults:
                raise unfit(name, getattr(self, name), f"nothing, for {self.fault} has no such option")
        for name in ("method", "path", "times", *defaults):
            if (value := getattr(self, name)) is not None:
                _check(name, value)

    @classmethod
    def from_dict(cls, given: object) -> Self:
        """The fault that an object of JSON describes.

        Raises:
            InvalidError: it describes none; the error's field says where.

        """
        if not isinstance(given, dict) or "fault" not in given:
            raise unfit("fault", given, 'an object such as {"fault": "lost", "method": "POST", "times": 1}')
        for name in given:
            if name not in _NAMES:
                raise unfit(str(name), given[name], f"one of {', '.join(_NAMES)}{did_you_mean(str(name), _NAMES)}")
        return cls(**given)

    @classmethod
    def parse(cls, text: str) -> Self:
        """The fault that ``KIND[:METHOD][:TIMES][:NAME=VALUE]…`` describes, or JSON.

        METHOD is ``*`` for any, TIMES ``always`` for all that come.  A value that has a colon needs JSON.

        Raises:
            InvalidError: it describes none.

        """
        if text.startswith("{"):
            return cls.from_dict(_json_or_text(text))
        kind, *parts = text.split(":")
        given: dict[str, Any] = {"fault": kind}
        for part in parts:
            name, equals, value = part.partition("=")
            if equals:
                given[name] = _json_or_text(value)
            elif part.isdecimal() or part == _ALWAYS:
                given["times"] = None if part == _ALWAYS else int(part)
            else:
                given["method"] = None if part == "*" else part
        return cls.from_dict(given)

    def to_dict(self) -> dict[str, Any]:
        """The fault as JSON, with the options its kind has."""
        named = ("fault", "method", "path", "times", *_DEFAULTS[self.fault])
        return {name: getattr(self, name) for name in named}

    def fits(self, method: str, path: str) -> bool:
        """Whether it waits for such a request."""
        return self.method in (None, method) and (self.path is None or fnmatchcase(path, self.path))


_NAMES = tuple(field.name for field in fields(Fault))
_OPTIONS = tuple(name for name in _NAMES if name not in ("fault", "method", "path", "times"))


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _check(name: str, value: Any) -> None:
    fits, allowed = _CHECKS[name]
    if not fits(value):
        raise unfit(name, value, allowed)


def _whole(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _visible(value: object) -> bool:
    return isinstance(value, str) and value.isascii() and value.isprintable() and " " not in value


_CHECKS: Mapping[str, tuple[Any, str]] = {
    "method": (lambda value: value in _METHODS, ", ".join(_METHODS)),
    "path": (lambda value: _visible(value) and value.startswith(("/", "*")), "a pattern that begins with / or *"),
    "times": (lambda value: _whole(value, 1, 1_000_000), f"a number of at least 1, or null ({_ALWAYS})"),
    "seconds": (
        lambda value: isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _MOST_SECONDS,
        f"a number from 0 to {_MOST_SECONDS}",
    ),
    "status": (
        lambda value: _whole(value, 200, 599) and value not in _BODILESS,
        f"a status from 200 to 599 that has a body, so none of {', '.join(map(str, _BODILESS))}",
    ),
    "retry_after": (lambda value: _whole(value, 0, 1_000_000), "a number of seconds from 0 to 1000000"),
    "retry_after_form": (lambda value: value in ("seconds", "date"), "seconds, date"),
    "location": (_visible, "an address in visible ASCII characters"),
    "commit": (lambda value: isinstance(value, bool), "true, false"),
}


def unfit(name: str, received: object, allowed: str) -> InvalidError:
    """An error that says what was *received* for a field, and what is *allowed*."""
    return invalid(f"received {describe_value(received)}; allowed: {allowed}", field=name)
