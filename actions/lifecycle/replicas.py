"""The places of one name, as one record.

They differ in what can be read from them again: all of the record, the current token alone, or nothing.  What a place
does not hold beside a token is journalled by the token's fingerprint.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from locoia_pat.actions.lifecycle.effects import UNREADABLE
from locoia_pat.outcomes import invalid
from locoia_pat.stores import Entry, spot
from locoia_pat.stores.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from locoia_pat import InvalidError
    from locoia_pat.actions.lifecycle.effects import Managed
    from locoia_pat.state.journal import State
    from locoia_pat.stores import Sink

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
    def holding(self) -> tuple[str, ...]:
        """Those of them that hold the token now."""
        return tuple(ref for ref in self.readable if self._shown.get(ref, Record()).current is not None)

    @property
    def staged(self) -> bool:
        """Whether one of them keeps the token before, too."""
        return any(sink.keeps == "record" for sink in self._sinks)

    def ready(self, *, ending: bool = False) -> None:
        """Try that each can be written, before anything is sent.

        Those that can only be written need not take anything where the name is *ending*: nothing is put there.

        Raises:
            InvalidError: one cannot take a token, or holds that of another name.

        """
        for sink in self._sinks:
            if sink.keeps == "nothing":
                self._refuse_shared(sink)
            if sink.keeps != "nothing" or not ending:
                sink.probe()

    def look(self, managed: Managed, *, take_over: bool = False) -> Record:
        """The record that is furthest of those that can be read, else the one that all of the others reached.

        Args:
            managed: what is journalled of the name.
            take_over: whether a place may hold a token that is not known to be of this name.

        Raises:
            InvalidError: one holds the token of another name.
            OSError, ValueError: one cannot be read.

        """
        self._shown = {sink.ref: self._seen(sink) for sink in self._sinks}
        op, live = managed.op, managed.rows.get(managed.slot)

        def rank(record: Record) -> tuple[bool, bool, bool]:
            ours = [entry is not None and entry.beside.get("op") == op for entry in (record.current, record.pending)]
            used = record.current is not None and live is not None and record.current.id == live
            return (op is not None and ours[0], op is not None and ours[1], used)

        there = {ref: self._shown[ref] for ref in self.readable if self._shown[ref].current or self._shown[ref].pending}
        if not take_over:
            self._refuse_strangers(there)
        if there:
            return max(there.values(), key=lambda record: (*rank(record), record.current is not None))
        return min((record for record in self._shown.values() if record.current), key=rank, default=Record())

    def level(self, record: Record, managed: Managed) -> None:
        """Bring all of them to *record*: a run that was killed may have written the first ones alone.

        A token that *managed* does not know stays where it is: no other place is given it before it is taken over.

        Raises:
            InvalidError: one does not take it.

        """
        if record.current is not None and not managed.knows(record.current):
            return
        if error := self.keep(record):
            raise invalid(f"the places hold different tokens, and one cannot be written: {error}", field="token_to")

    def _refuse_shared(self, sink: Sink) -> None:
        """Refuse a place that cannot be read and was given the token of another name."""
        other = self._state.name_at(self._api, spot(sink.ref))
        if other is not None and other != self._name:
            raise _held_by(sink.ref, other)

    def _refuse_strangers(self, there: Mapping[str, Record]) -> None:
        """Refuse a token that is not known to be of this name, beside one that is: it must not take its place."""
        known = {ref: record for ref, record in there.items() if self._is_known(ref, record)}
        tokens = [entry.token for record in known.values() for entry in _entries(record) if entry]
        for ref, record in there.items():
            if known and ref not in known and record.current is not None and record.current.token not in tokens:
                raise invalid(
                    f"{ref} holds another token than {next(iter(known))}, and it is not known to be of this name",
                    field="token_to",
                    hint="Empty it, once nobody needs that token: it is then given the one of this name.",
                )

    def _is_known(self, ref: str, record: Record) -> bool:
        """Whether what stands in a place is known to be of this name: by the record, or by the journal."""
        entry = record.current or record.pending
        named = record.name == self._name
        return named or (ref in self._tokens_alone and entry is not None and bool(entry.beside))

    @property
    def _tokens_alone(self) -> tuple[str, ...]:
        return tuple(sink.ref for sink in self._sinks if sink.keeps == "token")

    def left(self, refs: Sequence[str], open_place: Callable[[str], Sink]) -> str | None:
        """A place of those in *refs*, where the name stood, that is not named any more and still holds a token.

        One that can only be written cannot be emptied: that it holds one is a warning; so is one that holds something
        else by now.

        Raises:
            InvalidError: it cannot be read.

        """
        named = {spot(ref) for ref in self.refs}
        for ref in refs:
            if spot(ref) in named:
                continue
            sink = open_place(ref)
            if sink.keeps == "nothing":
                if self._state.given(self._api, self._name, ref) is not None:
                    self._warn(f"{ref} was given a token of this name, and is not named: it keeps what it has")
                continue
            try:
                if sink.record().current is not None:
                    return ref
                continue
            except ValueError as error:
                self._warn(f"{ref}, where this name stood, holds something else now: {error}")
                continue
            except OSError as error:
                why = error.strerror or str(error)
            raise invalid(
                f"{ref}, where this name stood, cannot be read: {why}",
                field="token_to",
                hint="Make it readable, or name it as well; or move away what stands there.",
            )
        return None

    def _seen(self, sink: Sink) -> Record:
        """What stands in one place, as far as it can be told."""
        if sink.keeps == "nothing":
            given = self._state.given(self._api, self._name, sink.ref)
            known = self._state.known(self._api, self._name, given) if given else {}
            return Record(current=Entry(UNREADABLE, known) if known else None)
        record = sink.record()
        if record.current is None:
            return record
        token, name, known = record.current.token, record.name, {}
        if sink.keeps == "token":
            known = self._state.known(self._api, self._name, self._state.fingerprint(token))
            name = self._name if known else self._state.minted_for(self._api, token)
        if name not in (None, self._name):
            raise _held_by(sink.ref, name)
        return Record(current=Entry(token, known)) if sink.keeps == "token" else record

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


def _held_by(ref: str, name: str) -> InvalidError:
    return invalid(
        f"{ref} holds the token of the name {name}",
        field="token_to",
        hint="Name another place, or end that name there with retire_pat.",
    )


def _entries(record: Record) -> tuple[Entry | None, ...]:
    return record.current, record.previous, record.pending


def _readable(record: Record) -> Record:
    """*Record* without a token before it that nobody can read."""
    previous = record.previous
    return replace(record, previous=None) if previous is not None and previous.token is UNREADABLE else record
