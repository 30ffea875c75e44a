"""Gives the tokens of a fleet to workers: a queue of DBOS, over the PostgreSQL database of the state.

A token is one workflow with one step, whose result is the envelope.
"""

from __future__ import annotations

import secrets
import time
from concurrent.futures import Future
from contextlib import suppress
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any

import psycopg
import sqlalchemy
from dbos import DBOSClient

from locoia_pat import Outcome, Problem, Result
from locoia_pat.outcomes import NotDoneError, invalid

if TYPE_CHECKING:
    from dbos import WorkflowStatus

    from locoia_pat.actions.fleet.apply import Verb
    from locoia_pat.actions.fleet.fleet_file import FleetToken
    from locoia_pat.actions.fleet.fleet_plan import FleetPlan
    from locoia_pat.state.journal import State

IN_FLIGHT = 64
"""Tokens that one ``apply`` has enqueued at a time, at most."""
LOST_SECONDS = 60.0
"""How long ``apply`` waits while no worker lives."""
APP = "locoia-pat"
VERSION = "1"
"""The version of what is enqueued; workers of other versions of the package with the same one do it too."""
SCHEMA = "locoia_pat_dbos"
QUEUE = "fleet"
WORKFLOW = "handle_token"
WORKER = "worker"
"""What the leases of workers are of, in the place of an API."""
_POLL_SECONDS = 0.1
_ACTIVE = {"DELAYED", "ENQUEUED", "PENDING"}


def postgres_engine(state: State) -> sqlalchemy.Engine:
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


class FleetQueue:
    """The queue of one ``apply``."""

    def __init__(self, state: State, *, lost_seconds: float = LOST_SECONDS) -> None:
        """Use the database of *state*; tokens are given up after *lost_seconds* without a worker.

        Raises:
            InvalidError: the state is not in PostgreSQL.
            NotDoneError: no worker is running.

        """
        engine = postgres_engine(state)
        self._state = state
        self._lost_seconds = lost_seconds
        self._run = secrets.token_hex(8)
        if not self._has_worker():
            problem = Problem("unavailable", "no worker is running", field="on", hint="Start one: locoia-pat worker.")
            raise NotDoneError(problem)
        self._engine = engine
        self._client = DBOSClient(system_database_engine=self._engine, dbos_system_schema=SCHEMA, application_name=APP)
        self._waiting: dict[str, Future[WorkflowStatus | None]] = {}
        """By workflow: what resolves to how it ended, or to None if it was given up."""
        self._lock = Lock()
        self._is_closed = Event()
        self._poller = Thread(target=self._poll, name="fleet queue", daemon=True)
        self._poller.start()

    def close(self) -> None:
        """Close the connections."""
        self._is_closed.set()
        self._poller.join()
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
        workflow_id = f"{self._run}:{token.name}"
        self._client.enqueue(
            {
                "queue_name": QUEUE,
                "workflow_name": WORKFLOW,
                "workflow_id": workflow_id,
                "app_version": VERSION,
                "queue_partition_key": plan.credential_of(token).name,
            },
            task,
        )
        with self._lock:
            ended = self._waiting[workflow_id] = Future()
        status = ended.result()
        if status is None:
            hint = "Start one with locoia-pat worker, and run it again."
            problem = Problem("unknown", "no worker is running any longer", hint=hint)
            return Result(f"{verb}_pat", Outcome.UNKNOWN, problem=problem)
        if status.status != "SUCCESS":
            message = "a worker failed with a bug" if status.status == "ERROR" else f"it is {status.status} in DBOS"
            problem = Problem("unknown", message, hint="The log of the worker says more. Run it again.")
            return Result(f"{verb}_pat", Outcome.UNKNOWN, problem=problem)
        envelope: Any = status.output
        return Result.from_dict(envelope)

    def _poll(self) -> None:
        """Look how the workflows that are waited for are, until the queue is closed."""
        self._last_seen = time.monotonic()
        while not self._is_closed.wait(_POLL_SECONDS):
            with self._lock:
                waiting = dict(self._waiting)
            try:
                ended = self._ended(list(waiting))
            except Exception as error:  # noqa: BLE001  # it is raised where the workflow is waited for
                for future in waiting.values():
                    future.set_exception(error)
                ended = dict.fromkeys(waiting)
            else:
                for workflow_id, status in ended.items():
                    waiting[workflow_id].set_result(status)
            with self._lock:
                for workflow_id in ended:
                    del self._waiting[workflow_id]

    def _ended(self, ids: list[str]) -> dict[str, WorkflowStatus | None]:
        """Return the workflows of *ids* that ended; once no worker lives any longer, cancel all, and return None."""
        now = time.monotonic()
        if not ids:
            self._last_seen = now
            return {}
        with suppress(OSError):  # the database is away for now
            if now - self._last_seen > min(self._lost_seconds, 1.0) and self._has_worker():
                self._last_seen = now
        found = self._client.list_workflows(workflow_ids=ids, load_input=False)
        ended: dict[str, WorkflowStatus | None] = {
            status.workflow_id: status for status in found if status.status not in _ACTIVE
        }
        if now - self._last_seen <= self._lost_seconds:
            return ended
        left = [workflow_id for workflow_id in ids if workflow_id not in ended]
        self._client.cancel_workflows(left)
        return ended | dict.fromkeys(left)

    def _has_worker(self) -> bool:
        return any(lease.api == WORKER for lease in self._state.held_leases())
