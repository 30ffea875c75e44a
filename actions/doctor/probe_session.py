"""The bench: the API, the throw-away rows that are made at it, and what came of each call.

Every row is journalled by its id as soon as it is known, and by the operation in its note before it is made.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from locoia_pat import ConnectorAuth, Outcome, Result
from locoia_pat.actions.doctor.probe_call import Came, Throwaway

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from locoia_pat import Secret
    from locoia_pat.actions.lifecycle.capabilities import MeasurementRun
    from locoia_pat.connector import RecordingConnector

DAYS = 1
"""How long a throw-away row lives: the least the API page allows."""
_PAUSE = 0.2
_LONGEST = 255


class StoppedError(Exception):
    """The measurement cannot go on; the result says why."""

    def __init__(self, result: Result) -> None:
        super().__init__(result)
        self.result = result


class Bench:
    """What the probes work with."""

    def __init__(
        self,
        connector: RecordingConnector,
        run: MeasurementRun,
        keep: Callable[[MeasurementRun], None],
        *,
        scopes: Sequence[str],
        patience: float,
        now: Callable[[], dt.datetime],
    ) -> None:
        """Work with the credential of *connector*.

        Args:
            connector: what calls the API.
            run: the operation; it is journalled before the first row is made.
            keep: journals how it stands.
            scopes: what rows are made for.
            patience: seconds to wait for something to show up in the list.
            now: this computer's time.

        """
        self.run = run
        self.scopes = scopes
        self.patience = patience
        self.rows: list[Throwaway] = []
        self.uncertain = False
        """Whether a request may still be on its way."""
        self.begun = False
        """Whether anything was made, or may have been."""
        self.attempts = 0
        self.before: set[str] = set()
        """The rows that were listed before."""
        self._connector = connector
        self._keep = keep
        self._now = now
        self._others: list[tuple[Secret, RecordingConnector]] = []
        self._made = 0

    @property
    def now(self) -> dt.datetime:
        """This computer's time."""
        return self._now()

    def list(self, by: Secret | None = None) -> Came:
        """List by the credential, or by a token of ours."""
        return self._call("list_pats", {}, by)

    def create(self, scope: str, *, by: Secret | None = None, plain: bool = False) -> Came:
        """A row of *scope*, with a note of its own, or a *plain* one."""
        if not self.begun:
            self.begun = True
            self._keep(self.run)
        number = self._made
        note = noted(self.run.op, number, plain=plain)
        came = self._call("create_pat", {"expiration": DAYS, "scopes": [scope], "note": note}, by)
        if came.done and came.result.token is not None:
            self._made += 1
            row = Throwaway(number, scope, note, str((came.result.data or {}).get("id")), came.result.token)
            self.rows.append(row)
            self._journal(row)
        return came

    def regenerate(self, row: Throwaway, by: Secret | None = None) -> Came:
        """Another secret for *row*."""
        came = self.renew(row.id, by)
        if came.done and came.result.token is not None:
            row.token = came.result.token
            row.id = str((came.result.data or {}).get("id"))
            if not came.names_id and (listed := self.found(row, self.list().rows)) is not None:
                row.id = str(listed["id"])
            self._journal(row)
        return came

    def renew(self, id_: str, by: Secret | None = None) -> Came:
        """The same for any row; the answer is thrown away."""
        return self._call("regenerate_pat", {"token_id": id_, "expiration": DAYS}, by)

    def found(self, row: Throwaway, rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
        """*Row* as it is listed: by its note, for its id may have changed, else by its id."""
        sign = f"{_sign(self.run.op)}{row.number} "
        by_note = (listed for listed in rows if sign in f"{listed['note']} ")
        by_id = (listed for listed in rows if listed["id"] == row.id)
        return next(by_note, None) or next(by_id, None)

    def polled(self, seen: Callable[[Came], bool]) -> Iterator[tuple[float, Came]]:
        """Lists, one after another, until one is as it should be; with the seconds that passed before each."""
        began, pause = time.monotonic(), _PAUSE
        while True:
            spent = time.monotonic() - began
            came = self.list()
            yield spent, came
            if seen(came) or spent + pause > self.patience:
                return
            time.sleep(pause)
            pause = min(pause * 1.25, 2.0)

    def _call(self, action: str, inputs: dict[str, Any], by: Secret | None) -> Came:
        connector = self._connector if by is None else self._as(by)
        connector.exchanges.clear()
        before, self.uncertain = self.uncertain, True  # for the case that it is interrupted
        result = connector.run(action, inputs)
        answer = connector.exchanges[-1][1] if connector.exchanges else None
        connector.exchanges.clear()
        self.attempts += result.attempts
        self.uncertain = before or result.outcome is Outcome.UNKNOWN
        return Came(result, answer, self._now())

    def _as(self, token: Secret) -> RecordingConnector:
        for known, connector in self._others:
            if known == token:
                return connector
        other = self._connector.with_auth(ConnectorAuth(token))
        self._others.append((token, other))
        return other

    def _journal(self, row: Throwaway) -> None:
        self.run = replace(self.run, rows={**self.run.rows, str(row.number): row.id})
        self._keep(self.run)

    def close(self) -> None:
        """Close what was opened for tokens of ours, and forget them."""
        for _, other in self._others:
            other.close()
        self._others.clear()
        self.rows.clear()


def _sign(op: str) -> str:
    return f"~lpd1/{op}/"


def ours(op: str, note: str | None) -> bool:
    """Whether a row with that *note* was made by the operation *op*."""
    return _sign(op) in (note or "")


def noted(op: str, number: int, *, plain: bool = False) -> str:
    """The note of a row: each of the first ones tries something else.

    The sign stands in front, where no cut takes it away.
    """
    note = f"{_sign(op)}{number} made by locoia-pat doctor, to be ignored"
    match 0 if plain else number:
        case 1:
            return f" {note} "
        case 2:
            return f"{note} <b>&amp;</b> \"'\\ é €"
        case 3:
            return f"{note} {'.' * _LONGEST}"[:_LONGEST]
        case _:
            return note
