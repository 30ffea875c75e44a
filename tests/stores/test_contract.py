"""Every token store keeps the contract of :class:`tests.support.token_store_tests.TokenStoreTests`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import keyring
import keyring.backend
import pytest

from locoia_pat import Connector, ConnectorAuth
from locoia_pat.actions.sandbox.server import first_token, running
from locoia_pat.stores import TokenStore, open_store
from tests.support.aws_secrets import secrets_client, use_endpoint
from tests.support.secret_servers import CREDENTIAL, SecretServer
from tests.support.token_store_tests import TokenStoreTests

if TYPE_CHECKING:
    from collections.abc import Iterator


class TestTokenFile(TokenStoreTests):
    @pytest.fixture
    def store(self, tmp_path: Path) -> TokenStore:
        return open_store(f"file:{tmp_path}/ci.json")


class TestTextFile(TokenStoreTests):
    @pytest.fixture
    def store(self, tmp_path: Path) -> TokenStore:
        return open_store(f"text:{tmp_path}/ci.txt")


class TestEnvFile(TokenStoreTests):
    @pytest.fixture
    def store(self, tmp_path: Path) -> TokenStore:
        (tmp_path / ".env").touch(mode=0o600)
        (tmp_path / ".env").write_text("OTHER=1\n")
        return open_store(f"env-file:{tmp_path}/.env#CI_TOKEN")


class Memory(keyring.backend.KeyringBackend):
    """A keyring of this process."""

    priority = 0  # pyright: ignore[reportAssignmentType]  # as its documentation says it is set

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # the library has no types for it
        self._entries: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self._entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self._entries[service, username]


class TestKeyring(TokenStoreTests):
    @pytest.fixture
    def store(self) -> Iterator[TokenStore]:
        before = keyring.get_keyring()
        keyring.set_keyring(Memory())
        yield open_store("keyring:acme/ci")
        keyring.set_keyring(before)


class TestCommand(TokenStoreTests):
    @pytest.fixture
    def store(self, tmp_path: Path) -> TokenStore:
        program = tmp_path / "program.py"
        program.write_text("import sys\nopen(sys.argv[1], 'w').write(sys.stdin.read())\n")
        argv = [sys.executable, str(program), str(tmp_path / "stored")]
        return open_store(f"command:{shlex.join(argv)}")


EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


class TestVault(TokenStoreTests):
    @pytest.fixture
    def store(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[TokenStore]:
        with SecretServer().serving() as server:
            monkeypatch.setenv("VAULT_TOKEN", CREDENTIAL)
            monkeypatch.setenv("VAULT_ADDR", server.url)
            yield open_store(f"action:{EXAMPLES}/vault/write_secret.yaml?path=apps%2Fbilling#value")


class TestGitLabVariable(TokenStoreTests):
    @pytest.fixture
    def store(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[TokenStore]:
        with SecretServer().serving() as server:
            monkeypatch.setenv("GITLAB_TOKEN", CREDENTIAL)
            monkeypatch.setenv("GITLAB_BASE_URL", server.url)
            variable = f"{EXAMPLES}/gitlab/update_variable.yaml?project_id=group%2Fapp&key=LOCOIA_TOKEN#value"
            yield open_store(f"action:{variable}")


@pytest.fixture
def aws(moto: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a new secret."""
    use_endpoint(monkeypatch, moto)
    return f"locoia/{uuid4()}"


class TestAwsSecret(TokenStoreTests):
    @pytest.fixture
    def store(self, aws: str) -> TokenStore:
        return open_store(f"aws:{aws}")


class TestAwsRecord(TokenStoreTests):
    @pytest.fixture
    def store(self, aws: str) -> TokenStore:
        return open_store(f"aws:{aws}#current")


class TestAwsField(TokenStoreTests):
    @pytest.fixture
    def store(self, aws: str, moto: str) -> Iterator[TokenStore]:
        secrets_client(moto).create_secret(Name=aws, SecretString='{"OTHER": "1"}')
        yield open_store(f"aws:{aws}#CI_TOKEN")
        assert '"OTHER": "1"' in secrets_client(moto).get_secret_value(SecretId=aws)["SecretString"]


class TestConnectorAuth(TokenStoreTests):
    connector: Connector

    @pytest.fixture
    def store(self) -> Iterator[TokenStore]:
        with running() as (url, sandbox):
            token = first_token(sandbox)
            assert token is not None
            with Connector(ConnectorAuth(token), base_url=url) as connector:
                inputs = {"name": "CRM", "connector_id": "c1", "auth_type": "basic_auth"}
                made = connector.run("create_connector_auth", inputs).raise_for_outcome()
                self.connector = connector
                yield connector.open_store(f"connector-auth:{(made.data or {})['id']}")

    def reopen(self, store: TokenStore) -> TokenStore:
        return self.connector.open_store(store.ref)
