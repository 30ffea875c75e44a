"""``TokenStore``: what every token store can do, and ``WriteOnlyStore``: what those do that cannot be read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from locoia_pat.stores.record import Record

if TYPE_CHECKING:
    from locoia_pat.stores.record import Credential, TokenEntry

Readback: TypeAlias = Literal["record", "token", "nothing"]
"""What can be read back from a store: the whole record, the current token only, or nothing."""


class TokenStore(Protocol):
    """A store for the tokens of one name."""

    @property
    def ref(self) -> str:
        """The absolute reference of the store; valid as ``--auth`` if the store can be read."""
        ...

    @property
    def readback(self) -> Readback:
        """What can be read back from it."""
        ...

    def read(self) -> Credential:
        """Return the stored token.

        Raises:
            InvalidError: no token is stored, or it cannot be read.

        """
        ...

    def probe(self) -> TokenEntry | None:
        """Try the very operation that :meth:`store` will perform, and return the current entry, if any.

        Raises:
            InvalidError: the store cannot take a token; the error says why, and nothing is changed.

        """
        ...

    def store(self, entry: TokenEntry, *, api: str, replaced_id: str | None = None) -> tuple[str, ...]:
        """Store *entry* as the current token, and read it back.

        Args:
            entry: the token and its metadata.
            api: the base URL it was minted at.
            replaced_id: the id of a row whose secret no longer works. Its token is dropped; any other becomes previous.

        Returns:
            Warnings.

        Raises:
            OSError, InvalidError: the token was not stored.

        """
        ...

    def record(self) -> Record:
        """Return everything that is stored; an empty record if nothing is.

        Raises:
            OSError, ValueError, InvalidError: it cannot be read, or is not a token record.

        """
        ...

    def write_record(self, record: Record) -> tuple[str, ...]:
        """Replace everything that is stored with *record*, and read it back; return warnings.

        Raises:
            OSError, InvalidError: the record was not stored.

        """
        ...

    def remove(self) -> bool:
        """Remove everything that is stored, and return whether there was anything.

        Raises:
            InvalidError: it cannot be removed.

        """
        ...


class CheckableStore(TokenStore, Protocol):
    """A store that was opened by its reference."""

    def check(self) -> None:
        """Check, without changing anything, whether the store can take a token, as far as that can be seen.

        Raises:
            InvalidError: it certainly cannot; the error says why.

        """
        ...


class WriteOnlyStore(ABC):
    """A store whose tokens cannot be read back; each kind says how one is stored."""

    readback: Readback = "nothing"
    ref: str
    """The absolute reference; each kind sets it when it is opened."""

    @abstractmethod
    def store(self, entry: TokenEntry, *, api: str, replaced_id: str | None = None) -> tuple[str, ...]:
        """Store *entry*; see :class:`TokenStore`."""

    def record(self) -> Record:
        """Return an empty record: nothing can be read back."""
        return Record()

    def write_record(self, record: Record) -> tuple[str, ...]:
        """Store the current token of *record*; without one, change nothing.

        Raises:
            OSError: it was not stored.
        """
        if record.current is None:
            return (f"{self.ref} keeps a token that no longer works",)
        return self.store(record.current, api=record.api or "")

    def remove(self) -> bool:
        """Return False: nothing can be removed."""
        return False
