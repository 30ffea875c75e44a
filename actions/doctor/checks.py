"""``doctor``: how things stand here and with the API.  It changes nothing, and sends one read at most."""

from __future__ import annotations

import datetime as dt
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from locoia_pat import ConnectorError
from locoia_pat.actions.doctor import local_checks as here
from locoia_pat.actions.doctor.api_checks import api
from locoia_pat.actions.doctor.findings import Finding
from locoia_pat.actions.lifecycle.capabilities import LATER, UNKNOWN, CapabilityFile
from locoia_pat.actions.lifecycle.effects import JournalEntry
from locoia_pat.state.inspect import inspect_state

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from locoia_pat.actions.lifecycle.capabilities import ApiFacts
    from locoia_pat.connector import RecordingConnector
    from locoia_pat.state.inspect import StateReport

OLD = dt.timedelta(days=180)
"""After which what was measured may be true no more."""
_RECONCILE = "locoia-pat reconcile"
_MEASURE = "locoia-pat doctor --measure"
_FINISH = "locoia-pat doctor --measure --finish"
_PATHS = ("file", "text", "env-file")
"""Kinds of places that are a file."""


def look(connector: RecordingConnector, source: str, *, check: str | None, address: str) -> Iterator[Finding]:
    """Everything, in the order in which one thing needs another.

    Args:
        connector: what calls the API.
        source: in words, where its credential is from; ``none`` where there is none.
        check: the action that reads, by which the credential is checked.
        address: in words, where the base address is from.

    """
    yield from here.program()
    yield from here.extras()
    yield from here.keyring()
    try:
        base_url: str | None = connector.base_url
    except ConnectorError as error:
        base_url = None
        yield Finding("address", "problem", str(error), f"set {address}, or unset it")
    yield from here.network(base_url)
    if base_url is not None:
        yield Finding("address", "ok", base_url)
        yield from api(connector, source, check)
    seen = inspect_state()
    yield from state(seen)
    yield from places(seen, connector.auth_ref)
    if base_url is not None and seen.trouble is None:
        yield from capabilities(seen.folder, base_url)


def state(seen: StateReport) -> Iterator[Finding]:
    """The folder, what is under way in it, and who is at work."""
    if seen.trouble is not None:
        hint = "name a folder that you may write to by LOCOIA_PAT_STATE"
        yield Finding("state", "problem", f"{seen.folder}: {seen.trouble}", hint)
    else:
        yield Finding("state", "ok", str(seen.folder) if seen.exists else f"{seen.folder}, made when it is needed")
    for path, mode in seen.open_to_others:
        yield here.permissions(path, mode)
    now = dt.datetime.now(dt.UTC)
    for base_url, name, found in seen.names:
        yield _name(base_url, name, found, now)
    for held in seen.leases:
        yield Finding("lease", "note", f"{held.name}: held by {held.process}, since {held.since}")


def _name(base_url: str, name: str, found: Mapping[str, Any], now: dt.datetime) -> Finding:
    entry = JournalEntry.from_json(found)
    what = f"name {name}"
    if entry.operation is not None:
        return Finding(what, "problem", f"{entry.operation} is not finished, at {base_url}", _RECONCILE)
    overdue = [row for row in entry.retirements if row.due <= now]
    if overdue:
        return Finding(what, "problem", f"{len(overdue)} old tokens are due to be retired, at {base_url}", _RECONCILE)
    return Finding(what, "ok", f"{'ended' if entry.ended else 'nothing under way'}, at {base_url}")


def places(seen: StateReport, auth_ref: str | None) -> Iterator[Finding]:
    """The files that hold tokens: those of managed names, and the credential's own."""
    refs: list[str] = [ref for _, _, found in seen.names if not found["ended"] for ref in found["stores"]]
    for ref in dict.fromkeys(refs + [ref for ref in [auth_ref] if ref]):
        scheme, _, rest = ref.partition(":")
        if scheme not in _PATHS:
            continue
        path = Path(rest.rpartition("#")[0] or rest)
        if not path.exists():
            yield Finding("place", "problem", f"{path} is not there", "put it back, or run ensure_pat again")
        elif os.name == "posix" and (mode := stat.S_IMODE(path.stat().st_mode)) & 0o077:
            yield here.permissions(path, mode)


def capabilities(folder: Path, base_url: str) -> Iterator[Finding]:
    """What was measured of the API, and what is left of it to do."""
    try:
        known = CapabilityFile(folder).read(base_url)
    except ConnectorError as error:
        yield Finding("measured", "problem", error.problem.message, error.problem.hint)
        return
    now = dt.datetime.now(dt.UTC)
    yield _measured(known, now)
    if any(not run.cleared for run in known.runs):
        yield Finding("throw-away", "problem", "tokens that a measurement made may still work", _FINISH)
    elif any(run.due and dt.datetime.fromisoformat(run.due) <= now for run in known.runs):
        yield Finding("throw-away", "note", "the rows of a measurement have expired; they tell two facts more", _FINISH)


def _measured(known: ApiFacts, now: dt.datetime) -> Finding:
    dates = [dt.datetime.fromisoformat(fact["at"]) for fact in known.facts.values() if fact.get("at")]
    if not dates:
        return Finding("measured", "note", "nothing is known of this API beyond its documentation", _MEASURE)
    unknown = [name for name, fact in known.all_facts().items() if fact["value"] == UNKNOWN and name not in LATER]
    age = now - min(dates)
    told = f"{age.days} days ago" + (f"; unknown: {', '.join(unknown)}" if unknown else "")
    return Finding("measured", "note" if age > OLD else "ok", told, _MEASURE if age > OLD else None)
