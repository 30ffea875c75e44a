"""Clients of ``locoia-pat mcp``: the SDK's own, and one that writes and reads the lines itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp_types import ElicitResult

from locoia_pat import ConnectorAuth, Secret
from locoia_pat.cli.mcp_command import mcp_command
from locoia_pat.mcp.caller import LocalCaller, ObservedConnector
from locoia_pat.mcp.tool_server import ToolServer
from locoia_pat.mcp.tools import offer_tools

if TYPE_CHECKING:
    import signal
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from mcp.client.context import ClientRequestContext
    from mcp_types import CallToolResult, ElicitRequestParams

    from tests.support.sandbox_client import Caller

MODES = ("auto", "legacy")
"""The protocol of 2026-07-28, and that with a handshake."""
_COMMAND = [sys.executable, "-m", "locoia_pat", "mcp"]


def environment(caller: Caller, folder: Path) -> dict[str, str]:
    """The variables of a server that calls the sandbox."""
    state = str(folder / "state")
    return {
        **os.environ,
        "LOCOIA_BASE_URL": caller.url,
        "LOCOIA_TOKEN": caller.token.reveal(),
        "LOCOIA_PAT_STATE": state,
    }


@dataclass
class Asked:
    """A client's user: what was asked, and what the answer is."""

    answer: Any = "accept"
    questions: list[str] = field(default_factory=list[str])

    async def __call__(self, _: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        self.questions.append(params.message)
        return ElicitResult(action=self.answer, content={} if self.answer == "accept" else None)


@asynccontextmanager
async def connected(
    folder: Path, variables: dict[str, str], *options: str, mode: str = "auto", user: Asked | None = None
) -> AsyncIterator[Client]:
    """The SDK's client, connected to a server over real pipes; *folder* gets every byte that the server writes."""
    script = '"$@" 2>"$0/err" | tee "$0/out"'
    parameters = StdioServerParameters(
        command="sh", args=["-c", script, str(folder), *_COMMAND, *options], env=variables, cwd=folder
    )
    async with Client(stdio_client(parameters), mode=mode, elicitation_callback=user) as client:  # type: ignore[arg-type]  # modes come from a table
        yield client


@asynccontextmanager
async def in_process(
    url: str,
    *options: str,
    credential: str = "fake-credential-0123456789",
    mode: str = "auto",
    user: Asked | None = None,
) -> AsyncIterator[Client]:
    """The SDK's client, connected to a server in this process, which is quicker to start."""
    arguments = mcp_command.make_context("mcp", list(options)).params
    chosen = {name: arguments[name] for name in ("allow", "token_to", "secrets")}
    specs = arguments["specs"]
    tools, _ = offer_tools(specs, **chosen)
    with ObservedConnector(ConnectorAuth(Secret(credential)), specs=specs, base_url=url) as connector:
        caller = LocalCaller(connector, tools)
        server = ToolServer(specs, lambda _: caller, arguments["confirm"])
        async with Client(server.build(), mode=mode, elicitation_callback=user) as client:  # type: ignore[arg-type]  # modes come from a table
            yield client


def run(connection: AbstractAsyncContextManager[Client], use: Callable[[Client], Awaitable[None]]) -> None:
    """Use a client, and raise an error without the groups of the client around it."""
    failed: list[Exception] = []

    async def main() -> None:
        with anyio.fail_after(90):
            async with connection as client:
                try:
                    await use(client)
                except Exception as error:  # noqa: BLE001  # it is raised below
                    failed.append(error)

    anyio.run(main)
    for error in failed:
        raise error


def envelope_of(result: CallToolResult) -> dict[str, Any]:
    """The envelope of a result, whose text holds the same and no more."""
    (block,) = result.content
    envelope: dict[str, Any] = result.structured_content
    assert json.loads(block.text) == envelope  # type: ignore[union-attr]  # it is a text block
    assert result.is_error is (envelope["outcome"] != "done")
    return envelope


@dataclass
class Lines:
    """A connection with a handshake, line by line."""

    process: subprocess.Popen[bytes]
    read: list[bytes] = field(default_factory=list[bytes])
    """Every line that the server wrote."""
    last_id: int = 0

    def write(self, line: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def send(self, method: str, params: dict[str, Any] | None = None, *, request: bool = True) -> int:
        self.last_id += request
        message = {"jsonrpc": "2.0", "method": method, "params": params or {}}
        self.write(json.dumps(message | ({"id": self.last_id} if request else {})).encode())
        return self.last_id

    def call(self, name: str, /, **arguments: Any) -> int:
        return self.send("tools/call", {"name": name, "arguments": arguments})

    def receive(self, id_: int | None = None) -> dict[str, Any]:
        """The next message, or the response to the request with this id."""
        assert self.process.stdout is not None
        while line := self.process.stdout.readline():
            self.read.append(line)
            message: dict[str, Any] = json.loads(line)
            assert message["jsonrpc"] == "2.0"
            if id_ is None or ("method" not in message and message["id"] == id_):
                return message
        raise AssertionError(f"the server ended without a response: {self.read[-3:]}")

    def end(self, number: signal.Signals | None = None) -> int:
        """Close standard input, or send a signal; return the exit code when all that was written is read."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        if number is None:
            self.process.stdin.close()
        else:
            self.process.send_signal(number)
        self.read += self.process.stdout.readlines()
        return self.process.wait(timeout=60)

    def result(self, id_: int) -> dict[str, Any]:
        """The result that was read for the request with this id."""
        return next(message["result"] for line in self.read if (message := json.loads(line)).get("id") == id_)


@contextmanager
def lines(
    folder: Path, variables: dict[str, str], *options: str, capabilities: dict[str, Any] | None = None
) -> Iterator[Lines]:
    """A server, after the handshake; *folder* gets what it writes to standard error."""
    with (
        (folder / "err").open("wb") as err,
        subprocess.Popen(
            [*_COMMAND, *options], env=variables, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=err
        ) as process,
    ):
        server = Lines(process)
        try:
            client = {"name": "test", "version": "1"}
            version = {"protocolVersion": "2025-11-25", "capabilities": capabilities or {}, "clientInfo": client}
            server.receive(server.send("initialize", version))
            server.send("notifications/initialized", request=False)
            yield server
        finally:
            process.kill()
