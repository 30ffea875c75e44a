"""In which order the tokens of a fleet are handled, and when to stop.

Pure.  The tokens of each credential begin with one, the canary; then come waves, each twice as large as the one before,
in an order that does not depend on names or dates; a token that is itself a credential of the fleet comes last.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FAILURE_SHARE = 0.05
"""The share of a credential's tokens that may fail; one may fail in any case."""
SPREAD_DAYS = 14
"""Days over which expiries are spread, if tokens live long enough."""


@dataclass(frozen=True, slots=True)
class Member:
    """One token of a fleet, as far as the order of waves depends on it."""

    name: str
    credential: str
    canary: bool = False
    last: bool = False


def waves(members: Sequence[Member]) -> Iterator[list[Member]]:
    """Yield *members* in waves; different credentials have their waves at the same time."""
    queues = [
        _queue([member for member in members if member.credential == credential])
        for credential in dict.fromkeys(member.credential for member in members)
    ]
    size = 1
    while any(queues):
        yield [member for queue in queues for member in queue[:size]]
        queues = [queue[size:] for queue in queues]
        size *= 2
    if last := sorted((member for member in members if member.last), key=_hash_order):
        yield last


def _queue(members: Sequence[Member]) -> list[Member]:
    """Return the members of one credential in order, canaries first."""
    usual = (member for member in members if not member.last)
    return sorted(usual, key=lambda member: (not member.canary, _hash_order(member)))


def _hash_order(member: Member) -> bytes:
    """Return a sort key that is the same in each run, so that a run after a kill has the same order."""
    return hashlib.sha256(member.name.encode()).digest()


def spread_lifetime(name: str, days: int) -> int:
    """Return the lifetime in days of the token *name*, at most *days*: not all tokens expire on the same day."""
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
    return days - number % (min(SPREAD_DAYS, days // 3) + 1)


@dataclass
class FailureBudget:
    """When to stop: the tokens of a credential that was refused, or of which too many failed, are not started.

    With *max_failures*, no token is started once more than that failed in total.
    """

    members: Sequence[Member]
    max_failures: int | None = None
    failed: Counter[str] = field(default_factory=Counter[str])
    """Failures by credential."""
    refused: set[str] = field(default_factory=set[str])
    """Credentials that were refused."""

    def __post_init__(self) -> None:
        self._sizes = Counter(member.credential for member in self.members)

    def record(self, member: Member, *, failed: bool, unauthorized: bool = False) -> None:
        """Record the result of *member*."""
        self.failed[member.credential] += failed
        if unauthorized:
            self.refused.add(member.credential)

    def stop_reason(self, credential: str) -> str | None:
        """Return why no more tokens of *credential* are started, or None."""
        if credential in self.refused:
            return "its credential was refused"
        if self.max_failures is not None:
            total = self.failed.total()
            return f"{total} tokens failed" if total > self.max_failures else None
        allowed = max(1, int(FAILURE_SHARE * self._sizes[credential]))
        failed = self.failed[credential]
        return f"{failed} tokens of its credential failed" if failed > allowed else None
