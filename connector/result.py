"""``Result``: what an action returns for every outcome, and its envelope."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

from locoia_pat.outcomes import (
    ConnectorError,
    InvalidError,
    NotDoneError,
    NotStoredError,
    Outcome,
    Problem,
    RefusedError,
    UnknownOutcomeError,
)

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from locoia_pat.secrets.secret import Secret

_RAISES: dict[Outcome, type[ConnectorError]] = {
    kind.outcome: kind for kind in (InvalidError, RefusedError, NotDoneError, UnknownOutcomeError, NotStoredError)
}


@dataclass(frozen=True, slots=True)
class Result:
    """How one action ended.  Never raised, never holding a token outside :attr:`secrets`."""

    action: str | None
    """Its name; None where the call did not name one."""
    outcome: Outcome
    api: str | None = None
    """The base address that was, or would have been, called."""
    attempts: int = 0
    """Tries begun."""
    warnings: tuple[str, ...] = ()
    data: Mapping[str, Any] | None = None
    """The outputs that are no secrets, as JSON values."""
    problem: Problem | None = None
    """Set for every outcome but ``done``."""
    token_refs: tuple[str, ...] = ()
    """Where the token was put; each is valid as ``--auth``."""
    secrets: Mapping[str, Secret] = field(default_factory=dict[str, "Secret"])
    """The outputs that are shown once, by name."""
    at: dt.datetime | None = field(default=None, compare=False, repr=False)
    """When the API answered, by its own clock where it tells the time, where it is ``done``."""

    @property
    def token(self) -> Secret | None:
        """The secret this action minted, if it minted one."""
        return next(iter(self.secrets.values()), None)

    @property
    def exit_code(self) -> int:
        """The command's exit code."""
        return self.outcome.exit_code

    def with_warnings(self, *warnings: str) -> Self:
        """The same result with *warnings* behind its own."""
        return replace(self, warnings=(*self.warnings, *warnings)) if warnings else self

    def to_dict(self) -> dict[str, Any]:
        """The envelope, version 1: JSON values only, and never a token."""
        envelope: dict[str, Any] = {
            "v": 1,
            "action": self.action,
            "api": self.api,
            "outcome": self.outcome.value,
            "attempts": self.attempts,
            "warnings": list(self.warnings),
        }
        if self.data is not None:
            envelope["data"] = dict(self.data)
        if self.problem is not None:
            envelope["error"] = self.problem.to_dict()
        if self.token_refs:
            envelope["token_ref"] = self.token_refs[0]
        if len(self.token_refs) > 1:
            envelope["token_refs"] = list(self.token_refs)
        return envelope

    def raise_for_outcome(self) -> Self:
        """This result if it is ``done``.

        Raises:
            ConnectorError: the class for the outcome, with this result.

        """
        if self.problem is None:
            return self
        raise _RAISES[self.outcome](self.problem, self)


def failed(action: str | None, error: ConnectorError, *, api: str | None = None) -> Result:
    """The result for an *error* that ended *action* before anything was sent."""
    return Result(action, error.outcome, api=api, problem=error.problem)
