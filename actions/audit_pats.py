"""``audit_pats``: tokens that expire soon, never expire, are not used, or may do more than is needed."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from locoia_pat import Outcome, Result
from locoia_pat.actions import scopes
from locoia_pat.actions.lifecycle.marker import marked
from locoia_pat.actions.lifecycle.rows import known_rows
from locoia_pat.outcomes import invalid

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from locoia_pat import Connector
    from locoia_pat.stores import Sink


def audit_pats(
    connector: Connector,
    *,
    expiring_within: float = 14,
    unused_for: float = 90,
    needs: Sequence[str] | None = None,
) -> list[dict[str, Any]]:
    """What is odd about the tokens of the credential's owner; other users' tokens are not listed.

    Args:
        connector: what calls the API.
        expiring_within: days left from which a token is told.
        unused_for: days since its last use from which it is told; the API may write the use late.
        needs: scopes that are enough; a token that may do more is told.

    Raises:
        ConnectorError: the list could not be read.

    """
    inputs = {"expiring_within": expiring_within, "unused_for": unused_for, "needs": needs}
    found: list[dict[str, Any]] = (run(connector, inputs).raise_for_outcome().data or {})["findings"]
    return found


def run(connector: Connector, inputs: Mapping[str, Any], token_to: Sequence[str | Sink] = (), **_: Any) -> Result:
    """The same from inputs, as a step has them; returns a result for every outcome."""
    if token_to:
        raise invalid("audit_pats gives no token to put anywhere", field="token_to")
    listed = connector.run("list_pats")
    if listed.data is None:
        return Result("audit_pats", listed.outcome, listed.api, listed.attempts, listed.warnings, None, listed.problem)
    ended = known_rows(connector.base_url).ended
    rows = [row for row in listed.data["tokens"] if row["id"] not in ended]
    now = dt.datetime.now(dt.UTC)
    findings = [
        {"id": row["id"], "note": row["note"], "finding": kind, "message": message}
        for row in rows
        for kind, message in _odd(row, inputs, now)
    ]
    data = {"findings": findings, "checked": len(rows)}
    return Result("audit_pats", Outcome.DONE, listed.api, listed.attempts, listed.warnings, data)


def _odd(row: Mapping[str, Any], inputs: Mapping[str, Any], now: dt.datetime) -> Iterator[tuple[str, str]]:
    left, within = row["expires_in_days"], inputs["expiring_within"]
    if row["expiration"] is None and not row.get("expiration_raw"):
        yield "never-expires", "it never expires"
    elif left is not None and left < 0:
        return  # it works no more, whatever else is odd about it
    elif left is not None and left <= within:
        yield "expiring", f"it expires in {left} days"
    used = dt.datetime.fromisoformat(row["last_used"]) if row["last_used"] else None
    if used is None and marked(row["note"]) is None:
        yield "unused", "it was never used, as far as the API tells, or is new: when it was made is not told"
    elif used is not None and (days := (now - used).days) >= inputs["unused_for"]:
        yield "unused", f"it was last used {days} days ago"
    needs = inputs.get("needs")
    if needs and row["scopes"] and (more := _beyond(row["scopes"], needs)):
        yield "too-wide", f"it has {', '.join(more)} beyond what is needed"


def _beyond(has: Sequence[str], needs: Sequence[str]) -> list[str]:
    """The scopes of *has* that none of *needs* allows."""
    return [scope for scope in has if scope not in needs and not any(_covers(need, scope) for need in needs)]


def _covers(wider: str, narrower: str) -> bool:
    known = wider in scopes.ALL and narrower in scopes.ALL
    return known and scopes.includes(wider, narrower)
