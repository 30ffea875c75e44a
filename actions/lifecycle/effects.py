"""What a machine asks for, and what it knows.

Pure.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from locoia_pat import Secret
from locoia_pat.actions.lifecycle.capabilities import Capabilities

if TYPE_CHECKING:
    import datetime as dt

    from locoia_pat import Result
    from locoia_pat.stores import Entry
    from locoia_pat.stores.record import Record


UNREADABLE = Secret("")
"""Stands for a token that was given to a place which cannot be read: a call by it is made by the rotator instead."""


@dataclass(frozen=True, slots=True)
class Call:
    """An action of the API; its :class:`Result` is sent back."""

    action: Literal["list_pats", "create_pat", "regenerate_pat"]
    inputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    by: Secret | None = None
    """The token that authorises it; None for the rotator, the credential of the connector."""


@dataclass(frozen=True, slots=True)
class Take:
    """The lease of the name; whether it was got is sent back."""


@dataclass(frozen=True, slots=True)
class Load:
    """What is stored and journalled now; a :class:`Snapshot` is sent back."""


@dataclass(frozen=True, slots=True)
class Keep:
    """The record, into every place; None, or the error that kept it out of one, is sent back."""

    record: Record


@dataclass(frozen=True, slots=True)
class Write:
    """The state of the name, into the journal, for good before anything else happens."""

    managed: Managed


@dataclass(frozen=True, slots=True)
class Settle:
    """Time for a request that may be on its way to arrive."""

    least: float = 0
    """Seconds that are known to be needed until a list tells of it."""


Effect: TypeAlias = Call | Take | Load | Keep | Write | Settle
Machine: TypeAlias = Generator[Effect, Any, "Done"]


@dataclass(frozen=True, slots=True)
class Retire:
    """A row whose secret has to go."""

    id: str
    due: dt.datetime


@dataclass(frozen=True, slots=True)
class Managed:
    """What the journal knows of a name; it holds no secret."""

    name: str
    owner: str
    """The state that manages it."""
    op: str | None = None
    """The operation under way; None where none is."""
    doing: Literal["create", "rotate", "in_place", "retire"] | None = None
    scopes: tuple[str, ...] = ()
    """What its tokens may do."""
    note: str = ""
    """What they are for: the text of the note, before the marker."""
    days: int = 30
    """How long they live."""
    slot: str = "a"
    """The slot that the operation works on; else the one of the current token."""
    rows: Mapping[str, str] = field(default_factory=dict[str, str])
    """The row of each slot."""
    retire: tuple[Retire, ...] = ()
    dead: tuple[str, ...] = ()
    """Rows that were made useless on purpose, and stay listed until they expire."""
    ended: bool = False

    def knows(self, entry: Entry) -> bool:
        """Whether *entry* is a token of this name: of a row of it, or made by the operation under way."""
        waiting = (row.id for row in self.retire)
        ours = self.op is not None and entry.beside.get("op") == self.op
        return ours or entry.id in {*self.rows.values(), *self.dead, *waiting}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is there when a machine begins, read inside of the lease."""

    record: Record
    managed: Managed
    now: dt.datetime
    op: str
    """A fresh operation id, for the case that one is needed."""
    known: Capabilities = field(default_factory=Capabilities)
    """What was measured of the API."""


Change = Literal["created", "adopted", "rotated", "retired", "none"]


@dataclass(frozen=True, slots=True)
class Done:
    """How a machine ended."""

    change: Change = "none"
    result: Result | None = None
    """The result that stopped it; None where it came to its end."""
    problem: str | None = None
    """Why it stopped, where no result says so: ``busy``, ``not_stored``, ``unsafe``, ``managed_elsewhere`` …"""
    message: str = ""
    record: Record | None = None
    retire_due: dt.datetime | None = None
    warnings: tuple[str, ...] = ()

    @property
    def stopped(self) -> bool:
        """Whether it could not come to its end."""
        return self.result is not None or self.problem is not None
