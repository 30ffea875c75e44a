"""The token stores of one item: which of them hold its token, and writing it to those that do not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from locoia_pat.outcomes import ConnectorError
from locoia_pat.secrets.secret import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from locoia_pat.secrets.secret import Secret
    from locoia_pat.stores import TokenEntry, TokenStore


@dataclass(frozen=True, slots=True)
class ItemStore:
    """One store of an item, and what it holds."""

    ref: str
    """Its absolute reference; as it was given if it cannot be opened."""
    store: TokenStore | None = None
    """None if it cannot be opened or read."""
    current: TokenEntry | None = None
    problem: str = ""
    """Why it cannot be opened or read."""

    @classmethod
    def read(cls, ref: str, open_store: Callable[[str], TokenStore]) -> ItemStore:
        """Open and read the store *ref*; what is not a token counts as none."""
        store = None
        try:
            store = open_store(ref)
            ref = store.ref
            return cls(ref, store, store.record().current)
        except ValueError:
            return cls(ref, store)
        except ConnectorError as error:
            return cls(ref, problem=error.problem.message)
        except OSError as error:
            return cls(ref, problem=(error.strerror or str(error)).lower())

    @property
    def is_write_only(self) -> bool:
        """Whether nothing can be read back from it."""
        return self.store is not None and self.store.readback == "nothing"

    def still_holds(self, row_id: object, is_same: Callable[[Secret], bool]) -> bool:
        """Return whether it still holds the token of that row; *is_same* compares where no ids are kept.

        A write-only store was given the token once and is assumed to keep it.
        """
        if self.store is None or self.current is None:
            return self.is_write_only
        return self.current.id == row_id if self.store.readback == "record" else is_same(self.current.token)

    def fill(self, entry: TokenEntry, *, api: str, may_replace: bool) -> str:
        """Store *entry*; return why that failed, or "".

        Args:
            entry: the token of the item.
            api: the base URL it was minted at.
            may_replace: whether another token in the store may be replaced.

        """
        if self.store is None:
            return self.problem
        if self.current is not None and not may_replace:
            return "it holds another token"
        try:
            self.store.probe()
            self.store.store(entry, api=api)
        except ConnectorError as error:
            return redact(error.problem.message, [entry.token])
        except Exception as error:  # noqa: BLE001  # whatever a store does wrong, the token is in another one
            return redact(str(error), [entry.token])
        return ""


def find_token(
    stores: Sequence[ItemStore], row_id: object, metadata: Mapping[str, Any], *, assume_ours: bool
) -> TokenEntry | None:
    """Return the token of that row, if one of *stores* holds it.

    Args:
        stores: the stores of one item.
        row_id: the id of the row.
        metadata: the metadata of its token, for a token from a store that keeps none.
        assume_ours: whether a token in a store that keeps no ids is that of the row.

    """
    held = [(store.store.readback, store.current) for store in stores if store.store and store.current]
    by_id = [entry for readback, entry in held if readback == "record" and entry.id == row_id]
    assumed = [replace(entry, metadata=metadata) for readback, entry in held if readback == "token" and assume_ours]
    return next(iter([*by_id, *assumed]), None)
