"""GitLab's personal access tokens by YAML alone: their whole life, and Locoia's credential never seen.

Locoia's own token and address stand in the environment of each of these tests; the fixtures see to it that not one
byte of the token arrives, in any form, and that nobody connects to the address.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from locoia_pat import Connector, ConnectorAuth, Outcome, Secret
from locoia_pat.stores import TokenEntry, open_store, read_token
from tests.support.connectors import CANARY, GITLAB, command, forms
from tests.support.gitlab import ROOT_TOKEN, USER_TOKEN, StandIn, standing
from tests.support.loopback import Server, answer, serving
from tests.support.stores import FakeStore

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.support.command import Done


@pytest.fixture
def gitlab(api: StandIn) -> StandIn:
    """A GitLab, and the credential of one of its users in the environment."""
    os.environ.update(GITLAB_TOKEN=USER_TOKEN, GITLAB_BASE_URL=api.url)
    return api


def run(*arguments: str, **variables: str) -> Done:
    return command("run", "--specs", str(GITLAB), *arguments, **variables)


def entry(place: Path, key: str = "current") -> dict[str, Any]:
    """What stands in a token file, its token among it."""
    found: dict[str, Any] = json.loads(place.read_text())[key]
    return found


def test_a_token_is_created_rotated_and_revoked_by_the_command(gitlab: StandIn, tmp_path: Path) -> None:
    place = tmp_path / "ci.json"
    at = f"file:{place}"

    created = run(
        *("create_token", "name=CI", "description=for the pipeline", "expires_at=2026-12-31"),
        *("scopes=self_rotate", "scopes=k8s_proxy", "--token-to", at),
    )
    assert (created.code, created.err) == (0, "")
    assert created.envelope == {
        "v": 1,
        "action": "create_token",
        "api": gitlab.url,
        "outcome": "done",
        "attempts": 1,
        "warnings": [],
        "data": {
            "id": "3",
            "name": "CI",
            "description": "for the pipeline",
            "scopes": ["self_rotate", "k8s_proxy"],
            "user_id": 7,
            "active": True,
            "revoked": False,
            "created_at": "2026-01-01T08:00:00Z",
            "last_used_at": None,
            "expires_at": "2026-12-31",
        },
        "token_ref": f"{at}#current",
    }
    first = gitlab.token("3")
    assert first not in created.out + created.err
    assert entry(place) == {
        "id": "3",
        "scopes": ["self_rotate", "k8s_proxy"],
        "expires_at": "2026-12-31",
        "token": first,
    }

    gitlab.mint(7, "CI of another branch", ["self_rotate"])
    gitlab.mint(8, "CI of somebody else", ["self_rotate"])
    listed = run("list_tokens", "search=CI", "state=active")
    assert (listed.code, listed.envelope["attempts"]) == (0, 1)
    assert [row["id"] for row in listed.envelope["data"]["tokens"]] == ["3", "4"]
    everything = run("list_tokens")
    assert (everything.code, everything.envelope["attempts"]) == (0, 2)  # two pages
    assert [row["name"] for row in everything.envelope["data"]["tokens"]] == ["user", "CI", "CI of another branch"]

    itself = run("get_self", "--auth", at)
    assert (itself.code, itself.envelope["data"]["id"]) == (0, "3")
    assert itself.envelope["data"]["last_used_at"] == "2026-01-01T09:00:00Z"
    refused = run("list_tokens", "--auth", at)
    assert (refused.code, refused.envelope["error"]["code"]) == (3, "forbidden")
    hint = "The scopes of the credential do not allow this, for example if it has only k8s_proxy."
    assert refused.envelope["error"]["hint"] == hint

    rotated = run("rotate_token", "token_id=3", "expires_at=2027-03-01", "--token-to", at)
    assert (rotated.code, rotated.envelope["data"]["id"]) == (0, "6")
    assert entry(place) == {
        "id": "6",
        "scopes": ["self_rotate", "k8s_proxy"],
        "expires_at": "2027-03-01",
        "token": gitlab.token("6"),
    }
    assert json.loads(place.read_text())["previous"] is None  # the old one is dead, so it is not kept
    old = run("get_self", "--auth", "env:OLD", OLD=first)
    assert (old.code, old.envelope["error"]["code"]) == (3, "unauthorized")
    assert run("get_self", "--auth", at).envelope["data"]["id"] == "6"

    revoked = run("revoke_token", "token_id=6")
    assert (revoked.code, revoked.envelope["data"]) == (0, {})
    row = run("get_token", "token_id=6").envelope["data"]
    assert (row["active"], row["revoked"]) == (False, True)
    dead = run("get_self", "--auth", at)
    assert (dead.code, dead.envelope["attempts"]) == (3, 1)
    assert dead.envelope["error"] == {
        "code": "unauthorized",
        "message": "the API answered 401: 401 Unauthorized",
        "status": 401,
        "field": None,
        "hint": "The credential is expired, revoked or of another GitLab.",
        "next": None,
    }
    assert [(method, path) for method, path, _ in gitlab.calls] == [
        ("POST", "/api/v4/user/personal_access_tokens"),
        ("GET", "/api/v4/personal_access_tokens?state=active&search=CI&per_page=100"),
        ("GET", "/api/v4/personal_access_tokens?per_page=100"),
        ("GET", "/api/v4/personal_access_tokens?per_page=100&page=2"),
        ("GET", "/api/v4/personal_access_tokens/self"),
        ("GET", "/api/v4/personal_access_tokens?per_page=100"),
        ("POST", "/api/v4/personal_access_tokens/3/rotate"),
        ("GET", "/api/v4/personal_access_tokens/self"),
        ("GET", "/api/v4/personal_access_tokens/self"),
        ("DELETE", "/api/v4/personal_access_tokens/6"),
        ("GET", "/api/v4/personal_access_tokens/6"),
        ("GET", "/api/v4/personal_access_tokens/self"),
    ]
    assert json.loads(gitlab.calls[0][2] or "") == {
        "name": "CI",
        "description": "for the pipeline",
        "expires_at": "2026-12-31",
        "scopes": ["self_rotate", "k8s_proxy"],
    }
    assert json.loads(gitlab.calls[6][2] or "") == {"expires_at": "2027-03-01"}


def test_a_token_is_created_rotated_and_revoked_in_python(gitlab: StandIn, tmp_path: Path) -> None:
    at = f"file:{tmp_path}/ci.json"
    with Connector(specs=GITLAB) as owner, Connector(ConnectorAuth.from_ref(at), specs=GITLAB) as ci:
        created = owner.run("create_token", {"name": "CI", "scopes": ["self_rotate"]}, token_to=[at])
        assert (created.outcome, created.warnings, created.token_refs) == (Outcome.DONE, (), (f"{at}#current",))
        assert created.data is not None
        assert (created.data["id"], created.data["expires_at"]) == ("3", "2027-01-01")
        assert created.token == Secret(gitlab.token("3"))

        gitlab.mint(7, "CD", ["self_rotate"])
        listed = owner.run("list_tokens")
        assert (listed.outcome, listed.attempts) == (Outcome.DONE, 2)
        assert [row["id"] for row in (listed.data or {})["tokens"]] == ["2", "3", "4"]

        assert (ci.run("get_self").data or {})["id"] == "3"
        rotated = owner.run("rotate_token", {"token_id": "3"}, token_to=[at])
        assert ((rotated.data or {})["id"], (rotated.data or {})["expires_at"]) == ("5", "2026-01-08")
        assert read_token(at) == Secret(gitlab.token("5"))
        renewed = ci.run("get_self")  # its credential was read before, so the 401 makes it look again
        assert ((renewed.data or {})["id"], renewed.attempts) == ("5", 1)

        itself = ci.run("rotate_self", {"expires_at": "2027-03-01"}, token_to=[at], replace=True)
        assert ((itself.data or {})["id"], (itself.data or {})["expires_at"]) == ("6", "2027-03-01")
        assert read_token(at) == Secret(gitlab.token("6"))
        assert (ci.run("get_self").data or {})["id"] == "6"

        assert ci.run("revoke_self").outcome is Outcome.DONE
        dead = ci.run("get_self")
    assert (dead.outcome, dead.problem and dead.problem.code) == (Outcome.REFUSED, "unauthorized")
    assert [number for number, row in gitlab.rows.items() if row.revoked] == [3, 5, 6]


def test_only_an_administrator_creates_tokens_for_others(gitlab: StandIn, tmp_path: Path) -> None:
    inputs = ("create_user_token", "user_id=9", "name=backup", "scopes=read_api", "--token-to", f"file:{tmp_path}/t")
    refused = run(*inputs)
    assert (refused.code, refused.envelope["error"]["code"]) == (3, "forbidden")
    assert refused.envelope["error"]["hint"] == "Only an administrator may create tokens for other users."
    done = run(*inputs, GITLAB_TOKEN=ROOT_TOKEN)
    assert (done.code, done.envelope["data"]["user_id"], done.envelope["data"]["scopes"]) == (0, 9, ["read_api"])
    assert entry(tmp_path / "t")["token"] == gitlab.token("3")
    assert gitlab.calls[-1] == (
        *("POST", "/api/v4/users/9/personal_access_tokens"),
        '{"name": "backup", "scopes": ["read_api"]}',
    )


class Full(FakeStore):
    """A place that is proven to take a token, and then takes none."""

    ref = "full:1"

    def store(self, entry: TokenEntry, *, api: str, replaced_id: str | None = None) -> tuple[str, ...]:
        raise OSError(f"no room for row {entry.id} of {api} in place of {replaced_id}")


@pytest.mark.parametrize(
    ("action", "inputs", "replaced"),
    [
        ("create_token", {"name": "CI", "scopes": ["self_rotate"]}, None),
        ("create_user_token", {"user_id": 9, "name": "CI", "scopes": ["api"]}, None),
        ("rotate_token", {"token_id": "3"}, "3"),
    ],
)
def test_a_token_that_no_store_takes_is_revoked(
    gitlab: StandIn, action: str, inputs: dict[str, Any], replaced: str | None
) -> None:
    gitlab.mint(7, "spare", ["api"])
    with Connector(ConnectorAuth(Secret(ROOT_TOKEN)), specs=GITLAB) as owner:
        result = owner.run(action, inputs, token_to=[Full()])
    assert (result.outcome, dict(result.secrets)) == (Outcome.NOT_STORED, {})
    assert result.problem is not None
    why = f"full:1 did not store the token: no room for row 4 of {gitlab.url} in place of {replaced}"
    assert result.problem.message == why
    assert gitlab.calls[-1] == ("DELETE", "/api/v4/personal_access_tokens/4", None)
    assert [number for number, row in gitlab.rows.items() if row.revoked] == ([3, 4] if replaced else [4])


def test_the_error_for_a_reused_token_says_that_its_successors_are_revoked(gitlab: StandIn, tmp_path: Path) -> None:
    place = f"file:{tmp_path}/t"
    assert run("create_token", "name=CI", "scopes=self_rotate", "--token-to", place).code == 0
    assert run("rotate_token", "token_id=3", "--token-to", place).code == 0
    assert not gitlab.rows[4].revoked
    again = run("rotate_token", "token_id=3", "--token-to", f"file:{tmp_path}/other")
    assert (again.code, gitlab.rows[4].revoked) == (3, True)
    assert "because that revokes its successors" in again.envelope["error"]["hint"]
    assert "revokes all its successors" in command("show", "--specs", str(GITLAB), "rotate_token").out


def test_a_store_with_another_token_is_not_overwritten(gitlab: StandIn, tmp_path: Path) -> None:
    at = f"file:{tmp_path}/t"
    assert run("create_token", "name=CI", "scopes=self_rotate", "--token-to", at).code == 0
    gitlab.mint(7, "other", ["self_rotate"])
    calls = len(gitlab.calls)
    for arguments in (["rotate_token", "token_id=4"], ["create_token", "name=CD", "scopes=self_rotate"]):
        refused = run(*arguments, "--token-to", at)
        assert (refused.code, refused.envelope["error"]["field"]) == (2, "token_to")
    assert len(gitlab.calls) == calls


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (["get_token", "token_id=self"], "token_id"),
        (["get_token", "token_id=../../users"], "token_id"),
        (["revoke_token", "token_id=4\n"], "token_id"),
        (["rotate_token", "token_id=self", "--reveal"], "token_id"),
        (["create_token", "name=CI", "scopes=api", "--reveal"], "scopes"),
        (["create_token", "name=", "scopes=self_rotate", "--reveal"], "name"),
        (["create_token", "name=CI", "scopes=self_rotate", "expires_at=2026-02-30", "--reveal"], "expires_at"),
        (["create_user_token", "user_id=0", "name=CI", "scopes=api", "--reveal"], "user_id"),
        (["list_tokens", "state=expired"], "state"),
        (["list_tokens", "revoked=yes"], "revoked"),
    ],
    ids=str,
)
def test_what_gitlab_would_refuse_is_not_sent(gitlab: StandIn, arguments: list[str], field: str) -> None:
    done = run(*arguments)
    assert (done.code, done.envelope["outcome"], done.envelope["error"]["field"]) == (2, "invalid", field)
    assert gitlab.received == b""


# Locoia's credential


@pytest.mark.parametrize("more", [{}, {"LOCOIA_TOKEN_FILE": "token.txt"}, {"GITLAB_TOKEN": ""}], ids=str)
def test_without_a_credential_of_its_own_nothing_is_sent(api: StandIn, tmp_path: Path, more: Mapping[str, str]) -> None:
    (tmp_path / "token.txt").write_text(CANARY)
    variables = {"GITLAB_BASE_URL": api.url} | {
        name: str(tmp_path / value) if name.endswith("_FILE") else value for name, value in more.items()
    }
    for action in ("get_self", "list_tokens", "revoke_self"):
        done = run(action, **variables)
        assert (done.code, done.envelope["outcome"], done.envelope["attempts"]) == (2, "invalid", 0)
        assert done.envelope["error"]["message"] == "there is no credential"
        assert "GITLAB_TOKEN" in done.envelope["error"]["hint"]
    os.environ.update(variables)
    with Connector(specs=GITLAB) as connector:
        assert connector.run("get_self").outcome is Outcome.INVALID
    assert api.received == b""


def test_a_login_at_locoia_is_not_used_for_gitlab(api: StandIn, tmp_path: Path) -> None:
    del os.environ["LOCOIA_TOKEN"]
    (tmp_path / "locoia.txt").write_text(CANARY)
    place = tmp_path / "config" / "locoia-pat"
    place.mkdir(parents=True)
    (place / "logins.json").write_text(json.dumps({"locoia": f"file:{tmp_path}/locoia.txt"}))
    with serving(answer(200, [])) as own:
        variables = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "LOCOIA_BASE_URL": own.url}
        assert command("run", "list_pats", **variables).code == 0
        assert own.got[0].headers["authorization"] == f"Bearer {CANARY}"  # it is one at Locoia
        done = run("get_self", GITLAB_BASE_URL=api.url, **variables)
        assert len(own.got) == 1
    assert (done.code, done.envelope["error"]["message"]) == (2, "there is no credential")
    assert api.received == b""


CHANGES = {
    "it reads Locoia's variable": ("token: GITLAB_TOKEN", "token: LOCOIA_TOKEN", "foreign-variable"),
    "it reads Locoia's address": ("base_url: GITLAB_BASE_URL", "base_url: LOCOIA_BASE_URL", "foreign-variable"),
    "it reads Locoia's variable as a user": (
        *("token: GITLAB_TOKEN", "token: GITLAB_TOKEN, identifier: LOCOIA_TOKEN", "foreign-variable"),
    ),
    "it calls itself Locoia": ("connector: gitlab", "connector: locoia", "foreign-host"),
}


@pytest.fixture(params=list(CHANGES.values()), ids=list(CHANGES))
def forged(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str]:
    """A copy of the folder that reaches for Locoia's credential, and the code of the finding."""
    old, new, code = request.param
    folder = tmp_path / "forged"
    shutil.copytree(GITLAB, folder)
    text = (folder / "connector.yaml").read_text()
    assert text.count(old) == 1
    (folder / "connector.yaml").write_text(text.replace(old, new))
    return folder, code


def test_a_copy_that_reads_the_credential_of_locoia_is_refused(gitlab: StandIn, forged: tuple[Path, str]) -> None:
    folder, code = forged
    done = command("run", "get_self", "--specs", str(folder))
    assert (done.code, done.envelope["outcome"]) == (2, "invalid")
    assert "connector.yaml:" in done.envelope["error"]["message"]
    assert f" {code} " in done.envelope["error"]["message"]
    checked = command("check", str(folder))
    assert checked.code == 1
    assert f" {code} " in checked.out
    with Connector(ConnectorAuth(Secret(USER_TOKEN)), specs=folder) as connector:
        assert connector.run("get_self").outcome is Outcome.INVALID
    assert gitlab.received == b""


def test_a_token_that_was_minted_at_locoia_is_not_sent_to_gitlab(locoia: Server, tmp_path: Path) -> None:
    """Not even where somebody names its place; the address is the real one, and is not reached."""
    place = f"file:{tmp_path}/locoia.json"
    open_store(place).store(TokenEntry(Secret(CANARY)), api="https://api.locoia.com/v1")
    done = run("get_self", "--auth", place, "--timeout", "1")
    assert (done.code, done.envelope["outcome"], done.envelope["attempts"]) == (2, "invalid", 0)
    assert done.envelope["error"]["message"] == (
        "this token is of https://api.locoia.com/v1, and would be sent to https://gitlab.com/api/v4"
    )
    assert locoia.got == []


def test_the_test_server_detects_each_form_of_the_credential() -> None:
    basic = [base64.b64encode(f"{user}:{CANARY}".encode()).decode() for user in ("", "a", "ab")]
    sent = [
        {"PRIVATE-TOKEN": CANARY},
        {"Authorization": f"Bearer {CANARY}"},
        *({"Authorization": f"Basic {pair}"} for pair in basic),
        {"Cookie": quote(CANARY, safe="")},
    ]
    for headers in sent:
        with standing() as server:
            request = urllib.request.Request(f"{server.url}/x", headers=headers)  # noqa: S310  # loopback
            with pytest.raises(urllib.error.HTTPError, match="401") as refused:
                urllib.request.urlopen(request)  # noqa: S310  # as above
            refused.value.close()
        assert any(form in bytes(server.received) for form in forms(CANARY)), headers
