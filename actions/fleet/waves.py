"""In which order a fleet is worked on, and when it stops.

Pure.  Each owner of tokens, which is a credential, begins with one token, its canary; then come waves, each twice as
large as the one before, in an order that has nothing to do with names or dates; the token that is itself a credential
of the fleet comes last.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SHARE = 0.05
"""The share of an owner's tokens that may fail; one may in any case."""
DAYS = 14
"""Over how many days expiries are spread, where tokens live long enough."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One token of a fleet, as far as its turn needs to know it."""

    name: str
    owner: str
    canary: bool = False
    last: bool = False


def waves(turns: Sequence[Turn]) -> Iterator[list[Turn]]:
    """*Turns* in waves; those of different owners go on beside each other."""
    queues = [
        _queue([turn for turn in turns if turn.owner == owner]) for owner in dict.fromkeys(t.owner for t in turns)
    ]
    size = 1
    while any(queues):
        yield [turn for queue in queues for turn in queue[:size]]
        queues = [queue[size:] for queue in queues]
        size *= 2
    if last := sorted((turn for turn in turns if turn.last), key=_jitter):
        yield last


def _queue(turns: Sequence[Turn]) -> list[Turn]:
    """Those of one owner: the canary, which is the one that says so, or any."""
    return sorted((turn for turn in turns if not turn.last), key=lambda turn: (not turn.canary, _jitter(turn)))


def _jitter(turn: Turn) -> bytes:
    """An order that is the same each time, so that a run that was killed goes on as it began."""
    return hashlib.sha256(turn.name.encode()).digest()


def lifetime(name: str, days: int) -> int:
    """Days that a token of *name* lives, at most *days*: not all of a fleet expire on one day."""
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
    return days - number % (min(DAYS, days // 3) + 1)


@dataclass
class Stop:
    """The stop rule: an owner whose credential is refused, or whose tokens fail too often, is left alone.

    So is every owner, once more than *most* failed in all, where that is given.
    """

    turns: Sequence[Turn]
    most: int | None = None
    failed: Counter[str] = field(default_factory=Counter[str])
    refused: set[str] = field(default_factory=set[str])

    def __post_init__(self) -> None:
        self._sizes = Counter(turn.owner for turn in self.turns)

    def note(self, turn: Turn, *, failed: bool, unauthorized: bool = False) -> None:
        """What came of *turn*."""
        self.failed[turn.owner] += failed
        if unauthorized:
            self.refused.add(turn.owner)

    def why(self, owner: str) -> str | None:
        """Why nothing more is begun for *owner*; None where it goes on."""
        if owner in self.refused:
            return "its credential was refused"
        if self.most is not None:
            total = self.failed.total()
            return f"{total} failed in all" if total > self.most else None
        allowed = max(1, int(SHARE * self._sizes[owner]))
        return f"{self.failed[owner]} of its owner's tokens failed" if self.failed[owner] > allowed else None
