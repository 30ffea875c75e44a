"""``CallResponse``: the HTTP status and the envelope that a call gets.

The status says to a platform that retries requests by itself which ones it may retry:

=============  ======  =================================================================================
``done``       200
``invalid``    422     nothing was sent; the same request fails again
``refused``    403     the API responded with 401 or 403, or the key lacks a permission
               404     the API responded with 404
               409     any other refusal
``not_done``   503     with ``Retry-After``: it did not happen, and may be retried
               429     with ``Retry-After``: a name is busy, or the API limits the rate
``unknown``    424     it may have happened; it must not be retried
``not_stored`` 424     it happened; it must not be retried
=============  ======  =================================================================================

424 (Failed Dependency) is a 4xx that no platform or HTTP library retries by itself, while 408, 409, 425 and 429 are
retried by some, and every 5xx by most.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from locoia_pat.outcomes import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locoia_pat.outcomes import Problem, Result

_STATUSES = {Outcome.DONE: 200, Outcome.INVALID: 422, Outcome.UNKNOWN: 424, Outcome.NOT_STORED: 424}
_REFUSALS = {"unauthorized": 403, "forbidden": 403, "not_found": 404}
_RETRY_AFTER = {"busy": 5, "rate_limited": 60}
_LATER = 10


@dataclass(frozen=True, slots=True)
class CallResponse:
    """The response to a call."""

    status: int
    """The HTTP status."""
    envelope: Mapping[str, Any]
    retry_after: int | None = None
    """Seconds after which the call may be retried; None if it should not be."""
    replayed: bool = False
    """Whether it is that of an earlier call with the same idempotency key."""

    @classmethod
    def of(cls, result: Result, *, status: int | None = None) -> Self:
        """Return the response for *result*, with another *status* than that of its outcome if one is given."""
        problem = result.problem
        seconds = retry_after(problem) if problem is not None and result.outcome is Outcome.NOT_DONE else None
        return cls(status or http_status(result), result.to_dict(), seconds)


def http_status(result: Result) -> int:
    """Return the HTTP status of *result*."""
    code = result.problem.code if result.problem is not None else None
    if result.outcome is Outcome.NOT_DONE:
        return 429 if code in _RETRY_AFTER else 503
    if result.outcome is Outcome.REFUSED:
        return _REFUSALS.get(code or "", 409)
    return _STATUSES[result.outcome]


def retry_after(problem: Problem) -> int:
    """Return after how many seconds a call that ended as ``not_done`` with *problem* may be retried."""
    return _RETRY_AFTER.get(problem.code, _LATER)
