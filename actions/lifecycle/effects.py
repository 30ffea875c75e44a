"""What a protocol asks for, what it receives, and how it ends.

A protocol (:mod:`.rotation`) is a generator: it yields one of the effects below and is sent the result.  The driver
performs effects for real; the model in ``tests/properties`` performs them in memory and injects faults.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Generator, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias, TypeVar

from locoia_pat import Secret
from locoia_pat.actions.lifecycle.capabilities import Capabilities
from locoia_pat.actions.lifecycle.marker import NAME
from locoia_pat.response.timestamp import rfc3339

if TYPE_CHECKING:
    from locoia_pat import Result
    from locoia_pat.stores import TokenEntry
    from locoia_pat.stores.record import Record

Change = Literal["created", "adopted", "rotated", "retired", "none"]
"""What a protocol did to the token of a name."""

StopReason = Literal[
    "busy",
    "not_stored",
    "unsafe",
    "unmarked",
    "not_found",
    "nothing_to_replace",
    "managed_elsewhere",
    "scopes_differ",
    "journal",
    "unknown",
]

UNREADABLE = Secret("")
"""Represents a token that was delivered to a store that cannot be read; the rotator makes the calls meant for it."""


# Effects


@dataclass(frozen=True, slots=True)
class AcquireLease:
    """Acquire the lease of the name.  Returns None, or a message that says who holds it."""


@dataclass(frozen=True, slots=True)
class LoadState:
    """Read the token stores and the journal.  Returns a :class:`Snapshot`."""


@dataclass(frozen=True, slots=True)
class CallApi:
    """Run an action of the API.  Returns its :class:`Result`."""

    action: Literal["list_pats", "create_pat", "regenerate_pat"]
    inputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    by: Secret | None = None
    """The token that authorises the call; None for the rotator, which is the credential of the connector."""


@dataclass(frozen=True, slots=True)
class StoreRecord:
    """Write the record to every token store.  Returns None, or the error of the first store that failed."""

    record: Record


@dataclass(frozen=True, slots=True)
class WriteJournal:
    """Write the journal entry of the name durably, before anything else happens.  Returns None."""

    entry: JournalEntry


@dataclass(frozen=True, slots=True)
class WaitInFlight:
    """Wait until a request whose response was lost has arrived or failed.  Returns None."""

    at_least: float = 0
    """Seconds after which a list is known to show a new row."""


Effect: TypeAlias = AcquireLease | LoadState | CallApi | StoreRecord | WriteJournal | WaitInFlight

_T = TypeVar("_T")
Steps: TypeAlias = Generator[Effect, Any, _T]
"""A part of a protocol: yields effects and returns a value."""


# Data


@dataclass(frozen=True, slots=True)
class Retirement:
    """A row whose secret is to be revoked once it is due."""

    id: str
    due: dt.datetime


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """What the journal holds of a name.  It holds no secret."""

    name: str
    owner: str
    """The state folder that manages the name."""
    operation: Literal["create", "rotate", "in_place", "retire"] | None = None
    """The operation in progress, or None."""
    operation_id: str | None = None
    """The id of the operation in progress; the markers of the rows it creates carry it."""
    scopes: tuple[str, ...] = ()
    note: str = ""
    """The text of the note, without the marker."""
    days: int = 30
    """The lifetime of its tokens."""
    slot: str = "a"
    """The slot that the operation works on; without one, the slot of the current token."""
    rows: Mapping[str, str] = field(default_factory=dict[str, str])
    """The row id of each slot."""
    retirements: tuple[Retirement, ...] = ()
    """Rows to be revoked when they are due."""
    revoked: tuple[str, ...] = ()
    """The ids of rows that were revoked on purpose and stay listed until they expire."""
    ended: bool = False
    """Whether the name was retired."""

    def owns(self, entry: TokenEntry) -> bool:
        """Whether *entry* is a token of this name: of one of its rows, or created by the operation in progress."""
        waiting = (row.id for row in self.retirements)
        created_now = self.operation_id is not None and entry.metadata.get("op") == self.operation_id
        return created_now or entry.id in {*self.rows.values(), *self.revoked, *waiting}

    def to_json(self) -> dict[str, Any]:
        """Return the entry as JSON values."""
        return {**asdict(self), "retirements": [[row.id, row.due.isoformat()] for row in self.retirements]}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return the entry that :meth:`to_json` wrote; the ``stores`` the driver adds to it are left out.

        Raises:
            ValueError: a value is missing or of another type; the error names it.

        """
        for key, fits in _SHAPES.items():
            if not fits(values.get(key, _DEFAULTS.get(key))):
                raise ValueError(f"its {key} is not as locoia-pat writes it")
        fields = {key: value for key, value in values.items() if key in _SHAPES and key != "stores"}
        fields["retirements"] = tuple(
            Retirement(id_, dt.datetime.fromisoformat(due)) for id_, due in values["retirements"]
        )
        return cls(**{**fields, "revoked": tuple(values["revoked"]), "scopes": tuple(values["scopes"])})


def _is_strings(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)


def _is_retirement(value: object) -> bool:
    match value:
        case [str(), str(due)]:
            try:
                return dt.datetime.fromisoformat(due).tzinfo is not None
            except ValueError:
                return False
        case _:
            return False


_DEFAULTS: Mapping[str, Any] = {"note": "", "days": 30, "slot": "a", "rows": {}, "ended": False}
"""Of keys that the entries of an earlier version may lack."""
_SHAPES: Mapping[str, Callable[[Any], bool]] = {
    "name": lambda value: isinstance(value, str) and NAME.fullmatch(value) is not None,
    "owner": lambda value: isinstance(value, str),
    "operation": lambda value: value in (None, "create", "rotate", "in_place", "retire"),
    "operation_id": lambda value: value is None or isinstance(value, str),
    "scopes": _is_strings,
    "note": lambda value: isinstance(value, str),
    "days": lambda value: type(value) is int and value >= 1,
    "slot": lambda value: value in ("a", "b"),
    "rows": lambda value: isinstance(value, dict) and _is_strings([*value, *value.values()]),
    "retirements": lambda value: isinstance(value, list) and all(map(_is_retirement, value)),
    "revoked": _is_strings,
    "ended": lambda value: isinstance(value, bool),
    "stores": _is_strings,
}
"""Whether the value of a key is one that :meth:`JournalEntry.to_json` or the driver writes."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a protocol starts from, read inside the lease."""

    record: Record
    """What the token stores hold."""
    journal: JournalEntry
    now: dt.datetime
    operation_id: str
    """A fresh operation id, for a protocol that needs one."""
    capabilities: Capabilities = field(default_factory=Capabilities)


# How a protocol ends


@dataclass(frozen=True, slots=True)
class Finished:
    """How a protocol ended."""

    change: Change = "none"
    problem: StopReason | None = None
    """Why it stopped, unless a result says so."""
    message: str = ""
    result: Result | None = None
    """The result of the call that stopped it."""
    record: Record | None = None
    """What the token stores hold now."""
    retire_due: dt.datetime | None = None
    """When the next row is due to be revoked."""
    warnings: tuple[str, ...] = ()

    @property
    def stopped(self) -> bool:
        """Whether it stopped before it was done."""
        return self.result is not None or self.problem is not None

    def to_data(self, name: str) -> dict[str, Any]:
        """Return the outputs of a super action that left *name* like this, as JSON values."""
        current = self.record.current if self.record else None
        return {
            "name": name,
            "change": self.change,
            "id": current.id if current else None,
            "expiration": current.metadata.get("expiration") if current else None,
            "scopes": current.metadata.get("scopes") if current else None,
            "retire_due": rfc3339(self.retire_due) if self.retire_due else None,
        }


class Stopped(Exception):  # noqa: N818  # not a failure of the program: how a protocol ends early
    """Raised inside a protocol that cannot go further; carries how it ended."""

    def __init__(self, finished: Finished) -> None:
        super().__init__(finished)
        self.finished = finished
