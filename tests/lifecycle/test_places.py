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
    from tests.support.lifecycle_place import Place


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


def accepted(place: Place, token: Secret) -> bool:
    return place.store.authenticate(token) is not None


@pytest.fixture(params=["text", "env-file"])
def bare(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A place that holds the token alone."""
    return f"text:{tmp_path}/bare" if request.param == "text" else f"env-file:{tmp_path}/.env#CI_TOKEN"


def test_a_name_lives_in_a_place_that_holds_the_token_alone(place: Place, bare: str) -> None:
    first = place.ensure(token_to=[bare])
    assert (first.change, first.token_refs) == ("created", (bare,))
    again = place.ensure(token_to=[bare])
    assert (again.change, again.id, again.scopes) == ("none", first.id, ["embed"])
    before = read_token(bare)
    rotated = place.rotate(token_to=[bare], overlap=24)
    assert rotated.id != first.id
    assert accepted(place, before)
    assert accepted(place, read_token(bare))
    assert place.rotate(token_to=[bare]).id == first.id
    assert not accepted(place, before)
    assert len(place.rows()) == 2
    with place.connector() as connector:
        assert retire_pat(connector, name="ci", **place.options(token_to=[bare])).change == "retired"
    with pytest.raises(InvalidError):
        read_token(bare)


def test_a_token_that_nobody_journalled_is_not_taken_for_ours(place: Place, bare: str) -> None:
    place.ensure(token_to=[bare])
    other = place.options("other", token_to=[bare])
    with pytest.raises(Exception, match="a token that this state folder does not know") as caught:
        place.ensure(**other)
    assert caught.value.problem.code == "managed_elsewhere"  # type: ignore[attr-defined]  # ours
    assert place.ensure(**{**other, "take_over": True}).change == "created"
    assert accepted(place, read_token(bare))


def test_a_token_cannot_renew_itself_where_the_one_before_is_not_kept(place: Place, bare: str) -> None:
    place.ensure(token_to=[bare])
    with pytest.raises(InvalidError, match="a store that also keeps the previous one") as caught:
        place.rotate(ConnectorAuth.from_ref(bare), token_to=[bare])
    assert caught.value.problem.code == "unsafe"
    assert place.ensure(token_to=[bare, place.ref()]).change == "none"
    place.rotate(ConnectorAuth.from_ref(bare), token_to=[bare, place.ref()])
    assert place.works()
    assert read_token(bare) == read_token(place.ref())


def test_a_program_is_given_each_token_once_and_after_every_other_place(place: Place, program: Program) -> None:
    first = place.ensure(token_to=[program.ref, place.ref()])
    assert first.token_refs == (f"{place.ref()}#current",)
    assert program.taken == [read_token(place.ref())]
    assert place.ensure(token_to=[program.ref, place.ref()]).change == "none"
    assert len(program.taken) == 1
    place.rotate(token_to=[program.ref, place.ref()], overlap=24)
    assert program.taken == [read_token(f"{place.ref()}#previous"), read_token(place.ref())]


def test_a_program_that_refuses_is_given_the_same_token_by_the_next_call(place: Place, program: Program) -> None:
    program.refuse()
    with pytest.raises(NotStoredError, match="exited with 1: no"):
        place.ensure(token_to=[place.ref(), program.ref])
    assert place.works()
    stored = read_token(place.ref())
    program.refuse(no=False)
    assert place.ensure(token_to=[place.ref(), program.ref]).change in ("created", "adopted", "none")
    assert program.taken == [stored] == [read_token(place.ref())]


def test_a_name_may_live_where_nothing_can_be_read_again(place: Place, program: Program) -> None:
    first = place.ensure(token_to=[program.ref])
    assert (first.change, first.token_refs) == ("created", ())
    assert place.ensure(token_to=[program.ref]).change == "none"
    assert len(program.taken) == 1
    rotated = place.rotate(token_to=[program.ref], overlap=24)
    assert (rotated.change, rotated.id != first.id) == ("rotated", True)
    assert [accepted(place, token) for token in program.taken] == [True, True]
    place.rotate(token_to=[program.ref])
    assert [accepted(place, token) for token in program.taken] == [False, False, True]
    assert len(place.rows()) == 2
    with place.connector() as connector:
        ended = retire_pat(connector, name="ci", **place.options(token_to=[program.ref]))
    assert ended.change == "retired"
    assert any("cannot be emptied" in warning for warning in ended.warnings)
    assert not any(accepted(place, token) for token in program.taken)
    assert place.ensure(token_to=[program.ref]).change == "created"


def test_a_place_that_joins_later_waits_for_a_rotation_where_nothing_can_be_read(
    place: Place, program: Program
) -> None:
    place.ensure(token_to=[program.ref])
    joined = place.ensure(token_to=[program.ref, place.ref()])
    assert joined.change == "none"
    assert any("rotate_pat writes one to it" in warning for warning in joined.warnings)
    place.rotate(token_to=[program.ref, place.ref()])
    assert place.works()
    assert program.taken[-1] == read_token(place.ref())


def test_a_program_that_joins_later_is_given_the_token_there_is(place: Place, program: Program) -> None:
    place.ensure()
    assert place.ensure(token_to=[place.ref(), program.ref]).change == "none"
    assert program.taken == [read_token(place.ref())]


# Connector Auths


@pytest.fixture
def auth_id(place: Place) -> str:
    """A Connector Auth of Locoia."""
    with place.connector() as connector:
        made = connector.run("create_connector_auth", {"connector_id": "c1", "name": "CRM", "auth_type": "x"})
    assert made.data is not None
    return str(made.data["id"])


def holds(place: Place, auth_id: str, token: Secret, before: str = "") -> bool:
    return place.store.connector_auths.has_secret(auth_id, "auth_token", Secret(f"{before}{token.reveal()}"))


@pytest.mark.parametrize(("key", "before"), [("", ""), ("#bearer", "Bearer ")])
def test_a_connector_auth_is_given_each_new_token(place: Place, auth_id: str, key: str, before: str) -> None:
    ref = f"connector-auth:{auth_id}{key}"
    assert place.ensure(token_to=[place.ref(), ref]).token_refs == (f"{place.ref()}#current",)
    assert holds(place, auth_id, read_token(place.ref()), before)
    place.rotate(token_to=[ref, place.ref()])
    assert holds(place, auth_id, read_token(place.ref()), before)
    with place.connector() as connector:
        assert connector.run("get_connector_auth", {"connector_auth_id": auth_id}).data["name"] == "CRM"  # type: ignore[index]  # it is there


def test_a_created_token_goes_into_a_connector_auth(place: Place, auth_id: str) -> None:
    inputs = {"expiration": 1, "scopes": ["embed"], "note": "CI"}
    with place.connector() as connector:
        done = connector.run("create_pat", inputs, token_to=[f"connector-auth:{auth_id}", place.ref("new")])
    assert done.token_refs == (f"{place.ref('new')}#current",)
    assert holds(place, auth_id, read_token(place.ref("new")))


async def put(place: Place, auth_id: str) -> Any:
    async with AsyncConnector(ConnectorAuth(place.rotator), base_url=place.url) as connector:
        inputs = {"expiration": 1, "scopes": ["embed"], "note": "CI"}
        return await connector.run("create_pat", inputs, token_to=[f"connector-auth:{auth_id}"])


def test_async_code_puts_a_token_into_a_connector_auth(place: Place, auth_id: str) -> None:
    done = asyncio.run(put(place, auth_id))
    assert (done.outcome.value, done.token_refs) == ("done", ())
    assert done.token is not None
    assert holds(place, auth_id, done.token)


def test_a_connector_auth_that_is_not_there_is_told_before_anything_is_minted(place: Place) -> None:
    with pytest.raises(InvalidError, match="cannot be written"):
        place.ensure(token_to=[place.ref(), "connector-auth:nobody"])
    assert place.rows() == []


def test_a_connector_auth_that_this_credential_may_not_change_is_told_before_anything_is_minted(
    place: Place, auth_id: str
) -> None:
    with place.connector() as connector:
        made = connector.run("create_pat", {"expiration": 1, "scopes": ["connector_auth:view"], "note": "narrow"})
    assert made.token is not None
    with pytest.raises(InvalidError, match="cannot be written") as caught:
        place.ensure(auth=ConnectorAuth(made.token), token_to=[place.ref(), f"connector-auth:{auth_id}"])
    assert "connector_auth:manage" in str(caught.value.problem.hint)
    assert place.rows() == []


def test_an_update_that_fails_ends_not_stored_and_the_next_call_finishes(place: Place, auth_id: str) -> None:
    ref = f"connector-auth:{auth_id}"
    for fault in (Fault("slow", method="PUT", seconds=0.01), Fault("status", method="PUT", status=500, times=3)):
        place.faults.add(fault)  # the first is for the probe
    with pytest.raises(NotStoredError, match="unknown:"):
        place.ensure(token_to=[place.ref(), ref])
    place.faults.clear()
    place.ensure(token_to=[place.ref(), ref])
    assert holds(place, auth_id, read_token(place.ref()))


def test_a_connector_auth_keeps_a_dead_token_once_the_name_ended(place: Place, auth_id: str) -> None:
    ref = f"connector-auth:{auth_id}"
    place.ensure(token_to=[place.ref(), ref])
    token = read_token(place.ref())
    with place.connector() as connector:
        ended = retire_pat(connector, name="ci", **place.options(token_to=[place.ref(), ref]))
    assert any("no longer works" in warning for warning in ended.warnings)
    assert holds(place, auth_id, token)
    assert not accepted(place, token)


def test_a_connector_auth_without_a_name_can_be_written(place: Place) -> None:
    auth = place.store.connector_auths.create(place.store.authenticate(place.rotator).owner, {})  # type: ignore[union-attr]  # it is there
    place.ensure(token_to=[place.ref(), f"connector-auth:{auth['id']}"])
    assert holds(place, auth["id"], read_token(place.ref()))


def test_a_connector_auth_cannot_be_read_and_its_place_is_written_out(place: Place) -> None:
    with pytest.raises(InvalidError, match="can only be written"):
        read_token("connector-auth:7")
    with place.connector() as connector:
        sink = connector.open_store("connector-auth:7")
        with pytest.raises(InvalidError, match="does not show it"):
            sink.read()
        assert (sink.remove(), sink.record().current) == (False, None)
        for wrong in ("connector-auth:#bearer", "connector-auth:7#basic", "connector-auth:7#"):
            with pytest.raises(InvalidError, match="#bearer"):
                connector.open_store(wrong)


def test_another_connectors_token_goes_into_a_connector_auth_by_locoias_own_credential(
    place: Place, auth_id: str, tmp_path: Path
) -> None:
    specs = tmp_path / "acme"
    specs.mkdir()
    (specs / "connector.yaml").write_text(
        f"""spec: 1
connector: acme
title: Acme
version: 1.0.0
base_url: {place.url}
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
    os.environ.update({"LOCOIA_TOKEN": place.rotator.reveal(), "LOCOIA_BASE_URL": place.url})
    with Connector(ConnectorAuth(place.rotator), specs=specs) as connector:
        inputs = {"expiration": 1, "scopes": ["embed"], "note": "CI"}
        done = connector.run("make", inputs, token_to=[f"connector-auth:{auth_id}"])
    assert done.problem is None
    assert holds(place, auth_id, done.token)  # type: ignore[arg-type]  # it is there
