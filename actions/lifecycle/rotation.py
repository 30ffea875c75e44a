"""How a managed token is created, rotated, retired and repaired.

A name has one row of the API, or two of which one is used: its slots "a" and "b".  A rotation gives the unused slot a
new secret, proves that it works, and promotes it; the previous secret keeps working until it is retired.  The API has
no delete: a row is revoked by a regenerate whose response is discarded.

Each protocol is a generator over a :class:`NameState`.  It yields effects (:mod:`.effects`) and has no network, clock,
environment or randomness of its own, so the same code runs for real and under every fault of the model in
``tests/properties``.  A protocol begins with what is stored, journalled and listed; after a crash it is simply run
again.  A step that cannot go further raises :class:`Stopped`.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from locoia_pat import Outcome
from locoia_pat.actions.lifecycle.capabilities import may
from locoia_pat.actions.lifecycle.effects import (
    UNREADABLE,
    AcquireLease,
    CallApi,
    Change,
    Effect,
    Finished,
    LoadState,
    Retirement,
    Steps,
    Stopped,
    StoreRecord,
    WaitInFlight,
    WriteJournal,
)
from locoia_pat.actions.lifecycle.lifetime import Clock, is_due, lifetime, minted_at, minting
from locoia_pat.actions.lifecycle.marker import Marker, append_marker, find_marker
from locoia_pat.response.timestamp import rfc3339
from locoia_pat.stores import TokenEntry
from locoia_pat.stores.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence

    from locoia_pat import Result, Secret
    from locoia_pat.actions.lifecycle.desired import DesiredToken
    from locoia_pat.actions.lifecycle.effects import JournalEntry, Snapshot, StopReason

Protocol: TypeAlias = "Callable[[NameState], Steps[Change]]"
"""One of :func:`ensure`, :func:`rotate`, :func:`rotate_in_place`, :func:`retire` and :func:`reconcile`."""

MAX_ATTEMPTS = 5
"""How often a step is attempted before the protocol stops."""
_MAX_SKEW = dt.timedelta(hours=1)
"""With clocks that differ more, a token may be renewed late."""
Row: TypeAlias = "Mapping[str, Any]"
"""A row of the API, as ``list_pats`` returns it."""


def under_lease(protocol: Protocol, desired: DesiredToken) -> Generator[Effect, Any, Finished]:
    """Run *protocol* on the state of a name, loaded inside its lease."""
    if (busy := (yield AcquireLease())) is not None:
        return Finished(problem="busy", message=busy)
    state = NameState(desired, (yield LoadState()))
    try:
        if state.holds_foreign_token() and not desired.take_over:
            raise managed_elsewhere(state)
        finished = Finished((yield from protocol(state)))
    except Stopped as stopped:
        finished = stopped.finished
    next_due = min((row.due for row in state.journal.retirements), default=None)
    return replace(finished, record=state.record, retire_due=next_due, warnings=tuple(state.warnings()))


# The protocols


def ensure(state: NameState) -> Steps[Change]:
    """Have one working token of the name: create it, adopt it, or rotate it when it is due."""
    resumed = yield from resume(state)
    yield from check_replaced_row_exists(state)
    if state.record.current is None or state.holds_foreign_token():
        return (yield from create(state))
    if replaced := state.replaced_row():
        yield from journal(state, retirements=(*state.journal.retirements, *replaced))
    if (yield from prove_or_repair(state)) == "rotated":
        return "rotated"
    if {*state.desired.scopes} != {*state.journal.scopes}:
        return (yield from change_scopes(state))
    rows = yield from claim_name(state)
    current = state.current_token()
    if is_due(current, row_of(current.id, rows), state.desired, state.clock):
        return (yield from renew(state, other_slot(state.current_slot())))
    retired = yield from retire_due(state)
    return retired if resumed == "none" else resumed


def rotate(state: NameState) -> Steps[Change]:
    """Give the name a new token; the previous one keeps working for the overlap."""
    return (yield from _rotate(state, lambda: other_slot(state.current_slot())))


def rotate_in_place(state: NameState) -> Steps[Change]:
    """Give the row of the name a new secret; consumers are without a token until they read it again."""
    if state.desired.self_rotating:
        raise stop("unsafe", "a token that rotates itself in place is lost if a response is lost")
    return (yield from _rotate(state, state.current_slot))


def _rotate(state: NameState, slot: Callable[[], str]) -> Steps[Change]:
    if (yield from resume(state)) == "rotated" or state.is_rotated_by_this_call():
        return "rotated"
    if state.record.current is None:
        raise stop("not_found", f"there is no token of the name {state.desired.name}")
    if (yield from prove_or_repair(state)) == "rotated":
        return "rotated"
    yield from claim_name(state)
    return (yield from renew(state, slot()))


def retire(state: NameState) -> Steps[Change]:
    """End the name: revoke its rows and empty its stores."""
    rows = yield from list_rows(state)
    created = [row["id"] for row in state.own_rows(rows) if not is_expired(row)]  # some by a lost response
    created = [id_ for id_ in created if id_ not in state.journal.revoked]
    ids = dict.fromkeys([*state.journal.rows.values(), *state.retirement_ids(), *state.stored_ids(), *created])
    if not ids:
        if state.journal.ended:
            return "none"
        raise stop("not_found", f"there is no token of the name {state.desired.name}")
    yield from journal(state, operation="retire", operation_id=state.journal.operation_id or state.new_operation_id)
    current = state.record.current
    own_id = current.id if current is not None and state.desired.self_rotating else None
    for id_ in sorted(ids, key=lambda id_: id_ == own_id):  # the token that authorises all this goes last
        yield from revoke(state, id_, days=1)
    yield from store(state, Record(api=state.record.api, name=state.record.name))
    gone = [*ids, *state.journal.rows.values()]  # a regenerate may have changed their ids
    revoked = tuple(dict.fromkeys([*state.journal.revoked, *gone]))
    yield from journal(state, operation=None, operation_id=None, rows={}, retirements=(), revoked=revoked, ended=True)
    return "retired"


def reconcile(state: NameState) -> Steps[Change]:
    """Finish or undo what was left unfinished, and revoke orphans."""
    resumed = yield from resume(state)
    if state.record.current is not None and (yield from prove_or_repair(state)) == "rotated":
        return "rotated"
    yield from revoke_orphans(state)
    return resumed


# Resume, create, renew


def resume(state: NameState) -> Steps[Change]:
    """Finish the operation that a run before this one left in progress, if any."""
    match state.journal.operation:
        case None:
            return "none"
        case "retire":
            return (yield from retire(state))
        case "create":
            return (yield from create(state))
        case _:
            return (yield from renew(state, state.journal.slot))


def create(state: NameState) -> Steps[Change]:
    """Create the token of the name, or adopt a row that carries the name already."""
    if state.journal.operation is None:
        yield from adopt_rows(state)
        require_markers(state, state.journal.slot)
        retirements = (*state.journal.retirements, *state.replaced_row())
        yield from _journal_create(state, ended=False, retirements=retirements)
        state.may_have_created = False  # all rows were listed before the operation had its id
    adopted = state.journal.slot in state.journal.rows
    yield from promote_new_secret(state, state.journal.slot)
    yield from commit_promotion(state, replaced=state.record.previous)
    yield from revoke_orphans(state)
    yield from retire_due(state)
    return "adopted" if adopted else "created"


def change_scopes(state: NameState) -> Steps[Change]:
    """Create a token with other scopes in a new row, since a regenerate cannot change them; the rows before it go.

    Their secrets keep working for the overlap.
    """
    if not state.desired.change_scopes:
        scopes = ", ".join(state.journal.scopes)
        raise stop("scopes_differ", f"the token of the name {state.desired.name} has the scopes {scopes}")
    require_markers(state, None)
    yield from _journal_create(state, slot=other_slot(state.current_slot()), rows={})
    return (yield from create(state))


def _journal_create(state: NameState, **changes: Any) -> Steps[None]:
    desired = state.desired
    changes |= {"scopes": tuple(desired.scopes), "note": desired.note, "days": desired.expiration}
    yield from journal(state, operation="create", operation_id=state.new_operation_id, **changes)


def renew(state: NameState, slot: str) -> Steps[Change]:
    """Give *slot* a new secret and promote it; the slot of the current token means in place."""
    if state.journal.operation is None:
        in_place = slot == state.current_slot()
        require_markers(state, slot)
        waiting = {row.id: row.due for row in state.journal.retirements if row.due > state.now}
        state.shortened_overlap = None if in_place else waiting.get(state.journal.rows.get(slot, ""))
        operation = "in_place" if in_place else "rotate"
        yield from journal(state, operation=operation, operation_id=state.new_operation_id, slot=slot)
    replaced = state.record.previous if state.is_promoted() else state.record.current
    yield from promote_new_secret(state, slot)
    yield from commit_promotion(state, replaced)
    yield from revoke_orphans(state)
    yield from retire_due(state)
    return "rotated"


# A new secret: minted, stored as pending, proven, promoted


def promote_new_secret(state: NameState, slot: str) -> Steps[None]:
    """Mint a secret for *slot*, prove it, and make it the current token in every store."""
    if state.is_promoted():
        return
    yield from mint_and_prove(state, slot)
    pending, current = state.record.pending, state.record.current
    same_row = current is not None and pending is not None and current.id == pending.id
    promoted = replace(state.record, current=pending, previous=None if same_row else current, pending=None)
    yield from store(state, promoted)


def mint_and_prove(state: NameState, slot: str) -> Steps[None]:
    """Mint a secret for *slot*, store it as the pending token, and prove by a call that it works."""
    pending = state.record.pending
    if pending is not None and pending.metadata.get("op") != state.journal.operation_id:
        pending = None  # left by another operation; the list shows its row
    for _ in range(MAX_ATTEMPTS):
        if pending is None:
            pending = yield from mint(state, slot)
            yield from store(state, replace(state.record, pending=pending))
        listed: Result = yield CallApi("list_pats", by=pending.token)
        if state.token_works(listed):
            state.record = replace(state.record, pending=_with_listed_expiry(pending, listed))
            return
        if not state.token_is_revoked(listed):
            raise stop_by(listed)
        pending = None  # a request sent earlier arrived late and replaced it
    raise stop("unknown", "each new secret was replaced before it could be used")


def mint(state: NameState, slot: str) -> Steps[TokenEntry]:
    """Mint a secret for *slot*: of its row, of a row this operation created earlier, or of a new one."""
    row_id = state.journal.rows.get(slot)
    if row_id is not None and state.capabilities.expired_renewable is False:
        rows = yield from list_rows(state)
        row_id = None if state.has_expired_for_good(row_id, rows) else row_id
    for _ in range(MAX_ATTEMPTS):
        if row_id is None and state.may_have_created:
            rows = yield from list_rows(state)
            row_id = next((row["id"] for row in state.own_rows(rows) if state.created_by_operation(row)), None)
        state.may_have_created = True
        result: Result = yield _mint_call(state, slot, row_id)
        if result.outcome is Outcome.DONE and result.token is not None:
            row_id = yield from find_row_id(state, result, row_id, slot)
            data = result.data or {}
            minted = minting(data, state.desired.expiration, minted_at(result, state.clock))
            own = {"id": row_id, "scopes": data.get("scopes"), "slot": slot, "op": state.journal.operation_id}
            return TokenEntry(result.token, {**own, **minted})
        if result.outcome is Outcome.UNKNOWN:
            yield WaitInFlight(state.capabilities.list_lag)
        elif row_id is not None and was_refused(result, "not_found"):
            row_id = None  # it expired, or someone removed it
            yield from journal(state, rows={name: id_ for name, id_ in state.journal.rows.items() if name != slot})
        else:
            raise stop_by(result)
    raise stop("unknown", f"no complete response in {MAX_ATTEMPTS} attempts")


def _mint_call(state: NameState, slot: str, row_id: str | None) -> CallApi:
    days, by = state.desired.expiration, state.authorizer()
    if row_id is not None:
        return CallApi("regenerate_pat", {"token_id": row_id, "expiration": days}, by=by)
    operation_id = state.journal.operation_id or state.new_operation_id
    note = append_marker(state.journal.note, Marker(state.desired.name, slot, operation_id, state.journal.owner))
    return CallApi("create_pat", {"expiration": days, "scopes": list(state.journal.scopes), "note": note}, by=by)


def find_row_id(state: NameState, result: Result, row_id: str | None, slot: str | None) -> Steps[str | None]:
    """Return the id of the minted row: as responded, or from the list if ids may change and the response has none."""
    responded: str | None = (result.data or {}).get("id") or row_id
    if row_id is None or responded != row_id or state.capabilities.keeps_id is True:
        return responded
    try:
        rows = yield from list_rows(state)
    except Stopped:
        return responded
    if state.capabilities.keeps_id is None and row_id in [row["id"] for row in rows]:
        return responded
    accounted = state.accounted_ids()
    new = [row["id"] for row in state.own_rows(rows) if row["id"] not in accounted and slot_of(row) == slot]
    return new[0] if len(new) == 1 else responded


def _with_listed_expiry(entry: TokenEntry, listed: Result) -> TokenEntry:
    """Return *entry* with the expiry that the list shows, which moves when someone gives its row another secret."""
    row = row_of(entry.id, listed_rows(listed))
    return replace(entry, metadata={**entry.metadata, "listed": row.get("expiration")})


def commit_promotion(state: NameState, replaced: TokenEntry | None) -> Steps[None]:
    """Journal that the promotion is done, and when the *replaced* token is to be revoked."""
    current, old = state.current_token(), state.journal
    slot = current.metadata.get("slot") or "a"
    rotated = old.operation == "rotate"
    replaced_id = replaced.id if replaced is not None else old.rows.get(other_slot(slot)) if rotated else None
    rows = {**old.rows, slot: current.id}
    due = state.overlap_end()
    gone = [replaced_id] if replaced_id is not None and replaced_id != rows[slot] else []
    retirements = [row for row in old.retirements if row.id not in (*gone, rows[slot])]
    if old.operation == "create":  # the overlap of a replaced row begins now, however long the create took
        retirements = [row if row.due > state.now else Retirement(row.id, due) for row in retirements]
    retirements += [Retirement(id_, due) for id_ in gone]
    if replaced_id is not None and rotated:
        rows[other_slot(slot)] = replaced_id  # the next rotation uses that slot
    yield from journal(state, operation=None, operation_id=None, slot=slot, rows=rows, retirements=tuple(retirements))


# Prove and repair the current token


def prove_or_repair(state: NameState) -> Steps[Change]:
    """Prove that the current token works; else return to the previous one, or mint a new one, and rotate."""
    current = state.current_token()
    listed: Result = yield CallApi("list_pats", by=current.token)
    replaced = current.token is UNREADABLE and is_replaced(current, row_of(current.id, listed_rows(listed)))
    if not replaced and state.token_works(listed):
        if current.id in state.retirement_ids():  # someone restored an old token that is to end
            return (yield from renew(state, other_slot(state.current_slot())))
        return "none"
    if not replaced and not state.token_is_revoked(listed):
        raise stop_by(listed)
    previous = state.record.previous
    if previous is not None:
        listed = yield CallApi("list_pats", by=previous.token)
        if state.token_works(listed):
            yield from store(state, replace(state.record, current=previous, previous=None))
            retirements = tuple(row for row in state.journal.retirements if row.id != previous.id)
            yield from journal(state, slot=previous.metadata.get("slot") or "a", retirements=retirements)
            return (yield from renew(state, other_slot(state.current_slot())))
        if not state.token_is_revoked(listed):
            raise stop_by(listed)
    if state.desired.self_rotating:
        raise stop_by(listed)  # every stored token is revoked, and there is no other credential
    for _, marker in state.rows_for_name((yield from list_rows(state))):
        if marker.owner != state.journal.owner:  # it took the name over and revoked our token
            raise managed_elsewhere(state, marker.owner)
    return (yield from renew(state, state.current_slot()))


# Revoke: the API has no delete


def retire_due(state: NameState) -> Steps[Change]:
    """Revoke the rows that are due: the secrets before the current one."""
    change: Change = "none"
    for row in state.journal.retirements:
        if row.due > state.now or (state.record.current is not None and row.id == state.record.current.id):
            continue
        in_slot = row.id in state.journal.rows.values()
        yield from revoke(state, row.id, days=state.desired.expiration if in_slot else 1)  # a slot is used again
        previous = state.record.previous
        if previous is not None and previous.id == row.id:
            yield from store(state, replace(state.record, previous=None))
        left = tuple(other for other in state.journal.retirements if other.id != row.id)
        in_slot = row.id in state.journal.rows.values()
        revoked = state.journal.revoked if in_slot else (*state.journal.revoked, row.id)
        yield from journal(state, retirements=left, revoked=revoked)
        change = "retired"
    return change


def revoke_orphans(state: NameState) -> Steps[None]:
    """Revoke each row of this name and owner whose secret is not stored, such as one left by a lost response."""
    rows = yield from list_rows(state)
    for row in state.own_rows(rows):
        if row["id"] not in state.accounted_ids() and not state.has_expired_for_good(row["id"], rows):
            yield from revoke(state, row["id"], days=1)
            yield from journal(state, revoked=(*state.journal.revoked, row["id"]))


def revoke(state: NameState, id_: str, days: int) -> Steps[None]:
    """Regenerate the row *id_* for *days* and discard the response, so that its secret is known to no one."""
    current = state.record.current
    by = current.token if current is not None and current.id != id_ else None
    if may(state.capabilities.may_regenerate, state.journal.scopes) is False:
        by = None
    by = by or state.authorizer()
    for _ in range(MAX_ATTEMPTS):
        result: Result = yield CallApi("regenerate_pat", {"token_id": id_, "expiration": days}, by=by)
        if result.outcome is Outcome.DONE:
            yield from _journal_new_id(state, id_, result)
            return
        if was_refused(result, "not_found"):
            return
        if result.outcome is Outcome.UNKNOWN:
            yield WaitInFlight()
        elif by is not None and not state.desired.self_rotating and result.outcome is Outcome.REFUSED:
            by = None  # a narrow token may not regenerate; the rotator may
        else:
            raise stop_by(result)
    raise stop("unknown", f"no complete response in {MAX_ATTEMPTS} attempts")


def _journal_new_id(state: NameState, id_: str, result: Result) -> Steps[None]:
    """Journal the new id of a revoked row, if a regenerate changed it."""
    slot = next((slot for slot, row_id in state.journal.rows.items() if row_id == id_), None)
    new_id = yield from find_row_id(state, result, id_, slot)
    if new_id is None or new_id == id_:
        return
    if slot is not None:
        yield from journal(state, rows={**state.journal.rows, slot: new_id})
    else:
        yield from journal(state, revoked=(*state.journal.revoked, new_id))


# Checks


def check_replaced_row_exists(state: NameState) -> Steps[None]:
    """Stop if the row to be replaced does not exist: with a misspelt id the old row would stay alive."""
    if not state.replaced_row():
        return
    rows = yield from list_rows(state)
    if state.desired.replaces not in [row["id"] for row in rows]:
        raise stop("nothing_to_replace", f"there is no row {state.desired.replaces} to replace")


def adopt_rows(state: NameState) -> Steps[None]:
    """Journal the rows that carry the name already: our own as slots, those of another owner to be retired.

    A foreign row is no slot of ours even when it is taken over: its marker still names the other owner, who may still
    work on it.  It is revoked once the overlap has passed, so no working token of either owner dies by the other.
    """
    rows = yield from list_rows(state)
    foreign = foreign_retirements(state, rows)
    slots: dict[str, str] = {}
    other_scopes: list[str] = []
    for row in state.own_rows(rows):
        if row["id"] in state.journal.revoked:
            continue
        if {*(row.get("scopes") or state.desired.scopes)} != {*state.desired.scopes}:
            other_scopes.append(row["id"])  # a regenerate cannot change its scopes
        else:
            slots.setdefault(slot_of(row) or "a", row["id"])
    slots = {slot: id_ for slot, id_ in {**slots, **state.journal.rows}.items() if id_ not in other_scopes}
    # The slot used last: its secret may still be stored somewhere that is not named, and goes with its next one.
    slot = state.journal.slot if state.journal.slot in slots else min(slots, default="a")
    yield from journal(state, rows=slots, slot=slot, retirements=(*state.journal.retirements, *foreign))


def claim_name(state: NameState) -> Steps[list[Row]]:
    """Return all rows, once no other owner has a working one of this name, or it is taken over."""
    rows = yield from list_rows(state)
    if foreign := foreign_retirements(state, rows):
        yield from journal(state, retirements=(*state.journal.retirements, *foreign))
    return rows


def foreign_retirements(state: NameState, rows: list[Row]) -> list[Retirement]:
    """Return the retirements of the rows of this name that another owner created; stop if it is not taken over."""
    foreign = foreign_rows(rows, state.journal)
    if foreign and not state.desired.take_over:
        raise managed_elsewhere(state, foreign[0].owner)
    return [Retirement(row.id, state.overlap_end()) for row in foreign]


def require_markers(state: NameState, slot: str | None) -> None:
    """Stop before a row is created for *slot* that could not be found again, if notes are known to be changed."""
    if state.capabilities.markers is False and slot not in state.journal.rows:
        raise stop("unmarked", "this API changes notes: a token whose response is lost could not be found")


# Single effects


def list_rows(state: NameState) -> Steps[list[Row]]:
    """List all rows that the rotator sees."""
    listed: Result = yield CallApi("list_pats", by=state.authorizer())
    if listed.outcome is not Outcome.DONE or listed.data is None:
        raise stop_by(listed)
    # expiries are by the API's clock; the local clock may be wrong
    state.clock = state.clock._replace(api=listed.at or state.now)
    state.rows = [row for row in listed.data["tokens"] if row.get("id")]
    return state.rows


def journal(state: NameState, **changes: Any) -> Steps[None]:
    """Write *changes* to the journal, before anything else happens."""
    state.journal = replace(state.journal, **changes)
    yield WriteJournal(state.journal)


def store(state: NameState, record: Record) -> Steps[None]:
    """Write *record* to every token store; one that holds only a token has its current one, and no pending one."""
    error: Exception | None = yield StoreRecord(record)
    if error is not None:
        raise stop("not_stored", str(error))
    state.record = record


# The state of a name, and the questions that the steps above ask of it and of rows: pure


class NameState:
    """One name: what is desired, stored and journalled."""

    def __init__(self, desired: DesiredToken, snapshot: Snapshot) -> None:
        self.desired = desired
        self.record = snapshot.record
        """What the token stores hold: the current, the previous and the pending token."""
        self.journal = snapshot.journal
        self.clock = Clock(snapshot.now, snapshot.now)
        """Both by the local clock until a list was read."""
        self.rows: Sequence[Row] = ()
        """The rows that the rotator listed last."""
        self.new_operation_id = snapshot.operation_id
        self.may_have_created = True
        """Whether the operation in progress may have created a row: in an earlier run, or by a lost response."""
        self.capabilities = snapshot.capabilities
        self.shortened_overlap: dt.datetime | None = None
        """Until when the token before the previous one was to work, if this rotation revokes it earlier."""

    @property
    def now(self) -> dt.datetime:
        """The time by the API's clock, once a list was read."""
        return self.clock.api

    def current_token(self) -> TokenEntry:
        """Return the current token, where the caller knows that there is one."""
        current = self.record.current
        assert current is not None  # noqa: S101  # the callers checked
        return current

    def current_slot(self) -> str:
        """Return the slot of the current token."""
        current = self.record.current
        return (current and current.metadata.get("slot")) or self.journal.slot

    def authorizer(self) -> Secret | None:
        """Return the token that authorises changes: the managed token if it rotates itself, else None (the rotator).

        This is a fence: requests of a self-rotating token stop working when it is revoked, so none can arrive too late.
        """
        current = self.record.current
        return current.token if self.desired.self_rotating and current is not None else None

    def holds_foreign_token(self) -> bool:
        """Whether the stores hold a token that this state folder does not know as one of the name."""
        current = self.record.current
        return current is not None and self.journal.operation is None and not self.journal.owns(current)

    def is_rotated_by_this_call(self) -> bool:
        """Whether an earlier attempt of this call, with the same operation id, has minted the current token."""
        current = self.record.current
        return current is not None and current.metadata.get("op") == self.new_operation_id

    def is_promoted(self) -> bool:
        """Whether the operation in progress has made its token the current one."""
        current, operation_id = self.record.current, self.journal.operation_id
        return current is not None and operation_id is not None and current.metadata.get("op") == operation_id

    # Rows

    def rows_for_name(self, rows: Iterable[Row]) -> list[tuple[Row, Marker]]:
        """Return those of *rows* that carry this name, with their markers."""
        markers = [(row, find_marker(row.get("note"))) for row in rows]
        return [(row, marker) for row, marker in markers if marker and marker.name == self.desired.name]

    def own_rows(self, rows: Iterable[Row]) -> list[Row]:
        """Return those of *rows* that carry this name and this owner."""
        return [row for row, marker in self.rows_for_name(rows) if marker.owner == self.journal.owner]

    def created_by_operation(self, row: Row) -> bool:
        """Whether the operation in progress created *row*."""
        marker = find_marker(row.get("note"))
        return marker is not None and marker.op == self.journal.operation_id

    def stored_ids(self) -> list[str]:
        """Return the ids of the rows of which a secret is stored."""
        return [entry.id for entry in self.record.entries if entry.id]

    def retirement_ids(self) -> list[str]:
        """Return the ids of the rows that wait to be revoked."""
        return [row.id for row in self.journal.retirements]

    def accounted_ids(self) -> set[str]:
        """Return the ids of the rows that are stored, in a slot, revoked or waiting to be; all others are orphans."""
        return {*self.stored_ids(), *self.journal.rows.values(), *self.journal.revoked, *self.retirement_ids()}

    def replaced_row(self) -> tuple[Retirement, ...]:
        """Return the row that the caller asked to replace, unless it is accounted for already."""
        id_ = self.desired.replaces
        if id_ is None or id_ in {*self.journal.rows.values(), *self.journal.revoked, *self.retirement_ids()}:
            return ()
        return (Retirement(id_, self.overlap_end()),)

    def overlap_end(self) -> dt.datetime:
        """Return when a token that is replaced now stops working."""
        return self.now + dt.timedelta(hours=self.desired.overlap)

    def has_expired_for_good(self, id_: str, rows: Sequence[Row]) -> bool:
        """Whether the row *id_* has expired, and it is known that no regenerate revives it."""
        return self.capabilities.expired_renewable is False and is_expired(row_of(id_, rows))

    # Responses

    def token_works(self, listed: Result) -> bool:
        """Whether the token that asked for the list works; a narrow one may work and not be allowed to list."""
        return listed.outcome is Outcome.DONE or (
            was_refused(listed, "forbidden") and not self.token_is_revoked(listed)
        )

    def token_is_revoked(self, listed: Result) -> bool:
        """Whether the response to a list means that the token that asked for it no longer works."""
        forbidden = was_refused(listed, "forbidden") and self.capabilities.forbidden_is_dead(self.journal.scopes)
        return forbidden or was_refused(listed, "unauthorized")

    def warnings(self) -> Iterator[str]:
        """Yield what the caller should know although the protocol is done."""
        if self.journal.rows and self.desired.note and self.desired.note != self.journal.note:
            yield f'its rows keep the note "{self.journal.note}": the API cannot change a note'
        if self.shortened_overlap is not None:
            until = self.shortened_overlap.strftime("%Y-%m-%dT%H:%MZ")
            yield f"this rotation came within the overlap of the last one: a token promised until {until} was revoked"
        current = self.record.current
        if current is not None and (warning := lifetime(current, row_of(current.id, self.rows), self.desired).warning):
            yield warning
        if abs(self.clock.api - self.clock.local) > _MAX_SKEW:
            yield f"the clock of the API shows {rfc3339(self.clock.api)}, the local one {rfc3339(self.clock.local)}"
        if self.capabilities.list_whole is False:
            yield "the API lists only some rows, so one that a lost response left behind may not be found"


class ForeignRow(NamedTuple):
    """A row that another state folder created for the same name."""

    id: str
    owner: str


def foreign_rows(rows: Iterable[Row], journal: JournalEntry) -> list[ForeignRow]:
    """Return those of *rows* that carry the name, belong to another owner and may work, unless they are dealt with."""
    dealt_with = {*journal.revoked, *(row.id for row in journal.retirements)}
    marked = (
        (row, find_marker(row.get("note"))) for row in rows if row["id"] not in dealt_with and not is_expired(row)
    )
    return [
        ForeignRow(row["id"], marker.owner)
        for row, marker in marked
        if marker is not None and marker.name == journal.name and marker.owner != journal.owner
    ]


def is_replaced(entry: TokenEntry, row: Row) -> bool:
    """Whether *row* shows another expiry than when *entry* was minted: someone gave the row another secret."""
    listed = entry.metadata.get("listed")
    return listed is not None and bool(row) and row.get("expiration") != listed


def is_expired(row: Row) -> bool:
    """Whether the token of *row* has expired."""
    left = row.get("expires_in_days")
    return left is not None and left < 0


def row_of(id_: str | None, rows: Iterable[Row]) -> Row:
    """Return the row with *id_*; an empty one if it is not among *rows*."""
    return next((row for row in rows if row.get("id") == id_), {})


def listed_rows(listed: Result) -> Sequence[Row]:
    """Return the rows of a list; none if it failed."""
    rows: Sequence[Row] = (listed.data or {}).get("tokens", ())
    return rows


def was_refused(result: Result, code: str) -> bool:
    """Whether *result* is a refusal with that code."""
    return result.problem is not None and result.problem.code == code


def slot_of(row: Row) -> str | None:
    """Return the slot in the marker of *row*, or None."""
    marker = find_marker(row.get("note"))
    return marker.slot if marker else None


def other_slot(slot: str) -> str:
    """Return the slot that is not *slot*."""
    return "b" if slot == "a" else "a"


# Stops


def stop(problem: StopReason, message: str) -> Stopped:
    """Return the exception that ends a protocol for the reason *problem*."""
    return Stopped(Finished(problem=problem, message=message))


def stop_by(result: Result) -> Stopped:
    """Return the exception that ends a protocol because of the *result* of a call."""
    return Stopped(Finished(result=result))


def managed_elsewhere(state: NameState, owner: str = "") -> Stopped:
    """Return the exception that ends a protocol because another state folder manages the name."""
    name = state.desired.name
    message = f"the store holds a token that this state folder does not know as that of the name {name}"
    if owner:
        message = f"another state folder ({owner}) manages the token of the name {name}"
    return stop("managed_elsewhere", message)
