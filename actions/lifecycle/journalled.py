"""Read what a state has journalled of managed names, and which rows of the API it knows.  Looking creates no state."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from locoia_pat import InvalidError
from locoia_pat.actions.lifecycle.capabilities import CapabilityFile
from locoia_pat.actions.lifecycle.effects import JournalEntry
from locoia_pat.state.inspect import inspect_state

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from locoia_pat import Connector
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


@dataclass(frozen=True, slots=True)
class KnownRows:
    """The rows of one API that the state folder knows."""

    managed: Mapping[str, str]
    """The managed name of each row whose token may be in use, by row id."""
    revoked: frozenset[str]
    """Rows that were revoked on purpose and only expire: of managed names, and of ``doctor --measure``."""


def load_known_rows(api: str) -> KnownRows:
    """Return what the state folder (``LOCOIA_PAT_STATE``, else the user's) knows of the rows of *api*."""
    report = inspect_state()
    entries = [entry for entry_api, entry, _ in intact_entries(report) if entry_api == api]
    revoked = {id_ for entry in entries for id_ in entry.revoked}
    with suppress(InvalidError):  # the file of a measurement cannot be read: its rows are treated like any other
        runs = CapabilityFile(report).read(api).runs
        revoked |= {id_ for run in runs if run.cleared for id_ in run.rows.values()}
    managed = {
        id_: entry.name for entry in entries for id_ in (*entry.rows.values(), *(row.id for row in entry.retirements))
    }
    return KnownRows(managed, frozenset(revoked - managed.keys()))


def credential_row_id(connector: Connector) -> str | None:
    """Return the row id of the connector's credential, if its store holds it.

    Raises:
        InvalidError, OSError, ValueError: the store cannot be read.

    """
    if connector.auth_ref is None:
        return None
    token, record = connector.credential(), connector.open_store(connector.auth_ref).record()
    return next((entry.id for entry in record.entries if entry.token == token), None)
