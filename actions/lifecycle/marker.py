"""The marker in a token's note, which says whose row it is.

``Billing CI ~lp1/billing-ci/a/GEZDGNBVGY3TQOJQ/k7q2aaaa``: name, slot, operation and owner.  The operation id is 80
random bits, so no other note has it; the owner is the state folder that manages the name.
"""

from __future__ import annotations

import re
from typing import NamedTuple

MAX_NOTE = 255
"""Characters of a note: the API page, Request Body."""
NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
_MARKER = re.compile(r"~lp1/([a-z0-9._-]{1,64})/([ab])/([A-Z2-7]{16})/([a-z0-9]{8})\s*\Z")


class Marker(NamedTuple):
    """Whose row it is."""

    name: str
    slot: str
    op: str
    """The id of the operation that created the row."""
    owner: str

    def __str__(self) -> str:
        return f"~lp1/{self.name}/{self.slot}/{self.op}/{self.owner}"


def max_text_length(name: str) -> int:
    """Return how many characters of a note are left for its text next to the marker of *name*."""
    return MAX_NOTE - 1 - len(str(Marker(name, "a", "A" * 16, "a" * 8)))


def append_marker(text: str, marker: Marker) -> str:
    """Return the note that consists of *text* and *marker*."""
    return f"{text} {marker}".strip()


def find_marker(note: str | None) -> Marker | None:
    """Return the marker in *note*, or None."""
    match = _MARKER.search(note or "")
    return Marker(*match.groups()) if match else None


def strip_marker(note: str) -> str:
    """Return the text of *note*, without the marker."""
    return _MARKER.sub("", note).strip()
