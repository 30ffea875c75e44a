"""``AsyncConnector``: runs a :class:`Connector` in worker threads."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar
from weakref import WeakKeyDictionary

from anyio import CancelScope, CapacityLimiter, get_cancelled_exc_class
from anyio.lowlevel import current_token
from anyio.to_thread import run_sync

from locoia_pat.connector import WAIT, Connector
from locoia_pat.http.retry import DEFAULT_TIMEOUT

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Mapping, Sequence

    from locoia_pat.bulk import Item, ItemResult
    from locoia_pat.engine.auth import ConnectorAuth
    from locoia_pat.engine.request_plan import Plan
    from locoia_pat.outcomes import Result
    from locoia_pat.spec.load import SpecFolder
    from locoia_pat.stores import Sink

MAX_THREADS = 40
"""Calls of one connector that run at a time in one event loop; more wait for a thread."""
_T = TypeVar("_T")


class AsyncConnector:
    """Runs actions in async code, under asyncio or trio, in any number of event loops.

    Each call runs in a worker thread and always to its end: a task that is cancelled during a call ends when the call
    has ended, so that no minted token is lost.  A call that still waits for a thread is not begun.
    """

    def __init__(
        self,
        auth: ConnectorAuth | None = None,
        *,
        specs: SpecFolder | str | os.PathLike[str] | None = None,
        base_url: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        any_option: Collection[str] = (),
        max_threads: int = MAX_THREADS,
    ) -> None:
        """Create a connector as :class:`Connector` does; at most *max_threads* calls run at a time."""
        self._connector = Connector(auth, specs=specs, base_url=base_url, timeout=timeout, any_option=any_option)
        self._max_threads = max_threads
        self._limiters: WeakKeyDictionary[Any, CapacityLimiter] = WeakKeyDictionary()
        self._lock = threading.Lock()
        self._calls: set[Future[Any]] = set()
        self._closing = False

    @property
    def name(self) -> str:
        """The name of the connector in its ``connector.yaml``."""
        return self._connector.name

    @property
    def base_url(self) -> str:
        """The base URL of the API.

        Raises:
            InvalidError: it is not a URL that this connector's credential may be sent to.
        """
        return self._connector.base_url

    async def run(
        self,
        action: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        token_to: Sequence[str | Sink] = (),
        replace: bool = False,
        wait: float = WAIT,
    ) -> Result:
        """Run an action, as :meth:`Connector.run` does."""
        return await self._run_to_end(
            partial(self._connector.run, action, inputs, token_to=token_to, replace=replace, wait=wait)
        )

    async def run_many(
        self, action: str, items: Iterable[Mapping[str, Any] | Item], **options: Any
    ) -> AsyncGenerator[ItemResult, None]:
        """Run an action once for each of *items*, as :meth:`Connector.run_many` does."""
        bulk = await self._run_to_end(partial(self._connector.run_many, action, items, **options))
        stop = partial(bulk.stop, "it was cancelled")
        try:
            while (item := await self._run_to_end(partial(next, bulk, None), on_cancel=stop)) is not None:
                yield item
        finally:
            with CancelScope(shield=True):
                await self._run_to_end(bulk.close)

    async def plan(self, action: str, inputs: Mapping[str, Any] | None = None) -> Plan:
        """Return what :meth:`run` would send, as :meth:`Connector.plan` does."""
        return self._connector.plan(action, inputs)

    async def close(self) -> None:
        """Close all connections, those of running calls when these have ended."""
        with self._lock:
            self._closing = bool(self._calls)
            if self._closing:
                return
        self._connector.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _run_to_end(self, call: Callable[[], _T], on_cancel: Callable[[], None] | None = None) -> _T:
        """Return what *call* returns, run in a worker thread; once begun, wait for its end even if cancelled.

        A cancel scope of anyio or trio leaves :func:`run_sync` alone until the thread has ended.  ``Task.cancel``, and
        with it ``asyncio.timeout`` and the end of ``asyncio.run``, interrupts it, and the thread goes on: so its end is
        waited for here, and the cancellation is raised then.
        """
        async with self._limiter():
            future: Future[_T] = Future()

            def work() -> None:
                if not future.set_running_or_notify_cancel():
                    return
                try:
                    future.set_result(call())
                except BaseException as error:  # noqa: BLE001  # it is raised where the call is awaited
                    future.set_exception(error)

            with self._lock:
                self._closing = False
                self._calls.add(future)
            future.add_done_callback(self._end_call)
            try:
                await run_sync(work, limiter=CapacityLimiter(1))
            except get_cancelled_exc_class():
                if not future.cancel():  # it has begun
                    if on_cancel is not None:
                        on_cancel()
                    await _wait_uncancelled(future)
                raise
            return future.result()

    def _end_call(self, future: Future[Any]) -> None:
        with self._lock:
            self._calls.discard(future)
            close = self._closing and not self._calls
        if close:
            self._connector.close()

    def _limiter(self) -> CapacityLimiter:
        """Return the limiter of the running event loop; a limiter must not be shared by two."""
        loop = current_token().native_token
        with self._lock:
            if loop not in self._limiters:
                self._limiters[loop] = CapacityLimiter(self._max_threads)
            return self._limiters[loop]


async def _wait_uncancelled(future: Future[Any]) -> None:
    """Wait for *future* under asyncio, however often the task is cancelled meanwhile."""
    waiting = asyncio.wrap_future(future)
    with CancelScope(shield=True):
        while not waiting.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([waiting])
    waiting.exception()  # as asyncio logs an error that is never looked at
