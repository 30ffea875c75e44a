"""A credential is sent to the hosts of its own connector and to no other, in no form."""

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
"""Characters that each encoding writes in its own way."""
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
    for before in range(3):  # what stands before it shifts its bits
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            found.add(encode(bytes(before) + raw).decode()[4:-4])
    return found


class Place(NamedTuple):
    """A connector, its specs and its host."""

    name: str
    specs: Path
    server: Server


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Place]]:
    """Three connectors, whose variables all stand in the environment."""
    with ExitStack() as stack:
        made: dict[str, Place] = {}
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
            made[name] = Place(name, folder(tmp_path / name, shared, action(inputs, request)), server)
        yield made


def whole(got: Got) -> str:
    """Everything that arrived, as text."""
    head = "\n".join(f"{name}: {value}" for name, value in got.headers.items())
    return f"{got.method} {got.path}\n{head}\n\n{got.body.decode('latin-1')}"


def sees_its_own_alone(places: dict[str, Place], times: int = 1) -> None:
    """Each server has seen so many requests, with its own credential in its own header and no other in any form."""
    for name, place in places.items():
        assert len(place.server.got) == times
        header, value = SENT[name]
        for got in place.server.got:
            assert got.headers[header] == value
            text = whole(got)
            assert text.count(value) == 1
            for other in TOKENS.keys() - {name}:
                assert [form for form in forms(TOKENS[other]) if form in text or form in text.lower()] == []


def test_the_forms_of_a_token_are_found_where_it_was_sent(places: dict[str, Place]) -> None:
    for name, place in places.items():
        with Connector(specs=place.specs) as made:
            assert made.run("act").outcome is Outcome.DONE
        (got,) = place.server.got
        assert [form for form in forms(TOKENS[name]) if form in whole(got)] != []


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_connectors_one_after_the_other_send_their_own(order: tuple[str, ...], places: dict[str, Place]) -> None:
    for name in order:
        with Connector(specs=places[name].specs) as made:
            assert made.run("act").outcome is Outcome.DONE
    sees_its_own_alone(places)


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_connectors_side_by_side_send_their_own(order: tuple[str, ...], places: dict[str, Place]) -> None:
    with ExitStack() as stack:
        made = {name: stack.enter_context(Connector(specs=places[name].specs)) for name in order}
        for name in (*order, *reversed(order)):
            assert made[name].run("act").outcome is Outcome.DONE
    sees_its_own_alone(places, 2)


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_one_auth_for_all_connectors_gives_each_its_own(order: tuple[str, ...], places: dict[str, Place]) -> None:
    auth = ConnectorAuth.from_env()
    for name in order:
        with Connector(auth, specs=places[name].specs) as made:
            assert made.run("act").outcome is Outcome.DONE
    sees_its_own_alone(places)


def test_async_connectors_at_once_send_their_own(places: dict[str, Place]) -> None:
    async def act(place: Place) -> list[Result]:
        async with AsyncConnector(specs=place.specs) as made:
            return [await made.run("act") for _ in range(5)]

    async def everything() -> list[list[Result]]:
        return await asyncio.gather(*(act(place) for place in places.values()))

    results = asyncio.run(everything())
    assert {result.outcome for some in results for result in some} == {Outcome.DONE}
    sees_its_own_alone(places, 5)


def test_connectors_in_threads_send_their_own(places: dict[str, Place]) -> None:
    outcomes: list[Outcome] = []

    def act(place: Place) -> None:
        with Connector(specs=place.specs) as made:
            outcomes.extend(made.run("act").outcome for _ in range(5))

    threads = [threading.Thread(target=act, args=(place,)) for place in places.values()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == [Outcome.DONE] * 15
    sees_its_own_alone(places, 5)


@pytest.mark.parametrize(("one", "other"), list(itertools.permutations(TOKENS, 2)), ids=str)
def test_a_variable_that_is_missing_is_not_made_up_for_by_another(
    one: str, other: str, places: dict[str, Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(f"{one.upper()}_TOKEN")
    with Connector(specs=places[one].specs) as made:
        result = made.run("act")
    assert result.outcome is Outcome.INVALID
    assert [place.server.connections for place in places.values()] == [0, 0, 0]
    with Connector(specs=places[other].specs) as made:
        assert made.run("act").outcome is Outcome.DONE
    assert places[one].server.connections == 0


@pytest.mark.parametrize(("one", "other"), list(itertools.permutations(TOKENS, 2)), ids=str)
def test_a_redirect_to_the_host_of_another_connector_brings_it_nothing(
    one: str, other: str, places: dict[str, Place]
) -> None:
    places[one].server.scripts[:] = [answer(307, {}, {"Location": f"{places[other].server.url}/act"})]
    with Connector(specs=places[one].specs) as made:
        assert made.run("act").outcome is Outcome.UNKNOWN
    assert places[other].server.connections == 0


@pytest.mark.parametrize(("one", "other"), list(itertools.permutations(TOKENS, 2)), ids=str)
def test_a_folder_that_names_the_variable_of_another_connector_sends_nothing(
    one: str, other: str, places: dict[str, Place], tmp_path: Path
) -> None:
    env = {"token": f"{other.upper()}_TOKEN"}
    stolen = folder(tmp_path / "stolen", connector(one, hosts=HOSTS[one], env=env), action({}, {"body": {}}))
    with Connector(specs=stolen, base_url=places[one].server.url) as made:
        assert made.run("act").outcome is Outcome.INVALID
    assert [place.server.connections for place in places.values()] == [0, 0, 0]


@pytest.mark.parametrize("name", TOKENS)
def test_a_result_and_an_error_show_no_credential(name: str, places: dict[str, Place]) -> None:
    _, value = SENT[name]
    for status, body in ((200, {"echo": value}), (400, {"message": f"you sent {value}"}), (500, value)):
        places[name].server.scripts[:] = [answer(status, body)]
        with Connector(ConnectorAuth(Secret(TOKENS[name]), identifier=USER), specs=places[name].specs) as made:
            result = made.run("act")
        output = json.dumps(result.to_dict()) + repr(result)
        assert [form for form in forms(TOKENS[name]) if form in output] == []
