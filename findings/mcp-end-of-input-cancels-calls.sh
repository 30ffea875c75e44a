#!/bin/sh
# An MCP server of the official SDK cancels the calls that it has received as soon as its standard input ends.
#
# Versions: mcp 2.3.0 (the official Python SDK), Python 3.11.
# Behaviour: a program that reads requests to the end of its input, such as a filter in a pipe, usually answers them
#   all and then ends. Here the end of the input cancels every call in flight, in the middle of what it does, and
#   answers it with the error "Connection closed". A tool that has an effect may have had it, and its result is lost.
#   It is the same with a client that closes its end to stop the server, which is how the protocol says to do it.
# Source: the program below; JSONRPCDispatcher.run in mcp/shared/jsonrpc_dispatcher.py.
# Seen:
#   the input ends at once: began, cancelled; answer: Connection closed
#   the input stays open: began, ended; answer: done
# For us: connector/mcp carries the messages itself, and answers every call that it received before it ends
#   (tests/mcp: test_a_create_that_was_received_is_run_and_answered_however_the_connection_ends).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet mcp==2.3.0 mcp-types==2.3.0
cat >"$folder/server.py" <<'PY'
import sys

import anyio
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp_types import CallToolResult, TextContent


async def call_tool(ctx, params):
    with open(sys.argv[1], "a") as log:
        log.write("began")
        try:
            await anyio.sleep(1)
        except BaseException:
            log.write(", cancelled")
            raise
        log.write(", ended")
    return CallToolResult(content=[TextContent(text="done")])


async def main():
    server = Server("slow", on_call_tool=call_tool)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


anyio.run(main)
PY
client='{"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}'
try() { # the name of a log, and seconds for which the input stays open
  {
    echo '{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": '"$client"'}'
    echo '{"jsonrpc": "2.0", "method": "notifications/initialized"}'
    echo '{"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "slow", "arguments": {}}}'
    sleep "$2"
  } | "$folder/venv/bin/python" "$folder/server.py" "$folder/$1" 2>/dev/null | tail -1 | grep -o 'Connection closed\|done'
}
at_once=$(try at_once 0)
at_once="$(cat "$folder/at_once"); answer: $at_once"
open=$(try open 4)
open="$(cat "$folder/open"); answer: $open"
echo "the input ends at once: $at_once"
echo "the input stays open: $open"
[ "$at_once" = "began, cancelled; answer: Connection closed" ]
[ "$open" = "began, ended; answer: done" ]
