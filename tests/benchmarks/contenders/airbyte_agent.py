"""Airbyte's agent SDK: its executor, over an OpenAPI document of the same two operations."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from pathlib import Path

os.environ["AIRBYTE_TELEMETRY_MODE"] = "disabled"  # before it is imported

from airbyte_agent_sdk.executor.local_executor import LocalExecutor
from airbyte_agent_sdk.secrets import SecretStr
from work import CREDENTIAL, INPUTS, PATH, URL, begin, each_async

TYPES = {"expiration": "integer", "scopes": "array", "note": "string"}
BODY = {"type": "object", "properties": {name: {"type": kind} for name, kind in TYPES.items()}}
ANSWER = {"description": "done", "content": {"application/json": {"schema": {"type": "object"}}}}
DOCUMENT = {
    "openapi": "3.1.0",
    "info": {
        "title": "pats",
        "version": "1.0.0",
        "x-airbyte-connector-name": "pats",
        "x-airbyte-connector-definition-id": "00000000-0000-0000-0000-000000000000",
        "x-airbyte-external-documentation-urls": [],
    },
    "servers": [{"url": URL}],
    "paths": {
        PATH: {
            "post": {
                "operationId": "create",
                "x-airbyte-entity": "pats",
                "x-airbyte-action": "create",
                "requestBody": {"required": True, "content": {"application/json": {"schema": BODY}}},
                "responses": {"201": ANSWER},
            },
            "get": {
                "operationId": "list",
                "x-airbyte-entity": "pats",
                "x-airbyte-action": "list",
                "responses": {"200": ANSWER},
            },
        }
    },
    "components": {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}, "schemas": {}},
    "security": [{"bearer": []}],
}
with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "connector.yaml"
    file.write_text(json.dumps(DOCUMENT), encoding="utf-8")
    executor = LocalExecutor(config_path=str(file), secrets={"token": SecretStr(CREDENTIAL)})


async def create() -> None:
    """One token."""
    result = await executor.execute("pats", "create", params=INPUTS)
    assert result.success, result


async def read() -> None:
    """The tokens there are."""
    result = await executor.execute("pats", "list", params={})
    assert result.success, result


loop = asyncio.new_event_loop()
begin(create=each_async(create, loop), read=each_async(read, loop))
