"""Load on ``locoia-pat serve``, next to a bare Starlette endpoint that makes the same call with a shared httpx client.

    python -m tests.benchmarks.serve_load --seconds 5 --wide 20
    python -m tests.benchmarks.serve_load --calls 100000      # memory over many calls

All servers run in processes of their own, against one API on loopback that answers at once.  The two are measured in
turn, so that both see the same machine.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from locoia_pat.http.listener import listen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request

TOKEN = "fake-credential-0123456789abcdef"
ROWS = [{"id": "1", "expiration": None, "note": "CI", "last_used": None, "scopes": ["embed"]}]


def run_app(app: Starlette, listener: socket.socket) -> None:
    config = uvicorn.Config(app, log_level="error", access_log=False, lifespan="off")
    uvicorn.Server(config).run(sockets=[listener])


def serve_api(port: int) -> None:
    """An API that lists one token."""

    async def answer(_: Request) -> JSONResponse:
        return JSONResponse(ROWS)

    async def wait(_: Request) -> JSONResponse:
        await asyncio.sleep(30)
        return JSONResponse(ROWS)

    routes = [Route("/v1/personal-access-tokens", answer), Route("/slow/personal-access-tokens", wait)]
    run_app(Starlette(routes=routes), listen("127.0.0.1", port))


def serve_bare(port: int, api: str) -> None:
    """The same call from a bare endpoint."""
    client = httpx.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"})

    async def answer(request: Request) -> JSONResponse:
        await request.json()
        response = await client.get(f"{api}/personal-access-tokens")
        return JSONResponse({"data": {"tokens": response.json()}})

    route = Route("/v1/actions/list_pats", answer, methods=["POST"])
    run_app(Starlette(routes=[route]), listen("127.0.0.1", port))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def process(*arguments: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, **variables}
    with subprocess.Popen(
        [sys.executable, "-m", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as child:
        try:
            yield child
        finally:
            child.terminate()


def wait_until_open(port: int) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise TimeoutError(port)


class Load:
    """Callers on connections of their own, who call as fast as they are answered."""

    def __init__(self, url: str, key: str, wide: int) -> None:
        self._url, self._headers, self._wide = url, {"Authorization": f"Bearer {key}"}, wide

    def run(self, *, seconds: float | None = None, calls: int | None = None) -> tuple[float, list[float]]:
        """Return the requests a second, and the seconds of each."""
        end = time.monotonic() + seconds if seconds is not None else None
        times: list[float] = []
        left = iter(range(calls)) if calls is not None else None
        lock = threading.Lock()

        def more() -> bool:
            if end is not None:
                return time.monotonic() < end
            with lock:
                return next(left, None) is not None if left is not None else False

        def caller() -> None:
            with httpx.Client(headers=self._headers, timeout=60, trust_env=False) as http:
                while more():
                    started = time.perf_counter()
                    http.post(f"{self._url}/v1/actions/list_pats", json={}).raise_for_status()
                    times.append(time.perf_counter() - started)

        threads = [threading.Thread(target=caller) for _ in range(self._wide)]
        started = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return len(times) / (time.perf_counter() - started), times


def memory_of(pid: int) -> float:
    """The resident memory of a process in MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--wide", type=int, default=20)
    parser.add_argument("--calls", type=int)
    parser.add_argument("--child", choices=["api", "bare"])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--api", default="")
    options = parser.parse_args()
    if options.child == "api":
        return serve_api(options.port)
    if options.child == "bare":
        return serve_bare(options.port, options.api)
    return measure(options)


def measure(options: argparse.Namespace) -> None:
    me = "tests.benchmarks.serve_load"
    api_port, bare_port = free_port(), free_port()
    api = f"http://127.0.0.1:{api_port}/v1"
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        variables = {"LOCOIA_PAT_STATE": folder, "LOCOIA_BASE_URL": api, "LOCOIA_TOKEN": TOKEN}
        with process("locoia_pat", "serve", "key", "new", "load", "--allow", "list_pats", **variables) as command:
            key = command.communicate()[0].strip()
        stack.enter_context(process(me, "--child", "api", "--port", str(api_port)))
        stack.enter_context(process(me, "--child", "bare", "--port", str(bare_port), "--api", api))
        served = stack.enter_context(process("locoia_pat", "serve", "--port", "0", **variables))
        assert served.stdout is not None
        url = served.stdout.readline().split()[-1]
        wait_until_open(api_port)
        wait_until_open(bare_port)
        ours = Load(url, key, options.wide)
        theirs = Load(f"http://127.0.0.1:{bare_port}", key, options.wide)
        ours.run(calls=200)
        theirs.run(calls=200)
        if options.calls:
            print("calls  MB  requests/s")
            for part in range(10):
                rate, _ = ours.run(calls=options.calls // 10)
                print(f"{(part + 1) * options.calls // 10}  {memory_of(served.pid):.1f}  {rate:.0f}", flush=True)
            return
        ratios = []
        for _ in range(options.rounds):
            (our_rate, our_times), (their_rate, _) = (
                ours.run(seconds=options.seconds),
                theirs.run(seconds=options.seconds),
            )
            ratios.append(our_rate / their_rate)
            middle = statistics.median(our_times) * 1000
            print(
                f"serve {our_rate:.0f}/s (median {middle:.1f} ms), bare {their_rate:.0f}/s, ratio {ratios[-1]:.2f}",
                flush=True,
            )
        print(f"median ratio {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
