"""Performs the effects of a protocol for real: API, token stores, journal and lease; and reports how it ended.

The driver knows nothing of what a rotation is.
"""

from __future__ import annotations

import base64
import datetime as dt
import secrets
import time
from contextlib import suppress
from dataclasses import replace
from socket import gethostname
from typing import TYPE_CHECKING, Any

from locoia_pat import Connector, ConnectorAuth, ConnectorError, InvalidError, Outcome, Problem, Result
from locoia_pat.actions.lifecycle.capabilities import Capabilities, CapabilityFile
from locoia_pat.actions.lifecycle.effects import (
    UNREADABLE,
    AcquireLease,
    CallApi,
    Finished,
    JournalEntry,
    LoadState,
    Snapshot,
    StoreRecord,
    WriteJournal,
)
from locoia_pat.actions.lifecycle.journalled import credential_row_id, load_entry
from locoia_pat.actions.lifecycle.name_stores import NameStores
from locoia_pat.actions.lifecycle.preconditions import (
    credential_would_expire,
    reject_own_credential,
    reject_stores_of_another_machine,
    reject_superseded,
    require_way_back,
)
from locoia_pat.actions.lifecycle.rotation import under_lease
from locoia_pat.interrupts import Hold
from locoia_pat.limits import WAIT
from locoia_pat.outcomes import invalid
from locoia_pat.state.database import VARIABLE
from locoia_pat.state.journal import State
from locoia_pat.state.sealed import DamagedRowError
from locoia_pat.stores import open_stores

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from locoia_pat.actions.lifecycle.desired import DesiredToken
    from locoia_pat.actions.lifecycle.effects import Effect, StopReason
    from locoia_pat.actions.lifecycle.rotation import Protocol
    from locoia_pat.outcomes import Code
    from locoia_pat.secrets.secret import Secret
    from locoia_pat.stores import TokenStore

SETTLE = 2.0
"""Seconds to wait for a request whose response was lost; the response itself was waited for before."""

_OTHER_STATE = (
    "{state} Machines that manage the same name share one state, in PostgreSQL. Where the other one is no longer used, "
    "take_over=true manages the name from here, and ends its other rows once the overlap has passed."
)
_PROBLEMS: dict[StopReason, tuple[Outcome, Code, str]] = {
    "busy": (Outcome.NOT_DONE, "busy", "It is safe to retry."),
    "not_stored": (
        Outcome.NOT_STORED,
        "not_stored",
        "Run it again: the new token is replaced, and no working token is lost.",
    ),
    "unsafe": (Outcome.INVALID, "unsafe", "Rotate without in_place, or name another credential."),
    "unmarked": (Outcome.INVALID, "unsafe", "Use create_pat. If the API has changed: locoia-pat doctor --measure."),
    "not_found": (Outcome.INVALID, "not_found", "{state} Otherwise ensure_pat creates it."),
    "nothing_to_replace": (Outcome.INVALID, "not_found", "locoia-pat run list_pats lists the rows."),
    "managed_elsewhere": (
        Outcome.REFUSED,
        "managed_elsewhere",
        _OTHER_STATE,
    ),
    "scopes_differ": (Outcome.INVALID, "scopes_differ", "change_scopes=true creates new rows with these scopes."),
    "journal": (Outcome.NOT_DONE, "unavailable", "Nothing was sent; it is safe to retry."),
    "unknown": (Outcome.UNKNOWN, "unknown", "Run it again, or reconcile: both finish what was started."),
}


def run_protocol(
    action: str,
    protocol: Protocol,
    connector: Connector,
    desired: DesiredToken,
    stores: Sequence[str | TokenStore],
    **options: Any,
) -> Result:
    """Run *protocol* for a name and return how it ended as the result of *action*.

    Args:
        action: the name that the result carries.
        protocol: one of :mod:`.rotation`.
        connector: the rotator.
        desired: the desired token.
        stores: the token stores of the name.
        options: ``state``, ``wait``, ``settle``, ``ending`` and ``operation_id`` of :class:`Driver`.

    """
    try:
        driver = Driver(connector, desired.name, stores, take_over=desired.take_over, **options)
        desired = replace(desired, self_rotating=connector.auth_ref in driver.name_stores.refs)
        if desired.replaces is not None and desired.replaces == credential_row_id(connector):
            raise credential_would_expire("the token of that row", "Name another credential.", field="replaces")
    except ConnectorError as error:
        return Result(action, error.outcome, problem=error.problem)
    return driver.to_result(action, driver.run(under_lease(protocol, desired)))


class Driver:
    """Runs protocols for one name."""

    def __init__(
        self,
        connector: Connector,
        name: str,
        stores: Sequence[str | TokenStore],
        *,
        state: State | None = None,
        wait: float = 60,
        settle: float = SETTLE,
        take_over: bool = False,
        ending: bool = False,
        operation_id: str | None = None,
    ) -> None:
        """Work on *name* with the credential of *connector* and the tokens in *stores*.

        Args:
            connector: the rotator.
            name: the managed name.
            stores: the token stores of the name; each holds the same record.
            state: the journal and the leases; by default the user's.
            wait: seconds to wait for the lease.
            settle: seconds to wait for a request whose response was lost.
            take_over: whether a store may hold a token that is not known to be of this name.
            ending: whether the name is to end, so that stores are only emptied.
            operation_id: the id of this call, if it may be retried: 16 characters of base32; by default a new one.

        Raises:
            InvalidError: a store or the state folder cannot be used.

        """
        WAIT.check("wait", wait)
        WAIT.check("settle", settle)
        opened = open_stores(stores, connector.open_store)
        if not opened:
            raise invalid(
                "no token store is given for this name",
                field="token_to",
                hint="Name one with --token-to file:PATH; the token is read from there.",
            )
        self._connector = connector
        self._name = name
        self._state = state or State()
        self._state.require_home()
        self._api = connector.base_url
        self._lease = self._state.lease(self._api, name)
        self._receipts = self._state  # a receipt is written once the lease was released
        self._state = self._state.under(self._lease)
        self.name_stores = NameStores(opened, self._state, self._api, name)
        self._wait = wait
        self._settle = settle
        self._take_over, self._ending = take_over, ending
        self._operation_id = operation_id or _new_operation_id()
        self._other_connectors: list[Connector] = []
        self._attempts = 0
        self._warnings: list[str] = []

    def run(self, protocol: Generator[Effect, Any, Finished]) -> Finished:
        """Perform the effects of *protocol* until it ends."""
        try:
            with Hold(effect=False):  # a signal waits for the end once a call had an effect
                return self._perform_all(protocol)
        except ConnectorError as error:
            return Finished(result=Result(None, error.outcome, self._api, problem=error.problem))
        except OSError as error:
            return Finished(problem="unknown" if self._attempts else "journal", message=str(error))
        finally:
            self._lease.release()
            for connector in self._other_connectors:
                connector.close()

    def _perform_all(self, protocol: Generator[Effect, Any, Finished]) -> Finished:
        result: Any = None
        while True:
            try:
                effect = protocol.send(result)
            except StopIteration as end:
                finished: Finished = end.value
                return finished
            result = self._perform(effect)

    def to_result(self, action: str, finished: Finished) -> Result:
        """Return how a protocol ended as the result of *action*; a change is recorded in a receipt."""
        warnings = (*self._warnings, *self.name_stores.warnings, *finished.warnings)
        if finished.result is not None:
            outcome, problem = finished.result.outcome, finished.result.problem
            return Result(action, outcome, self._api, self._attempts, warnings, problem=problem)
        if finished.problem is not None:
            outcome, code, hint = _PROBLEMS[finished.problem]
            state = f"The state {self._state.place}; if it is another one, set {VARIABLE}."
            problem = Problem(code, finished.message, hint=hint.replace("{state}", state))
            return Result(action, outcome, self._api, self._attempts, warnings, problem=problem)
        if finished.change != "none":
            self._write_receipt(action, finished)
        is_stored = finished.record is not None and finished.record.current is not None
        refs, data = self.name_stores.current_refs() if is_stored else (), finished.to_data(self._name)
        return Result(action, Outcome.DONE, self._api, self._attempts, warnings, data, token_refs=refs)

    def _write_receipt(self, action: str, finished: Finished) -> None:
        """Journal what was done, without the secret but with its fingerprint, by which it can be recognised."""
        current = finished.record.current if finished.record else None
        readable = current is not None and current.token is not UNREADABLE
        receipt = {
            "change": finished.change,
            "action": action,
            "operation": self._operation_id,
            "id": current.id if current else None,
            "fingerprint": self._state.fingerprint(current.token) if current and readable else None,
            "stores": self.name_stores.refs,
        }
        with suppress(OSError):  # it is done, whether it can be written down or not
            self._receipts.write_receipt(self._api, self._name, receipt)

    # Effects

    def _perform(self, effect: Effect) -> Any:
        if not isinstance(effect, (AcquireLease, WriteJournal)):  # the journal refuses to be written without the lease
            self._lease.check()
        match effect:
            case AcquireLease():
                if self._lease.acquire(self._wait):
                    return None
                return f"another process is working on this name: {self._lease.describe_holder()}"
            case LoadState():
                return self._load()
            case CallApi():
                return self._call(effect)
            case StoreRecord(record):
                return self.name_stores.write(record)
            case WriteJournal(entry):
                filled = bool(self.name_stores.current_refs())
                driven = {"stores": self.name_stores.refs, "machine": gethostname(), "filled": filled}
                return self._state.save(self._api, self._name, {**entry.to_json(), **driven})
            case _:
                return time.sleep(max(self._settle, effect.at_least))

    def _load(self) -> Snapshot:
        """Read the stores and the journal; a name that is taken over needs no rows of the state that are damaged."""
        try:
            return self._read_state()
        except DamagedRowError as error:
            if not self._take_over:
                raise
            self._warnings.append(f"{error.problem.message}; the name was taken over without it")
        self._forget_damaged()
        return self._read_state()

    def _forget_damaged(self) -> None:
        with_entry = False
        try:
            load_entry(self._state, self._api, self._name)
        except DamagedRowError:
            with_entry = True
        self._state.forget_damaged(self._api, self._name, with_entry=with_entry)

    def _read_state(self) -> Snapshot:
        saved = load_entry(self._state, self._api, self._name)
        journal, known_refs = saved or (JournalEntry(self._name, self._state.owner), ())
        self.name_stores.probe(ending=self._ending)
        record = self.name_stores.read_latest(journal, take_over=self._take_over)
        abandoned = self.name_stores.find_abandoned(known_refs, self._connector.open_store)
        if abandoned is not None:
            raise invalid(
                f"the token of this name is also stored in {abandoned}, which is not given",
                field="token_to",
                hint="Name all its stores. Empty or remove one that is no longer needed.",
            )
        if not (record.entries or self._take_over or self._ending):
            reject_stores_of_another_machine(self._state, self._api, self.name_stores, journal, known_refs)
        is_self_rotating = self._connector.auth_ref in self.name_stores.refs
        if is_self_rotating:
            require_way_back(self.name_stores, record)
        else:
            reject_own_credential(self._connector.credential(), record, self.name_stores.is_journalled)
        self.name_stores.synchronize(record, journal, () if self._ending else known_refs)
        if is_self_rotating:  # only now its store is known to have the latest token
            reject_superseded(self._connector.credential(), record, self.name_stores.is_journalled)
        return Snapshot(record, journal, dt.datetime.now(dt.UTC), self._operation_id, self._capabilities())

    def _capabilities(self) -> Capabilities:
        """Return what was measured of the API; nothing if the file cannot be read."""
        try:
            return CapabilityFile(self._state).read(self._api).capabilities()
        except InvalidError as error:
            self._warnings.append(f"{error.problem.message}; what was measured of the API is not used")
            return Capabilities()

    def _call(self, call: CallApi) -> Result:
        by = None if call.by is UNREADABLE else call.by
        connector = self._connector if by is None else self._connector_with(by)
        result = connector.mint(call.action, dict(call.inputs))
        self._attempts += result.attempts
        self._warnings += [warning for warning in result.warnings if warning not in self._warnings]
        return result

    def _connector_with(self, token: Secret) -> Connector:
        connector = self._connector.with_auth(ConnectorAuth(token))
        self._other_connectors.append(connector)
        return connector


def _new_operation_id() -> str:
    return base64.b32encode(secrets.token_bytes(10)).decode()
