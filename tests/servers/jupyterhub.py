"""The life of a token at JupyterHub: ``python -m tests.servers.jupyterhub``."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx

from locoia_pat import Secret
from tests.servers.server import EXAMPLES, Account, install_python, main, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers.server import Life

SPECS = EXAMPLES / "jupyterhub"
VERSION: str = "JupyterHub 6.1.1"
HARMLESS: tuple[str, ...] = ()
_PORT = 8381
_URL = f"http://127.0.0.1:{_PORT}/hub/api"
_CREDENTIAL = "fake-credential-of-a-service"
_CONFIG = f"""
from jupyterhub.proxy import Proxy


class NoProxy(Proxy):  # the hub's API needs none
    should_start = False

    async def add_route(self, routespec, target, data):
        pass

    async def delete_route(self, routespec):
        pass

    async def get_all_routes(self):
        return {{}}


c = get_config()
c.JupyterHub.proxy_class = NoProxy
c.JupyterHub.authenticator_class = "dummy"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{_PORT}"
c.JupyterHub.api_page_default_limit = 2
c.JupyterHub.services = [{{"name": "rotator", "api_token": "{_CREDENTIAL}"}}]
c.JupyterHub.load_roles = [
    {{"name": "rotator", "scopes": ["admin:users", "tokens", "list:users"], "services": ["rotator"]}}
]
"""
ACCOUNT = Account(_URL, Secret(_CREDENTIAL))


@contextmanager
def starting(folder: Path) -> Iterator[Account]:
    """Start a hub with the users ann, ben and cid."""
    commands = install_python("jupyterhub-6.1.1", "jupyterhub==6.1.1")
    (folder / "hub.py").write_text(_CONFIG)
    with running([str(commands / "jupyterhub"), "-f", "hub.py"], folder, _URL):
        body = {"usernames": ["ann", "ben", "cid"]}
        httpx.post(f"{_URL}/users", json=body, headers={"Authorization": f"token {_CREDENTIAL}"}).raise_for_status()
        yield ACCOUNT


def live(life: Life) -> None:
    """Create, store, use, list, rotate and revoke a token; the hub has no rotation, so a second token replaces it."""
    users = life.run("list_users").data
    assert users is not None
    assert [user["name"] for user in users["users"]] == ["ann", "ben", "cid"]  # from two pages

    scopes = ["read:users!user=ann", "read:tokens!user=ann"]
    wanted = {"user": "ann", "note": "CI", "expires_in": 3600, "scopes": scopes}
    first = life.run("create_token", wanted, token_to=[life.store]).data
    assert first is not None
    old = life.token()
    itself = life.run("get_self", by=old).data
    assert itself is not None
    assert (itself["kind"], itself["name"], itself["token_id"]) == ("user", "ann", first["id"])
    life.run("create_token", wanted, by=old, refused="forbidden")  # its scopes do not allow that

    second = life.run("create_token", wanted, token_to=[life.store], replace=True).data
    assert second is not None
    listed = life.run("list_tokens", {"user": "ann"}, by=old).data
    assert listed is not None
    assert [row["id"] for row in listed["tokens"]] == [first["id"], second["id"]]
    life.run("revoke_token", {"user": "ann", "token_id": first["id"]})
    life.run("get_self", by=old, refused="unauthorized")
    life.run("get_self", by=life.token())

    life.run("revoke_token", {"user": "ann", "token_id": second["id"]})
    life.run("get_self", by=life.token(), refused="unauthorized")
    life.run("revoke_token", {"user": "ann", "token_id": second["id"]}, refused="not_found")
    assert life.run("list_tokens", {"user": "ann"}).data == {"tokens": []}


if __name__ == "__main__":
    main(SPECS, VERSION, starting, live)
