"""What is measured, in order: each probe makes calls, and tells facts of what came.

A probe that cannot go on tells nothing; what no probe told stays unknown.
"""

from __future__ import annotations

import datetime as dt
import uuid
from typing import TYPE_CHECKING, Any

from locoia_pat.actions.doctor import classify_probe as judging
from locoia_pat.actions.doctor.probe_session import DAYS, StoppedError, noted
from locoia_pat.actions.doctor.scope_matrix import scoped
from locoia_pat.actions.lifecycle.capabilities import UNKNOWN, Fact
from locoia_pat.spec.load import SpecFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from locoia_pat.actions.doctor.probe_call import Came
    from locoia_pat.actions.doctor.probe_session import Bench


def listing(bench: Bench) -> Iterator[Fact]:
    """The list as it is before anything is made."""
    came = _must(bench.list())
    bench.before = {str(row["id"]) for row in came.rows}
    how = f"a list of {len(came.rows)} rows"
    yield Fact("list_status", _status(came), how)
    yield Fact("list_shape", judging.list_shape(came.body, SpecFolder().action("list_pats").reply.at), how)
    yield Fact("list_pages", judging.page_signs(came.body, came.reply.headers if came.reply else {}), how)


def creating(bench: Bench) -> Iterator[Fact]:
    """The first row, of the first scope that the credential may give."""
    came = bench.create(bench.scopes[0])
    for scope in bench.scopes[1:]:
        if came.refused:
            came = bench.create(scope)
    _must(came)
    how = f"the answer to a create of {bench.rows[0].scope} for {DAYS} day"
    yield Fact("create_status", _status(came), how)
    raw = came.payload.get("expiration") if came.payload else None
    expected = came.date + dt.timedelta(days=DAYS)
    yield Fact("time_format", judging.time_format(raw), how)
    yield Fact("time_precision", judging.time_precision(raw), how)
    yield Fact("time_zone", judging.time_zone(raw, expected), f"{how}, beside the server's Date")
    yield Fact("expiration_rounding", judging.rounding(raw, expected), f"{how}, beside the server's Date")


def appearing(bench: Bench) -> Iterator[Fact]:
    """When the row is in the list."""
    row = bench.rows[0]
    for spent, came in bench.polled(lambda came: bench.found(row, came.rows) is not None):
        if bench.found(row, came.rows) is not None:
            yield Fact("list_lag", round(spent, 1), "lists after a create, until the row was in one")
            return
    yield Fact("list_lag", UNKNOWN, f"the row was not in the list within {bench.patience:.0f} s")


def using(bench: Bench) -> Iterator[Fact]:
    """When a use of its token is told."""
    row = bench.rows[0]
    may = bench.list(by=row.token).done

    def used(came: Came) -> bool:
        listed = bench.found(row, came.rows) or {}
        return bool(listed.get("last_used") or listed.get("last_used_raw"))

    for spent, came in bench.polled(used):
        if used(came):
            yield Fact("last_used_lag", round(spent, 1), "lists after a call by the token, until its use was told")
            return
    why = f"not told within {bench.patience:.0f} s" + ("" if may else "; but the call was refused")
    yield Fact("last_used_lag", UNKNOWN, why)


def regenerating(bench: Bench) -> Iterator[Fact]:
    """What a regenerate answers, and which id the row has then."""
    row = bench.rows[0]
    before = row.id
    came = _must(bench.regenerate(row))
    yield Fact("regenerate_status", _status(came), "a regenerate by the credential")
    yield Fact("regenerate_answer", judging.answered(came.payload), "a regenerate by the credential")
    if came.names_id:
        yield Fact("regenerate_keeps_id", row.id == before, "the id in the answer to a regenerate")
    elif bench.found(row, bench.list().rows) is not None:
        yield Fact("regenerate_keeps_id", row.id == before, "the id in the list after a regenerate")


def absent(bench: Bench) -> Iterator[Fact]:
    """A regenerate of a row that is not there, and what an error looks like."""
    came = bench.renew(str(uuid.uuid4()))
    if not came.refused or came.reply is None:
        return
    how = "a regenerate of a row that is not there"
    yield Fact("unknown_row_status", came.status, how)
    yield Fact("errors_in_200", 200 <= came.reply.status < 300, how)
    yield Fact("error_shape", judging.error_shape(came.body, came.reply.text.reveal()), how)


def completeness(bench: Bench) -> Iterator[Fact]:
    """Whether all rows are listed: those that were there before, and ours."""
    known = bench.before | {row.id for row in bench.rows}
    *_, (_, came) = bench.polled(lambda came: not came.done or known <= {str(row["id"]) for row in came.rows})
    if not came.done:
        return
    signs = judging.page_signs(came.body, came.reply.headers if came.reply else {})
    is_whole = judging.whole({str(row["id"]) for row in came.rows}, known, signs)
    how = f"a list of {len(came.rows)} rows, of which {len(known)} were known"
    yield Fact("list_whole", is_whole, how)
    yield Fact("list_pages", signs, how)
    if is_whole is True:
        yield Fact("list_rows", len(came.rows), how)


def notes(bench: Bench) -> Iterator[Fact]:
    """Which notes came back as they were sent."""
    came = bench.list()
    names = ("note_kept", "note_spaces_kept", "note_signs_kept", "note_length_kept")
    for row, name in zip(bench.rows, names, strict=False):
        if row.note != noted(bench.run.op, row.number):
            yield Fact(name, value=False, how="such a note was refused, and a plain one was not")
        elif (listed := next((found for found in came.rows if found["id"] == row.id), None)) is not None:
            yield Fact(name, listed["note"] == row.note, f"the note of row {row.number}, as it was sent and as listed")


PROBES: tuple[Callable[[Bench], Iterator[Fact]], ...] = (
    listing,
    creating,
    appearing,
    using,
    regenerating,
    absent,
    scoped,
    completeness,
    notes,
)


def _must(came: Came) -> Came:
    """What came, where the measurement can go on."""
    if not came.done:
        raise StoppedError(came.result)
    return came


def _status(came: Came) -> Any:
    return came.reply.status if came.reply else UNKNOWN
