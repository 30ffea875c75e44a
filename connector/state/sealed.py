"""Rows of the state with a checksum, so that a row that was damaged or edited is noticed.

Pure.  The checksum covers the columns of the row too, and needs no key: it protects from accidents, not from attacks.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

from locoia_pat.outcomes import InvalidError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_KEY = "checksum"
_LENGTH = 16
_CHECKSUM = re.compile(rf"[0-9a-f]{{{_LENGTH}}}")


class DamagedRowError(InvalidError):
    """A row of the state is not as this program wrote it."""


def seal(columns: Sequence[str], values: Mapping[str, Any]) -> str:
    """Return *values* as JSON, with the checksum of them and of *columns*."""
    return json.dumps({**values, _KEY: _checksum(columns, values)})


def unseal(columns: Sequence[str], text: str) -> dict[str, Any]:
    """Return the values in the *text* of the row of *columns*; a row of an earlier version has no checksum.

    Raises:
        ValueError: the row was damaged or edited; the error says how it shows.

    """
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON") from None
    if not isinstance(values, dict):
        raise ValueError("it is not a JSON object")  # noqa: TRY004  # a wrong value, as far as callers are concerned
    # seal() writes the checksum last: a string like one under another key is one whose key was changed.
    key, last = next(reversed(values.items()), ("", None))
    if isinstance(last, str) and _CHECKSUM.fullmatch(last) and key != _KEY:
        raise ValueError("its checksum has another name, so something else has changed it")
    checksum = values.pop(_KEY, None)
    if checksum is not None and checksum != _checksum(columns, values):
        raise ValueError("its checksum does not match, so something else has changed it")
    return values


def is_intact(columns: Sequence[str], text: str) -> bool:
    """Return whether :func:`unseal` accepts *text*."""
    try:
        unseal(columns, text)
    except ValueError:
        return False
    return True


def is_sealed(columns: Sequence[str], text: str) -> bool:
    """Return whether *text* was sealed for a row of *columns*; one without a checksum was not."""
    return _KEY in text and is_intact(columns, text)


def _checksum(columns: Sequence[str], values: Mapping[str, Any]) -> str:
    text = json.dumps([*columns, values], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_LENGTH]
