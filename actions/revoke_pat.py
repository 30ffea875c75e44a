"""``revoke_pat``: a token that works no more; the API has no delete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from locoia_pat import Result
from locoia_pat.errors import invalid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from locoia_pat import Connector
    from locoia_pat.sinks import Sink

_DAYS = 1


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
    done = connector.run("regenerate_pat", {"token_id": inputs["token_id"], "expiration": _DAYS})
    told: Mapping[str, Any] = done.data or {}
    data = {"id": told.get("id"), "expiration": told.get("expiration")} if done.data else None
    return Result("revoke_pat", done.outcome, done.api, done.attempts, done.warnings, data, done.problem)
