"""What can be told a day later: whether expired rows are listed, and whether one can be regenerated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from locoia_pat.actions.doctor.probe_session import StoppedError, ours
from locoia_pat.actions.lifecycle.capabilities import UNKNOWN, Fact

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from locoia_pat.actions.doctor.probe_session import Bench
    from locoia_pat.actions.lifecycle.capabilities import MeasurementRun


def expired(bench: Bench, runs: Sequence[MeasurementRun], *, whole: Any) -> Iterator[Fact]:
    """The facts about the expired rows of *runs*; of a list that is not *whole*, nothing is concluded from absence."""
    came = bench.list()
    if not came.done:
        raise StoppedError(came.result)
    ids = [id_ for run in runs for id_ in run.rows.values()]
    listed = [row["id"] for row in came.rows if row["id"] in ids or any(ours(run.op, row["note"]) for run in runs)]
    missing = False if whole is True else UNKNOWN
    yield Fact("expired_listed", bool(listed) or missing, f"{len(listed)} of {len(ids)} expired rows are in the list")
    how = "a regenerate of an expired row by the credential"
    for id_ in [*listed, *ids][:1]:
        came = bench.renew(id_)
        told = came.result.problem
        if came.done:
            yield Fact("expired_renewable", value=True, how=how)
        elif told is not None and came.refused and told.code not in ("unauthorized", "forbidden"):
            yield Fact("expired_renewable", value=False, how=f"{how}: refused with {told.status}")
        else:
            yield Fact("expired_renewable", value=UNKNOWN, how=f"{how}: {told.code if told else came.result.outcome}")
