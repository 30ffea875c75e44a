"""The marker in a token's note, by which a row tells whose it is.

Pure.  ``Billing CI ~lp1/billing-ci/a/GEZDGNBVGY3TQOJQ/k7q2aaaa``: name, slot, operation and owner.  The operation is 80
random bits, so no other note has it; the owner is the state that manages the name.
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
    owner: str

    def __str__(self) -> str:
        return f"~lp1/{self.name}/{self.slot}/{self.op}/{self.owner}"


def room(name: str) -> int:
    """Characters there are for the text of a note beside the marker of *name*."""
    return MAX_NOTE - 1 - len(str(Marker(name, "a", "A" * 16, "a" * 8)))


def noted(text: str, marker: Marker) -> str:
    """*Text* with *marker* behind it."""
    return f"{text} {marker}".strip()


def marked(note: str | None) -> Marker | None:
    """The marker in *note*; None where there is none."""
    found = _MARKER.search(note or "")
    return Marker(*found.groups()) if found else None


def text_of(note: str) -> str:
    """*Note* without the marker behind it."""
    return _MARKER.sub("", note).strip()
