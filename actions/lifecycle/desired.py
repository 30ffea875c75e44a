"""The desired state of a managed token: what a caller asks for, checked before anything is sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from locoia_pat.actions.lifecycle.marker import NAME, max_text_length
from locoia_pat.characters import refuse_hidden_in
from locoia_pat.limits import DAYS, HOURS, RENEW_WITHIN
from locoia_pat.messages import describe_value
from locoia_pat.outcomes import invalid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class DesiredToken:
    """What a caller asks for under a name."""

    name: str
    scopes: Sequence[str] = ()
    expiration: int = 30
    """Days."""
    note: str = ""
    renew_within: float | None = None
    """Days left at which a token is renewed; a third of its lifetime by default."""
    overlap: float = 24
    """Hours for which the previous token keeps working."""
    change_scopes: bool = False
    take_over: bool = False
    replaces: str | None = None
    """The id of a row, created by hand, that the managed token replaces."""
    self_rotating: bool = False
    """Whether the managed token itself is the rotator."""


def parse_desired(**inputs: Any) -> DesiredToken:
    """Check *inputs* and return them as the desired token.

    Raises:
        InvalidError: the name is invalid, the note leaves no room for its marker, or the token would never expire.

    """
    name = inputs["name"]
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise invalid(
            f"{describe_value(name)} is not a valid name for a managed token",
            field="name",
            hint="Use up to 64 lowercase letters, digits, dots, hyphens and underscores; begin and end with a letter "
            "or a digit.",
        )
    _check_types(inputs)
    if "expiration" in inputs and inputs["expiration"] is None:
        raise invalid(
            "a managed token must expire: its expiry shows whether a renewal with a lost response took effect",
            field="expiration",
            hint="Give days, such as 30; the token is renewed in time.",
        )
    if len(inputs.get("note") or "") > max_text_length(name):
        raise invalid(
            f"is longer than {max_text_length(name)} characters, the room that the marker leaves in the note",
            field="note",
            hint="A marker with name, slot, operation and owner is appended to it.",
        )
    refuse_hidden_in(inputs.get("note") or "", "note")
    for field, limit in (("expiration", DAYS), ("overlap", HOURS), ("renew_within", RENEW_WITHIN)):
        if inputs.get(field) is not None:
            limit.check(field, inputs[field])
    within = inputs.get("renew_within")
    if within is not None and within >= inputs["expiration"]:
        raise invalid(
            f"is {within} days, but the token lives for {inputs['expiration']}: every call would renew it",
            field="renew_within",
            hint="Give fewer days than its lifetime, or leave it out: the default is a third of it.",
        )
    return DesiredToken(**{key: value for key, value in inputs.items() if value is not None})


def _check_types(inputs: Mapping[str, Any]) -> None:
    """Refuse values of another type: in Python no form has checked them."""
    types: dict[str, tuple[type, str]] = {
        "note": (str, "a string"),
        "replaces": (str, "the id of a row"),
        "change_scopes": (bool, "true or false"),
        "take_over": (bool, "true or false"),
    }
    for field, (type_, allowed) in types.items():
        value = inputs.get(field)
        if value is not None and not isinstance(value, type_):
            raise invalid(f"{describe_value(value)} is not allowed", field=field, hint=f"Allowed: {allowed}.")
    scopes = inputs.get("scopes", [])
    if not isinstance(scopes, list | tuple) or not all(isinstance(scope, str) for scope in scopes):
        hint = 'Allowed: a list of scopes, such as ["automation:view"].'
        raise invalid(f"{describe_value(scopes)} is not allowed", field="scopes", hint=hint)
