"""Rows of the API that the user's own state folder knows.  Looking creates no state folder."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from locoia_pat.actions.lifecycle.capabilities import CapabilityFile
from locoia_pat.actions.lifecycle.journalled import intact_entries
from locoia_pat.outcomes import InvalidError
from locoia_pat.state.inspect import inspect_state

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locoia_pat import Connector


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
