"""The life of a token at Label Studio: ``python -m tests.servers.label_studio``."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from locoia_pat import Secret
from tests.servers.server import EXAMPLES, Account, install_python, main, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers.server import Life

SPECS = EXAMPLES / "label_studio"
VERSION: str = "Label Studio 1.23.2"
HARMLESS: tuple[str, ...] = ()
_PORT = 8384
_URL = f"http://127.0.0.1:{_PORT}"
_LEGACY = "fake-legacy-token-of-ann"
ACCOUNT = Account(_URL, Secret("fake-credential-of-no-one"), {"legacy_token": Secret(_LEGACY)})


@contextmanager
def starting(folder: Path) -> Iterator[Account]:
    """Start Label Studio with the user ann, who has a legacy token and no personal access token."""
    commands = install_python("label-studio-1.23.2", "label-studio==1.23.2")
    command = [
        *(
            str(commands / "label-studio"),
            "start",
            "--no-browser",
            "--port",
            str(_PORT),
            "--internal-host",
            "127.0.0.1",
        ),
        *("--username", "ann@acme.example", "--password", "fake-password-of-ann", "--user-token", _LEGACY),
    ]
    environ = {
        "LABEL_STUDIO_BASE_DATA_DIR": str(folder / "data"),
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        "LATEST_VERSION_CHECK": "false",
        "COLLECT_ANALYTICS": "false",
    }
    with running(command, folder, f"{_URL}/health", environ):
        yield ACCOUNT


def live(life: Life) -> None:
    """Create, store, use, list, rotate and revoke a token; each use exchanges it for a bearer token."""
    life.run("create_token", life.account.secrets, token_to=[life.store])
    old = life.token()
    user = life.run("get_self", by=old).data
    assert user is not None
    assert user["email"] == "ann@acme.example"
    assert life.run("list_tokens", by=old).data == {"tokens": [{}]}
    life.run("create_token", life.account.secrets, token_to=[f"{life.store}-2"], refused="conflict")  # one at most

    life.run("rotate_token", {"refresh": old}, by=old, token_to=[life.store], replace=True)
    new = life.token()
    life.run("get_self", by=old, refused="unauthorized")
    life.run("rotate_token", {"refresh": old}, by=new, token_to=[f"{life.store}-2"], refused="validation")
    assert life.run("get_self", by=new).data == user

    life.run("revoke_token", {"refresh": old}, by=new, refused="not_found")
    life.run("revoke_token", {"refresh": new}, by=new)
    life.run("get_self", by=new, refused="unauthorized")


if __name__ == "__main__":
    main(SPECS, VERSION, starting, live)
