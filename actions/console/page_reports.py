"""The report of an outcome on a page.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from locoia_pat.outcomes import Outcome

if TYPE_CHECKING:
    from locoia_pat.outcomes import Problem, Result


@dataclass(frozen=True, slots=True)
class Link:
    """A link to another page."""

    text: str
    href: str


@dataclass(frozen=True, slots=True)
class Report:
    """What happened; it holds no token."""

    title: str
    message: str
    tone: Literal["good", "warning", "bad"] = "good"
    hint: str | None = None
    command: str | None = None
    """A command to copy."""
    details: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()


_FAILURES = {
    Outcome.INVALID: ("Nothing was sent", "bad"),
    Outcome.REFUSED: ("The API refused; nothing changed", "bad"),
    Outcome.NOT_DONE: ("It did not happen; it is safe to retry", "warning"),
    Outcome.UNKNOWN: ("It may have happened", "warning"),
    Outcome.NOT_STORED: ("It happened, and no store accepted the token", "bad"),
}

_CHECKS = {
    "create_pat": "Look into the list before you try again: if there is a new row, its token is lost; revoke it.",
    "regenerate_pat": "The old token may be revoked. Find its row in the list and regenerate it again: "
    "that also revokes a new token that was lost.",
    "revoke_pat": "Find its row in the list and revoke it again: that does no harm if it is revoked already.",
}
"""What to do when the outcome of an action is unknown."""


def report_failure(result: Result, problem: Problem, *links: Link) -> Report:
    """Return the report of a *result* whose outcome is not ``done``."""
    title, tone = _FAILURES[result.outcome]
    hint = problem.hint
    if result.outcome is Outcome.UNKNOWN:
        hint = _CHECKS.get(result.action or "", hint)
    command = problem.next
    if problem.code == "unauthorized":
        hint = "The page was started with a credential that is not accepted, or has expired. Log in and start it again."
        command = "locoia-pat login"
    return Report(
        title,
        str(problem).removesuffix(f"\n{problem.hint}") if not problem.others else str(problem),
        "warning" if tone == "warning" else "bad",
        hint,
        command,
        warnings=result.warnings,
        links=links,
    )
