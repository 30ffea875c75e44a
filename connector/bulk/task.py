"""One item on its way through a bulk run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from locoia_pat.bulk.items import Item
    from locoia_pat.bulk.journal import Key, Line
    from locoia_pat.outcomes import Result


@dataclass(slots=True)
class Work:
    """What is known of an item, from its reading to its result."""

    turn: int
    """Its place among the items, from 0."""
    item: Item
    places: tuple[str, ...] = ()
    key: Key | None = None
    """By which the journal knows it."""
    mark: str | None = None
    """What its row can be told by."""
    before: Line | None = None
    """How an earlier run left it, where that is to be settled first."""
    warnings: tuple[str, ...] = ()
    result: Result | None = None
    earlier: bool = False
    """Whether the journal told its result."""
    kept: bool = False
    """Whether what the journal says of it stays as it is."""
    free: bool = False
    """Whether it was settled and may be run."""
    late: bool = False
    """Whether what an earlier run sent for it may still come."""
    error: BaseException | None = None
    """A bug that ended it."""
