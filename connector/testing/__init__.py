"""Cassettes without secrets: recorded HTTP exchanges that are scrubbed before they are written, or not written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os
    from collections.abc import Collection


@dataclass(frozen=True, slots=True, kw_only=True)
class Cassettes:
    """Settings for the cassettes of a test suite, which returns them from its fixture ``cassettes``."""

    specs: str | os.PathLike[str] | None = None
    """The folder of specs that say what is secret; by default Locoia's own."""
    folder: str | os.PathLike[str] = "cassettes"
    """The folder of the cassettes, relative to the root of the test suite: ``FOLDER/MODULE/TEST.yaml``."""
    label: str | None = None
    """The origin of the responses, written at the top of each file."""
    keep_headers: Collection[str] = ()
    """Response headers that a test needs; most others are left out."""
    harmless: Collection[str] = ()
    """Names of strings that look random and are not secrets, as ids do."""
