"""``Connector``: runs the actions of a folder of specs."""

from __future__ import annotations

import copy
import threading
from contextlib import contextmanager
from traceback import clear_frames
from typing import TYPE_CHECKING, Any, Never, Self

from locoia_pat.engine.compiled_specs import ready_action
from locoia_pat.engine.engine import Engine, PreparedRun
from locoia_pat.forks import call_after_fork
from locoia_pat.http.retry import DEFAULT_TIMEOUT
from locoia_pat.messages import describe_value, wrong_arguments
from locoia_pat.outcomes import InvalidError, NotDoneError
from locoia_pat.stores import open_store

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from locoia_pat.bulk import BulkRun, Item, JournalOptions
    from locoia_pat.bulk.recovery import MayRun
    from locoia_pat.engine.auth import ConnectorAuth
    from locoia_pat.engine.request_plan import Plan
    from locoia_pat.http.exchange_types import Request, ResponseOrError
    from locoia_pat.http.retry import Exchange, RateLimiter
    from locoia_pat.http.transport import HttpTransport
    from locoia_pat.outcomes import Result
    from locoia_pat.secrets.secret import Secret
    from locoia_pat.spec.load import SpecFolder
    from locoia_pat.stores import CheckableStore, TokenStore


WAIT = 60.0
"""Seconds to wait for another process that works on the same name."""
CONCURRENCY = 8
"""Items of a bulk run that run at a time."""


def wrong_call(method: str, extra: Sequence[object], unknown: Collection[str]) -> TypeError:
    """Return the error of a call with arguments that *method*, which runs an action, does not have."""
    named = ", ".join(f'"{name}": …' for name in unknown)
    inputs = "[{…}, …]" if method == "run_many" else "{" + named + "}" if named else "inputs"
    example = f"connector.{method}(action, {inputs}{', token_to=…' if extra else ''})"
    return wrong_arguments(f"Connector.{method}", extra, unknown, example)


class Connector:
    """Runs actions.  Safe to share between threads."""

    _transport: HttpTransport | None = None
    _inherited: HttpTransport | None = None
    """Connections that are not ours to close, nor to leave to the garbage collector."""
    _limiter: RateLimiter | None = None

    def __init__(
        self,
        auth: ConnectorAuth | None = None,
        *_extra: Never,
        specs: SpecFolder | str | os.PathLike[str] | None = None,
        base_url: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        any_option: Collection[str] = (),
        **_unknown: Never,
    ) -> None:
        """Create a connector; nothing is read or sent before the first call.

        Args:
            auth: the credential; by default from the environment.
            specs: a folder of specs with a ``connector.yaml``; by default Locoia's own.
            base_url: the base URL of the API; by default from the environment, else from ``connector.yaml``.
            timeout: seconds that one action may take, all its attempts included.
            any_option: inputs that accept options their spec does not list.

        Raises:
            InvalidError: *timeout* is not within 0.001 and 86,400 seconds.
            TypeError: *auth* is not a :class:`ConnectorAuth`, or there is no such argument.

        """
        if _extra or _unknown:
            example = "Connector(ConnectorAuth.from_env(), base_url=…)"
            raise wrong_arguments("Connector", _extra, _unknown, example, ("specs", "base_url", "timeout"))
        if auth is not None and not hasattr(auth, "credential"):
            raise TypeError(
                f"auth is {describe_value(auth) if not isinstance(auth, str) else 'a string'}; pass "
                'ConnectorAuth.from_env(), ConnectorAuth.from_ref("file:token.json") or ConnectorAuth(Secret(...))'
            )
        self._engine = Engine(
            auth, specs=specs, base_url=base_url, timeout=timeout, any_option=any_option, open_store=self.open_store
        )
        self._options: dict[str, Any] = {
            "specs": self._engine.specs,
            "base_url": base_url,
            "timeout": timeout,
            "any_option": any_option,
        }
        self._opening = threading.Lock()
        call_after_fork(self, Connector._forget_connections)

    def _forget_connections(self) -> None:
        """Begin without connections, as in a process that was just forked: they are its parent's, and stay open."""
        self._inherited, self._transport = self._transport, None
        self._opening = threading.Lock()

    def with_auth(self, auth: ConnectorAuth) -> Self:
        """Return a connector with the same options, another credential and connections of its own."""
        other = type(self)(auth, **self._options)
        other._limiter = self._limiter  # noqa: SLF001  # they share a rate limit
        other._engine.actions = self._engine.actions  # noqa: SLF001  # compiled once for all credentials
        return other

    def open_store(self, ref: str) -> CheckableStore:
        """Open the token store of *ref*; a store of the platform itself is written with this connector's credential.

        Raises:
            InvalidError: it is not a token store, or one that is read-only.
        """
        return open_store(ref, by=lambda: Connector(self._engine.auth, **self._options))

    @property
    def name(self) -> str:
        """The name of the connector in its ``connector.yaml``."""
        return self._engine.connector.connector

    @property
    def specs(self) -> SpecFolder:
        """The specs of its actions."""
        return self._engine.specs

    @property
    def auth_ref(self) -> str | None:
        """The absolute REF that the credential is read from, if a token can be stored there; else None."""
        return self._engine.auth.ref

    def credential(self) -> Secret:
        """Read the credential.

        Raises:
            InvalidError: there is no credential.
        """
        return self._engine.auth.credential(self._engine.connector).token

    @property
    def storing(self) -> bool:
        """Whether a minted token is being stored: a bad moment for an interrupt."""
        return self._engine.storing

    @property
    def base_url(self) -> str:
        """The base URL of the API.

        Raises:
            InvalidError: it is not a URL that this connector's credential may be sent to.
        """
        return self._engine.base_url

    def run(
        self,
        action: str,
        inputs: Mapping[str, Any] | None = None,
        *_extra: Never,
        token_to: Sequence[str | TokenStore] = (),
        replace: bool = False,
        wait: float = WAIT,
        operation_id: str | None = None,
        **_unknown: Never,
    ) -> Result:
        """Run an action.

        Args:
            action: its name.
            inputs: its inputs by name.
            token_to: REFs of the stores for the token that it mints; each is probed before anything is sent.  Without
                one, the token is only in the result: an interrupt in the main thread revokes it, and one that comes
                after the return loses it.
            replace: whether a store may hold another token, which becomes its previous one.
            wait: seconds to wait, in a super action, for another process that works on the same name.
            operation_id: the id of this call, if it may be retried: a rotation with the id of one that was completed
                rotates nothing. 16 characters of base32, of at least 80 random bits.

        Returns:
            A result for every outcome; :meth:`Result.raise_for_outcome` turns it into an error.

        Raises:
            TypeError: there is no such argument.

        """
        if _extra or _unknown:
            raise wrong_call("run", _extra, _unknown)
        with _frames_cleared():
            return self._engine.run(
                self,
                action,
                inputs or {},
                token_to=token_to,
                replace_current=replace,
                wait=wait,
                operation_id=operation_id,
            )

    def mint(self, action: str, inputs: Mapping[str, Any]) -> Result:
        """Run an action as :meth:`run` does; the caller stores its token, as a managed name does."""
        with _frames_cleared():
            return self._engine.mint(self, action, inputs)

    def prepare(self, action: str, inputs: Mapping[str, Any] | None = None) -> PreparedRun:
        """Check the inputs of an action and compose its request, to be sent by :meth:`execute`.

        Raises:
            InvalidError: the inputs or the spec are wrong.

        """
        return self._engine.prepare(action, inputs or {})

    def prepare_request(self, action: str, request: Request, inputs: Mapping[str, Any]) -> PreparedRun:
        """Return a run of *action* with a *request* that its spec did not compose, to be sent by :meth:`execute`.

        Args:
            action: its name.
            request: the request, without the credential.
            inputs: a value for each input of the action, as far as the request tells, and the secrets in the request.

        """
        return PreparedRun(self._engine.action(action), inputs, request)

    def execute(
        self,
        prepared: PreparedRun,
        *,
        token_to: Sequence[str | TokenStore] = (),
        replace: bool = False,
        deliver: Callable[[Result], None] | None = None,
    ) -> Result:
        """Run what :meth:`prepare` returned, as :meth:`run` does.

        Args:
            prepared: the run.
            token_to: as for :meth:`run`.
            replace: as for :meth:`run`.
            deliver: is given the result of a token that goes to no store, before anything else can happen to it; if it
                raises ``OSError``, the token is revoked, and the outcome is ``not_stored``.

        """
        with _frames_cleared():
            try:
                return self._engine.execute(self, prepared, token_to=token_to, replace_current=replace, deliver=deliver)
            except (InvalidError, NotDoneError) as error:
                return self._engine.invalid_result(prepared.action.spec.action, error)

    def discard(self, result: Result, reason: str) -> Result:
        """Revoke the token that *result* carries and nothing has stored, and return the ``not_stored`` result."""
        with _frames_cleared():
            return self._engine.revoke_unstored(self, result, reason)

    def run_many(
        self,
        action: str,
        items: Iterable[Mapping[str, Any] | Item],
        *_extra: Never,
        token_to: str | None = None,
        replace: bool = False,
        wait: float = WAIT,
        concurrency: int = CONCURRENCY,
        ordered: bool = False,
        max_failures: int | None = None,
        rate: float | None = None,
        journal: str | JournalOptions | None = None,
        **_unknown: Never,
    ) -> BulkRun:
        """Run the action once for each of *items*, several at a time; a result comes for every one.

        Items are taken as they are needed and results are not kept, so there may be millions.

        Args:
            action: the name of a spec.
            items: the inputs of each run; ``token_to`` next to them is a token store, or a list of them, for its token.
                Where tokens go into places, all items are looked at once beforehand, so they are gone through twice.
            token_to: the place of items that name none, such as ``"file:out/{name}.json"``, with fields of the item.
            replace: whether a place may hold another token, which becomes its previous one.
            wait: seconds to wait, in a super action, for another process that works on the same name.
            concurrency: how many items run at a time.
            ordered: whether results come in the order of the items instead of as they finish.
            max_failures: after how many items that failed the run stops; items that are invalid do not count.
            rate: requests a second at most, of all together.
            journal: a name under which the run is journalled, so that the same call resumes it after a kill and
                repeats nothing that has an effect; without it, that is not known.

        Returns:
            An iterator over one :class:`ItemResult` for each item.  Close it, or use it in a ``with``, where you do not
            go to its end.

        Raises:
            InvalidError: there is no such action, two items have the same place, or an argument is wrong; nothing was
                sent.
            TypeError: there is no such argument.

        """
        if _extra or _unknown:
            raise wrong_call("run_many", _extra, _unknown)
        from locoia_pat.bulk import BulkOptions, BulkRun  # noqa: PLC0415  # a single action needs none of it

        options = BulkOptions(token_to, replace, wait, concurrency, ordered, max_failures, rate, journal)
        return BulkRun(self._engine, self._clone, action, items, options)

    def settle(self, action: str, marks: Sequence[str], stores: Sequence[str]) -> MayRun | Result:
        """Find out what became of a served create whose process was killed, and revoke rows whose token was not stored.

        Args:
            action: an action with a ``tag_input``.
            marks: the marks that its attempts have sent, oldest first.
            stores: the REFs of its token stores.

        Returns:
            The result if a store holds the token of a row; else whether it may run again.

        """
        from locoia_pat.bulk.recovery import Recovery  # noqa: PLC0415  # a single action needs none of it

        spec = ready_action(self._engine.specs, action)
        advice = "If it did not, call again with another key."
        recovery = Recovery(self._engine, spec, replace=False, retry_unknown=False, advice=advice)
        with _frames_cleared():
            return recovery.settle_marks(self, marks, stores)

    def _clone(self, limiter: RateLimiter) -> Self:
        """Return the same connector with connections of its own, for one thread of a bulk run."""
        clone = copy.copy(self)
        clone._forget_connections()  # noqa: SLF001  # same class
        clone._limiter = limiter  # noqa: SLF001  # as above
        return clone

    def plan(self, action: str, inputs: Mapping[str, Any] | None = None) -> Plan:
        """Return what :meth:`run` would send; needs no network and no credential.

        Raises:
            InvalidError: the inputs or the spec are wrong.

        """
        return self._engine.plan(action, inputs or {})

    def send(self, exchange: Exchange, request: Request) -> ResponseOrError:
        """Send one request of a run, with its retries; for the engine."""
        return exchange.send(request, self._open_transport().send, self._limiter)

    def _open_transport(self) -> HttpTransport:
        """Return the open connections, opened at the first request."""
        from locoia_pat.http.transport import HttpTransport  # noqa: PLC0415  # httpx is needed from here on only

        with self._opening:
            if self._transport is None:
                self._transport = HttpTransport(self._engine.base_url)
            return self._transport

    def close(self) -> None:
        """Close all connections; a later run opens new ones."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class RecordingConnector(Connector):
    """A connector that records its exchanges, for code that inspects the responses itself."""

    def __init__(self, *args: Any, **options: Any) -> None:
        """Create a connector as :class:`Connector` does."""
        super().__init__(*args, **options)
        self.exchanges: list[tuple[Request, ResponseOrError]] = []
        """Each request, without its credential, and the response of its last attempt, whose body is a secret."""

    def send(self, exchange: Exchange, request: Request) -> ResponseOrError:
        """Send a request and record it with its last response."""
        response = self._sanitize(super().send(exchange, request))
        self.exchanges.append((request, response))
        return response

    def _sanitize(self, response: ResponseOrError) -> ResponseOrError:
        """Return what is recorded of *response*, and what the run gets to see."""
        return response


@contextmanager
def _frames_cleared() -> Iterator[None]:
    """Clear the frames and the chain of an error that ends a run, for they may hold secrets."""
    try:
        yield
    except BaseException as error:
        clear_frames(error.__traceback__)
        error.__cause__ = error.__context__ = None
        raise
