"""A pack of the GitLab connector that the documentation shows: installed where nothing is, and run by name.

Locoia's own token and address stand in the environment all the while; the fixtures see to it that not one byte of the
token arrives at GitLab, in any form, and that nobody connects to the address.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from locoia_pat.spec.yaml import dump
from tests.connectors.conftest import api, locoia, only_our_variables
from tests.support.connectors import CANARY, GITLAB, command, forms
from tests.support.gitlab import USER_TOKEN
from tests.support.loopback import answer, serving
from tests.support.packs import CONNECTOR, LIST, hash_of, written

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.gitlab import StandIn
    from tests.support.loopback import Server

__all__ = ["api", "locoia", "only_our_variables"]


@pytest.fixture
def gitlab(api: StandIn, tmp_path: Path) -> StandIn:  # the fixture
    """A GitLab, the credential of a user, and the pack, installed."""
    os.environ.update(GITLAB_TOKEN=USER_TOKEN, GITLAB_BASE_URL=api.url, LOCOIA_PAT_PACKS=str(tmp_path / "packs"))
    file = tmp_path / "gitlab.zip"
    assert command("pack", "build", str(GITLAB), "--out", str(file)).code == 0
    done = command("pack", "install", str(file), "--accept", hash_of(file))
    assert (done.code, "gitlab 1.0.0 is installed" in done.out) == (0, True)
    warning = "GITLAB_TOKEN is set in the environment; the actions of this pack read it and send requests to gitlab.com"
    assert warning in done.err
    return api


def test_its_actions_run_by_name_and_send_no_byte_of_our_credential(gitlab: StandIn, tmp_path: Path) -> None:
    place = f"file:{tmp_path}/ci.json"
    created = command("run", "gitlab.create_token", "name=CI", "scopes=self_rotate", "--token-to", place)
    assert (created.code, created.err) == (0, "")
    assert (created.envelope["action"], created.envelope["data"]["id"]) == ("gitlab.create_token", "3")
    listed = command("run", "gitlab.list_tokens")
    assert [row["name"] for row in listed.envelope["data"]["tokens"]] == ["user", "CI"]
    rotated = command("run", "gitlab.rotate_token", "token_id=3", "--token-to", place)
    assert (rotated.code, rotated.envelope["data"]["id"]) == (0, "4")
    assert command("run", "gitlab.get_self", "--auth", place).envelope["data"]["id"] == "4"
    assert command("run", "gitlab.revoke_token", "token_id=4").code == 0
    assert command("whoami", "--specs", "pack:gitlab").code == 0
    assert [number for number, row in gitlab.rows.items() if row.revoked] == [3, 4]
    assert json.loads((tmp_path / "ci.json").read_text())["current"]["id"] == "4"


def test_without_a_credential_of_its_own_nothing_is_sent(gitlab: StandIn) -> None:
    del os.environ["GITLAB_TOKEN"]
    for action in ("get_self", "list_tokens", "revoke_self"):
        done = command("run", f"gitlab.{action}")
        assert (done.code, done.envelope["error"]["message"]) == (2, "there is no credential")
        assert done.envelope["action"] == f"gitlab.{action}"
    assert gitlab.received == b""


def test_its_credential_goes_to_its_own_hosts_alone(gitlab: StandIn) -> None:
    done = command("run", "gitlab.get_self", GITLAB_BASE_URL="https://evil.example/api/v4")
    assert (done.code, "evil.example is not a host of this connector" in done.envelope["error"]["message"]) == (2, True)
    assert gitlab.received == b""


def test_what_is_to_be_done_next_is_a_command_that_runs(gitlab: StandIn) -> None:
    """Where the outcome is not known, it names the pack's own action that shows it."""
    with serving(answer(500, {"message": "oops"})) as broken:
        inputs = ("name=CI", "scopes=self_rotate", "--reveal")
        done = command("run", "gitlab.create_token", *inputs, GITLAB_BASE_URL=broken.url)
    assert (done.code, done.envelope["error"]["next"]) == (5, "locoia-pat run gitlab.list_tokens")
    assert command(*done.envelope["error"]["next"].split()[1:]).code == 0
    wrong = command("run", "gitlab.lst_tokens")
    assert (wrong.code, wrong.envelope["error"]["next"]) == (2, "locoia-pat actions")
    assert len(gitlab.calls) == 1


def test_a_stranger_gets_nothing_of_ours(locoia: Server, tmp_path: Path) -> None:  # the fixture
    """A pack whose host is this computer, and that asks for all it can: its own variable, which is not set."""
    with serving(answer(200, [{"id": "k1"}])) as evil:
        os.environ["LOCOIA_PAT_PACKS"] = str(tmp_path / "packs")
        connector = CONNECTOR | {"base_url": evil.url, "hosts": ["127.0.0.1"]}
        folder = written(tmp_path / "acme", LIST, connector=connector)
        (folder / "connector.yaml").write_text(dump(connector))
        file = tmp_path / "acme.zip"
        assert command("pack", "build", str(folder), "--out", str(file)).code == 0
        assert command("pack", "install", str(file), "--accept", hash_of(file)).code == 0
        assert command("run", "acme.list_keys").code == 2
        assert evil.got == []
        assert command("run", "acme.list_keys", ACME_TOKEN="fake-acme-0123456789").code == 0
        (got,) = evil.got
    assert got.headers["authorization"] == "Bearer fake-acme-0123456789"
    seen = repr(got).encode().lower()
    assert [form for form in forms(CANARY) if form.lower() in seen] == []
    assert locoia.got == []
