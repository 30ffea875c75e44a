"""Real servers with token APIs: installed in one version into a cache folder, started on loopback, and stopped again.

The life of a token at each is in a module of its own, such as :mod:`tests.servers.jupyterhub`:

    python -m tests.servers.jupyterhub

installs the server (the first time), starts it and lives that life against it.  To record it again for the suite:

    pytest tests/servers/test_jupyterhub.py --cassettes record
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import httpx
import platformdirs

from locoia_pat import Connector, ConnectorAuth, Secret
from locoia_pat.stores import read_token

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from locoia_pat import Result

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
CACHE = Path(os.environ.get("LOCOIA_PAT_SERVERS") or platformdirs.user_cache_path("locoia-pat-servers"))
"""Where servers are installed."""
_START = 180
"""Seconds that a server may take to start, on a loaded machine."""


@dataclass(frozen=True, slots=True)
class Account:
    """What a token's life needs: a server, and the credential of one who may create tokens there."""

    url: str
    credential: Secret
    secrets: Mapping[str, Secret] = field(default_factory=dict[str, Secret])
    """Secret inputs of its actions, by name."""
    identifier: str | None = None
    """What the API expects with a credential, such as a user name."""


class Life:
    """Runs actions of one connector against one server, and reports each."""

    def __init__(self, specs: Path, account: Account, folder: Path, report: Callable[[str], None]) -> None:
        self._specs = specs
        self._report = report
        self.account = account
        self.store = f"file:{folder / 'ci.json'}"
        """Where the token is stored that is created, rotated and revoked."""

    def run(
        self,
        action: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        by: Secret | None = None,
        refused: str | None = None,
        **options: Any,
    ) -> Result:
        """Run an action by the account, or *by* another credential; it must be done, or *refused* with that code."""
        auth = ConnectorAuth(by or self.account.credential, identifier=self.account.identifier)
        with Connector(auth, specs=self._specs, base_url=self.account.url) as connector:
            result = connector.run(action, inputs, **options)
        end = result.problem.code if result.problem else "done"
        self._report(f"{action:<16} {end:<13} {result.problem.message if result.problem else dict(result.data or {})}")
        assert end == (refused or "done"), result.to_dict()
        return result

    def token(self) -> Secret:
        """Return the token in the store."""
        return read_token(self.store)


class Server(Protocol):
    """A module of this folder."""

    SPECS: Path
    VERSION: str
    HARMLESS: tuple[str, ...]
    """Names of strings that are not secrets."""
    ACCOUNT: Account
    """What is recorded in place of a real account."""

    def starting(self, folder: Path) -> AbstractContextManager[Account]:
        """Install and start the server with its data in *folder*, and give an account."""
        ...

    def live(self, life: Life) -> None:
        """Create, store, use, list, rotate and revoke a token, and prove that the old one is revoked."""
        ...


def install_python(name: str, *requirements: str) -> Path:
    """Return the folder of the commands of an environment that has *requirements*."""
    folder = CACHE / name
    if not (folder / "installed").exists():
        shutil.rmtree(folder, ignore_errors=True)
        _call(sys.executable, "-m", "venv", str(folder))
        _call(str(folder / "bin" / "pip"), "install", "--quiet", *requirements)
        (folder / "installed").touch()
    return folder / "bin"


def install_node(name: str, package: str) -> Path:
    """Return the folder of the commands of an npm project with that ``package.json``."""
    folder = CACHE / name
    if not (folder / "installed").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "package.json").write_text(package)
        _call("npm", "install", "--no-audit", "--no-fund", "--silent", cwd=folder)
        (folder / "installed").touch()
    return folder / "node_modules" / ".bin"


def _call(*command: str, cwd: Path | None = None) -> None:
    print("$", *command, file=sys.stderr)  # noqa: T201  # an installation takes minutes
    subprocess.run(command, cwd=cwd, check=True, stdout=sys.stderr)


@contextmanager
def running(
    command: Sequence[str], folder: Path, ready: str, environ: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Run *command* in *folder* until the block ends; it is ready when the URL *ready* answers."""
    with (folder / "server.log").open("wb") as log:
        variables = {**os.environ, **(environ or {})}
        process = subprocess.Popen(command, cwd=folder, env=variables, stdout=log, stderr=subprocess.STDOUT)
    try:
        end = time.monotonic() + _START
        while True:
            assert process.poll() is None, (folder / "server.log").read_text()
            assert time.monotonic() < end, (folder / "server.log").read_text()
            try:
                httpx.get(ready, timeout=5)
                break
            except httpx.TransportError:
                time.sleep(0.1)
        yield
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(30)


def main(
    specs: Path,
    version: str,
    starting: Callable[[Path], AbstractContextManager[Account]],
    live: Callable[[Life], None],
) -> None:
    """Live the life of a token at the server that *starting* starts, and print each step."""
    with tempfile.TemporaryDirectory() as folder, starting(Path(folder)) as account:
        print(f"{version} at {account.url}")  # noqa: T201
        live(Life(specs, account, Path(folder), print))
