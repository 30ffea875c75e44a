"""``doctor --measure``: what the API's documentation leaves open, measured on throw-away rows.

The API has no delete, so each row stays listed until it expires, a day later; its secret is thrown away before the
measurement ends, however it ends.  After a kill the next measurement does so.
"""

from __future__ import annotations

import base64
import datetime as dt
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from locoia_pat import Outcome, Problem, Result
from locoia_pat.actions import scopes as pat_scopes
from locoia_pat.actions.doctor.cleanup import cleared, rfc3339
from locoia_pat.actions.doctor.expired import expired
from locoia_pat.actions.doctor.probe_session import Bench, StoppedError
from locoia_pat.actions.doctor.probes import PROBES
from locoia_pat.actions.doctor.scope_matrix import most_rows
from locoia_pat.actions.lifecycle.capabilities import ApiFacts, CapabilityFile, MeasurementRun
from locoia_pat.outcomes import invalid
from locoia_pat.state.journal import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from locoia_pat.actions.lifecycle.capabilities import Fact
    from locoia_pat.connector import RecordingConnector

LEASE = ("*", "doctor --measure")
"""One measurement at a time in a state folder."""
_NEXT = "locoia-pat doctor --measure --finish"


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
        """Measure with the credential of *connector*.

        Args:
            connector: what calls the API; its credential has to be allowed to list, create and regenerate.
            state: where the facts and the journal are kept; by default the user's.
            scopes: the scopes that are tried: at most two rows for each.
            patience: seconds to wait for a row, or a use, to show up in the list.
            wait: seconds to wait for another measurement.
            settle: seconds a request whose answer was lost gets to arrive.
            now: this computer's time, where the server tells none.

        Raises:
            InvalidError: the state, the base address or what is kept there cannot be used; nothing was sent.

        """
        self.clearing = False
        """Whether rows are being made useless: a bad moment to be interrupted."""
        self._connector = connector
        self._api = connector.base_url
        self._state = state or State()
        self._kept = CapabilityFile(self._state.folder)
        self._known = self._kept.read(self._api)
        self._lease = self._state.lease(*LEASE)
        self._scopes = tuple(dict.fromkeys(scopes))
        if not self._scopes:
            raise invalid("there is no scope to try", field="scopes", hint=f"There are {', '.join(pat_scopes.ALL)}.")
        self._patience = patience
        self._wait = wait
        self._settle = settle
        self._now = now
        self._left: tuple[str, ...] = ()
        self._attempts = 0

    def foretold(self, *, finish: bool = False) -> str:
        """What will be done, for people, before it is: how many rows stay behind.

        Raises:
            InvalidError: there is nothing to *finish*: no rows, or none that have expired.

        """
        host = urlsplit(self._api).netloc
        if not finish:
            return (
                f"This makes up to {most_rows(len(self._scopes))} tokens at {host} that live for one day. The API has "
                "no delete: their rows stay listed until they expire. Each is made useless before this ends."
            )
        if self._due():
            return f"This regenerates one expired row at {host}; if that works, it stays listed for one more day."
        if any(not run.cleared for run in self._known.runs):
            return f"This makes the tokens useless that an earlier measurement left at {host}."
        dates = sorted(run.due for run in self._known.runs if run.due)
        hint = f"They have expired for certain at {dates[0]}." if dates else "locoia-pat doctor --measure makes some."
        raise invalid("there are no throw-away rows that have expired", field="finish", hint=hint)

    def _due(self) -> list[MeasurementRun]:
        """The measurements whose rows have expired for certain."""
        return [run for run in self._known.runs if run.cleared and run.due and run.due <= rfc3339(self._now())]

    def measure(self) -> Result:
        """Measure what can be told at once; returns a result for every outcome."""
        return self._alone(self._measured)

    def finish(self) -> Result:
        """Measure what can be told a day later, of rows that have expired; returns a result for every outcome."""
        return self._alone(self._finished)

    def _alone(self, work: Callable[[Bench], Result | None]) -> Result:
        """Do *work* while no other measurement does; what was left by one that was killed is cleared up before."""
        if not self._lease.acquire(self._wait):
            message = f"another measurement is in progress: {self._lease.describe_holder()}"
            problem = Problem("busy", message, hint="It is safe to retry.")
            return Result("doctor", Outcome.NOT_DONE, self._api, problem=problem)
        run = MeasurementRun(base64.b32encode(secrets.token_bytes(10)).decode(), rfc3339(self._now()))
        options: dict[str, Any] = {"scopes": self._scopes, "patience": self._patience, "now": self._now}
        bench = Bench(self._connector, run, self._journal, **options)
        try:
            self._known = self._kept.read(self._api)  # another one may have ended meanwhile
            self._sweep(bench)
            stopped = work(bench)
            self._attempts = bench.attempts
        finally:
            bench.close()
            self._lease.release()
        return self._told(stopped)

    def _measured(self, bench: Bench) -> Result | None:
        try:
            for probe in PROBES:
                self._learn(probe(bench))
        except StoppedError as error:
            return error.result
        finally:
            self._clear(bench, bench.run)
        return None

    def _finished(self, bench: Bench) -> Result | None:
        if not (due := self._due()):
            return None  # what was left is useless now; its rows expire in a day
        try:
            self._learn(expired(bench, due, whole=self._known.value("list_whole")))
        except StoppedError as error:
            return error.result
        rest = tuple(run for run in self._known.runs if run not in due)
        self._keep(replace(self._known, runs=rest))
        return None

    def _sweep(self, bench: Bench) -> None:
        """Clear up what earlier measurements left, and what of theirs came late."""
        due = self._due()
        for run in self._known.runs:
            if run not in due:
                self._clear(bench, run)

    def _clear(self, bench: Bench, run: MeasurementRun) -> None:
        if run.op == bench.run.op and not bench.begun:
            return  # nothing was made
        self.clearing = True
        try:
            done, left = cleared(bench, run, settle=self._settle)
            self._left += left
            self._journal(done)
        finally:
            self.clearing = False

    def _learn(self, facts: Iterable[Fact]) -> None:
        at = rfc3339(self._now())
        for fact in facts:
            told = {"value": fact.value, "at": at, "how": fact.how}
            self._known = replace(self._known, facts={**self._known.facts, fact.name: told})
        self._keep(self._known)

    def _journal(self, run: MeasurementRun) -> None:
        self._keep(self._known.with_run(run))

    def _keep(self, known: ApiFacts) -> None:
        self._known = known
        self._kept.write(self._api, known)

    def _told(self, stopped: Result | None) -> Result:
        rows = [id_ for run in self._known.runs for id_ in run.rows.values()]
        due = max((run.due for run in self._known.runs if run.due), default=None)
        data: dict[str, Any] = {
            "facts": self._known.all_facts(),
            "rows": len(rows),
            "alive": list(self._left),
            "due": due,
        }
        outcome, problem = (stopped.outcome, stopped.problem) if stopped else (Outcome.DONE, None)
        if self._left:
            message = f"{len(self._left)} throw-away tokens could not be made useless"
            hint = f"They expire a day after they were made, and nobody holds them. Rows: {', '.join(self._left)}."
            outcome, problem = Outcome.UNKNOWN, Problem("unknown", message, hint=hint, next=_NEXT)
        elif outcome is Outcome.UNKNOWN and problem is not None:
            hint = "What was made is useless now, and it is safe to repeat."
            outcome, problem = Outcome.NOT_DONE, Problem("unavailable", problem.message, problem.status, hint=hint)
        told = (stopped.problem.message,) if stopped and stopped.problem and self._left else ()
        return Result("doctor", outcome, self._api, self._attempts, told, data, problem)
