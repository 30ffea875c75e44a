"""A machine of :mod:`.protocols`, run for one name and told as the result of an action."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from locoia_pat import ConnectorError, Outcome, Problem, Result
from locoia_pat.actions.lifecycle.driver import Driver, would_expire
from locoia_pat.actions.lifecycle.rows import own_row

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from locoia_pat import Connector
    from locoia_pat.actions.lifecycle.effects import Done, Machine
    from locoia_pat.actions.lifecycle.tending import Wanted
    from locoia_pat.outcomes import Code
    from locoia_pat.stores import Sink

_PROBLEMS: dict[str, tuple[Outcome, Code, str]] = {
    "busy": (Outcome.NOT_DONE, "busy", "It is safe to repeat."),
    "not_stored": (Outcome.NOT_STORED, "not_stored", "Run it again: what was minted is replaced, and nothing is lost."),
    "unsafe": (Outcome.INVALID, "unsafe", "Rotate with two slots, or name another credential."),
    "unmarked": (Outcome.INVALID, "unsafe", "Use create_pat; or, where that has changed, locoia-pat doctor --measure."),
    "not_found": (Outcome.INVALID, "not_found", "ensure_pat creates it."),
    "nothing_to_replace": (Outcome.INVALID, "not_found", "locoia-pat run list_pats shows the rows there are."),
    "managed_elsewhere": (Outcome.REFUSED, "managed_elsewhere", "take_over=true takes it over."),
    "scopes_differ": (Outcome.INVALID, "scopes_differ", "change_scopes=true makes new rows with these scopes."),
    "journal": (Outcome.NOT_DONE, "unavailable", "Nothing was sent; it is safe to repeat."),
    "unknown": (Outcome.UNKNOWN, "unknown", "Run it again, or reconcile: both finish what was begun."),
}


def told(action: str, wanted: Wanted, driver: Driver, done: Done, api: str) -> Result:
    """How *done* reads as the result of *action*."""
    warnings = (*driver.warnings, *driver.places.warnings, *done.warnings)
    if done.result is not None:
        return Result(action, done.result.outcome, api, driver.attempts, warnings, problem=done.result.problem)
    if done.problem is not None:
        outcome, code, hint = _PROBLEMS[done.problem]
        problem = Problem(code, done.message or code, hint=hint)
        return Result(action, outcome, api, driver.attempts, warnings, problem=problem)
    current = done.record.current if done.record else None
    driver.write_receipt(done)
    data = {
        "name": wanted.name,
        "change": done.change,
        "id": current.id if current else None,
        "expiration": current.beside.get("expiration") if current else None,
        "scopes": current.beside.get("scopes") if current else None,
        "retire_due": done.retire_due.strftime("%Y-%m-%dT%H:%M:%SZ") if done.retire_due else None,
    }
    refs = driver.places.holding if current else ()
    return Result(action, Outcome.DONE, api, driver.attempts, warnings, data, token_refs=refs)


def tended(
    action: str,
    machine: Callable[[Wanted], Machine],
    connector: Connector,
    wanted: Wanted,
    places: Sequence[str | Sink],
    **options: Any,
) -> Result:
    """Run *machine* for a name, and tell it as the result of *action*."""
    try:
        driver = Driver(connector, wanted.name, places, take_over=wanted.take_over, **options)
        wanted = replace(wanted, itself=connector.auth_ref in driver.places.refs)
        if wanted.replaces is not None and wanted.replaces == own_row(connector):
            raise would_expire("the token of that row", "Name another credential.", field="replaces")
    except ConnectorError as error:
        return Result(action, error.outcome, problem=error.problem)
    return told(action, wanted, driver, driver.run(machine(wanted)), connector.base_url)
