"""A Connector Auth as a token store: written by the API, and never read."""

from __future__ import annotations

import asyncio
import os
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat import AsyncConnector, Connector, ConnectorAuth, InvalidError, NotStoredError, Secret
from locoia_pat.actions import retire_pat
from locoia_pat.actions.sandbox.faults import Fault
from locoia_pat.stores import read_token

if TYPE_CHECKING:
    from tests.support.lifecycle_sandbox import ManagedSandbox


@pytest.fixture
def auth_id(sandbox: ManagedSandbox) -> str:
    """Create a Connector Auth of Locoia, and return its id."""
    with sandbox.connector() as connector:
        made = connector.run("create_connector_auth", {"connector_id": "c1", "name": "CRM", "auth_type": "x"})
    assert made.data is not None
    return str(made.data["id"])


def holds(sandbox: ManagedSandbox, auth_id: str, token: Secret, before: str = "") -> bool:
    return sandbox.store.connector_auths.has_secret(auth_id, "auth_token", Secret(f"{before}{token.reveal()}"))


@pytest.mark.parametrize(("key", "before"), [("", ""), ("#bearer", "Bearer ")])
def test_a_connector_auth_is_given_each_new_token(sandbox: ManagedSandbox, auth_id: str, key: str, before: str) -> None:
    ref = f"connector-auth:{auth_id}{key}"
    assert sandbox.ensure(token_to=[sandbox.ref(), ref]).token_refs == (f"{sandbox.ref()}#current",)
    assert holds(sandbox, auth_id, read_token(sandbox.ref()), before)
    sandbox.rotate(token_to=[ref, sandbox.ref()])
    assert holds(sandbox, auth_id, read_token(sandbox.ref()), before)
    with sandbox.connector() as connector:
        assert connector.run("get_connector_auth", {"connector_auth_id": auth_id}).data["name"] == "CRM"  # type: ignore[index]  # it is there


def test_a_created_token_is_stored_in_a_connector_auth(sandbox: ManagedSandbox, auth_id: str) -> None:
    inputs = {"expiration": 1, "scopes": ["embed"], "note": "CI"}
    with sandbox.connector() as connector:
        done = connector.run("create_pat", inputs, token_to=[f"connector-auth:{auth_id}", sandbox.ref("new")])
    assert done.token_refs == (f"{sandbox.ref('new')}#current",)
    assert holds(sandbox, auth_id, read_token(sandbox.ref("new")))


async def put(sandbox: ManagedSandbox, auth_id: str) -> Any:
    async with AsyncConnector(ConnectorAuth(sandbox.rotator), base_url=sandbox.url) as connector:
        inputs = {"expiration": 1, "scopes": ["embed"], "note": "CI"}
        return await connector.run("create_pat", inputs, token_to=[f"connector-auth:{auth_id}"])


def test_async_code_stores_a_token_in_a_connector_auth(sandbox: ManagedSandbox, auth_id: str) -> None:
    done = asyncio.run(put(sandbox, auth_id))
    assert (done.outcome.value, done.token_refs) == ("done", ())
    assert done.token is not None
    assert holds(sandbox, auth_id, done.token)


def test_a_missing_connector_auth_is_reported_before_anything_is_minted(sandbox: ManagedSandbox) -> None:
    with pytest.raises(InvalidError, match="cannot be written"):
        sandbox.ensure(token_to=[sandbox.ref(), "connector-auth:nobody"])
    assert sandbox.rows() == []


def test_a_connector_auth_that_the_credential_may_not_change_is_reported_before_anything_is_minted(
    sandbox: ManagedSandbox, auth_id: str
) -> None:
    with sandbox.connector() as connector:
        made = connector.run("create_pat", {"expiration": 1, "scopes": ["connector_auth:view"], "note": "narrow"})
    assert made.token is not None
    with pytest.raises(InvalidError, match="cannot be written") as caught:
        sandbox.ensure(auth=ConnectorAuth(made.token), token_to=[sandbox.ref(), f"connector-auth:{auth_id}"])
    assert "connector_auth:manage" in str(caught.value.problem.hint)
    assert sandbox.rows() == []


def test_an_update_that_fails_ends_not_stored_and_the_next_call_finishes(sandbox: ManagedSandbox, auth_id: str) -> None:
    ref = f"connector-auth:{auth_id}"
    for fault in (Fault("slow", method="PUT", seconds=0.01), Fault("status", method="PUT", status=500, times=3)):
        sandbox.faults.add(fault)  # the first is for the probe
    with pytest.raises(NotStoredError, match="unknown:"):
        sandbox.ensure(token_to=[sandbox.ref(), ref])
    sandbox.faults.clear()
    sandbox.ensure(token_to=[sandbox.ref(), ref])
    assert holds(sandbox, auth_id, read_token(sandbox.ref()))


def test_a_connector_auth_keeps_the_revoked_token_of_a_retired_name(sandbox: ManagedSandbox, auth_id: str) -> None:
    ref = f"connector-auth:{auth_id}"
    sandbox.ensure(token_to=[sandbox.ref(), ref])
    token = read_token(sandbox.ref())
    with sandbox.connector() as connector:
        ended = retire_pat(connector, name="ci", **sandbox.options(token_to=[sandbox.ref(), ref]))
    assert any("no longer works" in warning for warning in ended.warnings)
    assert holds(sandbox, auth_id, token)
    assert not sandbox.accepts(token)


def test_a_connector_auth_without_a_name_can_be_written(sandbox: ManagedSandbox) -> None:
    auth = sandbox.store.connector_auths.create(sandbox.store.authenticate(sandbox.rotator).owner, {})  # type: ignore[union-attr]  # it is there
    sandbox.ensure(token_to=[sandbox.ref(), f"connector-auth:{auth['id']}"])
    assert holds(sandbox, auth["id"], read_token(sandbox.ref()))


def test_a_connector_auth_cannot_be_read_and_its_reference_is_complete(sandbox: ManagedSandbox) -> None:
    with pytest.raises(InvalidError, match="can only be written"):
        read_token("connector-auth:7")
    with sandbox.connector() as connector:
        store = connector.open_store("connector-auth:7")
        with pytest.raises(InvalidError, match="does not show it"):
            store.read()
        assert (store.remove(), store.record().current) == (False, None)
        for wrong in ("connector-auth:#bearer", "connector-auth:7#basic", "connector-auth:7#"):
            with pytest.raises(InvalidError, match="#bearer"):
                connector.open_store(wrong)


def test_another_connectors_token_is_stored_in_a_connector_auth_by_locoias_own_credential(
    sandbox: ManagedSandbox, auth_id: str, tmp_path: Path
) -> None:
    specs = tmp_path / "acme"
    specs.mkdir()
    (specs / "connector.yaml").write_text(
        f"""spec: 1
connector: acme
title: Acme
version: 1.0.0
base_url: {sandbox.url}
hosts: [127.0.0.1]
env: {{token: ACME_TOKEN}}
auth: {{header_key: Authorization, token_format: "{{{{ token }}}}", token_prefix: "Bearer {{{{ token_format }}}}"}}
"""
    )
    (specs / "make.yaml").write_text(
        (Path(str(files("locoia_pat.specs"))) / "create_pat.yaml")
        .read_text()
        .replace("action: create_pat", "action: make")
        .replace("verify_with: list_pats\n", "")
        .replace("tag_input: note", "#")
        .replace("options: scopes", "enum: [embed]")
    )
    os.environ.update({"LOCOIA_TOKEN": sandbox.rotator.reveal(), "LOCOIA_BASE_URL": sandbox.url})
    with Connector(ConnectorAuth(sandbox.rotator), specs=specs) as connector:
        inputs = {"expiration": 1, "scopes": ["embed"], "note": "CI"}
        done = connector.run("make", inputs, token_to=[f"connector-auth:{auth_id}"])
    assert done.problem is None
    assert holds(sandbox, auth_id, done.token)  # type: ignore[arg-type]  # it is there
