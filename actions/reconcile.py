"""``reconcile``: whatever a state left unfinished, finished or made useless."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from locoia_pat import ConnectorError, Outcome, Result
from locoia_pat.state import State

from .lifecycle import managed_of, tended
from .protocols import machine
from .protocols.marker import marked
from .protocols.tending import Wanted

if TYPE_CHECKING:
    from locoia_pat import Connector

_BAD = (Outcome.NOT_STORED, Outcome.UNKNOWN, Outcome.INVALID, Outcome.REFUSED, Outcome.NOT_DONE)
"""From the worst."""


def reconcile(connector: Connector, *, state: State | None = None, plan: bool = False, **options: Any) -> Result:
    """Finish, or make useless, what is unfinished under each name of *state*; only tell it for a *plan*.

    ``data`` holds ``names``, one row for each, and ``foreign``, the rows of the API that carry a name of another
    state: they are left alone.
    """
    try:
        state = state or State()
        api = connector.base_url
    except ConnectorError as error:
        return Result("reconcile", error.outcome, problem=error.problem)
    listed = connector.run("list_pats")
    if listed.data is None:
        return Result("reconcile", listed.outcome, api, listed.attempts, problem=listed.problem)
    known = {name: state.load(api, name) or {} for name in state.names(api)}
    work = _planned if plan else _done
    names = [work(connector, state, name, found, **options) for name, found in known.items()]
    foreign = [
        {"id": row["id"], "name": marker.name, "owner": marker.owner}
        for row in listed.data["tokens"]
        if (marker := marked(row["note"])) is not None and marker.owner != state.owner
    ]
    outcome = next((bad for bad in _BAD if bad.value in [row["outcome"] for row in names]), Outcome.DONE)
    problem = next((row.pop("problem") for row in names if row["outcome"] == outcome.value and "problem" in row), None)
    return Result(
        "reconcile", outcome, api, listed.attempts, data={"names": names, "foreign": foreign}, problem=problem
    )


def _planned(_: Connector, __: State, name: str, found: dict[str, Any], **___: Any) -> dict[str, Any]:
    managed = managed_of(found)
    due = min((row.due for row in managed.retire), default=None)
    return {
        "name": name,
        "outcome": Outcome.DONE.value,
        "unfinished": managed.doing,
        "retire_due": due.strftime("%Y-%m-%dT%H:%M:%SZ") if due else None,
        "ended": managed.ended,
    }


def _done(connector: Connector, state: State, name: str, found: dict[str, Any], **options: Any) -> dict[str, Any]:
    managed = managed_of(found)
    wanted = Wanted(name, managed.scopes, managed.days, managed.note)
    result = tended("reconcile", machine.reconcile, connector, wanted, found["places"], state=state, **options)
    told = result.to_dict()
    row = {"name": name, "outcome": told["outcome"], "change": (result.data or {}).get("change")}
    return row if result.problem is None else {**row, "error": told["error"], "problem": result.problem}
