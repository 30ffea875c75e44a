"""A fleet on many machines: DBOS gives its tokens to workers, over the PostgreSQL database of the state.

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

import psycopg
import sqlalchemy
from dbos import DBOS, DBOSClient

from locoia_pat import ConnectorAuth, ConnectorError, Outcome, Problem, Result
from locoia_pat.actions.fleet.apply import Summary, apply, handle_token
from locoia_pat.actions.fleet.fleet_file import Fleet, parse_fleet, read_text
from locoia_pat.actions.fleet.fleet_plan import FleetPlan
from locoia_pat.actions.fleet.interval import Interval
from locoia_pat.connector import WAIT
from locoia_pat.outcomes import InvalidError, NotDoneError, invalid
from locoia_pat.state.lease import LeaseLostError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dbos import WorkflowHandle

    from locoia_pat import Connector
    from locoia_pat.actions.fleet.apply import Verb
    from locoia_pat.actions.fleet.fleet_file import FleetToken
    from locoia_pat.state.journal import State

IN_FLIGHT = 64
"""Tokens that one ``apply`` has enqueued at a time, at most."""
CHECK_SECONDS = 10.0
"""How often a worker looks for the work of others that ended."""
LOST_SECONDS = 60.0
"""How long ``apply`` waits while no worker lives."""
_LONGEST_PAUSE = 1.0
"""Seconds between two looks at a token that a worker handles."""
_APP = "locoia-pat"
_VERSION = "1"
"""The version of what is enqueued; workers of other versions of the package with the same one do it too."""
_SCHEMA = "locoia_pat_dbos"
_QUEUE = "fleet"
_WORKFLOW = "handle_token"
_SECOND = dt.timedelta(seconds=1)
_ACTIVE = {"DELAYED", "ENQUEUED", "PENDING"}
_WORKER = "worker"
"""What the leases of workers are of, in the place of an API."""


def _engine(state: State) -> sqlalchemy.Engine:
    """Return an engine for the database of *state*; its credentials come from where libpq looks for them.

    Raises:
        InvalidError: the state is not in PostgreSQL.

    """
    url = state.location
    if not isinstance(url, str):
        raise invalid("workers need a state in PostgreSQL", field="on", hint="Pass --on postgresql://HOST/DATABASE.")
    return sqlalchemy.create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(url, prepare_threshold=None), pool_pre_ping=True
    )


def _has_worker(state: State) -> bool:
    return any(lease.api == _WORKER for lease in state.held_leases())


class FleetQueue:
    """Gives the tokens of a fleet to workers."""

    def __init__(self, state: State, *, lost_seconds: float = LOST_SECONDS) -> None:
        """Use the database of *state*; a token is given up after *lost_seconds* without a worker.

        Raises:
            InvalidError: the state is not in PostgreSQL.
            NotDoneError: no worker is running.

        """
        engine = _engine(state)
        self._state = state
        self._lost_seconds = lost_seconds
        self._run = secrets.token_hex(8)
        if not _has_worker(state):
            problem = Problem("unavailable", "no worker is running", field="on", hint="Start one: locoia-pat worker.")
            raise NotDoneError(problem)
        self._engine = engine
        self._client = DBOSClient(
            system_database_engine=self._engine, dbos_system_schema=_SCHEMA, application_name=_APP
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.destroy()
        self._engine.dispose()

    def handle(self, plan: FleetPlan, token: FleetToken, verb: Verb, *, now: bool, wait: float) -> Result:
        """Have a worker handle *token*, and return its result."""
        connector = plan.credential_of(token).connector
        task = {
            "verb": verb,
            "now": now,
            "wait": wait,
            "api": connector.base_url,
            "defaults": plan.fleet.defaults.model_dump(),
            "token": token.model_dump(exclude_unset=True) | {"to": [connector.open_store(ref).ref for ref in token.to]},
        }
        handle: WorkflowHandle[dict[str, Any]] = self._client.enqueue(
            {
                "queue_name": _QUEUE,
                "workflow_name": _WORKFLOW,
                "workflow_id": f"{self._run}:{token.name}",
                "app_version": _VERSION,
                "queue_partition_key": plan.credential_of(token).name,
            },
            task,
        )
        last_seen, pause = time.monotonic(), 0.05
        while (status := handle.get_status()).status in _ACTIVE:
            with suppress(OSError):  # the database is away for now
                if time.monotonic() - last_seen > min(self._lost_seconds, _LONGEST_PAUSE) and _has_worker(self._state):
                    last_seen = time.monotonic()
            if time.monotonic() - last_seen > self._lost_seconds:
                self._client.cancel_workflow(status.workflow_id)
                hint = "Start one with locoia-pat worker, and run it again."
                problem = Problem("unknown", "no worker is running any longer", hint=hint)
                return Result(f"{verb}_pat", Outcome.UNKNOWN, problem=problem)
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        if status.status != "SUCCESS":
            message = "a worker failed with a bug" if status.status == "ERROR" else f"it is {status.status} in DBOS"
            problem = Problem("unknown", message, hint="The log of the worker says more. Run it again.")
            return Result(f"{verb}_pat", Outcome.UNKNOWN, problem=problem)
        envelope: Any = status.output
        return Result.from_dict(envelope)


class _Schedule(NamedTuple):
    """The fleet in a file, and how often it is applied."""

    text: str
    every: str
    interval: Interval


def _read_schedule(file: str, last: _Schedule | str | None) -> _Schedule | str | None:
    """Return the schedule in *file*, its mistake, or None if there is no file or no interval in it.

    A text that is still that of the *last* schedule is not parsed again.
    """
    path = Path(file)
    if os.access(path.parent, os.X_OK) and not path.exists():  # its folder may be away for a moment
        return None
    try:
        text = read_text(file)
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
        log_level: str = "WARNING",
    ) -> None:
        """Prepare a worker.

        Args:
            state: the state, in PostgreSQL.
            connector: has the credential of tokens that name none.
            concurrency: tokens that this worker handles at once.
            rate: tokens a minute that all workers handle by one credential, at most.
            fleets: the files of fleets that workers apply as often as each file says.
            log_level: of DBOS.

        Raises:
            InvalidError: the state is not in PostgreSQL.

        """
        engine = _engine(state)
        self._state = state
        self._connector = connector
        self._concurrency, self._rate = concurrency, rate
        self._fleets = [str(Path(file).absolute()) for file in fleets]
        self._schedules: dict[str, _Schedule | str | None] = {}
        """What was last found in each file of a fleet: its schedule, a mistake, or nothing to schedule."""
        self._report: Callable[[str], None] = print
        self._is_closing = Event()
        self.name = f"{socket.gethostname()}-{secrets.token_hex(4)}"
        self._lease = state.lease(_WORKER, self.name)
        self._connectors: dict[str | None, Connector] = {None: connector}
        self._lock = Lock()
        self._engine = engine
        self._config: Any = {
            "name": _APP,
            "system_database_engine": self._engine,
            "dbos_system_schema": _SCHEMA,
            "application_version": _VERSION,
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

        @DBOS.workflow(name=_WORKFLOW)
        def handle_token_workflow(task: dict[str, Any]) -> dict[str, Any]:
            return handle(task)

        @DBOS.step(name="apply")
        def apply_step(text: str, file: str) -> dict[str, Any]:
            return self._apply(parse_fleet(text, file))

        @DBOS.workflow(name="apply_fleet")
        def apply_workflow(_due: dt.datetime, context: dict[str, str]) -> None:
            apply_step(context["text"], context["file"])

        self._apply_workflow = apply_workflow
        DBOS(config=self._config)
        DBOS.launch()
        limiter: Any = {"partition_limiter": {"limit": self._rate, "period": 60.0}} if self._rate else {}
        DBOS.register_queue(
            _QUEUE,
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
            lease = self._state.lease(_WORKER, name)
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

    def _apply(self, fleet: Fleet) -> dict[str, Any]:
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
        return summary.to_dict()

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
