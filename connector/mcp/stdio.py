"""MCP over standard input and output.

The SDK's own transport cancels the calls in flight as soon as standard input ends, and cannot stop on a signal while it
reads.  Here the end of the input, or a signal, ends the reading only: every call that was received is run and answered.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from contextlib import suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import anyio
from anyio import from_thread
from anyio.lowlevel import current_token

if TYPE_CHECKING:
    from anyio.abc import ObjectReceiveStream, ObjectSendStream
    from anyio.lowlevel import EventLoopToken
    from mcp.shared.message import SessionMessage
    from mcp_types import JSONRPCMessage

    from locoia_pat.mcp.tool_server import ToolServer

MAX_MESSAGE = 4 * 1024 * 1024
"""The most bytes of a message; a longer one ends the connection."""
_FLUSH_TIMEOUT = 2.0
"""Seconds that the last responses may take to be written."""
_ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


def serve_stdio(tools: ToolServer) -> int:
    """Serve *tools* until standard input ends or a signal arrives, and return the exit code."""
    return anyio.run(_serve, tools)


async def _serve(tools: ToolServer) -> int:
    return await _Stdio(tools).serve()


class _Stdio:
    """One connection over standard input and output."""

    def __init__(self, tools: ToolServer) -> None:
        self._tools = tools
        self._exit_code = 0
        self._reading = anyio.CancelScope()
        self._watching = anyio.CancelScope()
        self._unanswered: set[str | int] = set()
        """The ids of the requests that were received and not answered."""
        self._all_answered = anyio.Event()
        # Whatever else prints is not a message, and a program that is started must not read one.
        self._input = _divert(0, os.open(os.devnull, os.O_RDONLY))
        self._output = _divert(1, os.open(os.devnull, os.O_WRONLY))
        self._outgoing: SimpleQueue[bytes | None] = SimpleQueue()

    async def serve(self) -> int:
        """Serve the connection and return the exit code."""
        lines_in, lines = anyio.create_memory_object_stream[bytes](0)
        # Daemons: a thread that waits for a client cannot be interrupted, and must not keep the process alive.
        threading.Thread(target=self._read_lines, args=(lines_in, current_token()), daemon=True).start()
        writer = threading.Thread(target=self._write_lines, args=(current_token(),), daemon=True)
        writer.start()
        await self._exchange(lines)
        self._outgoing.put(None)
        with anyio.move_on_after(_FLUSH_TIMEOUT):
            await anyio.to_thread.run_sync(writer.join, abandon_on_cancel=True)
        return self._exit_code

    async def _exchange(self, lines: ObjectReceiveStream[bytes]) -> None:
        """Serve the messages in *lines*."""
        read_in, read = anyio.create_memory_object_stream["SessionMessage | Exception"](0)
        write, write_out = anyio.create_memory_object_stream["SessionMessage"](0)
        server = self._tools.build()
        async with anyio.create_task_group() as group:
            group.start_soon(self._watch_signals)
            group.start_soon(self._receive, lines, read_in)
            group.start_soon(self._respond, write_out)
            await server.run(read, write, server.create_initialization_options())
            self._watching.cancel()

    def _read_lines(self, lines: ObjectSendStream[bytes], loop: EventLoopToken) -> None:
        with suppress(Exception), os.fdopen(self._input, "rb", closefd=False) as source:  # the loop may have ended
            while (line := source.readline(MAX_MESSAGE + 1)) and len(line) <= MAX_MESSAGE:
                from_thread.run(lines.send, line, token=loop)
            from_thread.run(lines.aclose, token=loop)

    def _write_lines(self, loop: EventLoopToken) -> None:
        try:
            with os.fdopen(self._output, "wb", closefd=False) as target:
                while (line := self._outgoing.get()) is not None:
                    target.write(line)
                    target.flush()
        except OSError:  # the client is gone
            with suppress(Exception):
                from_thread.run_sync(self._reading.cancel, token=loop)

    async def _watch_signals(self) -> None:
        with self._watching, anyio.open_signal_receiver(*_ENDING) as signals:
            async for number in signals:
                self._exit_code = 128 + number
                self._reading.cancel()

    async def _receive(
        self, lines: ObjectReceiveStream[bytes], messages: ObjectSendStream[SessionMessage | Exception]
    ) -> None:
        """Pass the messages on; at their end, wait until every request is answered."""
        from mcp.shared.message import SessionMessage
        from mcp_types import jsonrpc_message_adapter

        async with messages:
            with self._reading:
                async for line in lines:
                    try:
                        message = jsonrpc_message_adapter.validate_json(line, by_name=False)
                    except ValueError:
                        self._refuse(line)
                        continue
                    self._note_received(message)
                    with anyio.CancelScope(shield=True):  # what is noted is also passed on
                        await messages.send(SessionMessage(message))
            self._tools.end_questions()
            while self._unanswered:
                self._all_answered = anyio.Event()
                await self._all_answered.wait()

    async def _respond(self, messages: ObjectReceiveStream[SessionMessage]) -> None:
        async for message in messages:
            self._outgoing.put(message.message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n")
            id_ = getattr(message.message, "id", None)
            if getattr(message.message, "method", None) is None and id_ is not None:
                self._note_answered(id_)

    def _note_received(self, message: JSONRPCMessage) -> None:
        method, id_ = getattr(message, "method", None), getattr(message, "id", None)
        if method is not None and id_ is not None:
            self._unanswered.add(id_)
        elif method == "notifications/cancelled":  # a cancelled request gets no response
            self._note_answered((getattr(message, "params", None) or {}).get("requestId"))

    def _note_answered(self, id_: Any) -> None:
        self._unanswered.discard(id_)
        if not self._unanswered:
            self._all_answered.set()

    def _refuse(self, line: bytes) -> None:
        """Answer a line that is not a message, which the SDK would drop: its sender would wait for ever."""
        if not line.strip():
            return
        error = {"code": -32700, "message": "this line is not a JSON-RPC message"}
        response = {"jsonrpc": "2.0", "id": _request_id(line), "error": error}
        self._outgoing.put(json.dumps(response).encode() + b"\n")


def _request_id(line: bytes) -> str | int | None:
    """Return the id in *line*, if it can be found: half of a surrogate pair is JSON that the SDK cannot read."""
    try:
        id_ = json.loads(line)["id"]
    except (ValueError, RecursionError, LookupError, TypeError):
        return None
    return id_ if isinstance(id_, (str, int)) else None


def _divert(descriptor: int, target: int) -> int:
    """Make *descriptor* lead to *target*, and return a descriptor that leads where it led before."""
    original = os.dup(descriptor)
    os.dup2(target, descriptor)
    os.close(target)
    return original
