"""Read the journal entries of managed names from a state folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from locoia_pat import InvalidError
from locoia_pat.actions.lifecycle.effects import JournalEntry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from locoia_pat.state.inspect import StateReport
    from locoia_pat.state.journal import State


def parse_entry(name: str, values: Mapping[str, Any]) -> JournalEntry:
    """Return the journal entry of *name*.

    Raises:
        ValueError: it is not one, or of another name.

    """
    entry = JournalEntry.from_json(values)
    if entry.name != name:
        raise ValueError("it is the entry of another name")
    return entry


def load_entry(state: State, api: str, name: str) -> tuple[JournalEntry, tuple[str, ...]] | None:
    """Return the journal entry of *name* at *api* and the references of its stores, or None.

    Raises:
        DamagedRowError: its row was damaged or edited.

    """
    values = state.load(api, name)
    return None if values is None else _parsed(state, api, name, values)


def load_entries(state: State, api: str) -> Iterator[tuple[str, tuple[JournalEntry, tuple[str, ...]] | InvalidError]]:
    """Yield each journalled name at *api* with its entry and stores, or with the error of a row that is damaged."""
    for name, values in state.entries(api):
        try:
            yield name, values if isinstance(values, InvalidError) else _parsed(state, api, name, values)
        except InvalidError as error:
            yield name, error


def _parsed(state: State, api: str, name: str, values: Mapping[str, Any]) -> tuple[JournalEntry, tuple[str, ...]]:
    try:
        return parse_entry(name, values), tuple(values["stores"])
    except ValueError as error:
        reason = str(error)
    raise state.damaged(api, name, reason)


def intact_entries(report: StateReport) -> Iterator[tuple[str, JournalEntry, tuple[str, ...]]]:
    """Yield the API, the entry and the stores of each name in *report*, without those that are damaged."""
    for api, name, values in report.names:
        try:
            yield api, parse_entry(name, values), tuple(values["stores"])
        except ValueError:
            continue


def damaged_entries(report: StateReport) -> Iterator[tuple[str, str, str]]:
    """Yield the API and the name of each damaged row in *report*, and why it cannot be used."""
    yield from report.damaged
    for api, name, values in report.names:
        try:
            parse_entry(name, values)
        except ValueError as error:
            yield api, name, str(error)
