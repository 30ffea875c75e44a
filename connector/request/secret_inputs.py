"""Secret inputs in JSON: a reference to where the secret is stored, never the secret itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from locoia_pat.outcomes import invalid

if TYPE_CHECKING:
    from collections.abc import Callable

    from locoia_pat.secrets.secret import Secret
    from locoia_pat.spec.model import Input


def resolve_secret(name: str, value: Any, field: Input | None, *, read: Callable[[str, str], Secret]) -> Any:
    """Return *value* of the input *name*, with a secret in place of its ``{"$ref": REF}``.

    Args:
        name: the input.
        value: what was given for it.
        field: how the spec declares it; None if it does not.
        read: reads the secret at a REF, for the input of a name.

    Raises:
        InvalidError: it is a secret input, and *value* is not a reference, or the secret cannot be read.

    """
    if field is None or field.type != "password" or value is None:
        return value
    match value:
        case {"$ref": None | "", **rest} if not rest:  # a form whose field is empty
            return None
        case {"$ref": str(ref), **rest} if not rest:
            return read(ref, name)
        case _:
            raise invalid(
                "expected a reference to the secret, not the secret itself",
                field=name,
                hint='Write {"$ref": "file:PATH"}.',
            )
