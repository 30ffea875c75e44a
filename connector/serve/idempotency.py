"""A call with an idempotency key is performed once: its retries get the first response.

The IETF draft on the ``Idempotency-Key`` header says what the responses are. The call is journalled before anything is
sent. If the server is killed during the call, the next call with the same key finishes it: a super action resumes by
its own journal, a create finds its row again by the mark in the row's note, and what may not run twice stays unknown.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from threading import Lock
from typing import TYPE_CHECKING

from locoia_pat.engine.row_search import can_list_later
from locoia_pat.outcomes import NotDoneError, Outcome, Problem, Result, invalid
from locoia_pat.serve.call_response import CallResponse
from locoia_pat.spec.model import ActionSpec
from locoia_pat.spec.row_mark import mark_inputs, new_mark
from locoia_pat.state.served_calls import ServedCall, ServedCalls

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from locoia_pat.bulk.recovery import MayRun
    from locoia_pat.connector import Connector
    from locoia_pat.spec.model import SuperSpec
    from locoia_pat.state.journal import State
    from locoia_pat.stores import TokenStore

HEADER = "Idempotency-Key"
MAX_LENGTH = 255
_FINAL = (Outcome.DONE, Outcome.REFUSED, Outcome.UNKNOWN, Outcome.NOT_STORED)
"""Outcomes that a retry gets again; after the others nothing was sent, or nothing happened."""
_NO_ROOM = f"With an {HEADER} a mark is added to it, by which an interrupted create is found again."


def parse_key(values: Sequence[str]) -> str | None:
    """Return the key in the *values* of the header, or None if there are none.

    It may be a string in quotation marks, as the draft has it, or without them.

    Raises:
        InvalidError: it is empty, too long, or has other characters than printable ASCII; or there are several.

    """
    if not values:
        return None
    if len(values) > 1:
        raise invalid("is given more than once", field=HEADER)
    key = values[0].strip()
    if len(key) >= 2 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if key and len(key) <= MAX_LENGTH and key.isascii() and key.isprintable():
        return key
    hint = f"Use 1 to {MAX_LENGTH} printable ASCII characters, such as the ID of the flow's run and step."
    raise invalid("is not a valid idempotency key", field=HEADER, hint=hint)


@dataclass(frozen=True, slots=True)
class Call:
    """A call that is allowed."""

    caller: str
    """The ID of the caller's key."""
    key: str
    """The idempotency key."""
    fingerprint: str
    """Of the action and of everything that the caller has sent."""
    spec: ActionSpec | SuperSpec
    inputs: Mapping[str, Any]
    stores: tuple[TokenStore, ...]
    wait: float
    """Seconds to wait for another call that works on the same managed name."""


class IdempotentCalls:
    """Performs calls that have an idempotency key.  Safe to share between threads."""

    def __init__(self, state: State) -> None:
        self._calls = ServedCalls(state)
        self._lock = Lock()
        self._active: set[tuple[str, str]] = set()

    def perform(self, connector: Connector, call: Call) -> CallResponse:
        """Return the response of the first call with this key, or perform it.

        Raises:
            InvalidError: the key was used for another call.
            NotDoneError: the state cannot be used; nothing was sent.

        """
        slot = (call.caller, call.key)
        if not self._claim(slot):
            hint = "Retry it a little later with the same key, to get its response."
            problem = Problem("busy", "a call with this key is under way", field=HEADER, hint=hint)
            return CallResponse.of(Result(call.spec.action, Outcome.NOT_DONE, problem=problem), status=409)
        try:
            return self._perform(connector, call)
        except OSError as error:
            reason = str(error)
        finally:
            self._release(slot)
        raise NotDoneError(Problem("unavailable", reason, hint="Nothing was sent; it is safe to retry."))

    def settle_interrupted(self, actions: Sequence[str], connector_of: Callable[[str], Connector]) -> None:
        """Revoke rows whose token was lost when the server was killed, for callers that never retry.

        Args:
            actions: the actions that send marks.
            connector_of: returns the connector for the calls of a caller.

        """
        for caller, key, call in self._calls.unfinished():
            if not self._claim((caller, key)):
                continue  # it is under way: its caller was faster
            try:
                for action in actions:
                    connector_of(caller).settle(action, call.marks, call.stores)
            finally:
                self._release((caller, key))

    def _claim(self, slot: tuple[str, str]) -> bool:
        """Return whether no call with this key is under way; it counts as under way from now on."""
        with self._lock:
            is_first = slot not in self._active
            self._active.add(slot)
        return is_first

    def _release(self, slot: tuple[str, str]) -> None:
        with self._lock:
            self._active.discard(slot)

    def _perform(self, connector: Connector, call: Call) -> CallResponse:
        earlier = self._calls.find(call.caller, call.key, now=time.time())
        if earlier is not None and earlier.fingerprint != call.fingerprint:
            raise invalid(
                "was used for a call with another action or other inputs",
                field=HEADER,
                hint="Use a key of its own for each call; only a retry has the same key.",
            )
        if earlier is not None and earlier.response is not None:
            return replace(CallResponse(**earlier.response), replayed=True)
        creates = isinstance(call.spec, ActionSpec) and call.spec.effect == "create"
        result = self._create(connector, call, earlier) if creates else self._run_again(connector, call, earlier)
        response = CallResponse.of(result)
        try:
            if result.outcome in _FINAL:
                self._calls.finish(call.caller, call.key, {"status": response.status, "envelope": response.envelope})
            elif earlier is None:  # otherwise an earlier attempt may have left a row
                self._calls.finish(call.caller, call.key, None)
        except OSError as error:
            return CallResponse.of(result.with_warnings(f"a retry will not get this response: {error}"))
        return response

    def _run_again(self, connector: Connector, call: Call, earlier: ServedCall | None) -> Result:
        """Run an action that may run twice; a rotation that was completed is recognized by its operation ID."""
        operation_id = earlier.marks[-1] if earlier is not None else new_mark()
        self._begin(call, [operation_id])
        return connector.run(
            call.spec.action, call.inputs, token_to=call.stores, wait=call.wait,
            operation_id=operation_id if call.spec.effect == "rotate" else None,
        )  # fmt: skip

    def _create(self, connector: Connector, call: Call, earlier: ServedCall | None) -> Result:
        """Run a create, unless an earlier attempt may have done it."""
        marks = earlier.marks if earlier is not None else ()
        warnings: tuple[str, ...] = ()
        may_appear_late = False
        if earlier is not None:
            settled = self._settle(connector, call, earlier)
            if isinstance(settled, Result):
                return settled
            warnings, may_appear_late = settled.warnings, settled.may_appear_late
        mark = new_mark()
        is_marked = can_list_later(connector.specs, call.spec)
        inputs = mark_inputs(call.spec, call.inputs, mark, _NO_ROOM) if is_marked else call.inputs
        self._begin(call, [*marks, mark])
        result = connector.run(call.spec.action, inputs, token_to=call.stores).with_warnings(*warnings)
        if may_appear_late:  # the request of the earlier attempt may have arrived in the meantime
            connector.settle(call.spec.action, [*marks, mark], [store.ref for store in call.stores])
        return result

    def _settle(self, connector: Connector, call: Call, earlier: ServedCall) -> MayRun | Result:
        if not can_list_later(connector.specs, call.spec):
            look = call.spec.verify_with if isinstance(call.spec, ActionSpec) else None
            hint = f"Look for it{f' with {look}' if look else ''}. If it is not there, call again with another key."
            problem = Problem("unknown", "the server ended during the first call with this key", hint=hint)
            return Result(call.spec.action, Outcome.UNKNOWN, connector.base_url, problem=problem)
        return connector.settle(call.spec.action, earlier.marks, earlier.stores)

    def _begin(self, call: Call, marks: list[str]) -> None:
        refs = [store.ref for store in call.stores]
        self._calls.begin(
            call.caller, call.key, fingerprint=call.fingerprint, marks=marks, stores=refs, now=time.time()
        )
