"""``Connector`` and ``AsyncConnector``: auth, specs and executor in one hand; two thin edges around one core."""

from __future__ import annotations

import time
from contextlib import contextmanager
from functools import partial
from traceback import clear_frames
from typing import TYPE_CHECKING, Any, Self

from .retry import DEADLINE
from .run import Core
from .sinks import open_sink
from .steps import Exchange, Local

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from .auth import ConnectorAuth
    from .executor import AsyncExecutor, Executor
    from .folder import SpecFolder
    from .plan import Plan
    from .result import Result
    from .secret import Secret
    from .sinks import Sink


WAIT = 60.0
"""Seconds to wait for another process that works on the same name."""


class _Edge:
    """What both connectors share."""

    def __init__(
        self,
        auth: ConnectorAuth | None = None,
        *,
        specs: SpecFolder | str | os.PathLike[str] | None = None,
        base_url: str | None = None,
        timeout: float = DEADLINE,
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
        self._core = Core(
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
        return type(self)(auth, **self._like)

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

    def uses(self, token: Secret) -> bool:
        """Whether *token* is the credential as it stands now.

        Raises:
            InvalidError: there is no credential.
        """
        return self._core.auth.credential(self._core.specs.connector).token == token

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

    _executor: Executor | None = None

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

    def plan(self, action: str, inputs: Mapping[str, Any] | None = None) -> Plan:
        """What :meth:`run` would send; no network, no credential.

        Raises:
            InvalidError: the inputs or the spec are wrong.

        """
        return self._core.plan(action, inputs or {})

    def _exchange(self, exchange: Exchange) -> Any:
        if self._executor is None:
            from .executor import Executor  # noqa: PLC0415  # httpx is only needed from here on

            self._executor = Executor(self._core.base_url)
        exchange.end(self._executor.send(*exchange.begin()))
        while exchange.wait is not None:
            time.sleep(exchange.wait)
            exchange.end(self._executor.send(*exchange.begin()))
        return exchange.answer

    def close(self) -> None:
        """Close all connections."""
        if self._executor is not None:
            self._executor.close()
            self._executor = None  # a later run opens new ones

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncConnector(_Edge):
    """Runs actions in async code, under asyncio or trio."""

    _executor: AsyncExecutor | None = None

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

    async def plan(self, action: str, inputs: Mapping[str, Any] | None = None) -> Plan:
        """What :meth:`run` would send, as :meth:`Connector.plan` tells."""
        return self._core.plan(action, inputs or {})

    async def _exchange(self, exchange: Exchange) -> Any:
        from anyio import sleep  # noqa: PLC0415  # comes with httpx, and only async code needs it

        if self._executor is None:
            from .executor import AsyncExecutor  # noqa: PLC0415  # httpx is only needed from here on

            self._executor = AsyncExecutor(self._core.base_url)
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
