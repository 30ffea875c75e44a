"""``AsyncConnector``: runs a :class:`Connector` in worker threads."""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, Never, Self, TypeVar

from anyio import CancelScope, Event, get_cancelled_exc_class
from anyio.lowlevel import current_token

from locoia_pat.connector import WAIT, Connector
from locoia_pat.forks import call_after_fork
from locoia_pat.http.retry import DEFAULT_TIMEOUT
from locoia_pat.limits import THREADS
from locoia_pat.messages import wrong_arguments
from locoia_pat.outcomes import Outcome

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Mapping, Sequence
    from concurrent.futures import Future

    from locoia_pat.bulk import Item, ItemResult
    from locoia_pat.engine.auth import ConnectorAuth
    from locoia_pat.engine.request_plan import Plan
    from locoia_pat.outcomes import Result
    from locoia_pat.spec.load import SpecFolder
    from locoia_pat.stores import TokenStore

MAX_THREADS = 40
"""Calls of one connector that run at a time; others wait for a thread."""
_T = TypeVar("_T")
_log = logging.getLogger("locoia_pat")


class AsyncConnector:
    """Runs actions in async code, under asyncio or trio, in any number of event loops.

    Each call runs in a worker thread, and once begun it runs to its end: the cancellation of its task is delayed until
    then, so that no minted token is lost.  A call that still waits for a thread when it is cancelled is not begun.

    A token without ``token_to`` exists only in the result, which a cancelled task never receives: it is revoked before
    the cancellation goes on, and a warning is logged.  After a fork, the child gets threads and connections of its own.
    """

    def __init__(
        self,
        auth: ConnectorAuth | None = None,
        *_extra: Never,
        specs: SpecFolder | str | os.PathLike[str] | None = None,
        base_url: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        any_option: Collection[str] = (),
        max_threads: int = MAX_THREADS,
        **_unknown: Never,
    ) -> None:
        """Create a connector as :class:`Connector` does; at most *max_threads* calls run at a time."""
        if _extra or _unknown:
            example = "AsyncConnector(ConnectorAuth.from_env(), base_url=…)"
            known = ("specs", "base_url", "timeout", "max_threads")
            raise wrong_arguments("AsyncConnector", _extra, _unknown, example, known)
        THREADS.check("max_threads", max_threads)
        self._connector = Connector(auth, specs=specs, base_url=base_url, timeout=timeout, any_option=any_option)
        self._start(max_threads)

    @classmethod
    def of(cls, connector: Connector, *, max_threads: int = MAX_THREADS) -> Self:
        """Run the calls of *connector*, which is closed with this one."""
        self = cls.__new__(cls)
        self._connector = connector
        self._start(max_threads)
        return self

    def _start(self, max_threads: int) -> None:
        self._max_threads = max_threads
        self._forget_threads()
        call_after_fork(self, AsyncConnector._forget_threads)

    def _forget_threads(self) -> None:
        """Begin without threads, as in a process that was just forked: it has none of its parent's."""
        self._pool: ThreadPoolExecutor | None = None
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
        *_extra: Never,
        token_to: Sequence[str | TokenStore] = (),
        replace: bool = False,
        wait: float = WAIT,
        **_unknown: Never,
    ) -> Result:
        """Run an action, as :meth:`Connector.run` does.

        If the task is cancelled meanwhile, a token for ``token_to`` is stored first, and any other token is revoked.
        """
        return await self._run_to_end(
            partial(
                self._connector.run, action, inputs, *_extra, token_to=token_to, replace=replace, wait=wait, **_unknown
            ),
            discard=None if token_to else self._discard,
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
        """Close all connections, those of running calls when these have ended; a later call opens new ones."""
        with self._lock:
            if self._pool is not None:
                self._pool.shutdown(wait=False)
                self._pool = None
            self._closing = bool(self._calls)
        if not self._closing:
            self._connector.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _discard(self, result: Result) -> None:
        """Revoke the token of *result*, which the task that was cancelled does not receive."""
        if result.outcome is Outcome.DONE and result.secrets:
            problem = self._connector.discard(result, "the task was cancelled").problem
            _log.warning("%s: the task was cancelled. %s", result.action, problem.hint if problem else "")

    async def _run_to_end(
        self,
        call: Callable[[], _T],
        *,
        on_cancel: Callable[[], None] | None = None,
        discard: Callable[[_T], None] | None = None,
    ) -> _T:
        """Return what *call* returns, run in a worker thread; once it has begun, wait for its end even if cancelled.

        Args:
            call: what to run.
            on_cancel: called when the task is cancelled while *call* runs.
            discard: called in a worker thread with what *call* returned, if the task was cancelled.

        """
        # anyio.to_thread.run_sync does not do: Task.cancel(), and so asyncio.timeout(), returns from it at once, and a
        # connection that is closed then loses the response of the call that goes on in the thread.
        ended, future = self._begin(call)
        try:
            await ended.wait()
        except (get_cancelled_exc_class(), KeyboardInterrupt):  # trio raises Ctrl-C in the main task
            if future.cancel():  # it has not begun
                raise
            if on_cancel is not None:
                on_cancel()
            interrupt = await _wait_in_spite_of_all(ended)
            if discard is not None and future.exception() is None:
                ended, _ = self._begin(partial(discard, future.result()), reopen=False)
                interrupt = await _wait_in_spite_of_all(ended) or interrupt
            if interrupt is not None:
                raise interrupt from None
            raise
        return future.result()

    def _begin(self, call: Callable[[], _T], *, reopen: bool = True) -> tuple[Event, Future[_T]]:
        """Run *call* in a worker thread; return an event for its end, and its future.

        Args:
            call: what to run.
            reopen: whether a connector that is being closed is in use again.

        """
        ended = Event()
        future = self._submit(call, reopen=reopen)
        future.add_done_callback(partial(_wake, current_token().native_token, ended))
        return ended, future

    def _submit(self, call: Callable[[], _T], *, reopen: bool) -> Future[_T]:
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._max_threads, thread_name_prefix="locoia-pat")
            future = self._pool.submit(copy_context().run, call)
            self._calls.add(future)
            self._closing = self._closing and not reopen
        future.add_done_callback(self._end_call)
        return future

    def _end_call(self, future: Future[Any]) -> None:
        with self._lock:
            self._calls.discard(future)
            is_last = self._closing and not self._calls
        if is_last:
            self._connector.close()


async def _wait_in_spite_of_all(ended: Event) -> KeyboardInterrupt | None:
    """Wait for *ended*, however often the task is cancelled; return an interrupt that was raised in the meantime."""
    interrupt: KeyboardInterrupt | None = None
    with CancelScope(shield=True):
        while not ended.is_set():
            try:
                await ended.wait()
            except asyncio.CancelledError:
                pass  # it may come again and again
            except KeyboardInterrupt as error:
                interrupt = error
    return interrupt


def _wake(loop: Any, ended: Event, _: Future[Any]) -> None:
    """Set *ended* from another thread; *loop* is asyncio's event loop or trio's token."""
    call_soon = loop.run_sync_soon if hasattr(loop, "run_sync_soon") else loop.call_soon_threadsafe
    with suppress(RuntimeError):  # the loop was closed, and nothing waits any longer
        call_soon(ended.set)
