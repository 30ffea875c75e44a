"""``Answer``: a status and an envelope."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from locoia_pat.outcomes import Outcome
from locoia_pat.serve.http_status import http_status, retry_after

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locoia_pat.outcomes import Result


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call is answered with."""

    status: int
    """The HTTP status."""
    envelope: Mapping[str, Any]
    retry_after: int | None = None
    """Seconds after which the call may be retried; None if it should not be."""
    replayed: bool = False
    """Whether an earlier call with the same idempotency key was answered with this."""

    @classmethod
    def of(cls, result: Result, *, status: int | None = None) -> Self:
        """Return the answer for *result*, with another *status* than that of its outcome if one is given."""
        problem = result.problem
        seconds = retry_after(problem) if problem is not None and result.outcome is Outcome.NOT_DONE else None
        return cls(status or http_status(result), result.to_dict(), seconds)
