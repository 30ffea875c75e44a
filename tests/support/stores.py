"""A token store of which a test implements what it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from locoia_pat.stores import Readback, TokenEntry


class FakeStore:
    """A store whose probe succeeds; everything else is not implemented."""

    ref = "fake:store#current"
    readback: Readback = "record"

    def probe(self) -> TokenEntry | None:
        return None

    def read(self) -> Any:
        raise NotImplementedError

    def store(self, entry: TokenEntry, *, api: str, replaced_id: str | None = None) -> tuple[str, ...]:
        raise NotImplementedError

    def record(self) -> Any:
        raise NotImplementedError

    def write_record(self, record: Any) -> tuple[str, ...]:
        raise NotImplementedError

    def remove(self) -> bool:
        raise NotImplementedError
