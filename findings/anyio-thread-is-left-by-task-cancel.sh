#!/bin/sh
# A call in anyio's worker thread that must not be abandoned is abandoned by asyncio's own cancellation.
#
# Versions: anyio 4.16.0, Python's asyncio.
# Behaviour: to_thread.run_sync(work, abandon_on_cancel=False) is the default, and waits for the thread if the scope
#   around it is cancelled. That holds for anyio's scopes only. After Task.cancel(), which is what asyncio.wait_for() and
#   asyncio.timeout() use, the await ends at once while the thread goes on, and whatever it returns is lost.
# Source: the program below; the shield is an anyio CancelScope, which native cancellation does not ask.
# Seen:
#   Task.cancel(): the await ended before the thread
#   cancel scope: the thread ended before the await
# For us: AsyncConnector waits for its threads itself; tests/engine/test_async_connector.py.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet anyio==4.16.0
cat >"$folder/run.py" <<'PY'
import asyncio, threading

import anyio
from anyio import to_thread


class Work:
    def __init__(self):
        self.begun, self.go_on, self.ended = threading.Event(), threading.Event(), threading.Event()

    def __call__(self):
        self.begun.set()
        self.go_on.wait(60)
        self.ended.set()


async def cancelled_natively(work):
    task = asyncio.create_task(to_thread.run_sync(work, abandon_on_cancel=False))
    while not work.begun.is_set():
        await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait([task], timeout=30)
    first = "the await" if task.done() and not work.ended.is_set() else "the thread"
    work.go_on.set()
    return first


async def cancelled_by_scope(work):
    async with anyio.create_task_group() as group:
        group.start_soon(to_thread.run_sync, work)
        while not work.begun.is_set():
            await anyio.sleep(0.01)
        group.cancel_scope.cancel()
        threading.Timer(0.5, work.go_on.set).start()
    return "the thread" if work.ended.is_set() else "the await"


native, scope = asyncio.run(cancelled_natively(Work())), asyncio.run(cancelled_by_scope(Work()))
print(f"Task.cancel(): {native} ended before {'the thread' if native == 'the await' else 'the await'}")
print(f"cancel scope: {scope} ended before {'the thread' if scope == 'the await' else 'the await'}")
assert (native, scope) == ("the await", "the thread"), "the behaviour has changed"
PY
"$folder/venv/bin/python" "$folder/run.py"
