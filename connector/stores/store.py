"""What every place for tokens can do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locoia_pat.secrets.secret import Secret
    from locoia_pat.stores.record import Record


@dataclass(frozen=True, slots=True)
class Entry:
    """One token and what is kept beside it."""

    token: Secret
    beside: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Outputs the spec marks with ``keep``: the id, the expiry, the scopes."""

    @property
    def id(self) -> str | None:
        """The id of the token's row."""
        return self.beside.get("id")


class Credential(NamedTuple):
    """A token as a place gives it."""

    token: Secret
    api: str | None = None
    """The base address it was minted at, where the place knows."""


Keeps: TypeAlias = Literal["record", "token", "nothing"]
"""What of a record can be read from a place again: all of it, the current token alone, or nothing."""


class Sink(Protocol):
    """A place for one token."""

    @property
    def ref(self) -> str:
        """The place as an absolute REF, valid as ``--auth`` where it can be read."""
        ...

    @property
    def keeps(self) -> Keeps:
        """What of a record can be read from it again."""
        ...

    def read(self) -> Credential:
        """The token that stands there.

        Raises:
            InvalidError: there is none.

        """
        ...

    def probe(self) -> Entry | None:
        """Do once what :meth:`store` will do, and tell what stands there now.

        Raises:
            InvalidError: the place cannot take a token; the error says why.

        """
        ...

    def store(self, entry: Entry, *, api: str, dead: str | None = None) -> tuple[str, ...]:
        """Put *entry* there, and read it back.

        What stood there becomes previous, unless it is the token of the row *dead*, whose secret works no more.
        Returns warnings.

        Raises:
            OSError, InvalidError: the place did not take it.

        """
        ...

    def record(self) -> Record:
        """All that stands there; an empty record where nothing does.

        Raises:
            OSError, ValueError, InvalidError: it cannot be read, or is no record.

        """
        ...

    def keep(self, record: Record) -> tuple[str, ...]:
        """Put *record* in the place of all that stands there, and read it back; returns warnings.

        Raises:
            OSError, InvalidError: the place did not take it.

        """
        ...

    def remove(self) -> bool:
        """Take away what stands there; whether something did.

        Raises:
            InvalidError: that does not work.
        """
        ...
