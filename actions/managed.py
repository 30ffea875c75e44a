"""Managed tokens, each by its name: ensure, rotate, retire, and reconcile or take over what was left.

:mod:`.lifecycle.rotation` says how they work.  The ``run_…`` functions run a super action from its inputs, as a step
does; they return a result for every outcome.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Unpack

from locoia_pat import ConnectorError, InvalidError, Outcome, Problem, Result
from locoia_pat.actions.lifecycle import rotation
from locoia_pat.actions.lifecycle.desired import DesiredToken, parse_desired
from locoia_pat.actions.lifecycle.driver import run_protocol
from locoia_pat.actions.lifecycle.journalled import load_entries
from locoia_pat.actions.lifecycle.marker import find_marker, strip_marker
from locoia_pat.actions.lifecycle.settled import ListedRows, ProvenTokens, SettledNames, StoredName, is_unfinished
from locoia_pat.actions.tokens import as_list
from locoia_pat.actions.typed_call import CallOptions, typed
from locoia_pat.messages import describe_value
from locoia_pat.outcomes import worst
from locoia_pat.response.timestamp import rfc3339
from locoia_pat.state.journal import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locoia_pat import Connector
    from locoia_pat.actions.lifecycle.effects import JournalEntry
    from locoia_pat.actions.lifecycle.settled import Saved
    from locoia_pat.actions.models import ManagedToken
    from locoia_pat.stores import TokenStore


@typed
def ensure_pat(
    connector: Connector,
    *,
    name: str,
    scopes: Sequence[str],
    expiration: int,
    note: str,
    token_to: Sequence[str | TokenStore],
    renew_within: float | None = None,
    overlap: float = 24,
    change_scopes: bool = False,
    take_over: bool = False,
    replaces: str | None = None,
    **options: Unpack[CallOptions],
) -> ManagedToken:
    """Have one working token of a name: create it, adopt it, or renew it when it is due.

    Safe to run again at any time, concurrently, and after a kill.

    Args:
        connector: the rotator, whose credential authorises all this: another token of the same user, or the managed
            token itself, read from the store that is written.
        name: the managed name.
        scopes: what the token may do.
        expiration: days it lives; it is renewed before.
        note: what it is for; a marker is appended to it.
        token_to: its token stores.
        renew_within: days left at which it is renewed; a third of *expiration* by default.
        overlap: hours for which the previous token keeps working.
        change_scopes: whether to create new rows if the current token has other scopes.
        take_over: whether to take over a name that another state folder manages.
        replaces: the id of a row created by hand, which is revoked once the overlap has passed.
        options: those of a call, see :class:`~locoia_pat.actions.typed_call.CallOptions`.

    Raises:
        InvalidError: it cannot be done safely, or an input, a store or the credential is invalid; nothing was sent.
        RefusedError: the API refused, or the name is managed elsewhere.
        NotDoneError: the API was not reached, or the name is busy; safe to retry.
        UnknownOutcomeError: responses were lost repeatedly; run it again.
        NotStoredError: a store did not accept the token; run it again.

    """
    inputs = {
        "name": name,
        "scopes": as_list(scopes),
        "expiration": expiration,
        "note": note,
        "renew_within": renew_within,
        "overlap": overlap,
        "change_scopes": change_scopes,
        "take_over": take_over,
        "replaces": replaces,
    }
    return _managed_token(run_ensure_pat(connector, inputs, token_to, **options))


def run_ensure_pat(
    connector: Connector, inputs: dict[str, Any], token_to: Sequence[str | TokenStore], **options: Unpack[CallOptions]
) -> Result:
    """Run ``ensure_pat`` from *inputs*."""
    return run_protocol("ensure_pat", rotation.ensure, connector, parse_desired(**inputs), token_to, **options)


@typed
def rotate_pat(
    connector: Connector,
    *,
    name: str,
    expiration: int,
    token_to: Sequence[str | TokenStore],
    overlap: float = 24,
    in_place: bool = False,
    **options: Unpack[CallOptions],
) -> ManagedToken:
    """Give a name a new token now; the previous one keeps working for *overlap* hours.

    Args:
        connector: the rotator; or the token itself, read from the store that is written.
        name: the managed name.
        expiration: days the new token lives.
        token_to: its token stores.
        overlap: hours for which the previous token keeps working.
        in_place: give the same row a new secret: the old one is revoked at once, and consumers are without a token
            until they read it again.  Needs a rotator that is another token.
        options: those of a call, see :class:`~locoia_pat.actions.typed_call.CallOptions`.

    Raises:
        ConnectorError: as :func:`ensure_pat` does.

    """
    inputs = {"name": name, "expiration": expiration, "overlap": overlap, "in_place": in_place}
    return _managed_token(run_rotate_pat(connector, inputs, token_to, **options))


def run_rotate_pat(
    connector: Connector, inputs: dict[str, Any], token_to: Sequence[str | TokenStore], **options: Any
) -> Result:
    """Run ``rotate_pat`` from *inputs*."""
    inputs = dict(inputs)
    protocol = rotation.rotate_in_place if inputs.pop("in_place", False) else rotation.rotate
    return run_protocol("rotate_pat", protocol, connector, parse_desired(**inputs), token_to, **options)


@typed
def retire_pat(
    connector: Connector, *, name: str, token_to: Sequence[str | TokenStore], **options: Any
) -> ManagedToken:
    """End a name: revoke its rows, empty its stores, and journal that it ended.

    Args:
        connector: the rotator; or the token itself, read from the store that is emptied.
        name: the managed name.
        token_to: its token stores.
        options: those of a call, see :class:`~locoia_pat.actions.typed_call.CallOptions`.

    Raises:
        ConnectorError: as :func:`ensure_pat` does.

    """
    return _managed_token(run_retire_pat(connector, {"name": name}, token_to, **options))


def run_retire_pat(
    connector: Connector, inputs: dict[str, Any], token_to: Sequence[str | TokenStore], **options: Any
) -> Result:
    """Run ``retire_pat`` from *inputs*."""
    desired = parse_desired(**inputs)
    return run_protocol("retire_pat", rotation.retire, connector, desired, token_to, ending=True, **options)


def _managed_token(result: Result) -> ManagedToken:
    from locoia_pat.actions.models import ManagedToken  # noqa: PLC0415  # pydantic is only needed from here on

    return ManagedToken.of(result.raise_for_outcome())


def reconcile(connector: Connector, *, state: State | None = None, plan: bool = False, **options: Any) -> Result:
    """Finish or undo what is unfinished under each name of a state folder.

    Args:
        connector: the rotator.
        state: the journal; by default the user's.
        plan: only report what is unfinished.
        options: ``wait`` and ``settle`` of :class:`~locoia_pat.actions.lifecycle.driver.Driver`.

    Returns:
        A result whose ``data`` holds ``names``, one entry for each, and ``foreign``, the rows of the API that carry a
        name of another state folder or one that this journal has lost: :func:`take_over` manages them from here.

    """
    try:
        state = state or State()
        api = connector.base_url
    except ConnectorError as error:
        return Result("reconcile", error.outcome, problem=error.problem)
    listed = connector.run("list_pats")
    if listed.data is None:
        return Result("reconcile", listed.outcome, api, listed.attempts, problem=listed.problem)
    journalled = dict(load_entries(state, api))
    names: list[dict[str, Any]] = []
    problems: dict[Outcome, Problem] = {}
    warnings = list(listed.warnings)
    settled, proven = None, ProvenTokens(state)
    with suppress(ConnectorError, OSError):  # without them, each name is asked for on its own
        settled = SettledNames(connector, state, ListedRows(listed), proven)
    for name, loaded in journalled.items():
        try:
            if isinstance(loaded, InvalidError):
                raise loaded  # reported as any other error of this name; the others go on
            if plan:
                names.append(_plan_name(state, api, loaded[0]))
                continue
            result = _reconcile_name(connector, state, loaded, settled, **options)
        except InvalidError as error:
            result = Result.from_error("reconcile", error, api=api)
        names.append(_name_report(name, result))
        warnings += [f"{name}: {warning}" for warning in result.warnings if warning not in listed.warnings]
        if result.problem is not None:
            problems.setdefault(result.outcome, result.problem)
    proven.save()
    markers = [(row, marker) for row in listed.data["tokens"] if (marker := find_marker(row["note"])) is not None]
    foreign = [
        {"id": row["id"], "name": marker.name, "owner": marker.owner, "next": _take_over_command(marker.name)}
        for row, marker in markers
        if marker.owner != state.owner or marker.name not in journalled
    ]
    outcome = worst(problems)
    data = {"names": names, "foreign": foreign}
    return Result("reconcile", outcome, api, listed.attempts, tuple(warnings), data, problems.get(outcome))


def _plan_name(state: State, api: str, entry: JournalEntry) -> dict[str, Any]:
    due = min((row.due for row in entry.retirements), default=None)
    return {
        "name": entry.name,
        "outcome": Outcome.DONE.value,
        "unfinished": entry.operation,
        "retire_due": rfc3339(due) if due else None,
        "ended": entry.ended,
        "last": next(reversed(state.receipts(api, entry.name)), None),
    }


def _reconcile_name(
    connector: Connector, state: State, saved: Saved, settled: SettledNames | None, **options: Any
) -> Result:
    entry, stores = saved
    if entry.ended and entry.operation is None:
        return Result("reconcile", Outcome.DONE, connector.base_url, data={"change": "none"})
    desired = DesiredToken(entry.name, entry.scopes, entry.days, entry.note)
    if settled is not None:
        with suppress(ConnectorError, OSError, ValueError):  # the protocol says what is wrong
            stored = StoredName.read(connector, state, entry.name, stores, saved, take_over=False)
            if (result := settled.result("reconcile", stored, desired, is_unfinished)) is not None:
                return result
    result = run_protocol("reconcile", rotation.reconcile, connector, desired, stores, state=state, **options)
    if settled is not None:
        settled.note(entry.name, result)
    return result


def _name_report(name: str, result: Result) -> dict[str, Any]:
    name = name if name.isprintable() else ascii(name)[1:-1]  # of a damaged row
    report = {"name": name, "outcome": result.outcome.value, "change": (result.data or {}).get("change")}
    return report if result.problem is None else {**report, "error": result.to_dict()["error"]}


def take_over(
    connector: Connector,
    name: str,
    token_to: Sequence[str | TokenStore],
    *,
    expiration: int = 30,
    state: State | None = None,
    **options: Any,
) -> Result:
    """Manage a name from now on that another state folder managed, or whose journal was lost.

    The token gets a row of this state folder, with the scopes and the note of the newest row that carries the name; the
    other rows are revoked once the overlap has passed.

    Args:
        connector: the rotator.
        name: the managed name.
        token_to: its token stores.
        expiration: days the token lives.
        state: the journal; by default the user's.
        options: as for :func:`ensure_pat`.

    """
    listed = connector.run("list_pats")
    if listed.problem is not None:
        return Result("reconcile", listed.outcome, listed.api, listed.attempts, problem=listed.problem)
    rows = (listed.data or {}).get("tokens", ())
    marked = [row for row in rows if (marker := find_marker(row["note"])) is not None and marker.name == name]
    if not marked:
        hint = "If its rows belong to another user or have expired, ensure_pat starts again, with take_over=true."
        message = f"no row carries the name {describe_value(name)}"
        problem = Problem("not_found", message, field="take_over", hint=hint)
        return Result("reconcile", Outcome.INVALID, listed.api, listed.attempts, problem=problem)
    newest = max(marked, key=lambda row: row["expiration"] or "")
    inputs = {"scopes": newest["scopes"] or [], "note": strip_marker(newest["note"]), "expiration": expiration}
    desired = parse_desired(name=name, take_over=True, **inputs)
    return run_protocol("reconcile", rotation.ensure, connector, desired, token_to, state=state, **options)


def _take_over_command(name: str) -> str:
    return f"locoia-pat reconcile --take-over {name} --token-to REF"
