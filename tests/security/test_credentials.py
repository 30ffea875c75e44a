"""A credential is sent only to the hosts of its own connector, in any form."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, quote_plus

import pytest

from locoia_pat import AsyncConnector, Connector, ConnectorAuth, Outcome, Result, Secret
from tests.support.loopback import Got, Server, answer, serving
from tests.support.spec_folders import action, connector, folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOKENS = {name: f"{name}/+{name}&secret=0123456789?%" for name in ("acme", "locoia", "other")}
"""Characters that encodings change."""
AUTHS: dict[str, dict[str, Any]] = {
    "acme": {},
    "locoia": {"header_key": "X-Locoia-Key", "token_prefix": "{{ token_format }}"},
    "other": {
        "token_format": "{{ identifier }}:{{ token }}",
        "encode": "base64",
        "token_prefix": "Basic {{ token_format }}",
    },
}
USER = "anna"
SENT = {
    "acme": ("authorization", f"Bearer {TOKENS['acme']}"),
    "locoia": ("x-locoia-key", TOKENS["locoia"]),
    "other": ("authorization", "Basic " + base64.b64encode(f"{USER}:{TOKENS['other']}".encode()).decode()),
}
HOSTS = {"acme": ["api.acme.example"], "locoia": ["api.locoia.com"], "other": ["api.other.example"]}
ORDERS = list(itertools.permutations(TOKENS))


def forms(token: str) -> set[str]:
    """The forms in which *token* could stand in a request."""
    raw = token.encode()
    plain = {token, json.dumps(token)[1:-1], quote(token), quote(token, safe=""), quote_plus(token), raw.hex()}
    found = plain | {form.lower() for form in plain}
    for before in range(3):  # the bytes before it shift its bits
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            found.add(encode(bytes(before) + raw).decode()[4:-4])
    return found


class Api(NamedTuple):
    """A connector, its specs and its host."""

    name: str
    specs: Path
    server: Server


@pytest.fixture
def apis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Api]]:
    """Yield three connectors; the variables of all are in the environment."""
    with ExitStack() as stack:
        opened: dict[str, Api] = {}
        for name, token in TOKENS.items():
            monkeypatch.setenv(f"{name.upper()}_TOKEN", token)
            monkeypatch.setenv(f"{name.upper()}_USER", USER)
            server = stack.enter_context(serving(answer(200, {})))
            monkeypatch.setenv(f"{name.upper()}_BASE_URL", server.url)
            variables = {key: f"{name.upper()}_{key.upper()}" for key in ("token", "base_url")}
            env = variables | ({"identifier": "OTHER_USER"} if name == "other" else {})
            shared = connector(name, hosts=HOSTS[name], base_url=f"https://{HOSTS[name][0]}", env=env, auth=AUTHS[name])
            inputs = {"note": {"title": "Note", "type": "text", "default": "n"}}
            request = {"query": {"q": "{{ note }}"}, "headers": {"X-Note": "{{ note }}"}, "body": ["{{ note }}"]}
            opened[name] = Api(name, folder(tmp_path / name, shared, action(inputs, request)), server)
        yield opened


def whole(got: Got) -> str:
    """Return everything that arrived as one string."""
    head = "\n".join(f"{name}: {value}" for name, value in got.headers.items())
    return f"{got.method} {got.path}\n{head}\n\n{got.body.decode('latin-1')}"


def assert_each_got_its_own_credential(apis: dict[str, Api], times: int = 1) -> None:
    """Check that each server got *times* requests, with its own credential in its header and no other in any form."""
    for name, api in apis.items():
        assert len(api.server.got) == times
        header, value = SENT[name]
        for got in api.server.got:
            assert got.headers[header] == value
            text = whole(got)
            assert text.count(value) == 1
            for other in TOKENS.keys() - {name}:
                assert [form for form in forms(TOKENS[other]) if form in text or form in text.lower()] == []


def test_the_search_finds_the_forms_of_a_token_that_was_sent(apis: dict[str, Api]) -> None:
    for name, api in apis.items():
        with Connector(specs=api.specs) as client:
            assert client.run("act").outcome is Outcome.DONE
        (got,) = api.server.got
        assert [form for form in forms(TOKENS[name]) if form in whole(got)] != []


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_connectors_used_in_turn_send_their_own_credential(order: tuple[str, ...], apis: dict[str, Api]) -> None:
    for name in order:
        with Connector(specs=apis[name].specs) as client:
            assert client.run("act").outcome is Outcome.DONE
    assert_each_got_its_own_credential(apis)


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_open_connectors_send_their_own_credential(order: tuple[str, ...], apis: dict[str, Api]) -> None:
    with ExitStack() as stack:
        client = {name: stack.enter_context(Connector(specs=apis[name].specs)) for name in order}
        for name in (*order, *reversed(order)):
            assert client[name].run("act").outcome is Outcome.DONE
    assert_each_got_its_own_credential(apis, 2)


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_one_auth_for_all_connectors_gives_each_its_own_credential(
    order: tuple[str, ...], apis: dict[str, Api]
) -> None:
    auth = ConnectorAuth.from_env()
    for name in order:
        with Connector(auth, specs=apis[name].specs) as client:
            assert client.run("act").outcome is Outcome.DONE
    assert_each_got_its_own_credential(apis)


def test_concurrent_async_connectors_send_their_own_credential(apis: dict[str, Api]) -> None:
    async def act(api: Api) -> list[Result]:
        async with AsyncConnector(specs=api.specs) as client:
            return [await client.run("act") for _ in range(5)]

    async def everything() -> list[list[Result]]:
        return await asyncio.gather(*(act(api) for api in apis.values()))

    results = asyncio.run(everything())
    assert {result.outcome for some in results for result in some} == {Outcome.DONE}
    assert_each_got_its_own_credential(apis, 5)


def test_connectors_in_threads_send_their_own_credential(apis: dict[str, Api]) -> None:
    outcomes: list[Outcome] = []

    def act(api: Api) -> None:
        with Connector(specs=api.specs) as client:
            outcomes.extend(client.run("act").outcome for _ in range(5))

    threads = [threading.Thread(target=act, args=(api,)) for api in apis.values()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == [Outcome.DONE] * 15
    assert_each_got_its_own_credential(apis, 5)


@pytest.mark.parametrize(("one", "other"), list(itertools.permutations(TOKENS, 2)), ids=str)
def test_a_missing_variable_is_not_replaced_by_that_of_another_connector(
    one: str, other: str, apis: dict[str, Api], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(f"{one.upper()}_TOKEN")
    with Connector(specs=apis[one].specs) as client:
        result = client.run("act")
    assert result.outcome is Outcome.INVALID
    assert [api.server.connections for api in apis.values()] == [0, 0, 0]
    with Connector(specs=apis[other].specs) as client:
        assert client.run("act").outcome is Outcome.DONE
    assert apis[one].server.connections == 0


@pytest.mark.parametrize(("one", "other"), list(itertools.permutations(TOKENS, 2)), ids=str)
def test_a_redirect_to_the_host_of_another_connector_sends_it_no_credential(
    one: str, other: str, apis: dict[str, Api]
) -> None:
    apis[one].server.scripts[:] = [answer(307, {}, {"Location": f"{apis[other].server.url}/act"})]
    with Connector(specs=apis[one].specs) as client:
        assert client.run("act").outcome is Outcome.UNKNOWN
    assert apis[other].server.connections == 0


@pytest.mark.parametrize(("one", "other"), list(itertools.permutations(TOKENS, 2)), ids=str)
def test_a_folder_that_names_the_variable_of_another_connector_sends_nothing(
    one: str, other: str, apis: dict[str, Api], tmp_path: Path
) -> None:
    env = {"token": f"{other.upper()}_TOKEN"}
    stolen = folder(tmp_path / "stolen", connector(one, hosts=HOSTS[one], env=env), action({}, {"body": {}}))
    with Connector(specs=stolen, base_url=apis[one].server.url) as client:
        assert client.run("act").outcome is Outcome.INVALID
    assert [api.server.connections for api in apis.values()] == [0, 0, 0]


@pytest.mark.parametrize("name", TOKENS)
def test_a_result_and_an_error_show_no_credential(name: str, apis: dict[str, Api]) -> None:
    _, value = SENT[name]
    for status, body in ((200, {"echo": value}), (400, {"message": f"you sent {value}"}), (500, value)):
        apis[name].server.scripts[:] = [answer(status, body)]
        with Connector(ConnectorAuth(Secret(TOKENS[name]), identifier=USER), specs=apis[name].specs) as client:
            result = client.run("act")
        output = json.dumps(result.to_dict()) + repr(result)
        assert [form for form in forms(TOKENS[name]) if form in output] == []
