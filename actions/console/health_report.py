"""The findings of ``audit_pats``, ``fleet status``, the journal and ``doctor``, each with its next step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from locoia_pat.actions.lifecycle.journalled import intact_entries
from locoia_pat.state.inspect import inspect_state

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from locoia_pat import Connector
    from locoia_pat.actions.doctor.checks import CheckResult
    from locoia_pat.actions.fleet.fleet_plan import TokenPlan
    from locoia_pat.actions.lifecycle.effects import JournalEntry
    from locoia_pat.outcomes import Problem


@dataclass(frozen=True, slots=True)
class HealthSources:
    """What the page of a console reads besides the API."""

    checks: Callable[[], Sequence[CheckResult]] = field(default=list["CheckResult"])
    """Runs the checks of ``doctor``."""
    fleet: Callable[[], Sequence[TokenPlan]] | None = None
    """Reads the status of a fleet file, if there is one."""


class TokenFinding(NamedTuple):
    """A finding of ``audit_pats``."""

    note: str
    message: str
    step: str
    href: str


class ManagedName(NamedTuple):
    """A managed name of the journal."""

    name: str
    stores: tuple[str, ...]
    unfinished: str | None
    retire_due: dt.datetime | None


@dataclass(frozen=True, slots=True)
class HealthReport:
    """All that is known; a part that cannot be read says why."""

    findings: Sequence[TokenFinding]
    checked: int
    problem: Problem | None
    """Why the tokens could not be audited."""
    warnings: tuple[str, ...]
    names: Sequence[ManagedName]
    checks: Sequence[CheckResult]
    fleet: Sequence[TokenPlan] | None

    @property
    def problems(self) -> int:
        """How many things need attention."""
        due = sum(token.step not in ("none", "retire") for token in self.fleet or ())
        unfinished = sum(name.unfinished is not None for name in self.names)
        return len(self.findings) + due + unfinished + sum(check.level == "problem" for check in self.checks)


def journalled_names(api: str) -> dict[str, tuple[JournalEntry, tuple[str, ...]]]:
    """Return the managed names of *api* in the state folder, with their stores; create no state."""
    entries = intact_entries(inspect_state())
    return {entry.name: (entry, stores) for entry_api, entry, stores in entries if entry_api == api and not entry.ended}


def read_health(connector: Connector, sources: HealthSources) -> HealthReport:
    """Look at the tokens, the managed names, the fleet and the setup; it only reads."""
    names = journalled_names(connector.base_url)
    audited = connector.run("audit_pats")
    data: Mapping[str, Any] = audited.data or {"findings": [], "checked": 0}
    rows = {id_: name for name, (entry, _) in names.items() for id_ in entry.rows.values()}
    return HealthReport(
        findings=[_finding(finding, rows) for finding in data["findings"]],
        checked=data["checked"],
        problem=audited.problem,
        warnings=audited.warnings,
        names=list(_managed(names.values())),
        checks=sources.checks(),
        fleet=sources.fleet() if sources.fleet is not None else None,
    )


def _finding(finding: Mapping[str, Any], managed: Mapping[str, str]) -> TokenFinding:
    id_ = finding["id"] or ""
    note = finding["note"] or "without a note"
    if id_ in managed:
        return TokenFinding(note, finding["message"], "Rotate", f"/rotate?{urlencode({'name': managed[id_]})}")
    step = "Revoke" if finding["finding"] == "unused" else "Regenerate"
    return TokenFinding(note, finding["message"], step, f"/{step.lower()}?{urlencode({'id': id_})}")


def _managed(names: Iterable[tuple[JournalEntry, tuple[str, ...]]]) -> Iterable[ManagedName]:
    for entry, stores in names:
        due = min((row.due for row in entry.retirements), default=None)
        yield ManagedName(entry.name, stores, entry.operation, due)
