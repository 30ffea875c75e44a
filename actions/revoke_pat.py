"""``revoke_pat``: a token that works no more; the API has no delete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from locoia_pat import Outcome, Result
from locoia_pat.actions.lifecycle.rows import known_rows, own_row
from locoia_pat.outcomes import invalid

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from locoia_pat import Connector
    from locoia_pat.stores import Sink

_DAYS = 1
_MAY_BE_DEAD = {Outcome.DONE, Outcome.UNKNOWN}


def revoke_pat(connector: Connector, token_id: str) -> None:
    """Make the token of the row *token_id* useless: it is regenerated, and the answer thrown away.

    The row stays listed until it expires, a day later.

    Raises:
        RefusedError: the API said no; the token works as before.
        NotDoneError: the API was not reached; safe to repeat.
        UnknownOutcomeError: an answer was lost; safe to repeat.

    """
    run(connector, {"token_id": token_id}).raise_for_outcome()


def run(connector: Connector, inputs: dict[str, Any], token_to: Sequence[str | Sink] = (), **_: Any) -> Result:
    """The same from inputs, as a step has them; returns a result for every outcome."""
    if token_to:
        raise invalid("revoke_pat gives no token to put anywhere", field="token_to")
    id_: str = inputs["token_id"]
    done = connector.run("regenerate_pat", {"token_id": id_, "expiration": _DAYS})
    told: Mapping[str, Any] = done.data or {}
    data = {"id": told.get("id"), "expiration": told.get("expiration")} if done.data else None
    harm = _harm(connector, id_) if done.outcome in _MAY_BE_DEAD else ()
    return Result("revoke_pat", done.outcome, done.api, done.attempts, (*done.warnings, *harm), data, done.problem)


def _harm(connector: Connector, id_: str) -> Iterator[str]:
    """What stops working with the token of that row, as far as it is known here."""
    name = known_rows(connector.base_url).managed.get(id_)
    if name is not None:
        yield f"its row is one of the managed name {name}: ensure_pat, or reconcile, gives its places another token"
    if own_row(connector) == id_:
        yield "it is the credential in use: nothing more can be done with it"
