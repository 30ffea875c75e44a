"""``Connector`` and ``AsyncConnector``: auth, specs and executor in one hand; two thin edges around one core."""

from __future__ import annotations

import copy
import time
from contextlib import contextmanager
from functools import partial
from traceback import clear_frames
from typing import TYPE_CHECKING, Any, Self

from locoia_pat.engine.engine import Engine
from locoia_pat.engine.exchange import Exchange, Local
from locoia_pat.http.retry import DEFAULT_TIMEOUT
from locoia_pat.stores import open_sink

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncGenerator, Collection, Iterable, Iterator, Mapping, Sequence

    from locoia_pat.bulk import BulkRun, Item, ItemResult, JournalOptions
    from locoia_pat.engine.auth import ConnectorAuth
    from locoia_pat.engine.exchange import Pace
    from locoia_pat.engine.request_plan import Plan
    from locoia_pat.http.exchange_types import Request, ResponseOrError
    from locoia_pat.http.transport import AsyncHttpTransport, HttpTransport
    from locoia_pat.outcomes import Result
    from locoia_pat.secrets.secret import Secret
    from locoia_pat.spec.load import SpecFolder
    from locoia_pat.stores import Sink


WAIT = 60.0
"""Seconds to wait for another process that works on the same name."""
CONCURRENCY = 8
"""Items of a bulk run that run at a time."""


class _Edge:
    """What both connectors share."""

    _pace: Pace | None = None

    def __init__(
        self,
        auth: ConnectorAuth | None = None,
        *,
        specs: SpecFolder | str | os.PathLike[str] | None = None,
        base_url: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        any_option: Collection[str] = (),
    ) -> None:
        """Make a connector; nothing is read or sent before the first call.

        Args:
            auth: the credential; by default from the environment.
            specs: a folder of specs with a ``connector.yaml``; by default Locoia's own.
            base_url: the address of the API; by default from the environment, else from ``connector.yaml``.
            timeout: seconds one action may take, all its tries included.
            any_option: inputs that take options their spec does not know.

        """
        self._core = Engine(
            auth, specs=specs, base_url=base_url, timeout=timeout, any_option=any_option, open_place=self.open_sink
        )
        self._like: dict[str, Any] = {
            "specs": self._core.specs,
            "base_url": base_url,
            "timeout": timeout,
            "any_option": any_option,
        }

    def with_auth(self, auth: ConnectorAuth) -> Self:
        """A connector of the same specs and address with another credential, and connections of its own."""
        other = type(self)(auth, **self._like)
        other._pace = self._pace  # noqa: SLF001  # of the same bulk run, where there is one
        return other

    def open_sink(self, ref: str) -> Sink:
        """The place *ref* names; one of the platform itself is written by this credential.

        Raises:
            InvalidError: it names no place, or one that can only be read.
        """
        return open_sink(ref, by=lambda: Connector(self._core.auth, **self._like))

    @property
    def name(self) -> str:
        """The name of the connector, as its ``connector.yaml`` says."""
        return self._core.specs.connector.connector

    @property
    def auth_ref(self) -> str | None:
        """The place the credential is read from, absolute, where that can store a token too."""
        return self._core.auth.ref

    def credential(self) -> Secret:
        """The credential as it stands now.

        Raises:
            InvalidError: there is none.
        """
        return self._core.auth.credential(self._core.specs.connector).token

    @property
    def storing(self) -> bool:
        """Whether a minted token is on its way into its places: a bad moment to be interrupted."""
        return self._core.storing

    @property
    def base_url(self) -> str:
        """The base address that is called.

        Raises:
            InvalidError: it may not be called with this connector's credential.
        """
        return self._core.base_url


class Connector(_Edge):
    """Runs actions.  Safe to share between threads once its first action has run."""

    _executor: HttpTransport | None = None

    def run(
        self,
        action: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        token_to: Sequence[str | Sink] = (),
        replace: bool = False,
        wait: float = WAIT,
    ) -> Result:
        """Run the action of that name.

        Args:
            action: the name of a spec.
            inputs: its inputs, by name.
            token_to: places for the token that is minted, as REFs; each is probed before anything is sent.
            replace: whether a place may hold another token, which becomes its previous one.
            wait: seconds to wait, in a super action, for another process that works on the same name.

        Returns:
            A result for every outcome; :meth:`Result.raise_for_outcome` turns it into an error.

        """
        if (special := self._core.super_action(action, inputs or {})) is not None:
            with _emptied():
                return special(self, token_to=token_to, wait=wait)
        steps = self._core.run(action, inputs or {}, token_to, replace)
        done: Any = None
        with _emptied():
            while True:
                try:
                    step = steps.send(done)
                except StopIteration as end:
                    return end.value  # type: ignore[no-any-return]  # typed by Steps
                done = step.done() if isinstance(step, Local) else self._exchange(step)

    def run_many(
        self,
        action: str,
        items: Iterable[Mapping[str, Any] | Item],
        *,
        token_to: str | None = None,
        replace: bool = False,
        wait: float = WAIT,
        concurrency: int = CONCURRENCY,
        ordered: bool = False,
        max_failures: int | None = None,
        rate: float | None = None,
        journal: str | JournalOptions | None = None,
    ) -> BulkRun:
        """Run the action once for each of *items*, several at a time; a result comes for every one.

        Items are taken as they are needed and results are not kept, so there may be millions.

        Args:
            action: the name of a spec.
            items: the inputs of each run; ``token_to`` beside them is a place, or a list of places, for its token.
                Where tokens go into places, all items are looked at once beforehand, so they are gone through twice.
            token_to: the place of items that name none, such as ``"file:out/{name}.json"``, with fields of the item.
            replace: whether a place may hold another token, which becomes its previous one.
            wait: seconds to wait, in a super action, for another process that works on the same name.
            concurrency: how many items run at a time.
            ordered: whether results come in the order of the items instead of as they finish.
            max_failures: after how many items that failed the run stops; items that are invalid do not count.
            rate: requests a second at most, of all together.
            journal: a name under which the run is journalled, so that the same call goes on with it after a kill and
                repeats nothing that has an effect; without it, that is not known.

        Returns:
            An iterator over one :class:`ItemResult` for each item.  Close it, or use it in a ``with``, where you do not
            go to its end.

        Raises:
            InvalidError: there is no such action, two items have the same place, or an argument is wrong; nothing was
                sent.

        """
        from locoia_pat.bulk import BulkOptions, BulkRun  # noqa: PLC0415  # a single action needs none of it

        options = BulkOptions(token_to, replace, wait, concurrency, ordered, max_failures, rate, journal)
        return BulkRun(self._core, self._twin, action, items, options)

    def _twin(self, pace: Pace) -> Self:
        """The same connector with connections of its own, for one thread of a bulk run that keeps *pace*."""
        twin = copy.copy(self)
        twin._executor, twin._pace = None, pace  # noqa: SLF001  # of the same class
        return twin

    def plan(self, action: str, inputs: Mapping[str, Any] | None = None) -> Plan:
        """What :meth:`run` would send; no network, no credential.

        Raises:
            InvalidError: the inputs or the spec are wrong.

        """
        return self._core.plan(action, inputs or {})

    def _exchange(self, exchange: Exchange) -> Any:
        if self._executor is None:
            from locoia_pat.http.transport import HttpTransport  # noqa: PLC0415  # httpx is only needed from here on

            self._executor = HttpTransport(self._core.base_url)
        self._send(exchange, self._executor)
        while exchange.wait is not None:
            (self._pace.rest if self._pace else time.sleep)(exchange.wait)
            self._send(exchange, self._executor)
        return exchange.answer

    def _send(self, exchange: Exchange, executor: HttpTransport) -> None:
        if self._pace is None:
            exchange.end(executor.send(*exchange.begin()))
        else:
            self._pace.send(exchange, executor.send)

    def close(self) -> None:
        """Close all connections."""
        if self._executor is not None:
            self._executor.close()
            self._executor = None  # a later run opens new ones

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class RecordingConnector(Connector):
    """A connector that records its exchanges, for code that inspects the responses itself."""

    def __init__(self, *args: Any, **options: Any) -> None:
        """Make a connector as :class:`Connector` does."""
        super().__init__(*args, **options)
        self.exchanges: list[tuple[Request, ResponseOrError]] = []
        """Each request, without its credential, and the response of its last attempt, whose body is a secret."""

    def _exchange(self, exchange: Exchange) -> ResponseOrError:
        response = self._sanitize(super()._exchange(exchange))
        self.exchanges.append((exchange.request, response))
        return response

    def _sanitize(self, response: ResponseOrError) -> ResponseOrError:
        """Return what is recorded of *response*, and what the run gets to see."""
        return response


class AsyncConnector(_Edge):
    """Runs actions in async code, under asyncio or trio."""

    _executor: AsyncHttpTransport | None = None

    async def run(
        self,
        action: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        token_to: Sequence[str | Sink] = (),
        replace: bool = False,
        wait: float = WAIT,
    ) -> Result:
        """Run the action of that name, as :meth:`Connector.run` does; a super action runs in a thread."""
        from anyio.to_thread import run_sync  # noqa: PLC0415  # comes with httpx, and only async code needs it

        if (special := self._core.super_action(action, inputs or {})) is not None:
            with Connector(self._core.auth, **self._like) as connector:
                return await run_sync(partial(special, connector, token_to=token_to, wait=wait))
        steps = self._core.run(action, inputs or {}, token_to, replace)
        done: Any = None
        with _emptied():
            while True:
                try:
                    step = steps.send(done)
                except StopIteration as end:
                    return end.value  # type: ignore[no-any-return]  # typed by Steps
                done = await (run_sync(step.done) if isinstance(step, Local) else self._exchange(step))

    async def run_many(
        self, action: str, items: Iterable[Mapping[str, Any] | Item], **how: Any
    ) -> AsyncGenerator[ItemResult, None]:
        """Run the action once for each of *items*, as :meth:`Connector.run_many` does, in threads."""
        from anyio import CancelScope  # noqa: PLC0415  # comes with httpx, and only async code needs it
        from anyio.to_thread import run_sync  # noqa: PLC0415  # as above

        with Connector(self._core.auth, **self._like) as connector:
            bulk = await run_sync(partial(connector.run_many, action, items, **how))
            try:
                while (done := await run_sync(next, bulk, None)) is not None:
                    yield done
            finally:
                with CancelScope(shield=True):
                    await run_sync(bulk.close)

    async def plan(self, action: str, inputs: Mapping[str, Any] | None = None) -> Plan:
        """What :meth:`run` would send, as :meth:`Connector.plan` tells."""
        return self._core.plan(action, inputs or {})

    async def _exchange(self, exchange: Exchange) -> Any:
        from anyio import sleep  # noqa: PLC0415  # comes with httpx, and only async code needs it

        if self._executor is None:
            from locoia_pat.http.transport import AsyncHttpTransport  # noqa: PLC0415  # httpx is only needed from here on

            self._executor = AsyncHttpTransport(self._core.base_url)
        exchange.end(await self._executor.send(*exchange.begin()))
        while exchange.wait is not None:
            await sleep(exchange.wait)
            exchange.end(await self._executor.send(*exchange.begin()))
        return exchange.answer

    async def close(self) -> None:
        """Close all connections."""
        if self._executor is not None:
            await self._executor.close()
            self._executor = None  # a later run opens new ones

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


@contextmanager
def _emptied() -> Iterator[None]:
    """Let an interrupt or a bug end a run without what its frames and the errors before it hold: it may be secret."""
    try:
        yield
    except BaseException as error:
        clear_frames(error.__traceback__)
        error.__cause__ = error.__context__ = None
        raise
