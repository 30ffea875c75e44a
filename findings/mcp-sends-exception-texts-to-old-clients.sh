#!/bin/sh
# The text of a tool's exception reaches the client on one version of the protocol and not on the next, by one server.
#
# Versions: mcp 2.3.0 (the official Python SDK), Python 3.11.
# Behaviour: an unexpected exception in a handler of the low-level server is answered with "Internal server error" if
#   the client speaks the protocol of 2026-07-28, so it looks as if the text of an exception stays in the server. The
#   same server, without any setting, sends the whole text (and the code 0) to a client that begins with the handshake
#   of 2025-11-25 or earlier. The client chooses which.
# Source: the program below; _handle_request in mcp/shared/jsonrpc_dispatcher.py and modern_error_data in
#   mcp/server/runner.py.
# Seen:
#   2026-07-28: -32603 Internal server error
#   2025-11-25: 0 cannot open /srv/private/ledger.db
# For us: connector/mcp lets no exception through to the SDK
#   (tests/mcp: test_a_bug_ends_a_call_as_unknown_and_neither_result_nor_log_repeats_a_value).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet mcp==2.3.0 mcp-types==2.3.0
cat >"$folder/run.py" <<'PY'
import logging

import anyio
from mcp import Client
from mcp.server.lowlevel import Server

logging.disable()


async def call_tool(ctx, params):
    raise OSError("cannot open /srv/private/ledger.db")


async def main():
    server = Server("fails", on_call_tool=call_tool)
    for mode in ("auto", "legacy"):
        async with Client(server, mode=mode) as client:
            try:
                await client.call_tool("any", {})
            except Exception as error:
                print(f"{client.protocol_version}: {error.error.code} {error.error.message}")


anyio.run(main)
PY
seen=$("$folder/venv/bin/python" "$folder/run.py")
echo "$seen"
[ "$seen" = "2026-07-28: -32603 Internal server error
2025-11-25: 0 cannot open /srv/private/ledger.db" ]
