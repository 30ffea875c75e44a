"""The life of a token at devpi, a package index, with devpi-tokens: ``python -m tests.servers.devpi``."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx

from locoia_pat import Secret
from tests.servers.server import EXAMPLES, Account, install_python, main, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers.server import Life

SPECS = EXAMPLES / "devpi"
VERSION: str = "devpi-server 6.20.3 with devpi-tokens 1.1.0"
HARMLESS: tuple[str, ...] = ()
_PORT = 8383
_URL = f"http://127.0.0.1:{_PORT}"
_ROOT = "fake-password-of-root"
_PASSWORD = "fake-password-of-ann"
ACCOUNT = Account(_URL, Secret(_PASSWORD), identifier="ann")


@contextmanager
def starting(folder: Path) -> Iterator[Account]:
    """Start an index with the user ann."""
    commands = install_python("devpi-server-6.20.3", "devpi-server==6.20.3", "devpi-tokens==1.1.0")
    data = ["--serverdir", str(folder / "index")]
    initial = [str(commands / "devpi-init"), *data, "--no-root-pypi", "--root-passwd", _ROOT]
    subprocess.run(initial, check=True, capture_output=True)
    command = [str(commands / "devpi-server"), *data, "--host", "127.0.0.1", "--port", str(_PORT)]
    with running(command, folder, f"{_URL}/+api"):
        login = httpx.post(f"{_URL}/+login", json={"user": "root", "password": _ROOT}).raise_for_status().json()
        root = httpx.BasicAuth("root", login["result"]["password"])
        httpx.put(f"{_URL}/ann", json={"password": _PASSWORD}, auth=root).raise_for_status()
        yield ACCOUNT


def live(life: Life) -> None:
    """Create, store, use, list, rotate and revoke a token; there is no rotation, so a second token replaces it."""
    new = {"user": "ann", "allowed": ["pkg_read"]}
    life.run("create_token", new, token_to=[life.store])
    old = life.token()
    (first,) = _tokens(life)
    assert life.run("get_status", by=old).data == {"status": "ok", "user": "ann"}
    life.run("get_status", by=Secret("fake-password-nobody-has"), refused="unauthorized")  # devpi answers 200
    life.run("create_token", new, by=old, token_to=[f"{life.store}-2"], refused="forbidden")  # a token may not

    life.run("create_token", new, token_to=[life.store], replace=True)
    assert set(_tokens(life)) > {first}
    life.run("revoke_token", {"user": "ann", "token_id": first})
    life.run("get_status", by=old, refused="unauthorized")
    assert life.run("get_status", by=life.token()).data == {"status": "ok", "user": "ann"}

    (second,) = _tokens(life)
    life.run("revoke_token", {"user": "ann", "token_id": second})
    life.run("get_status", by=life.token(), refused="unauthorized")
    life.run("revoke_token", {"user": "ann", "token_id": second}, refused="not_found")
    assert _tokens(life) == []


def _tokens(life: Life) -> list[str]:
    data = life.run("list_tokens", {"user": "ann"}).data
    assert data is not None
    return [row["id"] for row in data["tokens"]]


if __name__ == "__main__":
    main(SPECS, VERSION, starting, live)
