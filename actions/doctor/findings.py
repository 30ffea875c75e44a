"""What ``doctor`` found: one line for each thing it looked at."""

from __future__ import annotations

from typing import Literal, NamedTuple

Level = Literal["ok", "note", "problem"]
"""Fine; worth knowing; to be put right."""


class Finding(NamedTuple):
    """One thing that was looked at, and how it stands."""

    check: str
    level: Level
    message: str
    next: str | None = None
    """What to do about it: a command where there is one."""
