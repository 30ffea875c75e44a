"""What the API page leaves open, as switches.

Source of what is asked: https://docs.locoia.com/api/authentication-with-our-api, by what it does not say.  The first
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
    """How one sandbox answers."""

    regenerate_id: Literal["kept", "new"] = "kept"
    """Whether a row's id survives a regenerate."""
    regenerate_answer: Literal["row", "token"] = "row"
    """Whether regenerate answers the whole row, or the token alone."""
    regenerate_status: Literal[200, 201] = 200
    create_status: Literal[201, 200] = 201
    """The status of a create, of tokens and of Connector Auths."""
    delete_status: Literal[204, 200] = 204
    """The status of a delete; with 200, the answer is the row as it was."""
    list_shape: Literal["bare", "data", "items", "envelope"] = "bare"
    """A list as it is, as the one key of an object, or as ``data`` of the object that Locoia's errors have."""
    error_shape: Literal["envelope", "envelope_in_200", "detail", "detail_list", "html"] = "envelope"
    """Locoia's ``{"status", "error", "message", "data"}``; the same with HTTP status 200; a text in ``detail``; a list
    there for what is wrong in a body, as FastAPI has it; or a page of HTML."""
    list_pages: Literal["no", "cut", "link"] = "no"
    """Whether a list has all rows, the first five alone, or those and a ``Link`` to a next page."""
    list_lag: Literal[0, 1] = 0
    """Seconds until a new row is in the list."""
    time_format: Literal["z", "offset", "naive", "naive_east", "http", "date"] = "z"
    """RFC 3339 in UTC with ``Z``, two hours east with ``+02:00``, each of both without saying so, as HTTP writes dates,
    or the day alone."""
    expiration_at: Literal["exact", "midnight", "end_of_day"] = "exact"
    """Whether an expiry is told as it is, or as the beginning or the end of its day."""
    last_used_lag: Literal[0, 1] = 0
    """Seconds until a use is told."""
    note: Literal["kept", "trimmed", "escaped", "cut"] = "kept"
    """What becomes of a note: nothing, its outer spaces go, it is written as HTML, or its first 60 characters stay."""
    expired_listed: bool = True
    """Whether the list has rows that expired."""
    expired_renewable: bool = True
    """Whether a row that expired can be regenerated."""
    pat_scope: str = ANY
    """Which scope may call the token endpoints: ``any``, or one that a scope of the caller must include."""
    pat_scope_for: Literal["all", "changes"] = "all"
    """Which of the token endpoints want that scope: all of them, or create and regenerate."""
    may_widen: bool = True
    """Whether a token may create or regenerate one that can do more than itself."""
    unknown_token_status: Literal[401, 403] = 401
    """The answer to a token that is missing, wrong, replaced or expired."""

    def __post_init__(self) -> None:
        """Refuse a value that a switch does not have."""
        for name, values in SWITCHES.items():
            value = getattr(self, name)
            if not any(value is known or (type(value), value) == (type(known), known) for known in values):
                raise _unknown_value(name, describe_value(value), values)

    @classmethod
    def of(cls, settings: Iterable[str]) -> Self:
        """The behaviour that texts such as ``list_shape=data`` describe; what none of them names is as by default.

        Raises:
            InvalidError: one of them is no switch, or no value of it.

        """
        return cls(**dict(_setting(text) for text in settings))


def _values(name: str, hint: Any) -> tuple[Any, ...]:
    if name == "pat_scope":
        return (ANY, *scopes.ALL)
    return (True, False) if hint is bool else get_args(hint)


_HINTS = get_type_hints(Behaviour)
SWITCHES = {field.name: _values(field.name, _HINTS[field.name]) for field in fields(Behaviour)}
"""The values of each switch."""


def _setting(text: str) -> tuple[str, Any]:
    name, _, said = text.partition("=")
    if name not in SWITCHES:
        raise invalid(
            f"there is no switch {describe_value(name)}{did_you_mean(name, SWITCHES)}",
            field="behaviour",
            hint=f"There are {', '.join(SWITCHES)}; each is set by NAME=VALUE.",
        )
    for value in SWITCHES[name]:
        if as_text(value) == said:
            return name, value
    raise _unknown_value(name, describe_value(said), SWITCHES[name])


def as_text(value: object) -> str:
    """A switch's *value* as it is typed."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _unknown_value(name: str, received: str, values: Iterable[object]) -> Exception:
    known = ", ".join(map(as_text, values))
    return invalid(f"received {received}; allowed: {known}", field=f"behaviour.{name}")
