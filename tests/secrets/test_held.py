"""What a program that listens to httpx has kept, once a run is over."""

from __future__ import annotations

import asyncio
import pickle
from typing import Any

import httpx
import pytest
from locoia_pat import AsyncConnector, Connector, Outcome

from tests.loopback import answer, drop, serving
from tests.secrets.kit import CREATE, ODD, auth_of, leaks, minted

ENDS = {"done": (answer(201, minted(ODD)), Outcome.DONE), "dropped": (drop, Outcome.UNKNOWN)}


def kept(held: list[Any]) -> str:
    """All that can be seen of requests and answers."""
    return "".join(f"{one!r} {dict(one.headers)} {vars(one)} {pickle.dumps(one.headers)!r}" for one in held)


@pytest.mark.parametrize("name", ENDS)
def test_a_request_that_was_kept_holds_no_token_any_more(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    script, outcome = ENDS[name]
    held: list[Any] = []
    send = httpx.Client.send

    def listening(client: httpx.Client, request: httpx.Request, **options: Any) -> httpx.Response:
        held.append(request)
        response = send(client, request, **options)
        held.extend([response, response.request])
        return response

    monkeypatch.setattr(httpx.Client, "send", listening)
    with serving(script) as server, Connector(auth_of(ODD), base_url=server.url) as api:
        assert api.run("create_pat", CREATE).outcome is outcome
    assert ODD.credential in server.got[0].headers["authorization"]
    assert held != []
    assert leaks(kept(held)) == []


@pytest.mark.parametrize("name", ENDS)
def test_a_request_that_was_kept_in_async_code_holds_no_token_any_more(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    script, outcome = ENDS[name]
    held: list[Any] = []
    send = httpx.AsyncClient.send

    async def listening(client: httpx.AsyncClient, request: httpx.Request, **options: Any) -> httpx.Response:
        held.append(request)
        response = await send(client, request, **options)
        held.extend([response, response.request])
        return response

    async def main(url: str) -> Outcome:
        async with AsyncConnector(auth_of(ODD), base_url=url) as api:
            return (await api.run("create_pat", CREATE)).outcome

    monkeypatch.setattr(httpx.AsyncClient, "send", listening)
    with serving(script) as server:
        assert asyncio.run(main(server.url)) is outcome
    assert held != []
    assert leaks(kept(held)) == []
