"""In which order the tokens of a fleet are started, and when to stop.

Pure.  Each credential begins with one token, the canary.  Each token that is finished starts two more, so what is in
progress is never more than what is finished and one.  A token that is itself a credential of the fleet comes last.
"""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FAILURE_SHARE = 0.05
"""The share of a credential's tokens that may fail; one may fail in any case."""


@dataclass(frozen=True, slots=True)
class Member:
    """One token of a fleet, as far as the order depends on it."""

    name: str
    credential: str
    canary: bool = False
    last: bool = False


class Rollout:
    """Which tokens to start, and when: those of each credential in an order that each run has, canaries first."""

    def __init__(self, members: Iterable[Member]) -> None:
        ordered = sorted(members, key=lambda member: (not member.canary, _hash_order(member)))
        self._last = sorted((member for member in ordered if member.last), key=_hash_order)
        self._queues: dict[str, deque[Member]] = {}
        for member in ordered:
            if not member.last:
                self._queues.setdefault(member.credential, deque()).append(member)
        self._unfinished = len(ordered) - len(self._last)

    def first(self) -> list[Member]:
        """Return the tokens to start with: one of each credential."""
        return [queue.popleft() for queue in self._queues.values()] or self._last

    def after(self, member: Member) -> list[Member]:
        """Return the tokens to start now that *member* is finished."""
        if member.last:
            return []
        self._unfinished -= 1
        if not self._unfinished:
            return self._last
        queue = self._queues[member.credential]
        return [queue.popleft() for _ in range(min(2, len(queue)))]


def _hash_order(member: Member) -> bytes:
    """Return a sort key that is the same in each run, so that a run after a kill has the same order."""
    return hashlib.sha256(member.name.encode()).digest()


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
