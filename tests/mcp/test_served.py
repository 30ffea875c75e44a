"""The same tools over HTTP, with the keys of ``serve`` and what they allow."""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from locoia_pat.actions.sandbox.faults import Fault
from locoia_pat.mcp.tools import offer_tools
from locoia_pat.serve.http_app import Limits
from locoia_pat.serve.mcp_endpoint import ToolOptions
from locoia_pat.spec.load import SpecFolder
from locoia_pat.state.access_keys import AccessKeys, Permissions
from locoia_pat.state.journal import State
from locoia_pat.stores import read_token
from tests.support import mcp_client
from tests.support.canaries import leaks
from tests.support.command import spawn
from tests.support.lifecycle_sandbox import open_sandbox
from tests.support.mcp_client import MODES, Asked, envelope_of, environment
from tests.support.served import CREATE, ENSURE, Served, serving
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path

    from tests.support.sandbox_client import Caller


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A server of all tools, in front of a sandbox."""
    stores = [f"file:{tmp_path}/tokens/{{name}}.json", f"create_pat=file:{tmp_path}/tokens/created.json"]
    tools, _ = offer_tools(SpecFolder(), allow=["*"], token_to=stores)
    with open_sandbox(tmp_path) as sandbox, serving(sandbox, tools=ToolOptions(tools), limits=Limits(1)) as running:
        yield running


@asynccontextmanager
async def connected(served: Served, key: str, mode: str, seen: bytearray, user: Asked | None) -> AsyncIterator[Client]:
    async def keep(response: httpx2.Response) -> None:
        seen.extend(repr(response.headers).encode())
        await response.aread()
        seen.extend(response.content)

    headers = {"Authorization": f"Bearer {key}"}
    hooks: Any = {"response": [keep]}
    async with httpx2.AsyncClient(headers=headers, event_hooks=hooks, trust_env=False, timeout=60) as http:
        transport = streamable_http_client(f"{served.url}/mcp", http_client=http)
        async with Client(transport, mode=mode, elicitation_callback=user) as client:  # type: ignore[arg-type]  # modes come from a table
            yield client


def run(
    served: Served,
    use: Callable[[Client], Awaitable[None]],
    *,
    key: str | None = None,
    mode: str = "auto",
    user: Asked | None = None,
) -> bytes:
    """Use a client, and return every byte that the server answered."""
    seen = bytearray()
    mcp_client.run(connected(served, key or served.key, mode, seen, user), use)
    return bytes(seen)


async def call(client: Client, name: str, arguments: dict[str, Any] | None = None) -> dict[str, Any]:
    return envelope_of(await client.call_tool(name, arguments))


@pytest.mark.parametrize("mode", MODES)
def test_the_tools_of_a_key_work_over_http_and_no_byte_holds_a_token(mode: str, served: Served) -> None:
    user = Asked()

    async def use(client: Client) -> None:
        names = [tool.name for tool in (await client.list_tools()).tools]
        assert "regenerate_pat" not in names  # it has no store here
        assert {"create_pat", "ensure_pat", "list_pats", "revoke_pat"} <= set(names)
        created = await call(client, "create_pat", CREATE)
        assert created["outcome"] == "done"
        for change in ("created", "none"):
            assert (await call(client, "ensure_pat", ENSURE))["data"]["change"] == change
        for wrong in ({"dry_run": True}, {"expiration": True}, {"token_to": "file:/tmp/mine.json"}):
            assert (await call(client, "create_pat", CREATE | wrong))["outcome"] == "invalid"
        revoked = await call(client, "revoke_pat", {"token_id": created["data"]["id"]})
        assert revoked["outcome"] == "done"
        # Before 2026-07-28 a question needs a connection that stays, and nothing is kept between two requests.
        assert len(user.questions) == (1 if mode == "auto" else 0)
        assert ("no person was asked" in str(revoked["warnings"])) is (mode == "legacy")

    answered = run(served, use, mode=mode, user=user)
    assert served.minted() == 2
    secrets = [served.sandbox.rotator.reveal(), served.token("billing-ci")["token"], served.token("created")["token"]]
    assert len(answered) > 5000
    assert leaks(answered, *secrets, served.key) == []


def test_a_key_may_call_what_it_allows_and_nothing_else(served: Served, tmp_path: Path) -> None:
    places = [f"file:{tmp_path}/tokens/*.json"]
    narrow = served.new_key("narrow", allow=["ensure_pat", "list_*"], names=["billing-*"], places=places)
    elsewhere = served.new_key("elsewhere", allow=["ensure_pat"], names=["*"], places=[f"file:{tmp_path}/other/*"])

    async def use(client: Client) -> None:
        tools = [tool.name for tool in (await client.list_tools()).tools]
        assert tools == ["ensure_pat", "list_connector_auths", "list_pats"]
        assert (await call(client, "ensure_pat", ENSURE))["outcome"] == "done"
        refused = await call(client, "ensure_pat", ENSURE | {"name": "other"})
        assert (refused["outcome"], refused["error"]["field"]) == ("refused", "name")
        refused = await call(client, "ensure_pat", ENSURE | {"replaces": "1"})
        assert (refused["outcome"], refused["error"]["field"]) == ("refused", "replaces")
        with pytest.raises(MCPError, match="create_pat is not allowed here"):
            await client.call_tool("create_pat", CREATE)

    run(served, use, key=narrow)

    async def use_elsewhere(client: Client) -> None:
        refused = await call(client, "ensure_pat", ENSURE)
        assert (refused["outcome"], refused["error"]["field"]) == ("refused", "token_to")

    run(served, use_elsewhere, key=elsewhere)
    missing = served.new_key("missing", allow=["revoke_pat"], auth=f"file:{tmp_path}/nothing.json")

    async def use_missing(client: Client) -> None:
        invalid = await call(client, "revoke_pat", {"token_id": "1"})
        assert (invalid["outcome"], invalid["error"]["field"]) == ("invalid", "auth")

    run(served, use_missing, key=missing, user=Asked())
    assert served.minted() == 1


def test_a_request_without_a_key_or_of_another_method_is_refused_before_the_protocol(served: Served) -> None:
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    accept = {"Accept": "application/json, text/event-stream"}
    url = f"{served.url}/mcp"
    for headers, status in (({}, 401), ({"Authorization": "Bearer nothing"}, 401)):
        response = served.http.post(url, json=message, headers=accept | headers)
        assert (response.status_code, response.json()["outcome"]) == (status, "refused")
    authorized = accept | {"Authorization": f"Bearer {served.key}"}
    listed = served.http.post(url, json=message, headers=authorized)
    assert listed.status_code == 200
    assert listed.headers["x-request-id"]
    assert served.http.get(url, headers=authorized).status_code == 405
    too_large = served.http.post(url, content=b" " * 300_000, headers=authorized | {"Content-Type": "application/json"})
    assert too_large.status_code == 413


def test_a_create_whose_client_is_gone_is_stored_and_a_busy_server_says_so(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    served.sandbox.faults.add(Fault("slow", method="POST", seconds=2))
    caplog.set_level(logging.INFO, "locoia_pat.serve")

    async def use(client: Client) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(client.call_tool, "create_pat", CREATE)
            await anyio.to_thread.run_sync(lambda: eventually(lambda: served.minted() == 1))
            group.cancel_scope.cancel()
        await anyio.to_thread.run_sync(lambda: eventually((served.folder / "created.json").exists))

    run(served, use)
    assert served.sandbox.store.authenticate(read_token(served.ref("created")))

    async def crowd(client: Client) -> None:
        outcomes: list[str] = []

        async def one() -> None:
            outcomes.append((await call(client, "list_pats"))["outcome"])

        served.sandbox.faults.add(*[Fault("slow", method="GET", seconds=0.3)] * 5)
        async with anyio.create_task_group() as group:
            for _ in range(12):
                group.start_soon(one)
        assert outcomes.count("done") >= 5
        assert set(outcomes) <= {"done", "not_done"}
        assert "not_done" in outcomes

    run(served, crowd)
    tools = [record.fields for record in caplog.records if record.getMessage() == "tool"]  # type: ignore[attr-defined]  # our log adds it
    assert {entry["key"] for entry in tools} == {"all"}
    assert {"not_done", "done"} <= {entry["outcome"] for entry in tools}
    assert json.dumps(tools)


def test_the_command_serves_tools_if_it_is_asked_to(api: Caller, tmp_path: Path) -> None:
    os.environ["LOCOIA_PAT_STATE"] = str(tmp_path / "state")
    key = AccessKeys(State()).create("all", Permissions(allow=("*",)), days=None, now=dt.datetime.now(dt.UTC)).reveal()
    options = ["--port", "0", "--mcp", "--mcp-token-to", f"file:{tmp_path}/{{name}}.json", "--mcp-confirm", "always"]
    with spawn("serve", *options, **environment(api, tmp_path)) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
        headers = {"Accept": "application/json, text/event-stream", "Authorization": f"Bearer {key}"}
        listed = api.http.post(f"{url}/mcp", json=message, headers=headers).text
        process.terminate()
        _, log = process.communicate(timeout=60)
    assert process.returncode == 0
    assert '"ensure_pat"' in listed
    assert '"create_pat"' not in listed
    assert "create_pat is left out: it has no token store. Name one with --mcp-token-to create_pat=REF." in log
