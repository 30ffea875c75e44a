"""Tokens, each by its row: create, regenerate, list, revoke and audit.

The ``run_…`` functions run a super action from its inputs, as a step does; they return a result for every outcome.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from locoia_pat import Outcome, Result
from locoia_pat.actions.typed_call import typed
from locoia_pat.messages import plural
from locoia_pat.outcomes import invalid
from locoia_pat.response.timestamp import read_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from locoia_pat import Connector
    from locoia_pat.actions.models import MintedToken, PersonalAccessToken
    from locoia_pat.stores import TokenStore

FindingKind = Literal["expiring", "never-expires", "unused", "too-wide"]
"""What ``audit_pats`` finds."""


class AuditFinding(TypedDict):
    """A token that needs attention."""

    id: str
    note: str | None
    finding: FindingKind
    message: str


_REVOKED_DAYS = 1
"""Days that the row of a revoked token stays listed."""


@typed
def create_pat(
    connector: Connector,
    *,
    expiration: int | None,
    scopes: Sequence[str],
    note: str,
    token_to: Sequence[str | TokenStore] = (),
    replace: bool = False,
) -> MintedToken:
    """Create a token.

    Args:
        connector: calls the API.
        expiration: days until it expires; None for never.
        scopes: what it may do, for example ``["automation:view"]``.
        note: what it is for, at most 255 characters.
        token_to: token stores for it, as references such as ``file:ci.json``.
        replace: whether a store may hold another token, which becomes its previous one.

    Returns:
        The token and its row; the API shows the token only this once.

    Raises:
        InvalidError: an input, a store or the credential is invalid; nothing was sent.
        RefusedError: the API refused.
        NotDoneError: the API was not reached, or asked for a longer wait; safe to retry.
        UnknownOutcomeError: it may have happened; check with :func:`list_pats` before you retry.
        NotStoredError: it happened, and no store accepted the token.

    """
    from locoia_pat.actions.models import MintedToken  # noqa: PLC0415  # pydantic is only needed from here on

    inputs = {"expiration": expiration, "scopes": as_list(scopes), "note": note}
    return MintedToken.of(connector.run("create_pat", inputs, token_to=token_to, replace=replace).raise_for_outcome())


def as_list(value: object) -> object:
    """Return a tuple or a set as a list; anything else stays as it is, for validation."""
    return list(value) if isinstance(value, tuple | set | frozenset) else value


@typed
def regenerate_pat(
    connector: Connector,
    token_id: str,
    *,
    expiration: int | None,
    token_to: Sequence[str | TokenStore] = (),
    replace: bool = False,
) -> MintedToken:
    """Replace the secret of a row; the old secret stops working at once.

    Args:
        connector: calls the API.
        token_id: the id of the row.
        expiration: days until the new secret expires; None for never.
        token_to: token stores for it; one that holds a token must hold that of *token_id*.
        replace: whether a store may hold another token, which becomes its previous one.

    Returns:
        The token and its row.  Use its id from now on: the API page does not say whether a regenerate keeps it.

    Raises:
        InvalidError: an input, a store or the credential is invalid; nothing was sent.
        RefusedError: the API refused; the old secret still works.
        NotDoneError: the API was not reached, or asked for a longer wait; safe to retry.
        UnknownOutcomeError: it may have happened, and then the old secret is revoked.
        NotStoredError: it happened, and no store accepted the token.

    """
    from locoia_pat.actions.models import MintedToken  # noqa: PLC0415  # pydantic is only needed from here on

    inputs = {"token_id": token_id, "expiration": expiration}
    result = connector.run("regenerate_pat", inputs, token_to=token_to, replace=replace)
    return MintedToken.of(result.raise_for_outcome())


@typed
def list_pats(connector: Connector) -> list[PersonalAccessToken]:
    """List the tokens of the user who owns the credential, without their secrets.

    Raises:
        InvalidError: the credential or the base URL is invalid; nothing was sent.
        RefusedError: the API refused.
        NotDoneError: the read failed; safe to retry.

    """
    from locoia_pat.actions.models import PersonalAccessToken  # noqa: PLC0415  # pydantic is only needed from here on

    data = connector.run("list_pats").raise_for_outcome().data or {}
    return [PersonalAccessToken.model_validate(row) for row in data["tokens"]]


@typed
def revoke_pat(connector: Connector, token_id: str) -> None:
    """Revoke the token of a row: the row is regenerated and the response discarded, since the API has no delete.

    The row stays listed until it expires, a day later.

    Args:
        connector: calls the API.
        token_id: the id of the row.

    Raises:
        RefusedError: the API refused; the token still works.
        NotDoneError: the API was not reached; safe to retry.
        UnknownOutcomeError: a response was lost; safe to retry.

    """
    run_revoke_pat(connector, {"token_id": token_id}).raise_for_outcome()


def run_revoke_pat(
    connector: Connector, inputs: dict[str, Any], token_to: Sequence[str | TokenStore] = (), **_: Any
) -> Result:
    """Run ``revoke_pat`` from *inputs*."""
    if token_to:
        raise invalid("revoke_pat returns no token to store", field="token_to")
    id_: str = inputs["token_id"]
    result = connector.run("regenerate_pat", {"token_id": id_, "expiration": _REVOKED_DAYS})
    data = {key: result.data.get(key) for key in ("id", "expiration")} if result.data else None
    may_be_revoked = result.outcome in {Outcome.DONE, Outcome.UNKNOWN}
    warnings = (*result.warnings, *(_revocation_warnings(connector, id_) if may_be_revoked else ()))
    return Result("revoke_pat", result.outcome, result.api, result.attempts, warnings, data, result.problem)


def _revocation_warnings(connector: Connector, id_: str) -> Iterator[str]:
    """Yield what stops working with the token of the row *id_*, as far as it is known."""
    from locoia_pat.actions.lifecycle.journalled import (  # noqa: PLC0415  # SQLite, for this action only
        credential_row_id,
        load_known_rows,
    )

    name = load_known_rows(connector.base_url).managed.get(id_)
    if name is not None:
        yield f"its row belongs to the managed name {name}: ensure_pat or reconcile writes a new token to its stores"
    if credential_row_id(connector) == id_:
        yield "it is the credential in use, which no longer works"


@typed
def audit_pats(
    connector: Connector,
    *,
    only: Sequence[FindingKind] | None = None,
    expiring_within: float | None = 14,
    never_expires: bool = True,
    unused_for: float | None = 90,
    needs: Sequence[str] | None = None,
) -> list[AuditFinding]:
    """Find tokens that expire soon or never, are not used, or may do more than is needed.

    Only tokens of the user who owns the credential are listed.

    Args:
        connector: calls the API.
        only: the kinds of findings to report, of ``expiring``, ``never-expires``, ``unused`` and ``too-wide``; by
            default all.
        expiring_within: days left at which a token is reported; None for no such findings.
        never_expires: whether a token that never expires is reported.
        unused_for: days without a use after which a token is reported; None for no such findings.  The API may record a
            use late, and the days of a token that was never used count from the first audit that listed it.
        needs: the scopes that are enough; a token that may do more is reported.

    Returns:
        The findings.

    Raises:
        ConnectorError: the list could not be read.

    """
    inputs = {
        "only": as_list(only),
        "expiring_within": expiring_within,
        "never_expires": never_expires,
        "unused_for": unused_for,
        "needs": as_list(needs),
    }
    data = connector.run("audit_pats", inputs).raise_for_outcome().data or {}
    findings: list[AuditFinding] = data["findings"]
    return findings


def run_audit_pats(
    connector: Connector, inputs: Mapping[str, Any], token_to: Sequence[str | TokenStore] = (), **_: Any
) -> Result:
    """Run ``audit_pats`` from *inputs*."""
    from locoia_pat.actions.lifecycle.journalled import load_known_rows  # noqa: PLC0415  # SQLite, for this action only

    if token_to:
        raise invalid("audit_pats returns no token to store", field="token_to")
    if "too-wide" in (inputs["only"] or ()) and not inputs["needs"]:
        raise invalid(
            "is missing", field="needs", hint='Name the scopes that are enough; "too-wide" is what exceeds them.'
        )
    listed = connector.run("list_pats")
    if listed.data is None:
        return Result("audit_pats", listed.outcome, listed.api, listed.attempts, listed.warnings, None, listed.problem)
    revoked = load_known_rows(connector.base_url).revoked
    rows = [row for row in listed.data["tokens"] if row["id"] not in revoked]
    now = listed.at or dt.datetime.now(dt.UTC)
    unused, warnings = _find_unused(connector.base_url, rows, inputs, now)
    findings = [
        {"id": row["id"], "note": row["note"], "finding": finding, "message": message}
        for row in rows
        for finding, message in _audit_row(row, inputs, unused)
        if not inputs["only"] or finding in inputs["only"]
    ]
    data = {"findings": findings, "criteria": dict(inputs), "checked": len(rows)}
    return Result("audit_pats", Outcome.DONE, listed.api, listed.attempts, (*listed.warnings, *warnings), data)


def _find_unused(
    api: str, rows: Iterable[Mapping[str, Any]], inputs: Mapping[str, Any], now: dt.datetime
) -> tuple[dict[str, str], list[str]]:
    """Return a message for each row that is not used, by its id, and warnings."""
    from locoia_pat.actions.lifecycle.marker import find_marker  # noqa: PLC0415  # for this action only
    from locoia_pat.actions.lifecycle.never_used import days_listed  # noqa: PLC0415  # for this action only

    limit = inputs["unused_for"]
    if limit is None or "unused" not in (inputs["only"] or ("unused",)):
        return {}, []
    messages: dict[str, str] = {}
    never_used: list[str] = []
    for row in rows:
        if row["last_used"]:
            if (days := (now - dt.datetime.fromisoformat(row["last_used"])).days) >= limit:
                messages[row["id"]] = f"it was last used {days} days ago"
        elif find_marker(row["note"]) is None:  # one of the two rows of a managed name is never used
            never_used.append(row["id"])
    listed, warning = days_listed(api, never_used, now)
    for id_, days in listed.items():
        if days >= limit:
            messages[id_] = f"it was never used in the {days} days since an audit first listed it"
    return messages, [warning] if warning else []


def _audit_row(
    row: Mapping[str, Any], inputs: Mapping[str, Any], unused: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    left, within = row["expires_in_days"], inputs["expiring_within"]
    if row["expiration"] is None and "expiration_raw" in row:
        raw = row["expiration_raw"] or "not a string"
        note = read_time(raw).note
        if note is None and within is not None:
            yield "expiring", f"its expiry is not readable, so it may expire soon: {raw}"
        elif note is not None and inputs["never_expires"]:
            yield "never-expires", f"its expiry {raw} {note}"
    elif row["expiration"] is None:
        if inputs["never_expires"]:
            yield "never-expires", "it never expires"
    elif left is not None and left < 0:
        return  # it has expired, so nothing else matters
    elif left is not None and within is not None and left <= within:
        yield "expiring", f"it expires in {plural(left, 'day')}"
    if row["id"] in unused:
        yield "unused", unused[row["id"]]
    needs = inputs["needs"]
    if needs and row["scopes"] and (excess := _excess_scopes(row["scopes"], needs)):
        yield "too-wide", f"it has {', '.join(excess)} beyond what is needed"


def _excess_scopes(scopes: Sequence[str], needs: Sequence[str]) -> list[str]:
    """Return those of *scopes* that none of *needs* includes."""
    from locoia_pat.actions.scopes import includes  # noqa: PLC0415  # for this action only

    return [scope for scope in scopes if scope not in needs and not any(includes(need, scope) for need in needs)]
