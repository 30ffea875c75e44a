"""The server of the actions, in a thread of the test, in front of a sandbox."""

from __future__ import annotations

import datetime as dt
import json
import os
import ssl
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from locoia_pat import Connector, ConnectorAuth
from locoia_pat.http.listener import listen, url_of
from locoia_pat.serve.http_app import HttpApp, Limits
from locoia_pat.serve.http_server import new_server
from locoia_pat.serve.place_patterns import normalize_pattern
from locoia_pat.serve.service import Service
from locoia_pat.spec.load import SpecFolder
from locoia_pat.state.access_keys import AccessKeys, Permissions
from locoia_pat.state.journal import State
from tests.support.lifecycle_sandbox import ManagedSandbox, open_sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from locoia_pat.serve.mcp_endpoint import ToolOptions

CREATE = {"expiration": 30, "scopes": ["automation:view"], "note": "CI"}
ENSURE = {"name": "billing-ci", **CREATE}
ROTATE = {"name": "billing-ci", "expiration": 30}


@dataclass
class Served:
    """A server, its sandbox, and a caller who may do everything in one folder."""

    url: str
    sandbox: ManagedSandbox
    state: State
    http: httpx.Client
    app: HttpApp
    key: str = ""
    folder: Path = field(init=False)

    def __post_init__(self) -> None:
        self.folder = self.sandbox.folder / "tokens"
        self.folder.mkdir(exist_ok=True)
        places = [f"file:{self.folder}/*.json"]
        self.key = self.key or self.new_key("all", allow=["*"], names=["*"], places=places)

    def new_key(self, name: str, *, days: float | None = None, auth: str | None = None, **patterns: list[str]) -> str:
        """Create a key and return it."""
        for kind in ("places", "secrets"):
            patterns[kind] = [normalize_pattern(each, field=kind) for each in patterns.get(kind, [])]
        permissions = Permissions(**{kind: tuple(each) for kind, each in patterns.items()}, auth=auth)
        now = dt.datetime.now(dt.UTC)
        return AccessKeys(self.state).create(name, permissions, days=days, now=now).reveal()

    def ref(self, name: str = "ci") -> str:
        return f"file:{self.folder / name}.json"

    def call(
        self,
        action: str,
        fields: Mapping[str, Any] | None = None,
        *,
        key: str | None = None,
        idempotency_key: str | None = None,
        store: str | None = None,
        **options: Any,
    ) -> httpx.Response:
        """Call an action; *store* is a name for :meth:`ref`."""
        headers = {"Authorization": f"Bearer {key or self.key}", **options.pop("headers", {})}
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        body = dict(fields or {}) | ({"token_to": self.ref(store)} if store else {})
        return self.http.post(f"{self.url}/v1/actions/{action}", json=body, headers=headers, **options)

    def get(self, path: str, *, key: str | None = None) -> httpx.Response:
        return self.http.get(self.url + path, headers={"Authorization": f"Bearer {key or self.key}"})

    def minted(self) -> int:
        """How many rows the sandbox has, without that of the credential."""
        return len(self.sandbox.store.owned_by("sandbox")) - 1

    def token(self, name: str = "ci") -> Any:
        """The current entry of a token file."""
        return json.loads((self.folder / f"{name}.json").read_text())["current"]


@contextmanager
def serving(
    sandbox: ManagedSandbox,
    *,
    limits: Limits | None = None,
    wait: float = 10,
    timeout: float = 60,
    api: str | None = None,
    key: str = "",
    tools: ToolOptions | None = None,
) -> Iterator[Served]:
    """Serve the actions in front of *sandbox*, or of another *api*."""
    os.environ["LOCOIA_PAT_STATE"] = str(sandbox.folder / "state")  # as the command finds it; super actions use it too
    state, specs = State(), SpecFolder()
    connector = Connector(ConnectorAuth(sandbox.rotator), base_url=api or sandbox.url, timeout=timeout)
    app = HttpApp(Service(connector, specs, state, wait=wait), AccessKeys(state), limits, tools)
    with running_app(app) as (url, http):
        yield Served(url, sandbox, state, http, app, key)


@contextmanager
def running_app(app: HttpApp) -> Iterator[tuple[str, httpx.Client]]:
    """Serve *app* in a thread; yield its URL and a client."""
    listener = listen("127.0.0.1", 0)
    server = new_server(app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # no certificates are loaded: that takes longer than a test
    try:
        with httpx.Client(trust_env=False, verify=context, timeout=60) as http:
            yield url_of(listener, ""), http
    finally:
        server.should_exit = True
        thread.join(30)
        listener.close()
        assert not thread.is_alive()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A server in front of a sandbox of its own."""
    with open_sandbox(tmp_path) as sandbox, serving(sandbox) as running:
        yield running
