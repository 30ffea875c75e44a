"""AsyncConnector: calls run in threads, and a cancelled call still stores the token it mints."""

from __future__ import annotations

import asyncio
import contextvars
import os
import random
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anyio.to_thread import run_sync

from locoia_pat import AsyncConnector, ConnectorAuth, InvalidError, Outcome, Secret
from locoia_pat.actions.sandbox.faults import Faults
from locoia_pat.actions.sandbox.sandbox_store import SandboxStore
from locoia_pat.actions.sandbox.server import OWNER, first_token, running
from locoia_pat.stores import read_token
from tests.support.loopback import TOKEN, Server, answer, created, serving
from tests.support.stores import FakeStore

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable
    from pathlib import Path

CREDENTIAL = "fake-credential-0123456789abcdef"
CREATE = {"expiration": 30, "scopes": ["automation:view"], "note": "CI"}
BACKENDS = ["asyncio", "trio"]
ROUNDS = int(os.environ.get("CANCEL_ROUNDS", "40" if "QUICK" in os.environ else "200"))


class Held:
    """An API that mints a token and holds its response back until it is released."""

    def __init__(self) -> None:
        self.received = threading.Event()
        self.release = threading.Event()

    def __call__(self, connection: socket.socket) -> bool:
        self.received.set()
        assert self.release.wait(20)
        return bool(answer(201, created())(connection))


def connector(server: Server, **options: Any) -> AsyncConnector:
    return AsyncConnector(ConnectorAuth(Secret(CREDENTIAL)), base_url=server.url, **options)


async def cancel_once(task: asyncio.Task[Any]) -> None:
    task.cancel()


async def cancel_again_and_again(task: asyncio.Task[Any]) -> None:
    for _ in range(5):
        task.cancel()
        await asyncio.sleep(0)


@pytest.mark.parametrize("cancel", [cancel_once, cancel_again_and_again])
def test_a_cancelled_task_ends_after_its_token_is_stored(
    cancel: Callable[[asyncio.Task[Any]], Awaitable[None]], tmp_path: Path
) -> None:
    ref, held = f"file:{tmp_path}/ci.json", Held()

    async def main(server: Server) -> None:
        async with connector(server) as api:
            task = asyncio.create_task(api.run("create_pat", CREATE, token_to=[ref]))
            await run_sync(held.received.wait)
            await cancel(task)
            await asyncio.sleep(0)
            assert not task.done()
            held.release.set()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert read_token(ref) == Secret(TOKEN)

    with serving(held) as server:
        asyncio.run(main(server))


def test_a_time_limit_is_raised_after_the_token_is_stored(tmp_path: Path) -> None:
    ref, held = f"file:{tmp_path}/ci.json", Held()

    async def main(server: Server) -> None:
        loop = asyncio.get_running_loop()
        limit = asyncio.timeout(None)

        async def expire() -> None:
            await run_sync(held.received.wait)
            limit.reschedule(loop.time())
            loop.call_soon(held.release.set)  # after the limit has passed

        async with connector(server) as api:
            expiring = asyncio.create_task(expire())
            with pytest.raises(TimeoutError):
                async with limit:
                    await api.run("create_pat", CREATE, token_to=[ref])
            await expiring
        assert read_token(ref) == Secret(TOKEN)

    with serving(held) as server:
        asyncio.run(main(server))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_cancel_scope_ends_after_the_token_is_stored(backend: str, tmp_path: Path) -> None:
    ref, held = f"file:{tmp_path}/ci.json", Held()

    async def main(server: Server) -> None:
        async def cancel(scope: anyio.CancelScope) -> None:
            await run_sync(held.received.wait)
            scope.cancel()
            held.release.set()

        async with connector(server) as api, anyio.create_task_group() as group:
            with anyio.CancelScope() as scope:
                group.start_soon(cancel, scope)
                await api.run("create_pat", CREATE, token_to=[ref])
            assert scope.cancelled_caught
            assert read_token(ref) == Secret(TOKEN)

    with serving(held) as server:
        anyio.run(main, server, backend=backend)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_token_that_a_cancelled_task_would_lose_is_revoked(backend: str, caplog: pytest.LogCaptureFixture) -> None:
    held = Held()

    async def main(server: Server) -> None:
        async def cancel(scope: anyio.CancelScope, api: AsyncConnector) -> None:
            await run_sync(held.received.wait)
            scope.cancel()
            await api.close()  # revoking opens what it needs
            held.release.set()

        api = connector(server)
        async with anyio.create_task_group() as group:
            with anyio.CancelScope() as scope:
                group.start_soon(cancel, scope, api)
                await api.run("create_pat", CREATE)
            assert scope.cancelled_caught

    with serving(held, answer(200, created(token=f"{TOKEN}2"))) as server:
        anyio.run(main, server, backend=backend)
    assert [got.path.rpartition("/")[2] for got in server.got] == ["personal-access-tokens", "regenerate"]
    assert "create_pat: the task was cancelled. The new token was revoked immediately" in caplog.text
    assert TOKEN not in caplog.text


def test_a_cancelled_task_revokes_nothing_where_nothing_was_minted(caplog: pytest.LogCaptureFixture) -> None:
    async def main(server: Server, held: Held) -> None:
        async with connector(server) as api:
            task = asyncio.create_task(api.run("create_pat", CREATE))
            await run_sync(held.received.wait)
            task.cancel()
            held.release.set()
            with pytest.raises(asyncio.CancelledError):
                await task

    def refuse(connection: socket.socket) -> bool:
        held.received.set()
        assert held.release.wait(20)
        return bool(answer(422, {"message": "no"})(connection))

    held = Held()
    with serving(refuse) as server:
        asyncio.run(main(server, held))
    assert (len(server.got), caplog.text) == (1, "")


FORKED = """
import asyncio, os, sys
from locoia_pat import AsyncConnector, Connector

async def list_in(connector):
    return (await connector.run("list_pats")).outcome.value

both = Connector(), AsyncConnector()
outcomes = [both[0].run("list_pats").outcome.value, asyncio.run(list_in(both[1]))]
child = os.fork()
outcomes += [both[0].run("list_pats").outcome.value, asyncio.run(list_in(both[1]))]
if child:
    assert os.waitpid(child, 0)[1] == 0
print(*outcomes, flush=True)
os._exit(0 if outcomes == ["done"] * 4 else 1)
"""


def test_a_process_that_was_forked_has_threads_and_connections_of_its_own() -> None:
    with serving(answer(200, [])) as server:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", FORKED],
            env={**os.environ, "LOCOIA_TOKEN": CREDENTIAL, "LOCOIA_BASE_URL": server.url},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert (done.stdout, done.stderr) == ("done done done done\n" * 2, "")
        assert (len(server.got), server.connections) == (6, 4)


def test_the_end_of_the_event_loop_waits_for_a_call_in_the_background(tmp_path: Path) -> None:
    ref, held, tasks = f"file:{tmp_path}/ci.json", Held(), set[asyncio.Task[Any]]()

    async def main(api: AsyncConnector) -> None:
        tasks.add(asyncio.create_task(api.run("create_pat", CREATE, token_to=[ref])))
        await run_sync(held.received.wait)
        asyncio.get_running_loop().call_soon(held.release.set)

    with serving(held) as server:
        api = connector(server)
        asyncio.run(main(api))
        asyncio.run(api.close())
    assert read_token(ref) == Secret(TOKEN)
    assert tasks.pop().cancelled()


SCRIPT = """
import sys
import anyio
from locoia_pat import AsyncConnector

async def main():
    async with AsyncConnector() as connector:
        inputs = {"expiration": 30, "scopes": ["automation:view"], "note": "CI"}
        await connector.run("create_pat", inputs, token_to=["file:" + sys.argv[2]])

anyio.run(main, backend=sys.argv[1])
"""


@pytest.mark.parametrize("presses", [1, 2])
@pytest.mark.parametrize("backend", BACKENDS)
def test_an_interrupted_process_stores_the_token_before_it_ends(backend: str, presses: int, tmp_path: Path) -> None:
    ref, held = tmp_path / "ci.json", Held()
    with serving(held) as server:
        process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, backend, str(ref)],
            env={**os.environ, "LOCOIA_TOKEN": CREDENTIAL, "LOCOIA_BASE_URL": server.url},
            stderr=subprocess.PIPE,
        )
        assert held.received.wait(20)
        for _ in range(presses):
            process.send_signal(signal.SIGINT)
            time.sleep(0.1)  # two at once would count as one
        assert process.poll() is None
        held.release.set()
        _, errors = process.communicate(timeout=20)
    assert read_token(f"file:{ref}") == Secret(TOKEN)
    assert process.returncode != 0
    assert TOKEN.encode() not in errors
    assert CREDENTIAL.encode() not in errors


AFTER_A_TIMEOUT = """
import sys
import anyio
from locoia_pat import AsyncConnector

async def main():
    async with AsyncConnector() as connector:
        with anyio.move_on_after(0.01):
            await connector.run("list_pats")
    await anyio.sleep(0)
    print("still running", flush=True)

anyio.run(main, backend=sys.argv[1])
"""


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_interrupt_during_a_call_that_timed_out_ends_the_program(backend: str) -> None:
    held = Held()
    with serving(held) as server:
        process = subprocess.Popen(
            [sys.executable, "-c", AFTER_A_TIMEOUT, backend],
            env={**os.environ, "LOCOIA_TOKEN": CREDENTIAL, "LOCOIA_BASE_URL": server.url},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert held.received.wait(20)
        time.sleep(0.2)  # longer than the time-out, so that the call is being waited for
        process.send_signal(signal.SIGINT)
        time.sleep(0.1)
        held.release.set()
        output, _ = process.communicate(timeout=20)
    assert (process.returncode != 0, output) == (True, b"")


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_call_that_is_cancelled_while_it_waits_for_a_thread_is_not_begun(backend: str) -> None:
    held = Held()

    async def main(server: Server) -> None:
        async with connector(server, max_threads=1) as api, anyio.create_task_group() as group:
            group.start_soon(partial(api.run, "create_pat", CREATE))
            await run_sync(held.received.wait)
            with anyio.move_on_after(0.05) as scope:
                await api.run("create_pat", CREATE)
            assert scope.cancelled_caught
            held.release.set()

    with serving(held) as server:
        anyio.run(main, server, backend=backend)
        assert len(server.got) == 1


def test_a_connector_that_is_closed_during_a_call_closes_its_connections_afterwards(tmp_path: Path) -> None:
    ref, held = f"file:{tmp_path}/ci.json", Held()

    async def main(server: Server) -> None:
        api = connector(server)
        task = asyncio.create_task(api.run("create_pat", CREATE, token_to=[ref]))
        await run_sync(held.received.wait)
        await api.close()
        held.release.set()
        assert (await task).outcome is Outcome.DONE
        again = await api.run("create_pat", CREATE, token_to=[f"file:{tmp_path}/again.json"])
        assert again.outcome is Outcome.DONE
        await api.close()

    with serving(held, answer(201, created())) as server:
        asyncio.run(main(server))
        assert server.connections == 2
    assert read_token(ref) == Secret(TOKEN)


@pytest.mark.parametrize("backend", BACKENDS)
def test_one_connector_works_in_one_event_loop_after_another(backend: str) -> None:
    async def main(api: AsyncConnector) -> Outcome:
        return (await api.run("list_pats")).outcome

    with serving(answer(200, [])) as server:
        api = connector(server)
        assert [anyio.run(main, api, backend=backend) for _ in range(3)] == [Outcome.DONE] * 3
        asyncio.run(api.close())


def test_calls_of_one_connector_run_at_the_same_time_up_to_its_threads() -> None:
    lock, running_now, most = threading.Lock(), 0, 0
    full = threading.Barrier(3)

    def script(connection: socket.socket) -> bool:
        nonlocal running_now, most
        with lock:
            running_now += 1
            most = max(most, running_now)
        full.wait(20)  # three are there at once
        with lock:
            running_now -= 1
        return bool(answer(200, [])(connection))

    async def main(server: Server) -> None:
        async with connector(server, max_threads=3) as api:
            results = await asyncio.gather(*(api.run("list_pats") for _ in range(6)))
            assert {result.outcome for result in results} == {Outcome.DONE}

    with serving(script) as server:
        asyncio.run(main(server))
    assert most == 3


def test_what_goes_wrong_in_the_thread_is_raised_where_it_is_awaited() -> None:
    class Broken(FakeStore):
        def probe(self) -> None:
            raise AttributeError

    async def main(server: Server) -> None:
        async with connector(server) as api:
            assert (api.name, api.base_url) == ("locoia", server.url)
            with pytest.raises(AttributeError):
                await api.run("create_pat", CREATE, token_to=[Broken()])
            with pytest.raises(InvalidError):
                await api.plan("create_pat", {})

    with serving(answer(200, [])) as server:
        asyncio.run(main(server))


def test_context_variables_of_the_task_are_those_of_its_thread(caplog: pytest.LogCaptureFixture) -> None:
    request = contextvars.ContextVar("request", default="")
    values: list[str] = []

    class Listening(ConnectorAuth):
        def identifier(self, spec: object) -> str | None:  # noqa: ARG002  # as it is called
            values.append(request.get())
            return None

    async def main(server: Server) -> None:
        request.set("r1")
        async with AsyncConnector(Listening(Secret(CREDENTIAL)), base_url=server.url) as api:
            await api.run("list_pats")

    with serving(answer(200, [])) as server:
        asyncio.run(main(server))
    assert values == ["r1"]
    assert not caplog.records


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_cancelled_bulk_run_begins_no_more_items(backend: str, tmp_path: Path) -> None:
    held = Held()
    items = [{**CREATE, "note": f"n{number}", "token_to": f"file:{tmp_path}/{number}.json"} for number in range(50)]

    async def main(server: Server) -> None:
        async def cancel(scope: anyio.CancelScope) -> None:
            await run_sync(held.received.wait)
            scope.cancel()
            held.release.set()

        async with connector(server) as api, anyio.create_task_group() as group:
            with anyio.CancelScope() as scope:
                group.start_soon(cancel, scope)
                async for _ in api.run_many("create_pat", items, concurrency=2):
                    await anyio.sleep_forever()
            assert scope.cancelled_caught

    with serving(held) as server:
        anyio.run(main, server, backend=backend)
        assert len(list(tmp_path.iterdir())) == len(server.got) <= 4


def test_a_create_that_is_cancelled_at_any_moment_stores_the_token_it_minted(tmp_path: Path) -> None:
    """Cancel at random moments, in every way there is; CANCEL_ROUNDS and CANCEL_SEED run a choice of them again."""
    seed = int(os.environ.get("CANCEL_SEED", str(random.randrange(10**6))))  # noqa: S311  # no secret
    chance = random.Random(seed)  # noqa: S311  # as above
    store, faults = SandboxStore(), Faults()
    token = first_token(store)
    assert token is not None
    before = {row.id for row in store.owned_by(OWNER)}
    ended = dict.fromkeys(("stored", "cancelled with a token", "cancelled without"), 0)

    async def by_task(call: Callable[[], Awaitable[Any]], seconds: float) -> None:
        task = asyncio.ensure_future(call())
        await asyncio.sleep(seconds)
        for _ in range(chance.randint(1, 3)):
            task.cancel()
            await asyncio.sleep(0)
        await task

    async def by_wait_for(call: Callable[[], Awaitable[Any]], seconds: float) -> None:
        await asyncio.wait_for(call(), seconds)

    async def by_timeout(call: Callable[[], Awaitable[Any]], seconds: float) -> None:
        async with asyncio.timeout(seconds):
            await call()

    async def by_scope(call: Callable[[], Awaitable[Any]], seconds: float) -> None:
        with anyio.fail_after(seconds):
            await call()

    async def cancel_one(url: str, number: int, longest: float) -> None:
        file = tmp_path / f"{number}.json"
        way = chance.choice([by_task, by_wait_for, by_timeout, by_scope])
        seconds = chance.uniform(0, longest)
        cancelled = False
        try:
            async with AsyncConnector(ConnectorAuth(token), base_url=url) as api:
                await way(partial(api.run, "create_pat", CREATE, token_to=[f"file:{file}"]), seconds)
        except (asyncio.CancelledError, TimeoutError):
            cancelled = True
        stored = "cancelled with a token" if file.exists() else "cancelled without"
        ended[stored if cancelled else "stored"] += 1

    async def main(url: str) -> None:
        started = time.monotonic()
        await cancel_one(url, -1, 0)  # what is loaded only once
        async with AsyncConnector(ConnectorAuth(token), base_url=url) as api:
            started = time.monotonic()
            await api.run("create_pat", CREATE, token_to=[f"file:{tmp_path}/first.json"])
        longest = 1.2 * (time.monotonic() - started)
        for number in range(ROUNDS):
            await cancel_one(url, number, longest)

    print(f"CANCEL_SEED={seed} CANCEL_ROUNDS={ROUNDS}")  # noqa: T201  # how to run it again
    with running(store=store, faults=faults) as (url, _):
        asyncio.run(main(url))
        rows = [row for row in store.owned_by(OWNER) if row.id not in before]
        stored = {
            row.id
            for file in tmp_path.glob("*.json")
            if (row := store.authenticate(read_token(f"file:{file}"))) is not None
        }
        assert {row.id for row in rows} == stored, f"CANCEL_SEED={seed}: {ended}"
    print(ended)  # noqa: T201  # as above
