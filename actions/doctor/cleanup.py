"""Throw-away rows, made useless: each gets a secret that nobody knows, and one day to live."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from locoia_pat.actions.doctor import classify_probe as judging
from locoia_pat.actions.doctor.probe_session import DAYS, ours

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locoia_pat.actions.doctor.probe_call import Came
    from locoia_pat.actions.doctor.probe_session import Bench
    from locoia_pat.actions.lifecycle.capabilities import MeasurementRun

_TRIES = 3
_MARGIN, _WIDE_MARGIN = dt.timedelta(hours=1), dt.timedelta(hours=26)
"""Beyond an expiry: for the API to notice, and, where it tells no hour or no zone, for both."""
_FORM = "%Y-%m-%dT%H:%M:%SZ"


def rfc3339(time: dt.datetime) -> str:
    """*Time* as everywhere: RFC 3339 in UTC."""
    return time.astimezone(dt.UTC).strftime(_FORM)


def cleared(bench: Bench, run: MeasurementRun, *, settle: float) -> tuple[MeasurementRun, tuple[str, ...]]:
    """*Run* once its rows are useless, and the ids of those that could not be made so.

    The rows are those that it journalled, and those whose note is of its operation: an answer may have been lost.  Of
    a run that was cleared before, only rows count that came late.
    """
    if bench.uncertain:
        time.sleep(settle)
    listed = bench.list()
    late = [str(row["id"]) for row in listed.rows if ours(run.op, row["note"]) and row["id"] not in run.rows.values()]
    rows = {**run.rows, **{f"late-{id_}": id_ for id_ in late}}
    left: list[str] = []
    dues = [run.due] if run.due else []
    for number, id_ in rows.items():
        if run.cleared and id_ not in late:
            continue
        came = _useless(bench, id_, settle)
        if came.done:
            rows[number] = str((came.result.data or {}).get("id"))
            dues.append(rfc3339(_due(came)))
        elif not _is_gone(came):
            left.append(id_)
    certain = run.op == bench.run.op and not bench.uncertain
    done = not left and (listed.done or certain)
    due = max(dues, default=rfc3339(bench.now + dt.timedelta(days=DAYS) + _WIDE_MARGIN))
    return replace(run, rows=rows, cleared=done, due=due if done else run.due), tuple(left)


def _useless(bench: Bench, id_: str, settle: float) -> Came:
    """What came of the regenerate that throws its answer away, and which is repeated where no answer came."""
    came = bench.renew(id_)
    for _ in range(_TRIES - 1):
        if came.done or came.refused:
            break
        time.sleep(settle)
        came = bench.renew(id_)
    return came


def _is_gone(came: Came) -> bool:
    """Whether there is no such row: it was renamed, or it expired."""
    return came.result.problem is not None and came.result.problem.code == "not_found"


def _due(came: Came) -> dt.datetime:
    """When a row has expired for certain."""
    raw = came.payload.get("expiration") if came.payload else None
    told = (came.result.data or {}).get("expiration")
    latest = max(_times(came.date + dt.timedelta(days=DAYS), told))
    return latest + (_MARGIN if judging.time_format(raw) in ("z", "offset", "http") else _WIDE_MARGIN)


def _times(expected: dt.datetime, told: str | None) -> Iterator[dt.datetime]:
    yield expected
    if told:
        yield dt.datetime.fromisoformat(told)
