"""``Service``: performs the calls of callers.  It knows keys and idempotency, and nothing of HTTP."""

from __future__ import annotations

import datetime as dt
import json
import logging
from threading import Lock
from typing import TYPE_CHECKING, Any

from locoia_pat.engine.auth import ConnectorAuth
from locoia_pat.engine.row_search import can_list_later
from locoia_pat.outcomes import ConnectorError, Result
from locoia_pat.secrets.secret import Secret
from locoia_pat.serve.call_permissions import check_call
from locoia_pat.serve.call_response import CallResponse
from locoia_pat.serve.idempotency import Call, IdempotentCalls
from locoia_pat.serve.request_log import log
from locoia_pat.state.access_keys import AccessKeys

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locoia_pat.connector import Connector
    from locoia_pat.spec.load import SpecFolder
    from locoia_pat.state.access_keys import AccessKey
    from locoia_pat.state.journal import State


class Service:
    """Performs calls with the connector of their key.  Safe to share between threads."""

    def __init__(self, connector: Connector, specs: SpecFolder, state: State, *, wait: float) -> None:
        """Create the service.

        Args:
            connector: for keys that name no credential of their own; it is closed with the service.
            specs: the actions.
            state: keeps the calls that have an idempotency key.
            wait: seconds to wait for another call that works on the same managed name.

        """
        self.specs = specs
        self._default = connector
        self._connectors: dict[str, Connector] = {}
        self._state = state
        self._calls = IdempotentCalls(state)
        self._wait = wait
        self._lock = Lock()

    def connector(self, key: AccessKey) -> Connector:
        """Return the connector that performs the calls of *key*.

        Raises:
            InvalidError: the credential of the key cannot be read.

        """
        ref = key.permissions.auth
        if ref is None:
            return self._default
        with self._lock:
            if ref not in self._connectors:
                self._connectors[ref] = self._default.with_auth(ConnectorAuth.from_ref(ref))
            return self._connectors[ref]

    def close(self) -> None:
        """Close all connections."""
        for connector in (self._default, *self._connectors.values()):
            connector.close()

    def call(
        self, key: AccessKey, action: str, fields: Mapping[str, Any], idempotency_key: str | None = None
    ) -> CallResponse:
        """Perform one call, and return its response whatever its outcome is.

        Args:
            key: the caller's key, which is active.
            action: the name of the action.
            fields: the inputs, and ``token_to`` next to them.
            idempotency_key: the caller's name for this call; a retry with it gets the response of the first.

        """
        try:
            spec = self.specs.spec(action)
            connector = self.connector(key)
            checked = check_call(key, spec, fields, connector)
            if idempotency_key is None:
                return CallResponse.of(connector.run(action, checked.inputs, token_to=checked.stores, wait=self._wait))
            fingerprint = self._state.keyed_hash(Secret(json.dumps([action, fields], sort_keys=True)))
            call = Call(key.id, idempotency_key, fingerprint, spec, checked.inputs, checked.stores, self._wait)
            return self._calls.perform(connector, call)
        except ConnectorError as error:
            return CallResponse.of(self.failed(action, error))

    def settle_interrupted(self) -> None:
        """Settle what the calls of a killed server left behind; what cannot be settled now is left to a retry."""
        try:
            marking = [name for name in self.specs.names if can_list_later(self.specs, self.specs.spec(name))]
            keys = {key.id: key for key in AccessKeys(self._state).all()}
            self._calls.settle_interrupted(marking, lambda caller: self.connector(keys[caller]))
        except (ConnectorError, OSError) as error:
            log("an interrupted call is not settled", level=logging.WARNING, error=str(error))

    def due_tokens(self) -> dict[str, int]:
        """Return how many managed names wait for what, by the journal: ``renew`` and ``retire``.

        A token counts as to be renewed when a third of its lifetime is left.

        Raises:
            OSError: the journal cannot be read.

        """
        now = dt.datetime.now(dt.UTC)
        due = {"renew": 0, "retire": 0}
        for entry, minted_at in self._state.minted_at(self._default.base_url):
            if minted_at is not None and not entry["ended"]:
                age = (now - dt.datetime.fromisoformat(minted_at)) / dt.timedelta(days=1)
                due["renew"] += age > entry["days"] * 2 / 3
            due["retire"] += any(dt.datetime.fromisoformat(at) <= now for _, at in entry["retirements"])
        return due

    def held_leases(self) -> int:
        """Return how many managed names a process or thread is working on."""
        return sum(lease.api == self._default.base_url for lease in self._state.held_leases())

    def failed(self, action: str | None, error: ConnectorError) -> Result:
        """Return the result of a call that *error* ended before anything was sent."""
        name = action if action in self.specs.names else None  # another name may be a misplaced secret
        return Result.from_error(name, error, api=self._default.base_url)
