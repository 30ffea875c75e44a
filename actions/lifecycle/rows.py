"""Rows of the API as the user's own state knows them.  Looking makes no state where there is none."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from locoia_pat.actions.lifecycle.capabilities import CapabilityFile
from locoia_pat.outcomes import InvalidError
from locoia_pat.state.inspect import look

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locoia_pat import Connector


@dataclass(frozen=True, slots=True)
class KnownRows:
    """The rows of one API that are known."""

    managed: Mapping[str, str]
    """The managed name of each row that a token of it may be used from, by the id of the row."""
    ended: frozenset[str]
    """Rows that were made useless on purpose, and only run out: of managed names, and of ``doctor --measure``."""


def known_rows(api: str) -> KnownRows:
    """What the state of ``LOCOIA_PAT_STATE``, else the user's, knows of the rows of *api*."""
    state = look()
    names = [(name, journalled) for at, name, journalled in state.names if at == api]
    ended = {id_ for _, journalled in names for id_ in journalled["dead"]}
    with suppress(InvalidError):  # what was measured cannot be read: its rows are told like any
        ended |= {
            id_ for run in CapabilityFile(state.folder).read(api).runs if run.cleared for id_ in run.rows.values()
        }
    managed = {
        id_: name
        for name, journalled in names
        for id_ in (*journalled["rows"].values(), *(id_ for id_, _ in journalled["retire"]))
    }
    return KnownRows(managed, frozenset(ended - managed.keys()))


def own_row(connector: Connector) -> str | None:
    """The id of the row of the connector's credential, where its place tells.

    Raises:
        InvalidError, OSError, ValueError: the place cannot be read.

    """
    if connector.auth_ref is None:
        return None
    token, record = connector.credential(), connector.open_sink(connector.auth_ref).record()
    return next((entry.id for entry in record.entries if entry.token == token), None)
