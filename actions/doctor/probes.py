"""The probes of a measurement: each makes calls, and yields facts about the responses.

A probe that cannot continue yields nothing; a fact that no probe yielded stays unknown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from locoia_pat.actions import scopes
from locoia_pat.actions.doctor.probe_session import StoppedError, has_tag, note_of
from locoia_pat.actions.lifecycle.capabilities import UNKNOWN, Fact
from locoia_pat.response.outputs import get_path

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from locoia_pat import Secret
    from locoia_pat.actions.doctor.probe_session import ProbeCall, ProbeSession, ThrowawayRow
    from locoia_pat.actions.lifecycle.capabilities import MeasurementRun

_PAGE_KEYS = (
    *("next", "next_page", "next_page_token", "next_cursor", "cursor", "page", "pages", "page_count", "total_pages"),
    *("per_page", "page_size", "total", "total_count", "count", "limit", "offset", "has_more", "more", "pagination"),
    *("paging", "links", "_links"),
)
_PAGE_HEADERS = ("x-total", "x-page", "x-next", "x-per-page")
_CALLS = {"may_list": "list", "may_create": "create", "may_regenerate": "regenerate of its own row"}


def start(session: ProbeSession) -> None:
    """List what exists, and create the first row, with the first scope that the credential may give.

    Raises:
        StoppedError: the credential may not list or create.

    """
    session.existing_ids = {str(row["id"]) for row in _require_done(session.list()).rows}
    call = session.create(session.scopes[0])
    for scope in session.scopes[1:]:
        if call.refused:
            call = session.create(scope)
    _require_done(call)


def measure_list_lag(session: ProbeSession) -> Iterator[Fact]:
    """Measure how long it takes until the row is listed."""
    row = session.rows[0]
    for elapsed, call in session.poll_list(lambda call: session.find(row, call.rows) is not None):
        if session.find(row, call.rows) is not None:
            yield Fact("list_lag", round(elapsed, 1), "listed after a create until the new row was in the list")
            return
    yield Fact("list_lag", UNKNOWN, f"the row was not in the list within {session.patience:.0f} s")


def measure_regenerate(session: ProbeSession) -> Iterator[Fact]:
    """Measure whether a row keeps its id when it is regenerated."""
    row = session.rows[0]
    before = row.id
    call = _require_done(session.regenerate(row))
    if call.returns_id:
        yield Fact("regenerate_keeps_id", row.id == before, "the id in the response to a regenerate")
    elif session.find(row, session.list().rows) is not None:
        yield Fact("regenerate_keeps_id", row.id == before, "the id in the list after a regenerate")


def measure_scopes(session: ProbeSession) -> Iterator[Fact]:
    """Measure what a token of each scope may do."""
    matrix = ScopeMatrix(session)
    row: ThrowawayRow | None = session.rows[0]
    for scope in session.scopes[session.scopes.index(session.rows[0].scope) :]:
        if row is None or row.scope != scope:
            row = matrix.create_row(scope)
        if row is not None:
            row = matrix.measure(row)
    yield from matrix.facts()


def measure_completeness(session: ProbeSession) -> Iterator[Fact]:
    """Measure whether a list has all rows: those that existed before, and the throwaway rows."""
    expected = session.existing_ids | {row.id for row in session.rows}
    *_, (_, call) = session.poll_list(lambda call: not call.done or expected <= {str(row["id"]) for row in call.rows})
    if call.done:
        listed = {str(row["id"]) for row in call.rows}
        signs = page_signs(call.body, call.response.headers if call.response else {})
        how = f"a list of {len(call.rows)} rows, {len(expected)} expected; signs of pages: {', '.join(signs) or 'none'}"
        yield Fact("list_whole", is_whole(listed, expected, signs), how)


def measure_notes(session: ProbeSession) -> Iterator[Fact]:
    """Measure which notes are returned as they were sent."""
    listed = {row["id"]: row for row in session.list().rows}
    for row, name in zip(session.rows, ("note_kept", "note_length_kept"), strict=False):
        if row.note != note_of(session.run.op, row.number):
            yield Fact(name, value=False, how="such a note was refused, and a plain one was not")
        elif row.id in listed:
            yield Fact(name, listed[row.id]["note"] == row.note, f"the note of row {row.number}, as listed")


PROBES: tuple[Callable[[ProbeSession], Iterator[Fact]], ...] = (
    measure_list_lag,
    measure_regenerate,
    measure_scopes,
    measure_completeness,
    measure_notes,
)
"""In the order in which they run, after :func:`start`."""


def measure_expired(session: ProbeSession, runs: Sequence[MeasurementRun]) -> Iterator[Fact]:
    """Measure whether an expired row of *runs* can be regenerated."""
    rows = _require_done(session.list()).rows
    ids = [id_ for run in runs for id_ in run.rows.values()]
    listed = [row["id"] for row in rows if row["id"] in ids or any(has_tag(run.op, row["note"]) for run in runs)]
    how = "a regenerate of an expired row"
    for id_ in [*listed, *ids][:1]:
        call = session.regenerate_id(id_)
        problem = call.result.problem
        if problem is None:
            yield Fact("expired_renewable", value=True, how=how)
        elif call.refused and problem.code not in ("unauthorized", "forbidden"):
            yield Fact("expired_renewable", value=False, how=f"{how}: refused with {problem.status}")
        else:
            yield Fact("expired_renewable", value=UNKNOWN, how=f"{how}: {problem.code}")


def _require_done(call: ProbeCall) -> ProbeCall:
    if not call.done:
        raise StoppedError(call.result)
    return call


def page_signs(body: object, headers: Mapping[str, str]) -> list[str]:
    """Return what in a response suggests that a list has further pages."""
    link = headers.get("link", "")
    signs = ["Link"] if 'rel="next"' in link or "rel=next" in link else []
    signs += [name for name in headers if name.startswith(_PAGE_HEADERS)]
    objects = [body, get_path(body, "data"), get_path(body, "meta")]
    signs += [key for value in objects if isinstance(value, dict) for key in value if str(key).lower() in _PAGE_KEYS]
    return list(dict.fromkeys(signs))


def is_whole(listed: Collection[str], expected: Collection[str], signs: Sequence[str]) -> bool | str:
    """Whether a list has all rows; unknown if all *expected* ones are listed, and *signs* suggest further pages."""
    if not {*expected} <= {*listed}:
        return False
    return UNKNOWN if signs else True


def max_rows(scope_count: int) -> int:
    """Return the largest number of rows that so many scopes need."""
    return 2 * scope_count


class ScopeMatrix:
    """Which scope may make which call, and whether a token may create or regenerate one with wider scopes.

    To keep the number of rows small, the token of one scope creates the row of the next, if the API allows it.
    """

    def __init__(self, session: ProbeSession) -> None:
        self._session = session
        self._may: dict[str, dict[str, Any]] = {call: dict.fromkeys(session.scopes, UNKNOWN) for call in _CALLS}
        self._wider: dict[str, Any] = {"may_create_wider": UNKNOWN, "may_regenerate_wider": UNKNOWN}
        self._old_secret: ProbeCall | None = None
        """A list with the secret that a regenerate replaced."""

    def create_row(self, scope: str) -> ThrowawayRow | None:
        """Create a row of *scope* with the credential; return None if it may not."""
        return self._session.rows[-1] if _create(self._session, scope).done else None

    def measure(self, row: ThrowawayRow) -> ThrowawayRow | None:
        """Measure what the token of *row* may do; return the row of the next scope if the token created it."""
        listed = self._session.list(by=row.token)
        self._record("may_list", row, listed)
        next_row = self._try_create(row)
        self._record("may_regenerate", row, self._try_regenerate(row, may_list=listed.done))
        if self._may["may_regenerate"][row.scope] is True:
            self._try_regenerate_wider(row)
        return next_row

    def _record(self, name: str, row: ThrowawayRow, call: ProbeCall) -> None:
        self._may[name][row.scope] = _is_allowed(call)

    def _try_regenerate(self, row: ThrowawayRow, *, may_list: bool) -> ProbeCall:
        """Let *row* regenerate itself; then, once, list with its old secret, if that secret could list before."""
        old = row.token
        call = self._session.regenerate(row, by=old)
        if may_list and self._old_secret is None and (call.done or self._session.regenerate(row).done):
            self._old_secret = self._session.list(by=old)
        return call

    def _try_create(self, row: ThrowawayRow) -> ThrowawayRow | None:
        """Let *row* create the row of the next scope if that is wider, or else one of its own scope."""
        wider = self._wider_scope(row.scope)
        try_wider = self._wider["may_create_wider"] is not False
        if wider is not None and try_wider and _create(self._session, wider, row.token).done:
            self._may["may_create"][row.scope] = self._wider["may_create_wider"] = True
            return self._session.rows[-1]
        call = _create(self._session, row.scope, row.token)
        self._record("may_create", row, call)
        if call.done and wider is not None:
            self._wider["may_create_wider"] = False
        return None

    def _wider_scope(self, scope: str) -> str | None:
        """Return a scope that *scope* does not include: the next one; after the last, any other, if still needed."""
        tried = self._session.scopes
        candidates: Sequence[str] = tried[tried.index(scope) + 1 :][:1]
        if not candidates and self._wider["may_create_wider"] == UNKNOWN:
            candidates = scopes.NAMES
        return next((other for other in candidates if not scopes.includes(scope, other)), None)

    def _try_regenerate_wider(self, row: ThrowawayRow) -> None:
        if self._wider["may_regenerate_wider"] != UNKNOWN:
            return
        for other in self._session.rows:
            if other is not row and not scopes.includes(row.scope, other.scope):
                self._wider["may_regenerate_wider"] = _is_allowed(self._session.regenerate(other, by=row.token))
                return

    def facts(self) -> Iterator[Fact]:
        """Yield what was measured."""
        for name, call in _CALLS.items():
            yield Fact(name, self._may[name], f"a {call} by a throwaway token of each scope")
        for name, value in self._wider.items():
            call = name.removeprefix("may_").removesuffix("_wider")
            yield Fact(name, value, f"a {call} by a token whose scope does not include the other's")
        if self._old_secret is not None and (self._old_secret.done or self._old_secret.refused):
            how = "a list with the secret that a regenerate replaced, of a token that may list"
            refused = self._old_secret.refused
            yield Fact("old_secret_dies", refused, how)
            yield Fact("dead_token_status", self._old_secret.status if refused else UNKNOWN, how)


def _is_allowed(call: ProbeCall) -> Any:
    """Whether a call is allowed; unknown if it was neither done nor refused, or if the row was not found."""
    return True if call.done else False if call.refused and not call.not_found else UNKNOWN


def _create(session: ProbeSession, scope: str, by: Secret | None = None) -> ProbeCall:
    """Create a row; if that is refused, try again with a plain note, because the note may be the reason."""
    call = session.create(scope, by=by)
    return session.create(scope, by=by, plain=True) if call.refused else call
