"""``reconcile``: whatever a state left unfinished, finished or made useless."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from locoia_pat import ConnectorError, Outcome, Problem, Result
from locoia_pat.actions.lifecycle import machine
from locoia_pat.actions.lifecycle.desired import wanted_of
from locoia_pat.actions.lifecycle.driver import managed_of
from locoia_pat.actions.lifecycle.marker import marked, text_of
from locoia_pat.actions.lifecycle.run import tended
from locoia_pat.actions.lifecycle.tending import Wanted
from locoia_pat.messages import describe_value
from locoia_pat.state.journal import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locoia_pat import Connector
    from locoia_pat.stores import Sink

_BAD = (Outcome.NOT_STORED, Outcome.UNKNOWN, Outcome.INVALID, Outcome.REFUSED, Outcome.NOT_DONE)
"""From the worst."""


def reconcile(connector: Connector, *, state: State | None = None, plan: bool = False, **options: Any) -> Result:
    """Finish, or make useless, what is unfinished under each name of *state*; only tell it for a *plan*.

    ``data`` holds ``names``, one row for each, and ``foreign``, the rows of the API that carry a name of another
    state, or one that this journal has lost: they are left alone until :func:`take_over` is asked for.
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
    marks = [(row, marker) for row in listed.data["tokens"] if (marker := marked(row["note"])) is not None]
    foreign = [
        {"id": row["id"], "name": marker.name, "owner": marker.owner, "next": _next(marker.name)}
        for row, marker in marks
        if marker.owner != state.owner or marker.name not in known
    ]
    problems = {row["outcome"]: problem for row in reversed(names) if (problem := row.pop("problem", None))}
    outcome = next((bad for bad in _BAD if bad.value in problems), Outcome.DONE)
    problem = problems.get(outcome.value)
    return Result(
        "reconcile", outcome, api, listed.attempts, data={"names": names, "foreign": foreign}, problem=problem
    )


def _planned(connector: Connector, state: State, name: str, found: dict[str, Any], **_: Any) -> dict[str, Any]:
    managed, api = managed_of(found), connector.base_url
    due = min((row.due for row in managed.retire), default=None)
    return {
        "name": name,
        "outcome": Outcome.DONE.value,
        "unfinished": managed.doing,
        "retire_due": due.strftime("%Y-%m-%dT%H:%M:%SZ") if due else None,
        "ended": managed.ended,
        "last": next(reversed(state.receipts(api, name)), None),
    }


def _done(connector: Connector, state: State, name: str, found: dict[str, Any], **options: Any) -> dict[str, Any]:
    managed = managed_of(found)
    if managed.ended and managed.doing is None:
        return {"name": name, "outcome": Outcome.DONE.value, "change": "none"}
    wanted = Wanted(name, managed.scopes, managed.days, managed.note)
    result = tended("reconcile", machine.reconcile, connector, wanted, found["places"], state=state, **options)
    told = result.to_dict()
    row = {"name": name, "outcome": told["outcome"], "change": (result.data or {}).get("change")}
    return row if result.problem is None else {**row, "error": told["error"], "problem": result.problem}


def take_over(
    connector: Connector,
    name: str,
    token_to: Sequence[str | Sink],
    *,
    expiration: int = 30,
    state: State | None = None,
    **options: Any,
) -> Result:
    """Manage *name* from now on, by what the notes of its rows tell: another state did, or the journal was lost.

    The token gets a row of this state, with the scopes and the note of the newest of those that carry the name; theirs
    are made useless once the overlap has passed.

    Args:
        connector: the rotator.
        name: the name.
        token_to: the places of its token.
        expiration: days the token lives.
        state: the journal; by default the user's.
        options: as :func:`~locoia_pat.actions.ensure_pat` has them.

    """
    listed = connector.run("list_pats")
    if listed.problem is not None:
        return Result("reconcile", listed.outcome, listed.api, listed.attempts, problem=listed.problem)
    rows = (listed.data or {}).get("tokens", ())
    named = [row for row in rows if (marker := marked(row["note"])) is not None and marker.name == name]
    if not named:
        hint = "Its rows are those of another user, or expired: ensure_pat begins anew."
        problem = Problem("not_found", f"no row carries the name {describe_value(name)}", field="take_over", hint=hint)
        return Result("reconcile", Outcome.INVALID, listed.api, listed.attempts, problem=problem)
    newest = max(named, key=lambda row: row["expiration"] or "")
    wishes = {"scopes": newest["scopes"] or [], "note": text_of(newest["note"]), "expiration": expiration}
    wanted = wanted_of(name=name, take_over=True, **wishes)
    return tended("reconcile", machine.ensure, connector, wanted, token_to, state=state, **options)


def _next(name: str) -> str:
    return f"locoia-pat reconcile --take-over {name} --token-to REF"
