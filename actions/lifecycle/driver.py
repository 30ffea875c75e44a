"""What the machines of :mod:`.protocols` ask for, done for real: the API, the places, the journal, the lease.

The one driver: it knows nothing of what a rotation is.
"""

from __future__ import annotations

import base64
import datetime as dt
import secrets
import time
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from locoia_pat import Connector, ConnectorAuth, ConnectorError, InvalidError, Problem, Result
from locoia_pat.actions.lifecycle.capabilities import Capabilities, CapabilityFile
from locoia_pat.actions.lifecycle.effects import (
    UNREADABLE,
    Call,
    Done,
    Keep,
    Load,
    Managed,
    Retire,
    Snapshot,
    Take,
    Write,
)
from locoia_pat.actions.lifecycle.replicas import Places
from locoia_pat.outcomes import invalid
from locoia_pat.state.journal import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locoia_pat.actions.lifecycle.effects import Effect, Machine
    from locoia_pat.secrets.secret import Secret
    from locoia_pat.stores import Sink
    from locoia_pat.stores.record import Record

SETTLE = 2.0
"""Seconds for a request whose answer was lost to arrive; the answers themselves were waited for before."""


_SAME_PLACE = "Read it from the place that is written: --auth and --token-to name the same place."


class BusyError(Exception):
    """The lease was lost: somebody else works on the name."""


class Driver:
    """Runs machines for one name."""

    def __init__(
        self,
        connector: Connector,
        name: str,
        places: Sequence[str | Sink],
        *,
        state: State | None = None,
        wait: float = 60,
        settle: float = SETTLE,
        take_over: bool = False,
        ending: bool = False,
    ) -> None:
        """Work on *name* with the credential of *connector* and the tokens in *places*.

        Args:
            connector: the rotator.
            name: the name.
            places: where its token is stored, each with the same record.
            state: the journal and the leases; by default the user's.
            wait: seconds to wait for the lease.
            settle: seconds a request whose answer was lost gets to arrive.
            take_over: whether a place may hold a token that is not known to be of this name.
            ending: whether the name is to end, so that places are only emptied.

        Raises:
            InvalidError: a place or the state cannot be used.

        """
        if not places:
            raise invalid(
                "there is no place for the token of this name",
                field="token_to",
                hint="Name one with --token-to file:PATH; the token is read from there.",
            )
        self._connector = connector
        self._name = name
        self._state = state or State()
        self._api = connector.base_url
        sinks = [connector.open_sink(place) if isinstance(place, str) else place for place in places]
        self.places = Places(sinks, self._state, self._api, name)
        self._lease = self._state.lease(self._api, name)
        self._wait = wait
        self._settle = settle
        self._take_over, self._ending = take_over, ending
        self._others: list[Connector] = []
        self.attempts = 0
        self.warnings: list[str] = []

    def run(self, machine: Machine) -> Done:
        """Run *machine* to its end."""
        answer: Any = None
        try:
            while True:
                try:
                    effect = machine.send(answer)
                except StopIteration as end:
                    done: Done = end.value
                    return done
                answer = self._done(effect)
        except BusyError:
            return Done(problem="busy", message="the lease was lost to another process")
        except ConnectorError as error:
            return Done(result=Result(None, error.outcome, self._api, problem=error.problem))
        except OSError as error:
            return Done(problem="unknown" if self.attempts else "journal", message=str(error))
        finally:
            with suppress(OSError):
                self._lease.give_back()
            for other in self._others:
                other.close()

    def write_receipt(self, done: Done) -> None:
        """Journal what was done: without a secret, but with its fingerprint, which tells it again."""
        current = done.record.current if done.record else None
        if done.change == "none":
            return
        readable = current is not None and current.token is not UNREADABLE
        receipt = {
            "change": done.change,
            "id": current.id if current else None,
            "fingerprint": self._state.fingerprint(current.token) if current and readable else None,
            "places": self.places.refs,
        }
        with suppress(OSError):  # it is done, whether it can be written down or not
            self._state.write_receipt(self._api, self._name, receipt)

    def _done(self, effect: Effect) -> Any:
        if isinstance(effect, Take):
            return self._lease.take(self._wait)
        if not self._lease.hold():
            raise BusyError
        match effect:
            case Load():
                return self._load()
            case Call():
                return self._call(effect)
            case Keep(record):
                return self.places.keep(record)
            case Write(managed):
                return self._state.save(self._api, self._name, {**plain(managed), "places": self.places.refs})
            case _:
                return time.sleep(max(self._settle, effect.least))

    def _load(self) -> Snapshot:
        known = self._state.load(self._api, self._name)
        managed = managed_of(known) if known else Managed(self._name, self._state.owner)
        self.places.ready(ending=self._ending)
        record = self.places.look(managed, take_over=self._take_over)
        left = self.places.left(known["places"] if known else (), self._connector.open_sink)
        if left is not None:
            raise invalid(
                f"the token of this name stands at {left}, which is not named",
                field="token_to",
                hint="Name all its places; one that is not needed any more is to be emptied, or removed, first.",
            )
        self._itself(record)
        self.places.level(record, managed)
        self._not_earlier(record)
        return Snapshot(record, managed, dt.datetime.now(dt.UTC), _operation(), self._measured())

    def _measured(self) -> Capabilities:
        """What was measured of the API; nothing, where what is kept of it cannot be read."""
        try:
            known = CapabilityFile(self._state.folder).read(self._api)
        except InvalidError as error:
            self.warnings.append(f"{error.problem.message}; what was measured of the API is not used")
            return Capabilities()
        return Capabilities.from_facts({name: fact.get("value") for name, fact in known.facts.items()})

    def _itself(self, record: Record) -> None:
        """Refuse what would kill the credential that is used, unless it is read from the place that is written.

        It then also needs a place that keeps the token before: the way back, should a late request kill the new one.
        """
        if self._connector.auth_ref not in self.places.refs:
            if record.current is not None and record.current.token == self._connector.credential():
                raise would_expire("the token of this name", f"{_SAME_PLACE} Or name another credential.")
            self._not_earlier(record)
        elif record.current is not None and not self.places.staged:
            message = "a token that renews itself needs a place that keeps the one before it, too"
            hint = "Name file:PATH or keyring:SERVICE/NAME as well, or another credential."
            raise InvalidError(Problem("unsafe", message, field="token_to", hint=hint))

    def _not_earlier(self, record: Record) -> None:
        """Refuse an earlier token of the name as the credential; that of a place which was behind is none any more.

        Some places hold the current token alone, so those before it are told by the journal.
        """
        credential, current = self._connector.credential(), record.current
        if current is None or current.token == credential:
            return
        known = self._state.known(self._api, self._name, self._state.fingerprint(credential))
        if known or any(entry.token == credential for entry in record.entries):
            raise would_expire("an earlier token of this name", "Name another credential.")

    def _call(self, call: Call) -> Result:
        by = None if call.by is UNREADABLE else call.by  # nobody can prove it; the rotator tells what there is
        connector = self._connector if by is None else self._as(by)
        result = connector.run(call.action, dict(call.inputs))
        self.attempts += result.attempts
        return result

    def _as(self, token: Secret) -> Connector:
        """A connector whose credential is *token*."""
        other = self._connector.with_auth(ConnectorAuth(token))
        self._others.append(other)
        return other


def would_expire(which: str, hint: str, *, field: str = "auth") -> InvalidError:
    """The refusal of what would kill the credential that is used."""
    message = f"the credential is {which}, and would die with it"
    return InvalidError(Problem("credential_would_expire", message, field=field, hint=hint))


def _operation() -> str:
    return base64.b32encode(secrets.token_bytes(10)).decode()


def plain(managed: Managed) -> dict[str, Any]:
    """*Managed* as JSON values."""
    return {**asdict(managed), "retire": [[row.id, row.due.isoformat()] for row in managed.retire]}


def managed_of(known: dict[str, Any]) -> Managed:
    """What :func:`plain` wrote."""
    known = {key: value for key, value in known.items() if key != "places"}
    retire = tuple(Retire(id_, dt.datetime.fromisoformat(due)) for id_, due in known["retire"])
    return Managed(**{**known, "retire": retire, "dead": tuple(known["dead"]), "scopes": tuple(known["scopes"])})
