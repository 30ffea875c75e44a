"""What each contender's process does: it waits for orders, one on each line, and answers with what they took.

It runs in the contender's environment, so it uses the standard library alone.
"""

from __future__ import annotations

import gc
import json
import resource
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Awaitable, Callable

URL = sys.argv[1]
PATH = "/personal-access-tokens"
CREDENTIAL = "fake_credential_0123456789abcdef"
INPUTS = {"expiration": 30, "scopes": ["embed", "automation:view"], "note": "CI"}


def begin(**works: Callable[[dict[str, Any]], Any]) -> None:
    """Do each order, such as ``{"do": "create", "times": 100}``, by the work of that name, which is given the order.

    Its ``folder`` is new and empty, and cleared away when the clock has stopped.
    With a work's name as the second argument, do that once and end: a process that starts cold.
    """
    if sys.argv[2:]:
        works[sys.argv[2]]({"times": 1})
        return
    from tempfile import TemporaryDirectory  # noqa: PLC0415  # a process that starts cold needs none

    print("ready", flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        with TemporaryDirectory() as order["folder"]:
            gc.collect()
            wall, cpu = time.perf_counter(), time.process_time()
            works[order["do"]](order)
            took = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "peak": _peak()}
        print(json.dumps(took), flush=True)


def _peak() -> float:
    """The most memory that this process had so far, in MB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1024**2 if sys.platform == "darwin" else 1024)


def each(action: Callable[[], Any]) -> Callable[[dict[str, Any]], None]:
    """*Action*, one time after the other."""

    def work(order: dict[str, Any]) -> None:
        for _ in range(order["times"]):
            action()

    return work


def each_async(action: Callable[[], Awaitable[Any]], loop: AbstractEventLoop) -> Callable[[dict[str, Any]], None]:
    """The same of an asynchronous one."""

    async def all_of_them(times: int) -> None:
        for _ in range(times):
            await action()

    return lambda order: loop.run_until_complete(all_of_them(order["times"]))


def wide(action: Callable[[int, str], Any]) -> Callable[[dict[str, Any]], None]:
    """*Action* for each number and the order's folder, in as many threads as the order says."""

    def work(order: dict[str, Any]) -> None:
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415  # a process that starts cold needs none

        with ThreadPoolExecutor(order["width"]) as pool:
            for _ in pool.map(partial(action, folder=order["folder"]), range(order["times"])):
                pass

    return work
