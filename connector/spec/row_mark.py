"""The mark that a create sends at the end of an input, by which the row it created is found again."""

from __future__ import annotations

import base64
import re
import secrets
from typing import TYPE_CHECKING, Any

from locoia_pat.outcomes import invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locoia_pat.spec.model import ActionSpec, SuperSpec

_MARK = re.compile(r"~lpb/([A-Z2-7]{16})\s*\Z")
_ADDED = re.compile(r" ?~lpb/[A-Z2-7]{16}(?![0-9A-Za-z])")
MARK_LENGTH = len(" ~lpb/") + 16
"""Characters that a mark adds to a string."""


def new_mark() -> str:
    """Return a mark of 80 random bits, so that no other row has it."""
    return base64.b32encode(secrets.token_bytes(10)).decode()


def add_mark(text: str, mark: str) -> str:
    """Return *text* with *mark* at its end."""
    return f"{text} ~lpb/{mark}".strip()


def mark_inputs(spec: ActionSpec | SuperSpec, inputs: Mapping[str, Any], mark: str, hint: str) -> Mapping[str, Any]:
    """Return *inputs* with *mark* at the end of the input that the spec names.

    Args:
        spec: an action with a ``tag_input``.
        inputs: its inputs.
        mark: the mark.
        hint: what to do if the input has no room for it.

    Raises:
        InvalidError: it has none.

    """
    name: str = getattr(spec, "tag_input", "")
    field = spec.inputs[name]
    text, limit = inputs.get(name), field.max_length
    if text is None and not field.required:
        text = field.default or ""
    if not isinstance(text, str):
        return inputs  # validation will refuse it
    if limit is not None and limit - MARK_LENGTH < len(text) <= limit:
        longest = limit - MARK_LENGTH
        message = f"is longer than {longest} characters, which leaves no room for the mark by which its row is found"
        raise invalid(message, field=name, hint=hint)
    return {**inputs, name: add_mark(text, mark)}


def required_inputs(spec: ActionSpec) -> list[str]:
    """Return the names of the inputs without which *spec*, which lists the rows with marks, cannot run."""
    return [name for name, field in spec.inputs.items() if field.required]


def without_marks(text: str) -> str:
    """Return *text*, such as that of a whole request, without the marks in it: they differ in each run."""
    return _ADDED.sub("", text)


def find_mark(text: object) -> str | None:
    """Return the mark at the end of *text*, or None."""
    match = _MARK.search(text) if isinstance(text, str) else None
    return match[1] if match else None
