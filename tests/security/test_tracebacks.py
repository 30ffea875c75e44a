"""Tools that print the local variables of each frame print no token."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from loguru import logger
from rich.console import Console
from rich.traceback import Traceback

from locoia_pat import AsyncConnector, Connector, ConnectorAuth, ConnectorError, InvalidError, Secret
from locoia_pat.actions import create_pat
from locoia_pat.spec.load import SpecFolder
from locoia_pat.stores import open_store
from tests.support.canaries import (
    CREATE,
    ODD,
    PAIRS,
    InterruptedStore,
    auth_of,
    base64_of,
    chained,
    headers,
    leaks,
    minted,
    repeated,
    shown,
    with_locals,
)
from tests.support.loopback import answer, raw, serving

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.security.conftest import Log
    from tests.support.canaries import Canaries
    from tests.support.loopback import Server


def by_rich(error: BaseException) -> str:
    screen = Console(file=io.StringIO(), width=500)
    screen.print(
        Traceback.from_exception(
            type(error), error, error.__traceback__, show_locals=True, locals_max_length=10**4, locals_max_string=10**6
        )
    )
    file = screen.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def by_loguru(error: BaseException) -> str:
    lines: list[str] = []
    number = logger.add(lines.append, level=0)
    try:
        logger.opt(exception=error).error("it failed")
    finally:
        logger.remove(number)
    return "".join(lines)


def by_structlog(error: BaseException) -> str:
    output = structlog.processors.dict_tracebacks(None, "error", {"event": "it failed", "exc_info": error})
    return json.dumps(output, default=repr)


TOOLS: dict[str, Callable[[BaseException], str]] = {
    "stdlib": with_locals,
    "rich": by_rich,
    "loguru": by_loguru,
    "structlog": by_structlog,
}


def a_flow(url: str, auth: ConnectorAuth) -> BaseException:
    """Run a flow that keeps all our objects in variables; its second call is refused."""
    try:
        with Connector(auth, base_url=url) as connector:
            created = create_pat(connector, **CREATE)
            token = created.token
            result = connector.run("create_pat", CREATE)
            plan = connector.plan("create_pat", CREATE)
            envelope, everything = result.to_dict(), [connector, auth, created, token, result, plan]
            assert all([envelope, everything])
            result.raise_for_outcome()
            create_pat(connector, **CREATE)
    except ConnectorError as error:
        return error
    raise AssertionError("it was not refused")


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
@pytest.mark.parametrize("status", [401, 422, 500])
def test_a_failing_flow_that_holds_our_objects_shows_no_token(tool: str, pair: Canaries, status: int) -> None:
    good = answer(201, minted(pair))
    with serving(good, good, answer(status, {"message": repeated(pair)})) as server:
        output = TOOLS[tool](a_flow(server.url, auth_of(pair)))
    assert "ConnectorAuth" in output or tool == "loguru"  # it shows variables, so the test looks at the right thing
    assert leaks(output) == []


def interrupted(work: Callable[[], object]) -> BaseException:
    try:
        work()
    except BaseException as error:  # noqa: BLE001  # Ctrl-C is what is meant
        return error
    raise AssertionError("nothing was raised")


@pytest.mark.parametrize("tool", TOOLS)
def test_an_interrupt_while_a_token_is_stored_shows_no_token(tool: str) -> None:
    script = answer(201, minted(ODD), headers(ODD))
    with serving(script) as server, Connector(auth_of(ODD), base_url=server.url) as api:
        store = InterruptedStore()
        error = interrupted(lambda: api.run("create_pat", CREATE, token_to=[store]))
    assert isinstance(error, KeyboardInterrupt)
    assert leaks(TOOLS[tool](error)) == []


class Half:
    """Sends half of a response, and signals when."""

    def __init__(self, pair: Canaries, then: Callable[[], object]) -> None:
        self._data = raw(201, minted(pair))[:-9]
        self._then = then
        self.over = threading.Event()

    def __call__(self, connection: socket.socket) -> bool:
        connection.sendall(self._data)
        time.sleep(0.05)  # it is read, and the rest is waited for
        self._then()
        self.over.wait(10)
        return False


@pytest.fixture
def ctrl_c() -> Iterator[Callable[[], None]]:
    """Presses Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    main = threading.main_thread().ident
    assert main is not None
    yield lambda: signal.pthread_kill(main, signal.SIGINT)
    signal.signal(signal.SIGINT, before)


def all_reports(error: BaseException) -> str:
    """All that an interrupt shows to any of the tools."""
    return "\n".join(
        [shown(error), *(with_locals(each) for each in chained(error)), *(t(error) for t in TOOLS.values())]
    )


def of_run(server: Server, half: Half, auth: ConnectorAuth, ref: str) -> BaseException:
    server.scripts[:] = [half]
    url = server.url
    del server, half
    try:
        with Connector(auth, base_url=url) as api:
            api.run("create_pat", CREATE, token_to=[ref])
    except BaseException as error:  # noqa: BLE001  # as above
        return error
    raise AssertionError("nothing was raised")


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_ctrl_c_while_a_response_is_read_shows_no_token(
    pair: Canaries, tmp_path: Path, ctrl_c: Callable[[], None], log: Log
) -> None:
    half = Half(pair, ctrl_c)
    with serving(half) as server:
        error = of_run(server, half, auth_of(pair), f"file:{tmp_path}/t")
        half.over.set()
    assert isinstance(error, KeyboardInterrupt)
    assert leaks(all_reports(error)) == []
    assert leaks(log.text) == []
    assert list(tmp_path.iterdir()) == []


async def of_task(url: str, auth: ConnectorAuth, ready: asyncio.Event, cancelled: Callable[[], None]) -> BaseException:
    async with AsyncConnector(auth, base_url=url) as api:
        task = asyncio.create_task(api.run("create_pat", CREATE))
        await ready.wait()
        task.cancel()
        cancelled()
        try:
            await task
        except BaseException as error:  # noqa: BLE001  # as above
            return error
    raise AssertionError("nothing was raised")


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_a_task_that_is_cancelled_while_a_response_is_read_shows_no_token(pair: Canaries, log: Log) -> None:
    async def main() -> BaseException:
        ready, loop = asyncio.Event(), asyncio.get_running_loop()
        half = Half(pair, lambda: loop.call_soon_threadsafe(ready.set))
        with serving(half) as server:
            try:
                return await of_task(server.url, auth_of(pair), ready, half.over.set)
            finally:
                half.over.set()

    error = asyncio.run(main())
    assert isinstance(error, asyncio.CancelledError)
    assert leaks(all_reports(error)) == []
    assert leaks(log.text) == []


async def of_limit(url: str, auth: ConnectorAuth, limit: asyncio.Timeout) -> BaseException:
    try:
        async with AsyncConnector(auth, base_url=url) as api, limit:
            await api.run("create_pat", CREATE)
    except TimeoutError as error:
        return error
    raise AssertionError("nothing was raised")


def test_a_time_limit_around_async_code_shows_no_token() -> None:
    async def main() -> BaseException:
        limit, loop = asyncio.timeout(None), asyncio.get_running_loop()

        def expire() -> None:
            limit.reschedule(loop.time())
            loop.call_soon(half.over.set)  # after the task was cancelled

        half = Half(ODD, lambda: loop.call_soon_threadsafe(expire))
        with serving(half) as server:
            return await of_limit(server.url, auth_of(ODD), limit)

    assert leaks(all_reports(asyncio.run(main()))) == []


def spaced() -> Secret:
    """Create it in a function of its own: tools show the values of the failing line."""
    return Secret(f"{ODD.credential} x")


def from_stdin() -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", io.StringIO(f"{ODD.credential} {ODD.minted}\n"))
        return ConnectorAuth.from_ref("-")


def from_environment() -> object:
    auth = ConnectorAuth.from_env({"LOCOIA_TOKEN": f"{ODD.credential} x"})
    return auth.credential(SpecFolder().connector)


WRONG: dict[str, Callable[[], object]] = {
    "a credential with a space": lambda: ConnectorAuth(spaced()),
    "standard input with a space": from_stdin,
    "a variable with a space": from_environment,
    "a variable by name": lambda: ConnectorAuth.from_ref("env:CANARY").credential(SpecFolder().connector),
    "a file with two lines": lambda: ConnectorAuth.from_ref("file:two-lines").credential(SpecFolder().connector),
    "a file that is cut": lambda: open_store("file:cut").read(),
    "a file of another kind": lambda: open_store("file:other").probe(),
    "a file of another kind that is read": lambda: open_store("file:other").read(),
}


@pytest.mark.parametrize("name", WRONG)
def test_the_error_for_an_invalid_credential_shows_no_part_of_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    os.environ["CANARY"] = f"{ODD.credential} {ODD.minted}"
    (tmp_path / "two-lines").write_text(f"{ODD.credential}\n{ODD.minted}\n")
    (tmp_path / "cut").write_text(json.dumps({"v": 1, "current": {"id": "1", "token": ODD.minted}})[:-3])
    (tmp_path / "other").write_text(json.dumps({"password": ODD.minted, "b": base64_of(ODD.minted)}))
    error = interrupted(WRONG[name])
    assert isinstance(error, InvalidError)
    assert leaks(shown(error)) == []
    assert leaks(all_reports(error)) == []


def test_a_token_given_as_a_plain_string_is_refused_and_not_shown() -> None:
    """The one who calls has it in a variable; our frames must not add to that."""
    values: list[Any] = [ODD.credential]
    error = interrupted(lambda: ConnectorAuth(values[0]))
    assert isinstance(error, TypeError)
    assert error.__traceback__ is not None
    assert leaks(shown(error)) == []
