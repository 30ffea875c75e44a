"""What the API page leaves open, as switches.

Source of the questions: https://docs.locoia.com/api/authentication-with-our-api, by what it does not say.  The first
value of each switch is the sandbox's own choice, not a claim about Locoia.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, Self, get_args, get_type_hints

from locoia_pat.actions import scopes
from locoia_pat.messages import describe_value, did_you_mean
from locoia_pat.outcomes import invalid

if TYPE_CHECKING:
    from collections.abc import Iterable

ANY = "any"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How one sandbox responds."""

    regenerate_id: Literal["kept", "new"] = "kept"
    """Whether a row's id survives a regenerate."""
    regenerate_response: Literal["row", "token"] = "row"
    """Whether regenerate returns the whole row, or only the token."""
    regenerate_status: Literal[200, 201] = 200
    create_status: Literal[201, 200] = 201
    """The status of a create, of tokens and of Connector Auths."""
    delete_status: Literal[204, 200] = 204
    """The status of a delete; with 200, the response is the row as it was."""
    list_shape: Literal["bare", "data", "items", "envelope"] = "bare"
    """A list as it is, as the only key of an object, or as ``data`` of the object that Locoia's errors have."""
    error_shape: Literal["envelope", "envelope_in_200", "detail", "detail_list", "html"] = "envelope"
    """Locoia's ``{"status", "error", "message", "data"}``; the same with HTTP status 200; a string in ``detail``; a
    list there for errors in a body, as FastAPI has it; or an HTML page."""
    list_pages: Literal["no", "cut", "link"] = "no"
    """Whether a list has all rows, only the first five, or those and a ``Link`` to a next page."""
    list_lag: Literal[0, 1] = 0
    """Seconds until a new row is in the list."""
    time_format: Literal["z", "offset", "naive", "naive_east", "http", "date"] = "z"
    """RFC 3339 in UTC with ``Z``, two hours east with ``+02:00``, either of them without a zone, an HTTP date, or the
    day without a time."""
    expiration_at: Literal["exact", "midnight", "end_of_day"] = "exact"
    """Whether an expiry is shown as it is, or as the beginning or the end of its day."""
    last_used_lag: Literal[0, 1] = 0
    """Seconds until ``last_used`` shows a use."""
    note: Literal["kept", "trimmed", "escaped", "cut"] = "kept"
    """Whether a note is kept as it is, stripped, escaped as HTML, or cut to its first 60 characters."""
    expired_listed: bool = True
    """Whether the list has expired rows."""
    expired_renewable: bool = True
    """Whether an expired row can be regenerated."""
    pat_scope: str = ANY
    """Which scope may call the token endpoints: ``any``, or one that a scope of the caller must include."""
    pat_scope_for: Literal["all", "changes"] = "all"
    """Which of the token endpoints need that scope: all of them, or create and regenerate."""
    may_widen: bool = True
    """Whether a token may create or regenerate one with wider scopes than its own."""
    unknown_token_status: Literal[401, 403] = 401
    """The status for a token that is missing, wrong, replaced or expired."""

    def __post_init__(self) -> None:
        """Reject a value that a switch does not have."""
        for name, values in SWITCHES.items():
            value = getattr(self, name)
            if not any(value is allowed or (type(value), value) == (type(allowed), allowed) for allowed in values):
                raise _unknown_value(name, describe_value(value), values)

    @classmethod
    def parse(cls, settings: Iterable[str]) -> Self:
        """Return the behaviour that strings such as ``list_shape=data`` describe; other switches have their default.

        Raises:
            InvalidError: there is no such switch, or it has no such value.

        """
        return cls(**dict(_parse_setting(text) for text in settings))


def _values(name: str, hint: Any) -> tuple[Any, ...]:
    if name == "pat_scope":
        return (ANY, *scopes.ALL)
    return (True, False) if hint is bool else get_args(hint)


_HINTS = get_type_hints(Behaviour)
SWITCHES = {field.name: _values(field.name, _HINTS[field.name]) for field in fields(Behaviour)}
"""The values of each switch."""


def _parse_setting(text: str) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    if name not in SWITCHES:
        raise invalid(
            f"no switch {describe_value(name)}{did_you_mean(name, SWITCHES)}",
            field="behaviour",
            hint=f"There are {', '.join(SWITCHES)}; each is set by NAME=VALUE.",
        )
    for allowed in SWITCHES[name]:
        if format_value(allowed) == value:
            return name, allowed
    raise _unknown_value(name, describe_value(value), SWITCHES[name])


def format_value(value: object) -> str:
    """Return a switch's *value* as it is typed."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _unknown_value(name: str, received: str, values: Iterable[object]) -> Exception:
    allowed = ", ".join(map(format_value, values))
    return invalid(f"received {received}; allowed: {allowed}", field=f"behaviour.{name}")
