#!/bin/sh
# One tool result with half of a surrogate pair ends an MCP server on standard input and output, for all later calls.
#
# Versions: mcp 2.3.0 (the official Python SDK), Python 3.11.
# Behaviour: JSON may spell half of a surrogate pair ("\ud83d"), as services do that cut a string in the middle of an
#   emoji, and Python's json module reads it. A tool that returns such a string does not fail: the SDK writes the result
#   with pydantic, which cannot encode it, in the task that writes to standard output. The client of this call waits
#   until its own timeout, and each later call of other tools gets "Connection closed". The other way round, a request
#   with such a text in it is dropped: nothing is answered, and the next request is served.
# Source: the program below; stdout_writer and stdin_reader in mcp/server/stdio.py.
# Seen:
#   call of half: no response within 3 s
#   then a call of whole: Connection closed
#   a request with half of a pair: no response; the next one: a response
# For us: connector/mcp replaces such characters in results and answers such requests
#   (tests/mcp: test_half_of_a_surrogate_pair_in_a_note_does_not_end_the_server).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet mcp==2.3.0 mcp-types==2.3.0
cat >"$folder/server.py" <<'PY'
import json

import anyio
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp_types import CallToolResult, ListToolsResult, TextContent, Tool

TEXTS = {"half": json.loads('"cut \\ud83d"'), "whole": "whole"}


async def list_tools(ctx, params):
    return ListToolsResult(tools=[Tool(name=name, input_schema={"type": "object"}) for name in TEXTS])


async def call_tool(ctx, params):
    return CallToolResult(content=[TextContent(text=TEXTS[params.name])])


async def main():
    server = Server("texts", on_list_tools=list_tools, on_call_tool=call_tool)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


anyio.run(main)
PY
cat >"$folder/client.py" <<'PY'
import sys

import anyio
from mcp import Client, StdioServerParameters


async def call(client, name):
    try:
        with anyio.fail_after(3):
            return (await client.call_tool(name, {})).content[0].text
    except TimeoutError:
        return "no response within 3 s"
    except Exception as error:
        return error.error.message


async def main():
    async with Client(StdioServerParameters(command=sys.executable, args=[sys.argv[1]])) as client:
        print("call of half:", await call(client, "half"))
        print("then a call of whole:", await call(client, "whole"))


anyio.run(main)
PY
seen=$("$folder/venv/bin/python" "$folder/client.py" "$folder/server.py" 2>/dev/null || true)
echo "$seen"
client='{"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}'
answers=$({
  echo '{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": '"$client"'}'
  echo '{"jsonrpc": "2.0", "id": 2, "method": "ping", "params": {"_meta": {"note": "cut \ud83d"}}}'
  echo '{"jsonrpc": "2.0", "id": 3, "method": "ping"}'
  sleep 2
} | "$folder/venv/bin/python" "$folder/server.py" 2>/dev/null)
has() { echo "$answers" | grep -q "\"id\":$1," && echo a response || echo no response; }
echo "a request with half of a pair: $(has 2); the next one: $(has 3)"
[ "$seen" = "call of half: no response within 3 s
then a call of whole: Connection closed" ]
[ "$(has 2), $(has 3)" = "no response, a response" ]
