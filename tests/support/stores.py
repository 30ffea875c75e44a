"""A place for tokens of which a test writes what it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from locoia_pat.stores import Entry, Keeps


class Place:
    """It proves good, and can do nothing more."""

    ref = "a:place#current"
    keeps: Keeps = "record"

    def probe(self) -> Entry | None:
        return None

    def read(self) -> Any:
        raise NotImplementedError

    def store(self, entry: Entry, *, api: str, dead: str | None = None) -> tuple[str, ...]:
        raise NotImplementedError

    def record(self) -> Any:
        raise NotImplementedError

    def keep(self, record: Any) -> tuple[str, ...]:
        raise NotImplementedError

    def remove(self) -> bool:
        raise NotImplementedError
