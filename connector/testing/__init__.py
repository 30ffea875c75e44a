"""Cassettes without secrets: recorded exchanges, scrubbed before they are written, or not written at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os
    from collections.abc import Collection


@dataclass(frozen=True, slots=True, kw_only=True)
class Cassettes:
    """How the cassettes of a test suite are recorded; a suite returns one from its fixture ``cassettes``."""

    specs: str | os.PathLike[str] | None = None
    """The folder of specs whose secret marks tell what to scrub; by default Locoia's own."""
    folder: str | os.PathLike[str] = "cassettes"
    """Where they are kept, from the root of the test suite: ``FOLDER/MODULE/TEST.yaml``."""
    label: str | None = None
    """Where the answers come from: said at the top of each file."""
    keep_headers: Collection[str] = ()
    """Headers of answers that a test needs; all but a few are left out."""
    harmless: Collection[str] = ()
    """Names whose texts look random and are no secrets, as those of ids do."""
