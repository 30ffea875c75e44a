"""What a caller asks of a managed name, checked before anything is sent."""

from __future__ import annotations

from typing import Any

from locoia_pat.actions.lifecycle.marker import NAME, room
from locoia_pat.actions.lifecycle.tending import Wanted
from locoia_pat.messages import describe_value
from locoia_pat.outcomes import invalid


def wanted_of(**inputs: Any) -> Wanted:
    """The wishes in *inputs*.

    Raises:
        InvalidError: the name is none, the note does not fit beside its marker, or the token would never expire.

    """
    name = inputs["name"]
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise invalid(
            f"{describe_value(name)} is no name of a managed token",
            field="name",
            hint="It has up to 64 small letters, digits, dots, hyphens and underscores, and begins and ends with a "
            "letter or a digit.",
        )
    if "expiration" in inputs and inputs["expiration"] is None:
        raise invalid(
            "a managed token expires: its expiry shows whether a lost renewal happened",
            field="expiration",
            hint="Give days, such as 30; it is renewed in time.",
        )
    if len(inputs.get("note") or "") > room(name):
        raise invalid(
            f"is longer than {room(name)} characters, which is the room beside the marker in the note",
            field="note",
            hint="A marker with name, slot, operation and owner stands behind it.",
        )
    within = inputs.get("renew_within")
    if within is not None and within >= inputs["expiration"]:
        raise invalid(
            f"is {within} days, and the token lives for {inputs['expiration']}: it would be renewed by every call",
            field="renew_within",
            hint="Give fewer days than its lifetime, or leave it out: a third of it is the default.",
        )
    return Wanted(**{key: value for key, value in inputs.items() if value is not None})
