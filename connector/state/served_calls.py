"""Calls that a caller gave an idempotency key, with their responses, so that a retry gets the first response.

A call is journalled before it begins and when it has ended.  A row without a response is of a call that is under way,
or of one whose process was killed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from locoia_pat.state.journal import State

KEEP_SECONDS = 24 * 3600.0
"""How long the response of a call is kept."""


@dataclass(frozen=True, slots=True)
class ServedCall:
    """A journalled call."""

    fingerprint: str
    """Of the action and its inputs."""
    marks: tuple[str, ...] = ()
    """The marks that its attempts sent in the note of a new row, oldest first."""
    stores: tuple[str, ...] = ()
    """The REFs of its token stores."""
    response: Mapping[str, Any] | None = None
    """None until it has ended."""


class ServedCalls:
    """The calls of one state, each by its caller and its idempotency key."""

    def __init__(self, state: State) -> None:
        self._state = state

    def find(self, caller: str, key: str, *, now: float) -> ServedCall | None:
        """Return the call, or None if it is unknown or no longer kept; *now* is in seconds.

        Raises:
            OSError: the state cannot be read.

        """
        select = "SELECT fingerprint, marks, stores, response FROM served_calls WHERE caller = ? AND key = ? AND at > ?"
        with self._state.connected() as database:
            row = database.execute(select, (caller, key, now - KEEP_SECONDS)).fetchone()
        if row is None:
            return None
        return _served_call(*row)

    def unfinished(self) -> list[tuple[str, str, ServedCall]]:
        """Return the calls without a response, each with its caller and its key.

        Raises:
            OSError: the state cannot be read.

        """
        select = "SELECT caller, key, fingerprint, marks, stores FROM served_calls WHERE response IS NULL"
        with self._state.connected() as database:
            rows = database.execute(select).fetchall()
        return [(caller, key, _served_call(*row)) for caller, key, *row in rows]

    def begin(
        self, caller: str, key: str, *, fingerprint: str, marks: Sequence[str], stores: Sequence[str], now: float
    ) -> None:
        """Journal that the call begins; calls that are no longer kept are deleted.

        Raises:
            OSError: the state cannot be written.

        """
        row = (caller, key, now, fingerprint, json.dumps(marks), json.dumps(stores))
        with self._state.writing() as database:
            database.execute("DELETE FROM served_calls WHERE at <= ?", (now - KEEP_SECONDS,))
            database.execute("DELETE FROM served_calls WHERE caller = ? AND key = ?", (caller, key))
            columns = "(caller, key, at, fingerprint, marks, stores)"
            database.execute(f"INSERT INTO served_calls {columns} VALUES (?, ?, ?, ?, ?, ?)", row)  # noqa: S608  # ours

    def finish(self, caller: str, key: str, response: Mapping[str, Any] | None) -> None:
        """Journal the *response* of the call; None forgets the call.

        Raises:
            OSError: the state cannot be written.

        """
        with self._state.writing() as database:
            if response is None:
                database.execute("DELETE FROM served_calls WHERE caller = ? AND key = ?", (caller, key))
            else:
                update = "UPDATE served_calls SET response = ? WHERE caller = ? AND key = ?"
                database.execute(update, (json.dumps(response), caller, key))


def _served_call(fingerprint: str, marks: str, stores: str, response: str | None = None) -> ServedCall:
    parsed = None if response is None else json.loads(response)
    return ServedCall(fingerprint, tuple(json.loads(marks)), tuple(json.loads(stores)), parsed)
