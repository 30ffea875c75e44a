#!/bin/sh
# FastMCP's own middlewares run a tool that is annotated as destructive four times, and answer its second call with the first result.
#
# Versions: fastmcp 4.2.3.
# Behaviour: a tool says of itself with annotations that it changes something and that a repeat has another effect: readOnlyHint false,
#   idempotentHint false, destructiveHint true. RetryMiddleware and ResponseCachingMiddleware, added to the server without a setting, do
#   not look at them. A create whose response is lost (ConnectionError or TimeoutError) is run four times, and the caller gets one error.
#   A second create with the same arguments is not run for an hour: the caller gets the token of the first once more and is told that
#   all went well, while nothing new was made.
# Source: the program below; fastmcp/server/middleware/error_handling.py and caching.py, neither of which reads annotations.
# Seen:
#   RetryMiddleware: 1 call, the tool ran 4 times
#   ResponseCachingMiddleware: 2 calls, the tool ran 1 time: token-1, token-1
# For us: our tool server has no such layer; a create is sent once and never from a cache (docs/mcp.md).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet fastmcp==4.2.3 fastmcp-slim==4.2.3
cat >"$folder/run.py" <<'PY'
import asyncio
import logging

from fastmcp import Client, FastMCP
from fastmcp.exceptions import ToolError
from fastmcp.server.middleware.caching import ResponseCachingMiddleware
from fastmcp.server.middleware.error_handling import RetryMiddleware

logging.disable(logging.CRITICAL)
CREATES = {"readOnlyHint": False, "idempotentHint": False, "destructiveHint": True}


def server_with(middleware, is_lost):
    server = FastMCP("tokens")
    server.add_middleware(middleware)
    runs = []

    @server.tool(annotations=CREATES)
    def create_token(name: str) -> str:
        runs.append(name)
        if is_lost:
            raise ConnectionError("the response was lost")
        return f"token-{len(runs)}"

    return server, runs


async def main():
    server, tried = server_with(RetryMiddleware(), is_lost=True)
    async with Client(server) as client:
        assert (await client.list_tools())[0].annotations.model_dump(exclude_none=True, by_alias=True) == CREATES
        try:
            await client.call_tool("create_token", {"name": "ci"})
        except ToolError:
            pass
    server, ran = server_with(ResponseCachingMiddleware(), is_lost=False)
    async with Client(server) as client:
        tokens = [(await client.call_tool("create_token", {"name": "ci"})).data for _ in range(2)]
    print(f"RetryMiddleware: 1 call, the tool ran {len(tried)} times")
    print(f"ResponseCachingMiddleware: 2 calls, the tool ran {len(ran)} time: {', '.join(tokens)}")
    assert (len(tried), len(ran), tokens) == (4, 1, ["token-1", "token-1"]), "the behaviour has changed"


asyncio.run(main())
PY
"$folder/venv/bin/python" "$folder/run.py" 2>"$folder/log" || { tail -3 "$folder/log"; exit 1; }
