"""The lines of a guide: one for each field, with what to copy into it.

Pure.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

MARK = " *(unverified)*"
"""Behind the label of a field that no readable page shows."""


def field_lines(label: str, value: Any) -> Iterator[str]:
    """The line for one field, and what to copy below it where that is more than a word."""
    if value in (None, "", [], {}) and not isinstance(value, bool):
        yield f"- Leave {label} empty."
    elif isinstance(value, bool):
        yield f"- Set {label} to `{str(value).lower()}`."
    elif isinstance(value, dict | list):
        yield f"- Copy this into {label}:"
        yield from _block("json", json.dumps(value, indent=2, ensure_ascii=False))
    elif isinstance(value, str) and ("\n" in value or "`" in value or "{" in value):
        yield f"- Copy this into {label}:"
        yield from _block("text", value)
    else:
        yield f"- Copy `{value}` into {label}."


def _block(language: str, value: str) -> Iterator[str]:
    """*Value* below a line of a list, between more backquotes than it has."""
    fence = "```"
    while fence in value:
        fence += "`"
    yield ""
    yield f"  {fence}{language}"
    yield from (f"  {line}".rstrip() for line in value.split("\n"))
    yield f"  {fence}"
    yield ""
