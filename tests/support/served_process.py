"""The server of the actions as a process of its own, which a test may kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass
class ServedProcess:
    """A running server."""

    process: subprocess.Popen[str]
    url: str
    log: Path

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait(30)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(60)

    def call(
        self, action: str, fields: dict[str, Any], *, key: str, idempotency_key: str | None = None
    ) -> httpx.Response | None:
        """Call an action on a connection of its own; None if the server has gone."""
        headers = {"Authorization": f"Bearer {key}", "Connection": "close"}
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        try:
            return httpx.post(
                f"{self.url}/v1/actions/{action}", json=fields, headers=headers, timeout=60, trust_env=False
            )
        except httpx.TransportError:
            return None


def start(log: Path, *options: str, **variables: str) -> ServedProcess:
    """Start a server on a free port, and wait until it is ready."""
    with log.open("a") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "locoia_pat", "serve", "--port", "0", *options],
            env={**os.environ, **variables}, stdout=subprocess.PIPE, stderr=errors, text=True,
        )  # fmt: skip
    assert process.stdout is not None
    with process.stdout:  # it prints one line
        line = process.stdout.readline()
    assert line.startswith("locoia-pat serves at http"), f"{line}{log.read_text()}"
    return ServedProcess(process, line.split()[-1], log)


@contextmanager
def serve_process(log: Path, *options: str, **variables: str) -> Iterator[ServedProcess]:
    """Run a server for the length of a test."""
    running = start(log, *options, **variables)
    try:
        yield running
    finally:
        running.process.kill()
        running.process.wait(30)


def new_key(name: str, *options: str, **variables: str) -> str:
    """Create a key by the command."""
    done = subprocess.run(
        [sys.executable, "-m", "locoia_pat", "serve", "key", "new", name, *options],
        env={**os.environ, **variables}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
