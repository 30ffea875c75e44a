"""The body of a call: one JSON object, read strictly."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from locoia_pat.messages import describe_value, find_repeated
from locoia_pat.outcomes import InvalidError, invalid

MAX_BYTES = 256 * 1024
MAX_DEPTH = 20


def parse_object(body: bytes) -> dict[str, Any]:
    """Return the object in *body*; an empty body is an empty object.

    Raises:
        InvalidError: it is not a JSON object, a key is repeated, or it is nested too deeply.

    """
    if not body.strip():
        return {}
    try:
        value = json.loads(body.decode(), object_pairs_hook=_unique, parse_constant=_refuse_constant)
        if _depth(value) > MAX_DEPTH:
            raise invalid(f"is nested more than {MAX_DEPTH} levels deep", field="body")
        json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is not a character
    except InvalidError:
        raise
    except (ValueError, RecursionError):
        raise invalid("is not valid JSON", field="body", hint="Send one JSON object with the inputs.") from None
    if not isinstance(value, dict):
        raise invalid(f"expected a JSON object of inputs, got {describe_value(value)}", field="body")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if (repeated := find_repeated(name for name, _ in pairs)) is not None:
        field = repeated if repeated.isidentifier() and len(repeated) <= 64 else "body"
        raise invalid("is given more than once", field=field)
    return dict(pairs)


def _refuse_constant(_: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


def _depth(value: Any) -> int:
    """Return how many levels of lists and objects *value* has."""
    if not isinstance(value, dict | list):
        return 0
    return 1 + max(map(_depth, value.values() if isinstance(value, dict) else value), default=0)
