"""A worker: handles the tokens of fleets, one of any number of workers on any machines.

``fleet apply --on`` decides on the order, canaries and when to stop, as on one machine; workers handle the tokens.  A
token is one workflow with one step, whose result is the envelope.  A worker that lives holds a lease; the work of one
that does not is enqueued again.  Should both do it, the lease of the name lets one write only.
"""

from __future__ import annotations

import datetime as dt
import os
import secrets
import socket
import time
from contextlib import closing, suppress
from itertools import takewhile
from pathlib import Path
from threading import Event, Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from dbos import DBOS

from locoia_pat import ConnectorAuth, ConnectorError, Outcome, Result
from locoia_pat.actions.fleet.apply import Summary, apply, handle_token
from locoia_pat.actions.fleet.fleet_file import Fleet, parse_fleet
from locoia_pat.actions.fleet.fleet_plan import FleetPlan
from locoia_pat.actions.fleet.fleet_queue import (
    APP,
    IN_FLIGHT,
    QUEUE,
    SCHEMA,
    VERSION,
    WORKER,
    WORKFLOW,
    FleetQueue,
    postgres_engine,
)
from locoia_pat.actions.fleet.interval import PAUSES, Interval
from locoia_pat.connector import WAIT
from locoia_pat.files import read_text
from locoia_pat.outcomes import InvalidError, invalid
from locoia_pat.response.timestamp import rfc3339
from locoia_pat.state.lease import LeaseLostError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from locoia_pat import Connector
    from locoia_pat.state.journal import State

CHECK_SECONDS = 10.0
"""How often a worker looks for the work of others that ended."""
_SECOND = dt.timedelta(seconds=1)
_MAY_SUCCEED = (Outcome.NOT_DONE, Outcome.UNKNOWN, Outcome.NOT_STORED)
"""Outcomes of tokens for which a fleet is applied again soon; the others need a person."""


class _Schedule(NamedTuple):
    """The fleet in a file, and how often it is applied."""

    text: str
    every: str
    interval: Interval


def _read_schedule(file: str, last: _Schedule | str | None) -> _Schedule | str | None:
    """Return the schedule in *file*, its mistake, or None if there is no file or no interval in it.

    The file is not parsed again while its text is that of the *last* schedule.
    """
    path = Path(file)
    if os.access(path.parent, os.X_OK) and not path.exists():  # its folder may be away for a moment
        return None
    try:
        text = read_text(file, field="file")
        if isinstance(last, _Schedule) and last.text == text:
            return last
        fleet = parse_fleet(text, file)
    except InvalidError as error:
        return error.problem.message
    return fleet.every and _Schedule(fleet.document.text, fleet.every, Interval.parse(fleet.every, file))


class _StoppedError(BaseException):
    """A worker was stopped while it applied a fleet.

    DBOS records the exceptions that are an ``Exception`` as the outcome of a workflow; with this one the workflow stays
    pending, and another worker takes it over.
    """


class FleetWorker:
    """Handles the tokens of fleets, one of any number of workers."""

    def __init__(
        self,
        state: State,
        connector: Connector,
        *,
        concurrency: int,
        rate: int | None,
        fleets: Sequence[str] = (),
        pauses: Sequence[dt.timedelta] = PAUSES,
        log_level: str = "WARNING",
    ) -> None:
        """Prepare a worker.

        Args:
            state: the state, in PostgreSQL.
            connector: has the credential of tokens that name none.
            concurrency: tokens that this worker handles at once.
            rate: tokens a minute that all workers handle by one credential, at most.
            fleets: the files of fleets that workers apply as often as each file says.
            pauses: before a run that failed is tried again.
            log_level: of DBOS.

        Raises:
            InvalidError: the state is not in PostgreSQL.

        """
        engine = postgres_engine(state)
        self._state = state
        self._connector = connector
        self._concurrency, self._rate, self._pauses = concurrency, rate, pauses
        self._fleets = [str(Path(file).absolute()) for file in fleets]
        self._schedules: dict[str, _Schedule | str | None] = {}
        """What was last found in each file of a fleet: its schedule, a mistake, or nothing to schedule."""
        self._report: Callable[[str], None] = print
        self._is_closing = Event()
        self.name = f"{socket.gethostname()}-{secrets.token_hex(4)}"
        self._lease = state.lease(WORKER, self.name)
        self._connectors: dict[str | None, Connector] = {None: connector}
        self._lock = Lock()
        self._engine = engine
        self._config: Any = {
            "name": APP,
            "system_database_engine": self._engine,
            "dbos_system_schema": SCHEMA,
            "application_version": VERSION,
            "executor_id": self.name,
            "use_listen_notify": False,
            "log_level": log_level,
            "scheduler_polling_interval_sec": CHECK_SECONDS,
        }

    def run(self, report: Callable[[str], None], *, check_seconds: float = CHECK_SECONDS) -> None:
        """Handle tokens until a ``KeyboardInterrupt``; *report* is given a line for people about what happens."""
        self._report = report
        try:
            self._start()
            report(f"locoia-pat worker {self.name} at {self._connector.base_url}")
            while True:
                with suppress(OSError):  # the database is away for now, and DBOS waits for it too
                    self._keep_lease()
                    for id_ in self._take_over():
                        report(f"taken over: {id_.partition(':')[2] or id_.removeprefix('sched-')}")
                    for file in self._fleets:
                        self._schedule(file)
                time.sleep(check_seconds)
        except KeyboardInterrupt:
            report("finishing what was begun")
        finally:
            self._close()

    def _start(self) -> None:
        """Begin to take tokens."""
        self._lease.acquire(0)

        @DBOS.step(name="handle")
        def handle(task: dict[str, Any]) -> dict[str, Any]:
            return self._handle(task)

        @DBOS.workflow(name=WORKFLOW)
        def handle_token_workflow(task: dict[str, Any]) -> dict[str, Any]:
            return handle(task)

        @DBOS.step(name="apply")
        def apply_step(file: str, text: str | None, due: dt.datetime) -> dict[str, Any]:
            return self._try(file, text, due)

        @DBOS.workflow(name="apply_fleet")
        def apply_workflow(due: dt.datetime, context: dict[str, str]) -> None:
            text, file = context["text"], context["file"]
            self._apply_until_done(parse_fleet(text, file), due, lambda text: apply_step(file, text, due))

        self._apply_workflow = apply_workflow
        DBOS(config=self._config)
        DBOS.launch()
        limiter: Any = {"partition_limiter": {"limit": self._rate, "period": 60.0}} if self._rate else {}
        DBOS.register_queue(
            QUEUE,
            worker_concurrency=self._concurrency,
            partition_worker_concurrency=self._concurrency,
            polling_interval_sec=0.2,
            on_conflict="always_update",
            **limiter,
        )

    def _keep_lease(self) -> None:
        """Acquire the lease of this worker again if it was lost; without it, others take over what it still does."""
        try:
            self._lease.check()
        except LeaseLostError:
            self._lease.release()
            self._lease.acquire(0)

    def _take_over(self) -> list[str]:
        """Enqueue the work of workers that ended without finishing it; return the ids of what was enqueued."""
        pending = DBOS.list_workflows(status="PENDING", load_input=False, load_output=False)
        ids: list[str] = []
        for name in {workflow.executor_id for workflow in pending if workflow.executor_id} - {self.name}:
            lease = self._state.lease(WORKER, name)
            # Under the lease, what another worker has taken over in the meantime is not listed any longer.
            left = DBOS.list_workflows(status="PENDING", executor_id=name) if lease.acquire(0) else []
            for workflow in left:
                DBOS.resume_workflows([workflow.workflow_id], queue_name=workflow.queue_name)
                ids.append(workflow.workflow_id)
            lease.release()
        return ids

    def _schedule(self, file: str) -> None:
        """Have the fleet of *file* applied as often as it says, or no longer if the file is gone or says nothing."""
        last = self._schedules.get(file, "")
        found = _read_schedule(file, last)
        if found == last:
            return
        if isinstance(found, str):
            self._report(f"{file} cannot be used, and stays scheduled as it was: {found}")
        elif found is None:
            DBOS.delete_schedule(file)
            self._report(f"{file} is not scheduled")
        else:
            context = {"text": found.text, "file": file}
            DBOS.apply_schedules([
                {"schedule_name": file, "workflow_fn": self._apply_workflow, "schedule": found.interval.cron(),
                 "context": context},
            ])  # fmt: skip
            due = found.interval.last_due(dt.datetime.now(dt.UTC))
            # One time that was missed is made up for; whoever does it first, the time is in the id of its workflow.
            DBOS.backfill_schedule(file, due - _SECOND, due + _SECOND)
            self._report(f"{file} is applied every {found.every}")
        self._schedules[file] = found

    def _apply_until_done(
        self, fleet: Fleet, due: dt.datetime, try_once: Callable[[str | None], Mapping[str, Any]]
    ) -> None:
        """Apply *fleet*, and again after a pause as long as that fails, until it is due the next time.

        Each try is a step, which is recorded: a worker that takes this over does the next one.

        Raises:
            _StoppedError: this worker is closing.
            RuntimeError: the last try failed as a whole.

        """
        file, interval = fleet.document.name, Interval.parse(str(fleet.every), fleet.document.name)
        text: str | None = fleet.document.text
        tries = 0
        while (failed := (result := try_once(text)).get("failed")) is not None:
            tries += 1
            text = None
            again = interval.next_try(due, dt.datetime.fromisoformat(result["ended"]), tries, self._pauses)
            if again is None:
                self._report(f"{file}: {failed}; it is applied again when it is due")
                if result["summary"] is None:
                    raise RuntimeError(failed)
                return
            self._report(f"{file}: {failed}; it is applied again at {rfc3339(again)}")
            if self._is_closing.wait(max(0.0, (again - dt.datetime.now(dt.UTC)).total_seconds())):
                raise _StoppedError

    def _try(self, file: str, text: str | None, due: dt.datetime) -> dict[str, Any]:
        """Apply the fleet of *file* once; return the summary, when it ended, and what failed that may succeed soon.

        Args:
            file: the file.
            text: the fleet; None to try again with the fleet that is scheduled now.
            due: when this run was due.

        Raises:
            InvalidError: the fleet cannot be applied.
            _StoppedError: this worker is closing.

        """
        summary, failed = None, None
        try:
            fleet = self._fleet_to_try_again(file, due) if text is None else parse_fleet(text, file)
            if fleet is not None:
                summary = self._apply(fleet)
        except InvalidError:
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is, such as a database that is away, may be over soon
            reason = error.problem.message if isinstance(error, ConnectorError) else " ".join(str(error).split())[:300]
            failed = f"it could not be applied: {type(error).__name__}: {reason}"
        if summary is not None and any(summary.started_outcomes[outcome] for outcome in _MAY_SUCCEED):
            # Tokens that were not started, since others were refused, need a person as those do.
            counts = ((summary.outcomes[outcome], outcome) for outcome in _MAY_SUCCEED)
            failed = ", ".join(f"{count} {outcome}" for count, outcome in counts if count)
        ended = dt.datetime.now(dt.UTC).isoformat()
        return {"summary": summary and summary.to_dict(), "failed": failed, "ended": ended}

    def _fleet_to_try_again(self, file: str, due: dt.datetime) -> Fleet | None:
        """Return the fleet of *file* as it is scheduled now; None if it is not, or was due after *due*."""
        schedule = DBOS.get_schedule(file)
        if schedule is None:
            self._report(f"{file} is not tried again: it is not scheduled any longer")
            return None
        fleet = parse_fleet(schedule["context"]["text"], file)
        if dt.datetime.now(dt.UTC) >= due + Interval.parse(str(fleet.every), file).length:  # all workers were stopped
            self._report(f"{file} is not tried again: it was due in the meantime")
            return None
        return fleet

    def _apply(self, fleet: Fleet) -> Summary:
        """Apply *fleet* by all workers, and return the summary.

        Raises:
            _StoppedError: this worker is closing, and tokens are left for another one.

        """
        file, summary = fleet.document.name, Summary()
        with FleetPlan(fleet, self._state, self._connector) as plan, closing(FleetQueue(self._state)) as queue:
            plan.refuse_shared_stores()
            results = apply(plan, handle=queue.handle, concurrency=IN_FLIGHT, wait=WAIT)
            for name, result in takewhile(lambda _: not self._is_closing.is_set(), results):
                summary.add(result)
                if result.problem is not None:
                    self._report(f"{file}: {name}: {result.outcome}: {result.problem.message}")
        del results  # starts no more tokens, also where an exception keeps this frame
        counts = ", ".join(f"{count} {outcome}" for outcome, count in summary.outcomes.items())
        self._report(f"{file}: {counts}")
        if summary.outcomes.total() < len(plan.tokens):
            raise _StoppedError
        return summary

    def _close(self) -> None:
        """Finish what was begun, for a minute at most, and take no more."""
        self._is_closing.set()
        DBOS.destroy(workflow_completion_timeout_sec=60)
        self._lease.release()
        self._engine.dispose()
        for connector in self._connectors.values():
            connector.close()

    def _handle(self, task: Mapping[str, Any]) -> dict[str, Any]:
        """Handle one token, and return the envelope."""
        fleet = Fleet.model_validate({"fleet": 1, "defaults": task["defaults"], "tokens": [task["token"]]})
        (token,) = fleet.tokens
        try:
            connector = self._connector_of(fleet.credential_ref(token))
            if connector.base_url != task["api"]:
                raise invalid(f"the worker {self.name} calls {connector.base_url}, not {task['api']}", field="base_url")
            result = handle_token(
                connector, fleet.desired(token), token.to, task["verb"], now=task["now"], wait=task["wait"],
                state=self._state,
            )  # fmt: skip
        except ConnectorError as error:
            result = Result.from_error(f"{task['verb']}_pat", error)
        return result.to_dict()

    def _connector_of(self, ref: str | None) -> Connector:
        with self._lock:
            if ref not in self._connectors:
                self._connectors[ref] = self._connector.with_auth(ConnectorAuth.from_ref(str(ref)))
            return self._connectors[ref]
