"""The places of one name, as one record.

They differ in what can be read from them again: all of the record, the current token alone, or nothing.  What a place
does not hold beside a token is journalled by the token's fingerprint.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from locoia_pat.errors import invalid
from locoia_pat.sinks import Entry
from locoia_pat.sinks.record import Record

from .protocols.effects import UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locoia_pat.sinks import Sink
    from locoia_pat.state import State

_ORDER = ("record", "token", "nothing")
"""Of a new token: who can only be written comes last, for what it is given cannot be taken back."""


class Places:
    """The places of one name."""

    def __init__(self, sinks: Sequence[Sink], state: State, api: str, name: str) -> None:
        """The *sinks* that hold the token of *name*; *state* journals what they cannot."""
        self._sinks = sorted(sinks, key=lambda sink: _ORDER.index(sink.keeps))
        self._state = state
        self._api = api
        self._name = name
        self._shown: dict[str, Record] = {}
        self.warnings: list[str] = []

    @property
    def refs(self) -> tuple[str, ...]:
        """The places, absolute."""
        return tuple(sink.ref for sink in self._sinks)

    @property
    def readable(self) -> tuple[str, ...]:
        """Those from which the token is read again."""
        return tuple(sink.ref for sink in self._sinks if sink.keeps != "nothing")

    @property
    def staged(self) -> bool:
        """Whether one of them keeps the token before, too."""
        return any(sink.keeps == "record" for sink in self._sinks)

    def read(self, op: str | None) -> Record:
        """What they hold, brought to the same: a run that was killed may have written the first ones alone.

        *op* is the operation under way.

        Raises:
            InvalidError: one cannot take a token, or holds that of another name, or cannot be brought to the same.

        """
        for sink in self._sinks:
            sink.probe()  # a place that cannot be written is told before anything is sent
        furthest = self.look(op)
        if error := self.keep(furthest):
            raise invalid(f"the places hold different tokens, and one cannot be written: {error}", field="token_to")
        return furthest

    def look(self, op: str | None) -> Record:
        """The record that is furthest of those that can be read, else the one that all of the others reached.

        *op* is the operation under way.

        Raises:
            OSError, ValueError, InvalidError: a place cannot be read, or holds something else.

        """
        self._shown = {sink.ref: self._seen(sink) for sink in self._sinks}

        def rank(record: Record) -> tuple[bool, bool]:
            ours = [entry is not None and entry.beside.get("op") == op for entry in (record.current, record.pending)]
            return (op is not None and ours[0], op is not None and ours[1])

        readable = [self._shown[ref] for ref in self.readable]
        there = [record for record in readable if record.current or record.pending]
        if there:
            return max(there, key=lambda record: (*rank(record), record.current is not None))
        return min((record for record in self._shown.values() if record.current), key=rank, default=Record())

    def _seen(self, sink: Sink) -> Record:
        """What stands in one place, as far as it can be told."""
        if sink.keeps == "nothing":
            given = self._state.given(self._api, self._name, sink.ref)
            known = self._state.known(self._api, self._name, given) if given else {}
            return Record(current=Entry(UNREADABLE, known) if known else None)
        record = sink.record()
        if record.name not in (None, self._name) and record.current is not None:
            raise invalid(
                f"{sink.ref} holds the token of the name {record.name}",
                field="token_to",
                hint="Name another place, or end that name there with retire_pat.",
            )
        if sink.keeps == "token" and record.current is not None:
            fingerprint = self._state.fingerprint(record.current.token)
            known = self._state.known(self._api, self._name, fingerprint)
            return Record(current=Entry(record.current.token, known))
        return record

    def keep(self, record: Record) -> Exception | None:
        """Put *record* into each place that does not show it yet; the error of the first that did not take it."""
        record = replace(record, api=self._api, name=self._name)
        current = record.current
        if current is not None and current.token is not UNREADABLE and not self._all_of_it:
            self._state.remember(self._api, self._name, current.token, current.beside)
        for sink in self._sinks:
            if self._shows(sink, record):
                continue
            if current is not None and current.token is UNREADABLE:
                self._warn(f"{sink.ref} does not hold the token of this name yet: rotate_pat gives it one")
                continue
            try:
                told = sink.keep(_readable(record))
            except Exception as error:  # noqa: BLE001  # whatever a place does wrong, the machine decides
                return error.with_traceback(None)
            if sink.keeps == "nothing":
                self._state.give(self._api, self._name, sink.ref, current.token if current else None)
            self._shown[sink.ref] = _readable(record)
            self._warn(*told)
        return None

    def _shows(self, sink: Sink, record: Record) -> bool:
        """Whether a place shows all of *record* that it can."""
        shown, current = self._shown.get(sink.ref, Record()), record.current
        if sink.keeps == "record":
            return _entries(shown) == _entries(_readable(record))
        if current is None or shown.current is None:
            return current is shown.current
        if sink.keeps == "token":
            return current.token == shown.current.token
        return current.beside == shown.current.beside

    @property
    def _all_of_it(self) -> bool:
        """Whether all of them hold all of a record."""
        return all(sink.keeps == "record" for sink in self._sinks)

    def _warn(self, *warnings: str) -> None:
        self.warnings += [warning for warning in warnings if warning not in self.warnings]


def _entries(record: Record) -> tuple[Entry | None, ...]:
    return record.current, record.previous, record.pending


def _readable(record: Record) -> Record:
    """*Record* without a token before it that nobody can read."""
    previous = record.previous
    return replace(record, previous=None) if previous is not None and previous.token is UNREADABLE else record
