"""The life of a token at Verdaccio, an npm registry: ``python -m tests.servers.verdaccio``."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx

from locoia_pat import Secret
from locoia_pat.stores import read_token
from tests.servers.server import EXAMPLES, Account, install_node, main, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers.server import Life

SPECS = EXAMPLES / "verdaccio"
VERSION: str = "Verdaccio 6.8.0"
HARMLESS: tuple[str, ...] = ("key",)  # the id of a row
_PORT = 8382
_URL = f"http://127.0.0.1:{_PORT}"
_PASSWORD = "fake-password-of-ann"
_PACKAGE = {
    "name": "verdaccio-for-tests",
    "private": True,
    "dependencies": {"verdaccio": "6.8.0"},
    "overrides": {"node-fetch": "2.7.0"},  # a dependency asks for a tag of node-fetch that registries may not have
}
_CONFIG = """
storage: ./storage
auth: {htpasswd: {file: ./htpasswd}}
uplinks: {}
packages: {"**": {access: $all, publish: $authenticated}}
log: {type: stdout, format: json, level: warn}
"""
ACCOUNT = Account(_URL, Secret("fake-secret-0001"), {"password": Secret(_PASSWORD)})


@contextmanager
def starting(folder: Path) -> Iterator[Account]:
    """Start a registry with the user ann; her credential is that of ``npm login``."""
    commands = install_node("verdaccio-6.8.0", json.dumps(_PACKAGE))
    (folder / "config.yaml").write_text(_CONFIG)
    command = [str(commands / "verdaccio"), "-c", "config.yaml", "-l", f"127.0.0.1:{_PORT}"]
    with running(command, folder, f"{_URL}/-/ping"):
        body = {"name": "ann", "password": _PASSWORD}
        user = httpx.put(f"{_URL}/-/user/org.couchdb.user:ann", json=body).raise_for_status().json()
        yield replace(ACCOUNT, credential=Secret(user["token"]))


def live(life: Life) -> None:
    """Create, store, use, list, rotate and revoke a token; there is no rotation, so a second token replaces it."""
    new = {"readonly": False, "networks": ["127.0.0.1/32"], **life.account.secrets}
    assert life.run("whoami").data == {"username": "ann"}
    ben = {"name": "ben", "password": Secret("fake-password-of-ben")}
    life.run("create_user", ben, token_to=[f"{life.store}-ben"])
    assert life.run("whoami", by=read_token(f"{life.store}-ben")).data == {"username": "ben"}
    life.run("create_user", ben, token_to=[f"{life.store}-ben"], replace=True, refused="conflict")
    life.run("whoami", by=Secret("fake-token-nobody-has"), refused="unauthorized")  # the registry answers {}
    first = life.run("create_token", new, token_to=[life.store]).data
    assert first is not None
    old = life.token()
    assert life.run("whoami", by=old).data == {"username": "ann"}
    life.run(
        "create_token",
        {"password": Secret("fake-password-of-ben")},
        token_to=[f"{life.store}-2"],
        refused="unauthorized",
    )

    second = life.run("create_token", {**new, "readonly": True}, token_to=[life.store], replace=True).data
    assert second is not None
    listed = life.run("list_tokens", by=old).data
    assert listed is not None
    assert [(row["id"], row["readonly"]) for row in listed["tokens"]] == [(first["id"], False), (second["id"], True)]
    life.run("revoke_token", {"token_id": first["id"]}, by=life.token(), refused="forbidden")  # it is read-only
    life.run("revoke_token", {"token_id": first["id"]}, by=old)  # a token revokes itself
    life.run("whoami", by=old, refused="unauthorized")
    assert life.run("whoami", by=life.token()).data == {"username": "ann"}

    life.run("revoke_token", {"token_id": second["id"]})
    life.run("list_tokens", by=life.token(), refused="unauthorized")
    assert life.run("list_tokens").data == {"tokens": []}
    life.run("revoke_token", {"token_id": second["id"]})  # a key that does not exist is accepted


if __name__ == "__main__":
    main(SPECS, VERSION, starting, live)
