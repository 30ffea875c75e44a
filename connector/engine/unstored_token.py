"""What becomes of a token that was minted and that no store took: it is revoked, where its spec says how."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from locoia_pat.engine.row_search import RowSearch, choose_row
from locoia_pat.outcomes import InvalidError, Outcome, Problem
from locoia_pat.secrets.secret import iter_secrets
from locoia_pat.spec.description import run_command

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from locoia_pat.engine.engine import Engine, Sender
    from locoia_pat.outcomes import Result
    from locoia_pat.response.classify import ParsedResponse
    from locoia_pat.secrets.secret import Secret
    from locoia_pat.spec.model import ActionSpec

    RunRelated = Callable[[str, Mapping[str, Any]], ParsedResponse | None]

_MAX_ID = 100
"""Characters of the longest id that a hint repeats."""


def revoke_unstored(
    engine: Engine, sender: Sender, result: Result, reason: str, header: tuple[str, Secret] | None
) -> Result:
    """Revoke the token that *result* carries, and return the ``not_stored`` result of that.

    Args:
        engine: runs the action that revokes it.
        sender: sends the requests.
        result: of the action that minted the token.
        reason: why it is not stored.
        header: the credential to revoke it with; None to read it.

    """
    action = engine.action(str(result.action))
    spec = action.spec
    if spec.effect == "read":
        problem = Problem("not_stored", reason, hint="The secret is still where it was read from.")
        return replace(result, outcome=Outcome.NOT_STORED, problem=problem, secrets={})
    own = next(iter(result.secrets.values()), None) if spec.auth == "none" else None
    run: RunRelated = partial(engine.run_related, sender, header=header, own=own)
    data = result.data or {}
    inputs = action.revoke_inputs({**data, **result.secrets})
    search = _find_row(spec, result, run) if inputs is None else None
    if search is not None:
        data = search.outputs
        inputs = action.revoke_inputs({**data, **result.secrets})
    parsed = run(spec.revoke.action, inputs) if inputs is not None and spec.revoke is not None else None
    outcome = None if parsed is None else parsed.outcome
    revoked = outcome is Outcome.DONE
    mints, id_ = _revoke_mints(engine, spec), data.get("id")
    row = f"row {id_}" if isinstance(id_, str) and id_.isprintable() and 0 < len(id_) <= _MAX_ID else "its row"
    if not revoked:
        state = "may still be" if outcome is Outcome.UNKNOWN else "is still"
        hint = f"The token was discarded, but {row} {state} active and its secret is lost."
    elif mints:  # the row has another secret now, which was discarded
        hint = f"The new token was revoked immediately; {row} stays listed until it expires."
    else:
        hint = f"The new token was revoked immediately{'' if row == 'its row' else f': {row}'}."
    command = None if revoked else _revoke_command(spec, inputs, mints=mints)
    if search is not None and search.remark is not None:
        hint, command = f"{hint} {search.remark}", run_command(str(spec.verify_with), result.row_inputs)
    problem = Problem("not_stored", reason, hint=hint, next=command)
    return replace(result, outcome=Outcome.NOT_STORED, problem=problem, secrets={})


def _find_row(spec: ActionSpec, result: Result, run: RunRelated) -> RowSearch | None:
    """Look for the row of the token in *result* by the mark that was sent; None if its spec does not say how."""
    if spec.revoke is None or not spec.revoke.from_row or spec.verify_with is None:
        return None
    data = result.data or {}
    if result.mark is None:
        return RowSearch(data, f"Its row has no mark: look for it with {spec.verify_with}.")
    listed = run(spec.verify_with, result.row_inputs)
    return choose_row(spec, data, result.mark, listed, list(result.secrets.values()))


def _revoke_mints(engine: Engine, spec: ActionSpec) -> bool:
    """Return whether a token of *spec* is revoked by minting another one for its row."""
    try:
        return spec.revoke is not None and bool(engine.action(spec.revoke.action).spec.secrets)
    except InvalidError:
        return False  # the spec is wrong


def _revoke_command(spec: ActionSpec, inputs: Mapping[str, Any] | None, *, mints: bool) -> str | None:
    if inputs is None or spec.revoke is None or next(iter_secrets(inputs), None) is not None:
        return None
    store = ["--token-to", "file:token.json"] if mints else []
    return run_command(spec.revoke.action, inputs, *store)
