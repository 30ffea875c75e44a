"""Connector Auths and Connectors: scopes are enforced, and secrets are never returned."""

from __future__ import annotations

import sqlite3
import uuid
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat.actions import scopes
from locoia_pat.actions.sandbox.behaviour import Behaviour
from locoia_pat.actions.sandbox.sandbox_store import SandboxStore
from locoia_pat.secrets.secret import Secret
from tests.support.sandbox_client import OWNER, Caller, calling

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

AUTHS = "/connector-auths"
GIVEN = {
    "connector_id": "6f1d0b0e-7a52-4c1e-9a44-5d2a4f8c0004",
    "name": "Zendesk, production",
    "auth_type": "username_password",
    "auth_token": "Bearer fake-auth-token",
    "auth_details": "",
    "api_endpoint": "https://acme.zendesk.com",
    "user_input": {"subdomain": "acme", "deep": {"null": None}},
    "username": "anna",
    "password": "fake-password",
    "tags": ["ci", "ü"],
}
SHOWN = {name: value for name, value in GIVEN.items() if name not in ("auth_token", "password")}


@pytest.fixture(scope="module")
def shared() -> Iterator[Caller]:
    with calling(scopes=["connector_auth", "connectors"]) as api:
        yield api


@pytest.fixture
def api(shared: Caller) -> Caller:
    for row in shared.call("GET", AUTHS).json():
        shared.call("DELETE", f"{AUTHS}/{row['id']}")
    return shared


# Scopes


CALLS = {
    ("Connector Auths", "create"): ("POST", f"{AUTHS}", 201),
    ("Connector Auths", "read"): ("GET", f"{AUTHS}/", 200),
    ("Connector Auths", "read one"): ("GET", f"{AUTHS}/{{id}}", 200),
    ("Connector Auths", "update"): ("PUT", f"{AUTHS}/{{id}}", 200),
    ("Connector Auths", "delete"): ("DELETE", f"{AUTHS}/{{id}}", 204),
    ("Connectors", "read"): ("GET", "/connectors", 200),
}


def test_each_scope_allows_what_the_page_says_and_nothing_else(api: Caller) -> None:
    auth_id = api.call("POST", AUTHS, json=GIVEN).json()["id"]
    for scope in scopes.ALL:
        token = api.with_scopes(scope)
        for (entity, operation), (method, path, status) in CALLS.items():
            cell = f"{scope}: {operation} {entity}"
            body = {"json": {"name": "changed"}} if method in ("POST", "PUT") else {}
            response = api.call(method, path.format(id=auth_id), token=token, **body)
            allowed = scopes.allows(scope, entity, operation.split(maxsplit=1)[0])
            assert response.status_code == (status if allowed else 403), cell
            if not allowed:
                assert response.json()["error"] == "forbidden", cell
                assert [row["name"] for row in api.call("GET", AUTHS).json()] == [GIVEN["name"]], cell
            elif method in ("POST", "PUT", "DELETE"):
                for row in api.call("GET", AUTHS).json():
                    api.call("DELETE", f"{AUTHS}/{row['id']}")
                auth_id = api.call("POST", AUTHS, json=GIVEN).json()["id"]


def test_one_of_several_scopes_is_enough_and_a_refusal_names_sufficient_ones(api: Caller) -> None:
    assert api.call("GET", AUTHS, token=api.with_scopes("embed", "automation:view")).status_code == 200
    refused = api.call("POST", AUTHS, token=api.with_scopes("automation"), content=b"no JSON")
    assert refused.status_code == 403
    assert "connector_auth:manage" in refused.json()["message"]


# Connector Auths


def test_a_connector_auth_is_created_returned_changed_and_deleted_without_its_secrets(api: Caller) -> None:
    created = api.call("POST", AUTHS, json=GIVEN).json()
    path = f"{AUTHS}/{created['id']}"
    assert created == {"id": created["id"], **SHOWN}
    assert uuid.UUID(created["id"]).version == 4
    assert api.call("GET", path).json() == created
    changed = api.call("PUT", path, json={"name": "Other", "password": None, "user_input": {}}).json()
    assert changed == created | {"name": "Other", "user_input": {}}
    assert api.call("PUT", path, json={}).json() == changed
    assert api.call("GET", AUTHS).json() == api.call("GET", f"{AUTHS}/").json() == [changed]
    deleted = api.call("DELETE", path)
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert [api.call(method, path, json={}).status_code for method in ("GET", "PUT", "DELETE")] == [404] * 3


def test_a_delete_can_return_the_row_as_it_was() -> None:
    with calling(Behaviour(delete_status=200), scopes=["connector_auth"]) as api:
        created = api.call("POST", f"{AUTHS}/", json=GIVEN).json()
        deleted = api.call("DELETE", f"{AUTHS}/{created['id']}")
        assert (deleted.status_code, deleted.json()) == (200, created)
        assert api.call("GET", AUTHS).json() == []


def test_missing_fields_are_empty_and_unknown_ones_are_ignored(api: Caller) -> None:
    created = api.call("POST", AUTHS, json={"name": "A", "owner": "somebody", "id": "x"}).json()
    assert created.keys() == {"id", *SHOWN}
    assert created["id"] != "x"
    assert (created["name"], created["username"], created["user_input"], created["tags"]) == ("A", None, {}, [])


def test_the_store_knows_whether_a_secret_was_stored(api: Caller) -> None:
    auths = api.store.connector_auths
    auth_id = api.call("POST", AUTHS, json=GIVEN).json()["id"]
    assert auths.has_secret(auth_id, "auth_token", Secret("Bearer fake-auth-token"))
    assert auths.has_secret(auth_id, "password", Secret("fake-password"))
    assert not auths.has_secret(auth_id, "password", Secret("another"))
    assert not auths.has_secret("unknown", "password", Secret("fake-password"))
    api.call("PUT", f"{AUTHS}/{auth_id}", json={"auth_token": "Bearer newer"})
    assert auths.has_secret(auth_id, "auth_token", Secret("Bearer newer"))
    assert auths.has_secret(auth_id, "password", Secret("fake-password"))


def test_no_secret_is_in_a_response_or_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.sqlite3"
    with calling(store=SandboxStore(path), scopes=["connector_auth"]) as api:
        created = api.call("POST", AUTHS, json=GIVEN)
        answers = [
            created,
            api.call("GET", AUTHS),
            api.call("GET", f"{AUTHS}/{created.json()['id']}"),
            api.call("PUT", f"{AUTHS}/{created.json()['id']}", json=GIVEN),
        ]
        kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    for secret in ("fake-auth-token", "fake-password"):
        assert all(secret not in answer.text for answer in answers)
        assert secret.encode() not in kept
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT count(*) FROM connector_auths").fetchone() == (1,)
    with calling(store=SandboxStore(path), scopes=["connector_auth"]) as api:
        assert api.call("GET", AUTHS).json() == [created.json()]


def test_connector_auths_of_another_owner_are_not_found(api: Caller) -> None:
    theirs = api.store.connector_auths.create("somebody else", GIVEN)
    path = f"{AUTHS}/{theirs['id']}"
    assert [api.call(method, path, json={}).status_code for method in ("GET", "PUT", "DELETE")] == [404] * 3
    assert api.call("GET", AUTHS).json() == []
    assert api.store.connector_auths.get(theirs["id"], "somebody else") == theirs


WRONG: dict[str, Any] = {"name": 1, "auth_token": ["x"], "password": {}, "user_input": None, "tags": ["x", 1]}


def test_a_field_of_another_type_is_422_and_changes_nothing(api: Caller) -> None:
    created = api.call("POST", AUTHS, json=GIVEN).json()
    for method, path in (("POST", AUTHS), ("PUT", f"{AUTHS}/{created['id']}")):
        for field, value in WRONG.items():
            response = api.call(method, path, json={"name": "changed", field: value})
            assert (response.status_code, response.json()["data"]) == (422, {"field": field}), (method, field)
            assert api.call("GET", AUTHS).json() == [created], (method, field)


# Connectors


def test_connectors_are_filtered_as_documented(api: Caller) -> None:
    for text, names in {
        'name,like,"%ft%"': ["Microsoft Teams"],
        'name,like,"%FT%"': ["Microsoft Teams"],
        'name,like,"ft"': [],
        'name,like,"HubSpot"': ["HubSpot"],
        'name,like,"%"': ["Locoia", "HubSpot", "Microsoft Teams", "Zendesk", "REST Helper"],
        'contype,like,"helper"': ["REST Helper"],
        'status,like,"dra%"': ["Zendesk"],
        'name,like,"\' OR 1=1 --"': [],
        'name,like,","': [],
    }.items():
        for path in ("/connectors", "/connectors/"):
            found = api.call("GET", path, params={"filter": text}).json()
            assert [connector["name"] for connector in found] == names, (path, text)


def test_connectors_have_different_ids(api: Caller) -> None:
    found = api.call("GET", "/connectors").json()
    assert len({uuid.UUID(connector["id"]) for connector in found}) == len(found) == 5
    assert all(connector.keys() == {"id", "name", "contype", "status"} for connector in found)


def test_another_filter_is_422_and_says_what_is_allowed(api: Caller) -> None:
    for text in (
        "",
        "name",
        "name,like",
        "name,like,%ft%",
        "name,like,5",
        'name,is,"x"',
        'owner,like,"%"',
        'name,like,"\\u0000"',
        f'name,like,"{"%" * 256}"',
        "name,like," + "[" * 5000,
    ):
        response = api.call("GET", "/connectors", params={"filter": text})
        assert (response.status_code, response.json()["data"]) == (422, {"field": "filter"}), text[:20]
        assert "name, contype, status; like" in response.json()["message"], text[:20]


def test_other_methods_are_405(api: Caller) -> None:
    assert [api.call("POST", path, json={}).status_code for path in ("/connectors", f"{AUTHS}/x")] == [405, 405]
    assert api.store.owned_by(OWNER)
