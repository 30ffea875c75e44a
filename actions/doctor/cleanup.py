"""Revoke throwaway rows: each gets a new secret, which is discarded, and expires a day later."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from locoia_pat.actions.doctor.probe_session import DAYS, has_tag
from locoia_pat.response.timestamp import rfc3339

if TYPE_CHECKING:
    from locoia_pat.actions.doctor.probe_session import ProbeCall, ProbeSession
    from locoia_pat.actions.lifecycle.capabilities import MeasurementRun

_ATTEMPTS = 3
_MARGIN = dt.timedelta(hours=26)
"""Added to an expiry before a row counts as expired: an API that tells no time of day or no zone may mean any."""


def revoke_rows(session: ProbeSession, run: MeasurementRun, *, settle: float) -> tuple[MeasurementRun, tuple[str, ...]]:
    """Revoke the rows of *run*; return its new journal entry and the ids of rows that could not be revoked.

    The rows are those in the journal, and those whose note names the run, because a response may have been lost.  Of a
    run that was cleared before, only rows that appeared since are revoked.

    Args:
        session: the calls.
        run: the run, of this session or of an earlier one.
        settle: seconds to wait for a request that may still reach the API.

    """
    if session.may_be_in_flight:
        time.sleep(settle)
    listed = session.list()
    journalled = run.rows.values()
    tagged = [str(row["id"]) for row in listed.rows if has_tag(run.op, row["note"])]
    late = [id_ for id_ in tagged if id_ not in journalled]
    rows = {**run.rows, **{f"late-{id_}": id_ for id_ in late}}
    failed: list[str] = []
    expiries = [run.due] if run.due else []
    for number, id_ in rows.items():
        if run.cleared and id_ not in late:
            continue
        call = _revoke(session, id_, settle)
        if call.done:
            rows[number] = call.row_id
            expiries.append(_expired_by(call))
        elif not call.not_found:
            failed.append(id_)
    journal_is_complete = run.op == session.run.op and not session.may_be_in_flight
    cleared = not failed and (listed.done or journal_is_complete)
    due = max(expiries, default=rfc3339(session.now + dt.timedelta(days=DAYS) + _MARGIN))
    return replace(run, rows=rows, cleared=cleared, due=due if cleared else run.due), tuple(failed)


def _revoke(session: ProbeSession, id_: str, settle: float) -> ProbeCall:
    """Regenerate a row and discard its secret; retry while the outcome is unknown."""
    call = session.regenerate_id(id_)
    for _ in range(_ATTEMPTS - 1):
        if call.done or call.refused:
            break
        time.sleep(settle)
        call = session.regenerate_id(id_)
    return call


def _expired_by(call: ProbeCall) -> str:
    """Return when a row that was just regenerated has certainly expired."""
    expiration = (call.result.data or {}).get("expiration")
    expected = call.server_time + dt.timedelta(days=DAYS)
    latest = max(expected, dt.datetime.fromisoformat(expiration)) if expiration else expected
    return rfc3339(latest + _MARGIN)
