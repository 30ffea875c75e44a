"""One measurement's session with the API: its calls, and the throwaway rows that they create.

Each row is journalled by the operation in its note before it is created, and by its id as soon as the id is known.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from locoia_pat import ConnectorAuth, Outcome, Result
from locoia_pat.http.exchange_types import Response
from locoia_pat.http.json_document import parse_document
from locoia_pat.http.retry import server_time
from locoia_pat.response.outputs import get_path

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from locoia_pat import Secret
    from locoia_pat.actions.lifecycle.capabilities import MeasurementRun
    from locoia_pat.connector import RecordingConnector

DAYS = 1
"""Lifetime of a throwaway row: the shortest that the API page allows."""
_FIRST_PAUSE, _MAX_PAUSE = 0.2, 2.0
_MAX_NOTE = 255


class StoppedError(Exception):
    """The measurement cannot continue; ``result`` says why."""

    def __init__(self, result: Result) -> None:
        super().__init__(result)
        self.result = result


@dataclass(slots=True)
class ThrowawayRow:
    """A row that the measurement created, and its secret, which is stored nowhere else."""

    number: int
    scope: str
    note: str
    id: str
    token: Secret


@dataclass(frozen=True)
class ProbeCall:
    """One call and its response."""

    result: Result
    response: Response | None
    """The complete response, or None."""
    now: dt.datetime
    """The local time after the call."""

    @property
    def done(self) -> bool:
        """Whether the API did it."""
        return self.result.outcome is Outcome.DONE

    @property
    def refused(self) -> bool:
        """Whether the API refused it."""
        return self.result.outcome is Outcome.REFUSED

    @property
    def not_found(self) -> bool:
        """Whether the API has no such row: its id has changed, or it is gone."""
        return self.result.problem is not None and self.result.problem.code == "not_found"

    @property
    def status(self) -> int | None:
        """The status of a refusal, also if it came inside a success."""
        return self.result.problem.status if self.result.problem else None

    @cached_property
    def body(self) -> Any:
        """The JSON body of a call that was done, with its token as a secret."""
        return parse_document(self.response.text, ("token",)).value if self.response else None

    @property
    def returns_id(self) -> bool:
        """Whether the response itself contains the id of the row, next to its token."""
        objects = [get_path(self.body, path) for path in ("$", "data")]
        return any(isinstance(value, dict) and "token" in value and value.get("id") for value in objects)

    @property
    def server_time(self) -> dt.datetime:
        """The server's time, or the local time if the server sent none."""
        return server_time(self.response.headers, self.now) if self.response else self.now

    @property
    def rows(self) -> list[Mapping[str, Any]]:
        """The rows of a list."""
        return list((self.result.data or {}).get("tokens", ()))

    @property
    def row_id(self) -> str:
        """The id of the row that was created or regenerated."""
        return str((self.result.data or {}).get("id"))


class ProbeSession:
    """The calls of one measurement."""

    def __init__(
        self,
        connector: RecordingConnector,
        run: MeasurementRun,
        save_run: Callable[[MeasurementRun], None],
        *,
        scopes: Sequence[str],
        patience: float,
        now: Callable[[], dt.datetime],
    ) -> None:
        """Prepare calls with the credential of *connector*.

        Args:
            connector: what calls the API.
            run: the journal entry of the measurement; it is saved before the first row is created.
            save_run: writes the journal entry.
            scopes: the scopes to create rows for.
            patience: seconds to wait for something to appear in the list.
            now: the local clock.

        """
        self.run = run
        self.scopes = scopes
        self.patience = patience
        self.rows: list[ThrowawayRow] = []
        self.existing_ids: set[str] = set()
        """The rows that were listed before the first create."""
        self.started = False
        """Whether a row was created, or may have been."""
        self.may_be_in_flight = False
        """Whether a request without a response may still reach the API."""
        self.attempts = 0
        self._connector = connector
        self._save_run = save_run
        self._now = now
        self._token_connectors: list[tuple[Secret, RecordingConnector]] = []
        self._created = 0

    @property
    def now(self) -> dt.datetime:
        """The local time."""
        return self._now()

    def list(self, by: Secret | None = None) -> ProbeCall:
        """List with the credential, or with the token *by*."""
        return self._call("list_pats", {}, by)

    def create(self, scope: str, *, by: Secret | None = None, plain: bool = False) -> ProbeCall:
        """Create a row with *scope*; the second row has a note of full length, unless *plain*."""
        if not self.started:
            self.started = True
            self._save_run(self.run)
        number = self._created
        note = note_of(self.run.op, number, plain=plain)
        call = self._call("create_pat", {"expiration": DAYS, "scopes": [scope], "note": note}, by)
        if call.done and call.result.token is not None:
            self._created += 1
            row = ThrowawayRow(number, scope, note, call.row_id, call.result.token)
            self.rows.append(row)
            self._save(row)
        return call

    def regenerate(self, row: ThrowawayRow, by: Secret | None = None) -> ProbeCall:
        """Regenerate *row*, and keep its new secret and id."""
        call = self.regenerate_id(row.id, by)
        if call.done and call.result.token is not None:
            row.token = call.result.token
            row.id = call.row_id
            if not call.returns_id and (listed := self.find(row, self.list().rows)) is not None:
                row.id = str(listed["id"])
            self._save(row)
        return call

    def regenerate_id(self, id_: str, by: Secret | None = None) -> ProbeCall:
        """Regenerate any row; its new secret is discarded."""
        return self._call("regenerate_pat", {"token_id": id_, "expiration": DAYS}, by)

    def find(self, row: ThrowawayRow, rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
        """Return *row* as it is listed, found by its note, because its id may have changed, or else by its id."""
        tag = f"{_tag(self.run.op)}{row.number} "
        by_note = (listed for listed in rows if tag in f"{listed['note']} ")
        by_id = (listed for listed in rows if listed["id"] == row.id)
        return next(by_note, None) or next(by_id, None)

    def poll_list(self, until: Callable[[ProbeCall], bool]) -> Iterator[tuple[float, ProbeCall]]:
        """List again and again until *until* holds or patience ends; yield the seconds before each list, and it."""
        start, pause = time.monotonic(), _FIRST_PAUSE
        while True:
            elapsed = time.monotonic() - start
            call = self.list()
            yield elapsed, call
            if until(call) or elapsed + pause > self.patience:
                return
            time.sleep(pause)
            pause = min(pause * 1.25, _MAX_PAUSE)

    def _call(self, action: str, inputs: dict[str, Any], by: Secret | None) -> ProbeCall:
        connector = self._connector if by is None else self._connector_of(by)
        connector.exchanges.clear()
        before, self.may_be_in_flight = self.may_be_in_flight, True  # in case the call is interrupted
        result = connector.mint(action, inputs)
        response = connector.exchanges[-1][1] if connector.exchanges else None
        connector.exchanges.clear()
        self.attempts += result.attempts
        self.may_be_in_flight = before or result.outcome is Outcome.UNKNOWN
        return ProbeCall(result, response if isinstance(response, Response) else None, self._now())

    def _connector_of(self, token: Secret) -> RecordingConnector:
        for other, connector in self._token_connectors:
            if other == token:
                return connector
        connector = self._connector.with_auth(ConnectorAuth(token))
        self._token_connectors.append((token, connector))
        return connector

    def _save(self, row: ThrowawayRow) -> None:
        self.run = replace(self.run, rows={**self.run.rows, str(row.number): row.id})
        self._save_run(self.run)

    def close(self) -> None:
        """Close the connectors of throwaway tokens, and forget the tokens."""
        for _, connector in self._token_connectors:
            connector.close()
        self._token_connectors.clear()
        self.rows.clear()


def _tag(op: str) -> str:
    return f"~lpd1/{op}/"


def has_tag(op: str, note: str | None) -> bool:
    """Whether a row with this *note* was created by the measurement *op*."""
    return _tag(op) in (note or "")


def note_of(op: str, number: int, *, plain: bool = False) -> str:
    """Return the note of a row; the tag is in front, where no cut removes it."""
    note = f"{_tag(op)}{number} created by locoia-pat doctor, to be ignored"
    return note if plain or number != 1 else f"{note} {'.' * _MAX_NOTE}"[:_MAX_NOTE]
