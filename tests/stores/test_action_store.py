"""``action:``: any store with an HTTP API, through the actions of a connector."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat import Connector, ConnectorAuth, InvalidError, Outcome, Secret
from locoia_pat.actions import ensure_pat, retire_pat, rotate_pat
from locoia_pat.actions.sandbox.server import first_token, running
from locoia_pat.stores import TokenEntry, open_store, read_token
from locoia_pat.stores.record import Record
from tests.support.command import Done, call
from tests.support.loopback import TOKEN, answer, created, free_port, serving
from tests.support.packs import installed
from tests.support.secret_servers import CREDENTIAL, SecretServer
from tests.support.stores import FakeStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["call"]

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
WRITE = f"action:{EXAMPLES}/vault/write_secret.yaml"
REF = f"{WRITE}?path=billing#value"
CREATE = {"expiration": 30, "scopes": ["automation:view"], "note": "CI"}


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> Iterator[SecretServer]:
    with SecretServer().serving() as server:
        monkeypatch.setenv("VAULT_TOKEN", CREDENTIAL)
        monkeypatch.setenv("VAULT_ADDR", server.url)
        yield server


def create(ref: str, *scripts: Any, **options: Any) -> tuple[Any, int]:
    """A create whose token goes to *ref*: its result, and how many requests the API got."""
    with serving(*scripts or [answer(201, created())]) as server:
        auth = ConnectorAuth(Secret("fake-credential-0123456789abcdef"))
        with Connector(auth, base_url=server.url) as connector:
            return connector.run("create_pat", CREATE, token_to=[ref], **options), len(server.got)


def test_a_created_token_is_stored_and_read_back_through_two_actions(vault: SecretServer) -> None:
    result, _ = create(REF)
    assert (result.outcome, result.token_refs, vault.values) == (Outcome.DONE, (REF,), {"billing": TOKEN})
    assert read_token(REF) == Secret(TOKEN)
    again, sent = create(REF)
    assert (again.outcome, again.problem.field, sent, vault.values) == ("invalid", "token_to", 0, {"billing": TOKEN})
    assert create(REF, answer(201, created(token=f"{TOKEN}2")), replace=True)[0].outcome is Outcome.DONE
    assert vault.values == {"billing": f"{TOKEN}2"}


def test_a_managed_name_lives_in_it(vault: SecretServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LOCOIA_PAT_STATE", str(tmp_path))
    desired: dict[str, Any] = {"name": "ci", "scopes": ["embed"], "expiration": 30, "note": "CI", "token_to": [REF]}
    with running() as (url, sandbox):
        token = first_token(sandbox)
        assert token is not None
        with Connector(ConnectorAuth(token), base_url=url) as connector:
            assert ensure_pat(connector, **desired).change == "created"
            first = vault.values["billing"]
            assert ensure_pat(connector, **desired).change == "none"
            rotate_pat(connector, name="ci", expiration=30, overlap=0, token_to=[REF])
            assert vault.values["billing"] != first
            with Connector(ConnectorAuth.from_ref(REF), base_url=url) as its_own:
                assert its_own.run("list_pats").outcome is Outcome.DONE
            retire_pat(connector, name="ci", token_to=[REF])
            assert vault.values == {}


def test_an_installed_pack_and_the_connector_in_use_name_an_action_by_their_names(
    call: Callable[..., Done], vault: SecretServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LOCOIA_PAT_PACKS", str(tmp_path / "packs"))
    assert call("pack", "build", str(EXAMPLES / "vault"), "--out", str(tmp_path)).code == 0
    installed(call, next(tmp_path.glob("vault-*.zip")))
    ref = "action:vault.write_secret?path=billing#value"
    assert create(ref)[0].token_refs == (ref,)
    assert vault.values == {"billing": TOKEN}
    specs = EXAMPLES / "gitlab"
    with SecretServer().serving() as gitlab:
        auth = ConnectorAuth(Secret(CREDENTIAL))  # no variable has it: it is that of the connector in use
        with Connector(auth, specs=specs, base_url=gitlab.url) as connector:
            store = connector.open_store("action:gitlab.update_variable?key=CI_TOKEN&project_id=7#value")
            store.probe()
            store.store(TokenEntry(Secret(TOKEN)), api="https://x")
    assert gitlab.values == {"CI_TOKEN": TOKEN}


WRONG = {
    "action:": "not a valid token store reference",
    "action:vault": "expected action:CONNECTOR.ACTION",
    f"{WRITE}?path=billing": "expected action:CONNECTOR.ACTION",
    "action:nothing.write_secret?path=x#value": "there is no pack",
    f"action:{EXAMPLES}/vault/no_such.yaml?path=x#value": "no_such",
    f"action:{EXAMPLES}/vault/read_secret.yaml?path=x#value": "read_secret cannot store a token",
    f"action:{EXAMPLES}/gitlab/rotate_self.yaml#value": "rotate_self cannot store a token",
    "action:locoia.ensure_pat?name=x#value": "ensure_pat cannot store a token",
    f"{WRITE}?path=x#valeu": 'no secret input "valeu"; did you mean value?',
    f"{WRITE}?path=x#path": "no secret input",
    f"{WRITE}?pth=x#value": 'no input "pth"; did you mean path?',
    f"{WRITE}?path=x&path=y#value": "path is given more than once",
    f"{WRITE}?path=x&value=y#value": "value is a secret",
    f"{WRITE}#value": "is missing",
}


def test_a_wrong_reference_is_invalid_and_nothing_is_sent(vault: SecretServer) -> None:
    for ref, message in WRONG.items():
        result, sent = create(ref)
        assert (result.outcome, sent, vault.writes) == (Outcome.INVALID, 0, 0), ref
        assert message in result.problem.message, (ref, result.problem)


def test_a_store_that_fails_before_the_create_costs_no_token(
    vault: SecretServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.failure = (403, {"errors": ["permission denied"]})
    result, sent = create(REF)
    assert (result.outcome, sent, "permission denied" in result.problem.message) == (Outcome.INVALID, 0, True)
    monkeypatch.setenv("VAULT_ADDR", f"http://127.0.0.1:{free_port()}")
    result, sent = create(REF)
    assert (result.outcome, result.problem.code, sent) == (Outcome.NOT_DONE, "unavailable", 0)
    monkeypatch.delenv("VAULT_TOKEN")
    result, sent = create(REF)
    assert (result.outcome, sent, "VAULT_TOKEN" in result.problem.hint) == (Outcome.INVALID, 0, True)


def test_a_token_that_it_does_not_take_is_revoked(vault: SecretServer) -> None:
    def mint(connection: Any) -> bool:
        vault.failure = (503, {"errors": [f"sealed; {TOKEN}"]})
        return bool(answer(201, created())(connection))

    result, sent = create(REF, mint, answer(200, created(token=f"{TOKEN}2")))
    assert (result.outcome, sent, vault.values) == (Outcome.NOT_STORED, 2, {})
    assert TOKEN not in str(result.to_dict())


def test_a_write_whose_response_is_lost_is_read_back(vault: SecretServer) -> None:
    vault.loses_response = True
    assert create(REF)[0].outcome is Outcome.DONE
    assert vault.values == {"billing": TOKEN}


def without(tmp_path: Path, *keys: str) -> str:
    """The reference of a store whose action has none of *keys*."""
    folder = tmp_path / "vault"
    shutil.copytree(EXAMPLES / "vault", folder)
    spec = folder / "write_secret.yaml"
    lines = [line for line in spec.read_text().splitlines() if line.partition(":")[0] not in keys]
    spec.write_text("\n".join(lines))
    return f"action:{spec}?path=billing#value"


def test_without_a_read_it_can_only_be_written(vault: SecretServer, tmp_path: Path) -> None:
    ref = without(tmp_path, "verify_with")
    result, _ = create(ref)
    assert (result.outcome, result.token_refs, vault.values) == (Outcome.DONE, (), {"billing": TOKEN})
    with pytest.raises(InvalidError, match="can only be written"):
        read_token(ref)
    store = open_store(ref)
    assert store.write_record(Record(current=TokenEntry(Secret(f"{TOKEN}2")))) == ()
    assert vault.values == {"billing": f"{TOKEN}2"}
    vault.loses_response = True
    with pytest.raises(OSError, match="unknown"):
        store.store(TokenEntry(Secret(TOKEN)), api="https://x")
    vault.loses_response = False
    assert (store.record(), store.write_record(Record()), vault.values) == (Record(), (), {})
    vault.failure = (404, {"errors": []})
    assert (store.write_record(Record()), store.remove()) == ((), False)  # another process has deleted it


def test_without_a_delete_it_keeps_what_was_stored(vault: SecretServer, tmp_path: Path) -> None:
    store = open_store(without(tmp_path, "delete_with"))
    store.store(TokenEntry(Secret(TOKEN)), api="https://x")
    (warning,) = store.write_record(Record())
    assert ("keeps a token" in warning, store.remove(), vault.values) == (True, False, {"billing": TOKEN})


def test_a_delete_that_fails_is_an_error(vault: SecretServer) -> None:
    store = open_store(REF)
    store.store(TokenEntry(Secret(TOKEN)), api="https://x")
    vault.refuses_deletes = True
    with pytest.raises(InvalidError, match="permission denied"):
        store.remove()


def test_a_list_in_the_reference_stays_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "tags"
    shutil.copytree(EXAMPLES / "vault", folder)
    spec = folder / "write_secret.yaml"
    tags = "  tags: {title: Tags, type: text, multiple: true}\nrequest:"
    spec.write_text(spec.read_text().replace("request:", tags, 1).replace("body: {", 'body: {tags: "{{ tags }}", '))
    ref = f"action:{spec}?path=a%20b&tags=x%3By#value"
    assert open_store(ref).ref == ref


def test_a_stored_secret_is_run_into_a_file_or_revealed(
    call: Callable[..., Done], vault: SecretServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    vault.values["billing"] = TOKEN
    command = ["run", "read_secret", "path=billing", "--specs", str(EXAMPLES / "vault")]
    for options, code, is_printed in (
        ([], 2, False),
        (["--reveal"], 0, True),
        (["--token-to", f"text:{tmp_path}/t"], 0, False),
        (["--token-to", f"text:{tmp_path}/no/t"], 2, False),
    ):
        monkeypatch.setenv("VAULT_TOKEN", CREDENTIAL)
        done = call(*command, *options)
        assert (done.code, TOKEN in done.out) == (code, is_printed), options
    assert (tmp_path / "t").read_text() == f"{TOKEN}\n"


def test_a_stored_secret_that_no_store_took_is_where_it_was(vault: SecretServer, tmp_path: Path) -> None:
    class Full(FakeStore):
        def store(self, entry: TokenEntry, *, api: str, replaced_id: str | None = None) -> tuple[str, ...]:
            raise OSError(f"no space for {api} {replaced_id} {entry.id}")

    vault.values["billing"] = TOKEN
    with Connector(specs=EXAMPLES / "vault") as connector:
        result = connector.run("read_secret", {"path": "billing"}, token_to=[Full()])
        assert (result.outcome, vault.writes) == (Outcome.NOT_STORED, 0)
        assert result.problem is not None
        assert result.problem.hint == "The secret is still where it was read from."
        vault.values["billing"] = ""
        empty = connector.run("read_secret", {"path": "billing"}, token_to=[f"text:{tmp_path}/empty"])
        assert (empty.outcome, empty.token, (tmp_path / "empty").exists()) == (Outcome.DONE, None, False)
