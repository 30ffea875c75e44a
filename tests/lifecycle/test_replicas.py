"""Managed names in places that hold all of a record, the token alone, or nothing that can be read again."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import dataclass
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


@dataclass
class Program:
    """A program that takes tokens, and refuses one where it is told to."""

    folder: Path

    @property
    def ref(self) -> str:
        text = (
            "import pathlib, sys\n"
            "folder = pathlib.Path(sys.argv[1])\n"
            "token = sys.stdin.read()\n"
            "if (folder / 'refuse').exists(): sys.exit('no')\n"
            "(folder / 'taken').open('a').write(token)\n"
        )
        (self.folder / "takes.py").write_text(text)
        return "command:" + json.dumps([sys.executable, str(self.folder / "takes.py"), str(self.folder)])

    def refuse(self, no: bool = True) -> None:
        (self.folder / "refuse").touch() if no else (self.folder / "refuse").unlink()

    @property
    def taken(self) -> list[Secret]:
        file = self.folder / "taken"
        return [Secret(line) for line in file.read_text().splitlines()] if file.exists() else []


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


def accepted(sandbox: ManagedSandbox, token: Secret) -> bool:
    return sandbox.store.authenticate(token) is not None


@pytest.fixture(params=["text", "env-file"])
def bare(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store that holds only the token."""
    return f"text:{tmp_path}/bare" if request.param == "text" else f"env-file:{tmp_path}/.env#CI_TOKEN"


def test_a_name_works_with_a_store_that_holds_only_the_token(sandbox: ManagedSandbox, bare: str) -> None:
    first = sandbox.ensure(token_to=[bare])
    assert (first.change, first.token_refs) == ("created", (bare,))
    again = sandbox.ensure(token_to=[bare])
    assert (again.change, again.id, again.scopes) == ("none", first.id, ["embed"])
    before = read_token(bare)
    rotated = sandbox.rotate(token_to=[bare], overlap=24)
    assert rotated.id != first.id
    assert accepted(sandbox, before)
    assert accepted(sandbox, read_token(bare))
    assert sandbox.rotate(token_to=[bare]).id == first.id
    assert not accepted(sandbox, before)
    assert len(sandbox.rows()) == 2
    with sandbox.connector() as connector:
        assert retire_pat(connector, name="ci", **sandbox.options(token_to=[bare])).change == "retired"
    with pytest.raises(InvalidError):
        read_token(bare)


def test_a_token_that_is_not_journalled_is_not_taken_for_ours(sandbox: ManagedSandbox, bare: str) -> None:
    sandbox.ensure(token_to=[bare])
    other = sandbox.options("other", token_to=[bare])
    with pytest.raises(Exception, match="a token that this state folder does not know") as caught:
        sandbox.ensure(**other)
    assert caught.value.problem.code == "managed_elsewhere"  # type: ignore[attr-defined]  # ours
    assert sandbox.ensure(**{**other, "take_over": True}).change == "created"
    assert accepted(sandbox, read_token(bare))


def test_a_token_cannot_rotate_itself_in_a_store_without_the_previous_one(sandbox: ManagedSandbox, bare: str) -> None:
    sandbox.ensure(token_to=[bare])
    with pytest.raises(InvalidError, match="a store that also keeps the previous one") as caught:
        sandbox.rotate(ConnectorAuth.from_ref(bare), token_to=[bare])
    assert caught.value.problem.code == "unsafe"
    assert sandbox.ensure(token_to=[bare, sandbox.ref()]).change == "none"
    sandbox.rotate(ConnectorAuth.from_ref(bare), token_to=[bare, sandbox.ref()])
    assert sandbox.works()
    assert read_token(bare) == read_token(sandbox.ref())


def test_a_program_is_given_each_token_once_and_after_every_other_store(
    sandbox: ManagedSandbox, program: Program
) -> None:
    first = sandbox.ensure(token_to=[program.ref, sandbox.ref()])
    assert first.token_refs == (f"{sandbox.ref()}#current",)
    assert program.taken == [read_token(sandbox.ref())]
    assert sandbox.ensure(token_to=[program.ref, sandbox.ref()]).change == "none"
    assert len(program.taken) == 1
    sandbox.rotate(token_to=[program.ref, sandbox.ref()], overlap=24)
    assert program.taken == [read_token(f"{sandbox.ref()}#previous"), read_token(sandbox.ref())]


def test_a_program_that_refuses_is_given_the_same_token_by_the_next_call(
    sandbox: ManagedSandbox, program: Program
) -> None:
    program.refuse()
    with pytest.raises(NotStoredError, match="exited with 1: no"):
        sandbox.ensure(token_to=[sandbox.ref(), program.ref])
    assert sandbox.works()
    stored = read_token(sandbox.ref())
    program.refuse(no=False)
    assert sandbox.ensure(token_to=[sandbox.ref(), program.ref]).change in ("created", "adopted", "none")
    assert program.taken == [stored] == [read_token(sandbox.ref())]


def test_a_name_works_with_a_store_that_cannot_be_read(sandbox: ManagedSandbox, program: Program) -> None:
    first = sandbox.ensure(token_to=[program.ref])
    assert (first.change, first.token_refs) == ("created", ())
    assert sandbox.ensure(token_to=[program.ref]).change == "none"
    assert len(program.taken) == 1
    rotated = sandbox.rotate(token_to=[program.ref], overlap=24)
    assert (rotated.change, rotated.id != first.id) == ("rotated", True)
    assert [accepted(sandbox, token) for token in program.taken] == [True, True]
    sandbox.rotate(token_to=[program.ref])
    assert [accepted(sandbox, token) for token in program.taken] == [False, False, True]
    assert len(sandbox.rows()) == 2
    with sandbox.connector() as connector:
        ended = retire_pat(connector, name="ci", **sandbox.options(token_to=[program.ref]))
    assert ended.change == "retired"
    assert any("cannot be emptied" in warning for warning in ended.warnings)
    assert not any(accepted(sandbox, token) for token in program.taken)
    assert sandbox.ensure(token_to=[program.ref]).change == "created"


def test_a_store_that_is_added_gets_a_token_by_the_next_rotation_if_the_others_cannot_be_read(
    sandbox: ManagedSandbox, program: Program
) -> None:
    sandbox.ensure(token_to=[program.ref])
    joined = sandbox.ensure(token_to=[program.ref, sandbox.ref()])
    assert joined.change == "none"
    assert any("rotate_pat writes one to it" in warning for warning in joined.warnings)
    sandbox.rotate(token_to=[program.ref, sandbox.ref()])
    assert sandbox.works()
    assert program.taken[-1] == read_token(sandbox.ref())


def test_a_program_that_is_added_is_given_the_current_token(sandbox: ManagedSandbox, program: Program) -> None:
    sandbox.ensure()
    assert sandbox.ensure(token_to=[sandbox.ref(), program.ref]).change == "none"
    assert program.taken == [read_token(sandbox.ref())]


# Connector Auths


@pytest.fixture
def auth_id(sandbox: ManagedSandbox) -> str:
    """A Connector Auth of Locoia."""
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
    assert not accepted(sandbox, token)


def test_a_connector_auth_without_a_name_can_be_written(sandbox: ManagedSandbox) -> None:
    auth = sandbox.store.connector_auths.create(sandbox.store.authenticate(sandbox.rotator).owner, {})  # type: ignore[union-attr]  # it is there
    sandbox.ensure(token_to=[sandbox.ref(), f"connector-auth:{auth['id']}"])
    assert holds(sandbox, auth["id"], read_token(sandbox.ref()))


def test_a_connector_auth_cannot_be_read_and_its_reference_is_complete(sandbox: ManagedSandbox) -> None:
    with pytest.raises(InvalidError, match="can only be written"):
        read_token("connector-auth:7")
    with sandbox.connector() as connector:
        sink = connector.open_store("connector-auth:7")
        with pytest.raises(InvalidError, match="does not show it"):
            sink.read()
        assert (sink.remove(), sink.record().current) == (False, None)
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
        .replace("look: list_pats\n", "")
        .replace("mark: note", "#")
    )
    os.environ.update({"LOCOIA_TOKEN": sandbox.rotator.reveal(), "LOCOIA_BASE_URL": sandbox.url})
    with Connector(ConnectorAuth(sandbox.rotator), specs=specs) as connector:
        inputs = {"expiration": 1, "scopes": ["embed"], "note": "CI"}
        done = connector.run("make", inputs, token_to=[f"connector-auth:{auth_id}"])
    assert done.problem is None
    assert holds(sandbox, auth_id, done.token)  # type: ignore[arg-type]  # it is there
