"""Keys: everything that they do not allow is refused, and the refusal names what is missing."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat import InvalidError
from locoia_pat.serve.place_patterns import is_allowed, normalize_pattern
from locoia_pat.state.access_keys import AccessKeys, Permissions
from locoia_pat.state.journal import State
from locoia_pat.stores import open_store
from tests.support.command import call as call  # noqa: PLC0414  # a fixture
from tests.support.served import CREATE, ENSURE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.command import Done
    from tests.support.served import Served

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def test_no_key_and_one_that_is_wrong_expired_or_revoked_are_unauthorized(served: Served) -> None:
    expired = served.new_key("expired", allow=["*"], days=0.00001)
    revoked = served.new_key("revoked", allow=["*"])
    AccessKeys(served.state).revoke("revoked", dt.datetime.now(dt.UTC))
    with served.state.connected() as database:
        database.execute("UPDATE access_keys SET expires = '2020-01-01T00:00:00Z' WHERE name = 'expired'")
    changed = served.key[:-1] + ("0" if served.key[-1] != "0" else "1")
    for header, message in [
        (None, "there is no key"),
        ("Basic abc", "there is no key"),
        ("Bearer", "there is no key"),
        ("Bearer wrong", "the key is not known"),
        ("Bearer lpk_aaaaaaaa_" + "0" * 48, "the key is not known"),
        (f"Bearer {changed}", "the key is not known"),
        (f"Bearer {expired}", "the key expired is expired"),
        (f"Bearer {revoked}", "the key revoked is revoked"),
    ]:
        headers = {"Authorization": header} if header else {}
        for answer in (
            served.http.post(f"{served.url}/v1/actions/list_pats", headers=headers),
            served.http.post(f"{served.url}/v1/actions/nothing", headers=headers),
            served.http.get(f"{served.url}/v1/actions", headers=headers),
        ):
            error = answer.json()["error"]
            assert (answer.status_code, error["code"], error["message"]) == (401, "unauthorized", message), header
            assert answer.headers["www-authenticate"] == "Bearer"


def test_what_a_key_does_not_allow_is_forbidden_and_named(served: Served, tmp_path: Path) -> None:
    (served.folder / "out").symlink_to(tmp_path)
    (tmp_path / "secret").write_text("fake-secret-0123456789abcdef")
    folder = served.folder
    key = served.new_key(
        "few",
        allow=["ensure_pat", "create_*"],
        names=["billing-*"],
        places=[f"file:{folder}/*.json", f"command:cat {folder}"],
    )
    auth = {"connector_id": "c", "name": "n", "auth_type": "basic_auth"}
    secret = {"$ref": f"file:{tmp_path}/secret"}
    cases: list[tuple[str, dict[str, Any], str, str]] = [
        ("rotate_pat", {"name": "billing-ci"}, "action", "--allow rotate_pat"),
        ("ensure_pat", {**ENSURE, "name": "other"}, "name", "--names other"),
        ("ensure_pat", {**ENSURE, "replaces": "row"}, "replaces", "--allow revoke_pat"),
        ("create_connector_auth", {**auth, "auth_token": secret}, "auth_token", "--secrets"),
        *(
            ("ensure_pat", {**ENSURE, "token_to": ref}, "token_to", "--places")
            for ref in [
                f"file:{tmp_path}/x.json",
                f"file:{folder}/../x.json",
                f"file:{folder}/out/x.json",
                f"file:{folder}/a/b.json",
                f"file:{folder}/.hidden.json",
                f"file:{folder}/x.txt",
                f"file:{folder}/x.json/../../y.json",
                "file:x.json",
                "file:~/x.json",
                f"text:{folder}/x.json",
                f"env-file:{folder}/x.json#TOKEN",
                "keyring:service/name",
                "connector-auth:1",
                "command:cat",
                f"command:cat  {folder}",
                f'command:["cat", "{folder}"]',
                [f"file:{folder}/x.json", f"file:{tmp_path}/x.json"],
            ]
        ),
    ]
    for action, fields, field, option in cases:
        answer = served.call(action, fields, key=key)
        case = f"{action} {fields}: {answer.text}"
        assert (answer.status_code, answer.json()["outcome"]) == (403, "refused"), case
        error = answer.json()["error"]
        assert (error["code"], error["field"]) == ("forbidden", field), case
        assert option in error["hint"], case
        assert "fake-secret" not in answer.text
    assert served.minted() == 0
    assert [*tmp_path.glob("*.json"), *folder.glob("*.json")] == []


def test_stores_that_can_never_be_named_are_invalid(served: Served) -> None:
    for ref in [
        "env:HOME",
        "-",
        "nothing:x",
        "file:",
        "x",
        "",
        5,
        {"a": 1},
        [["file:x"]],
        "file:a\0b",
        "file:a\nb",
        ["file:x"] * 21,
    ]:
        answer = served.call("ensure_pat", {**ENSURE, "token_to": ref})
        assert (answer.status_code, answer.json()["error"]["field"]) == (422, "token_to"), f"{ref}: {answer.text}"
    for name in ("auth", "reveal", "base_url", "specs", "replace"):
        answer = served.call("ensure_pat", {**ENSURE, name: "file:x"}, store="ci")
        assert answer.status_code == 422, name
    assert served.minted() == 0


def test_a_key_may_have_a_credential_of_its_own(served: Served, tmp_path: Path) -> None:
    _, other = served.sandbox.store.create(owner="anna", days=None, scopes=["automation"], note="hers")
    (tmp_path / "anna").write_text(other.reveal())
    key = served.new_key("anna", allow=["list_pats"], auth=f"file:{tmp_path}/anna")
    (row,) = served.call("list_pats", key=key).json()["data"]["tokens"]
    assert row["note"] == "hers"
    assert served.call("list_pats", key=key).status_code == 200
    gone = served.new_key("gone", allow=["list_pats"], auth=f"file:{tmp_path}/gone")
    assert served.call("list_pats", key=gone).status_code == 422


def test_a_secret_input_is_read_only_from_where_the_key_allows(served: Served, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("fake-password-0123456789")
    key = served.new_key("auths", allow=["*_connector_auth"], secrets=[f"file:{tmp_path}/pass*"])
    fields = {
        "connector_id": "c",
        "name": "n",
        "auth_type": "basic_auth",
        "password": {"$ref": f"file:{tmp_path}/password"},
    }
    answer = served.call("create_connector_auth", fields, key=key)
    assert answer.json()["outcome"] == "done"
    assert "fake-password" not in answer.text
    plain = served.call("create_connector_auth", {**fields, "password": "fake-password-0123456789"}, key=key)
    assert (plain.status_code, plain.json()["error"]["field"]) == (422, "password")
    assert "fake-password" not in plain.text


def test_patterns_of_stores(tmp_path: Path) -> None:
    real = tmp_path / "real"
    (real / "sub").mkdir(parents=True)
    (tmp_path / "linked").symlink_to(real)
    for pattern, ref, allowed in [
        ("file:{}/real/*", "file:{}/real/a", True),
        ("file:{}/real/*", "file:{}/real/a#current", True),
        ("file:{}/real/*", "file:{}/linked/a", True),
        ("file:{}/linked/*", "file:{}/real/a", True),
        ("file:{}/linked/*", "file:{}/linked/a", True),
        ("file:{}/real/*", "file:{}/real/sub/a", False),
        ("file:{}/real/**/*", "file:{}/real/sub/a", True),
        ("file:{}/real/**/*", "file:{}/real/a", True),
        ("file:{}/real/**/*", "file:{}/real/.git/a", False),
        ("file:{}/real/**/*", "file:{}/real/sub/../../a", False),
        ("file:{}/r?al/a", "file:{}/real/a", True),
        ("file:{}/real/.*", "file:{}/real/.a", True),
        ("file:{}/real/a", "file:{}/real/a", True),
        ("file:{}/real/a", "file:{}/real/ab", False),
        ("env-file:{}/real/.env#TOKEN", "env-file:{}/real/.env#TOKEN", True),
        ("env-file:{}/real/.env#TOKEN", "env-file:{}/real/.env#OTHER", False),
        ("keyring:locoia/*", "keyring:locoia/ci", True),
        ("keyring:locoia/*", "keyring:other/ci", False),
        ("aws:locoia/*#TOKEN", "aws:locoia/ci#TOKEN", True),
        ("aws:locoia/*", "aws:locoia/ci#current", True),
        ("aws:locoia/*", "aws:other/ci", False),
        ("connector-auth:*", "connector-auth:1#bearer", True),
        ("connector-auth:1", "connector-auth:2", False),
        ("command:cat", "command:cat", True),
        ("command:*", "command:cat", False),
    ]:
        written = ref.format(tmp_path)
        patterns = [normalize_pattern(pattern.format(tmp_path), field="places")]
        absolute = open_store(written, by=lambda: None).ref
        assert is_allowed(written, absolute, patterns) is allowed, (pattern, ref)
    for wrong in ["x", "env:A", "-", "file:{}/../x", "env-file:{}/x"]:
        with pytest.raises(InvalidError):
            normalize_pattern(wrong.format(tmp_path), field="places")


def test_the_state_keeps_no_key_and_shows_it_once(tmp_path: Path) -> None:
    state = State(tmp_path)
    keys = AccessKeys(state)
    key = keys.create("ci", Permissions(allow=("list_pats",)), days=1, now=NOW)
    secret = key.reveal().rpartition("_")[2]
    assert all(secret.encode() not in file.read_bytes() for file in tmp_path.iterdir())
    found = keys.find(key)
    assert found is not None
    assert found.to_dict(NOW)["expires"] == "2026-01-02T00:00:00Z"
    assert [found.status(NOW + dt.timedelta(days=days)) for days in (0.9, 1)] == ["active", "expired"]
    with pytest.raises(InvalidError, match="there is a key"):
        keys.create("ci", Permissions(), days=None, now=NOW)
    keys.create("ci", Permissions(), days=None, now=NOW + dt.timedelta(days=2))  # the first one has expired
    keys.revoke("ci", NOW + dt.timedelta(days=3))
    with pytest.raises(InvalidError, match="no active key"):
        keys.revoke("ci", NOW + dt.timedelta(days=3))
    for name in ("", "a b", "-a", "x" * 65, "fake-token/0123456789abcdef"):
        with pytest.raises(InvalidError, match="not a valid name"):
            keys.create(name, Permissions(), days=None, now=NOW)


def test_the_command_creates_lists_and_revokes_keys(
    call: Callable[..., Done], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCOIA_PAT_STATE", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    new = call("serve", "key", "new", "ci", "--allow", "ensure_pat,list_*", "--names", "a-*, b-*", "--places",
               "file:tokens/*", "--expires", "30", "--auth", "file:rotator.json")  # fmt: skip
    assert new.code == 0, new.err
    assert new.out.startswith("lpk_")
    listed = call("serve", "key", "list", "--json")
    (row,) = json.loads(listed.out)["keys"]
    assert row["allow"] == ["ensure_pat", "list_*"]
    assert row["names"] == ["a-*", "b-*"]
    assert row["places"] == [f"file:{tmp_path}/tokens/*"]
    assert row["auth"] == f"file:{tmp_path}/rotator.json#current"
    assert new.out.strip() not in listed.out + call("serve", "key", "list").out
    assert "a-* b-*" in call("serve", "key", "list").out
    assert call("serve", "key", "revoke", "ci").code == 0
    assert "revoked" in call("serve", "key", "list").out
    assert call("serve", "key", "new", "env", "--allow", "*", "--auth", "env:TOKEN").code == 0
    for wrong, message in [
        (["--allow", "create_pt"], "did you mean create_pat"),
        (["--allow", "*", "--auth", "-"], "standard input"),
        (["--allow", "*", "--places", "env:A"], "read-only"),
        ([], "--allow"),
    ]:
        done = call("serve", "key", "new", "other", *wrong)
        assert (done.code, message in done.err) == (2, True), done.err
    assert call("serve", "key", "revoke", "nothing").code == 2


def test_a_created_token_needs_a_store(served: Served) -> None:
    answer = served.call("create_pat", CREATE)
    assert answer.json()["error"]["field"] == "token_to"
