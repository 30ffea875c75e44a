"""``doctor --measure``: measure undocumented behaviour of the API on throwaway rows.

The API has no delete, so each row stays listed until it expires, a day later.  All of them are revoked before the
measurement ends, however it ends; after a kill the next measurement revokes them.
"""

from __future__ import annotations

import base64
import datetime as dt
import secrets
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from locoia_pat import Outcome, Problem, Result
from locoia_pat.actions import scopes as pat_scopes
from locoia_pat.actions.doctor.probe_session import DAYS, ProbeSession, StoppedError, has_tag
from locoia_pat.actions.doctor.probes import PROBES, max_rows, measure_expired, start
from locoia_pat.actions.lifecycle.capabilities import ApiFacts, CapabilityFile, MeasurementRun
from locoia_pat.limits import PATIENCE, WAIT
from locoia_pat.outcomes import invalid
from locoia_pat.response.timestamp import rfc3339
from locoia_pat.state.journal import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from locoia_pat.actions.doctor.probe_session import ProbeCall
    from locoia_pat.actions.lifecycle.capabilities import Fact
    from locoia_pat.connector import RecordingConnector

LEASE = ("*", "doctor --measure")
"""One measurement at a time in a state folder."""
_FINISH = "locoia-pat doctor --measure --finish"
_ATTEMPTS = 3
_MARGIN = dt.timedelta(hours=26)
"""Added to an expiry before a row counts as expired: an API may show no time of day or no zone."""


class Measurement:
    """Measures one API."""

    def __init__(
        self,
        connector: RecordingConnector,
        *,
        state: State | None = None,
        scopes: Sequence[str] = pat_scopes.NAMES,
        patience: float = 30,
        wait: float = 60,
        settle: float = 2,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        """Prepare to measure with the credential of *connector*.

        Args:
            connector: what calls the API; its credential must be allowed to list, create and regenerate.
            state: the state folder for the facts and the journal; by default the user's.
            scopes: the scopes to try; each needs at most two rows.
            patience: seconds to wait for a row to appear in the list.
            wait: seconds to wait for another measurement.
            settle: seconds in which a request whose response was lost may still reach the API.
            now: the local clock, used if the server sends no time.

        Raises:
            InvalidError: the state folder, the base URL or the capability file cannot be used.

        """
        PATIENCE.check("patience", patience)
        WAIT.check("wait", wait)
        WAIT.check("settle", settle)
        self.revoking = False
        """Whether rows are being revoked, which must not be interrupted."""
        self._connector = connector
        self._api = connector.base_url
        self._state = state or State()
        self._file = CapabilityFile(self._state)
        self._saved = self._file.read(self._api)
        self._lease = self._state.lease(*LEASE)
        self._scopes = tuple(dict.fromkeys(scopes))
        if not self._scopes:
            raise invalid("no scope to try", field="scopes", hint=f"There are {', '.join(pat_scopes.ALL)}.")
        self._patience = patience
        self._wait = wait
        self._settle = settle
        self._now = now
        self._not_revoked: tuple[str, ...] = ()
        self._attempts = 0

    def describe_plan(self, *, finish: bool = False) -> str:
        """Say what will be done, and how many rows it leaves.

        Raises:
            InvalidError: *finish* is set, and there are no rows, or none that have expired.

        """
        host = urlsplit(self._api).netloc
        if not finish:
            return (
                f"This creates up to {max_rows(len(self._scopes))} tokens at {host} that live for one day, and revokes "
                "them before it ends. The API has no delete, so their rows stay listed until they expire."
            )
        if self._expired_runs():
            return f"This regenerates one expired row at {host}; if that works, it stays listed for one more day."
        if any(not run.cleared for run in self._saved.runs):
            return f"This revokes the tokens that an earlier measurement left at {host}."
        dates = sorted(run.due for run in self._saved.runs if run.due)
        hint = f"They expire by {dates[0]}." if dates else "Measure first: locoia-pat doctor --measure."
        raise invalid("no throwaway rows have expired yet", field="finish", hint=hint)

    def _expired_runs(self) -> list[MeasurementRun]:
        return [run for run in self._saved.runs if run.cleared and run.due and run.due <= rfc3339(self._now())]

    def measure(self) -> Result:
        """Measure all facts but those of expired rows; return a result for every outcome."""
        return self._with_lease(self._measure)

    def finish(self) -> Result:
        """Measure the facts of expired rows; return a result for every outcome."""
        return self._with_lease(self._finish)

    def _with_lease(self, work: Callable[[ProbeSession], Result | None]) -> Result:
        """Revoke what earlier measurements left, then do *work*, while no other measurement runs."""
        if not self._lease.acquire(self._wait):
            message = f"another measurement is in progress: {self._lease.describe_holder()}"
            problem = Problem("busy", message, hint="It is safe to retry.")
            return Result("doctor", Outcome.NOT_DONE, self._api, problem=problem)
        run = MeasurementRun(base64.b32encode(secrets.token_bytes(10)).decode(), rfc3339(self._now()))
        options: dict[str, Any] = {"scopes": self._scopes, "patience": self._patience, "now": self._now}
        session = ProbeSession(self._connector, run, self._save_run, **options)
        try:
            self._file = CapabilityFile(self._state.under(self._lease))  # once the lease is lost, it is not written
            self._saved = self._file.read(self._api)  # another measurement may have ended in the meantime
            self._revoke_leftovers(session)
            failure = work(session)
            self._attempts = session.attempts
        finally:
            session.close()
            self._lease.release()
        return self._to_result(failure)

    def _measure(self, session: ProbeSession) -> Result | None:
        """Run the probes; return the result that stopped them, or None."""
        failure = None
        try:
            start(session)
            for probe in PROBES:
                self._save_facts(probe(session))
        except StoppedError as error:
            failure = error.result
        finally:
            if session.started:
                self._revoke(session, session.run)
        return failure

    def _finish(self, session: ProbeSession) -> Result | None:
        if not (expired := self._expired_runs()):
            return None  # leftovers were revoked just now, and expire in a day
        try:
            self._save_facts(measure_expired(session, expired))
        except StoppedError as error:
            return error.result
        self._save(replace(self._saved, runs=tuple(run for run in self._saved.runs if run not in expired)))
        return None

    def _revoke_leftovers(self, session: ProbeSession) -> None:
        expired = self._expired_runs()
        for run in self._saved.runs:
            if run not in expired:
                self._revoke(session, run)

    def _revoke(self, session: ProbeSession, run: MeasurementRun) -> None:
        self.revoking = True
        try:
            run, failed = revoke_rows(session, run, settle=self._settle)
            self._not_revoked += failed
            self._save_run(run)
        finally:
            self.revoking = False

    def _save_facts(self, facts: Iterable[Fact]) -> None:
        at = rfc3339(self._now())
        measured = {fact.name: {"value": fact.value, "at": at, "how": fact.how} for fact in facts}
        self._save(replace(self._saved, facts={**self._saved.facts, **measured}))

    def _save_run(self, run: MeasurementRun) -> None:
        self._save(self._saved.with_run(run))

    def _save(self, facts: ApiFacts) -> None:
        self._saved = facts
        self._file.write(self._api, facts)

    def _to_result(self, failure: Result | None) -> Result:
        data: dict[str, Any] = {
            "facts": self._saved.all_facts(),
            "rows": sum(len(run.rows) for run in self._saved.runs),
            "not_revoked": list(self._not_revoked),
            "due": max((run.due for run in self._saved.runs if run.due), default=None),
        }
        outcome, problem = (failure.outcome, failure.problem) if failure else (Outcome.DONE, None)
        warnings: tuple[str, ...] = ()
        if self._not_revoked:
            warnings = (problem.message,) if problem else ()
            message = f"{len(self._not_revoked)} throwaway tokens could not be revoked"
            rows = ", ".join(self._not_revoked)
            hint = f"Their secrets were discarded, and they expire a day after they were created. Rows: {rows}."
            outcome, problem = Outcome.UNKNOWN, Problem("unknown", message, hint=hint, next=_FINISH)
        elif outcome is Outcome.UNKNOWN and problem is not None:
            hint = "All created tokens were revoked, and it is safe to retry."
            outcome, problem = Outcome.NOT_DONE, Problem("unavailable", problem.message, problem.status, hint=hint)
        return Result("doctor", outcome, self._api, self._attempts, warnings, data, problem)


# Revoke throwaway rows: each gets a new secret, which is discarded, and expires a day later


def revoke_rows(session: ProbeSession, run: MeasurementRun, *, settle: float) -> tuple[MeasurementRun, tuple[str, ...]]:
    """Revoke the rows of *run*; return its new journal entry and the ids of rows that could not be revoked.

    The rows are those in the journal, and those whose note names the run, because a response may have been lost.  Of a
    run that was cleared before, only rows that appeared since are revoked.

    Args:
        session: the calls.
        run: the run, this one or an earlier one.
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
