"""The token page in a thread of the test, in front of a sandbox, and a browser without JavaScript."""

from __future__ import annotations

import os
import re
import ssl
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import unescape
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from locoia_pat import Connector, ConnectorAuth
from locoia_pat.actions.console.page_app import PageApp
from locoia_pat.actions.console.page_server import new_server
from locoia_pat.http.listener import listen, url_of
from tests.support.lifecycle_sandbox import ManagedSandbox, open_sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from locoia_pat.actions.console.health_report import HealthSources

TOKEN = re.compile(r"lpat_sbx_\w+")
CREATE = {"note": "CI", "scopes": "automation:view", "lifetime": "30", "to": "show"}


@dataclass
class Console:
    """A page, its sandbox, and the links that it has printed."""

    url: str
    app: PageApp
    sandbox: ManagedSandbox
    links: list[str]
    clock: list[float]
    clients: list[httpx.Client] = field(default_factory=list[httpx.Client])

    def browser(self) -> httpx.Client:
        """Return a browser without a session."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # no certificates are loaded: that takes longer than a test
        client = httpx.Client(base_url=self.url, trust_env=False, verify=context, timeout=60, follow_redirects=True)
        self.clients.append(client)
        return client

    def open(self) -> httpx.Client:
        """Return a browser that has used a launch link."""
        browser = self.browser()
        if not self.links:
            self.app.offer_link()
        link = self.links.pop()
        assert browser.get(link).status_code == 200
        return browser

    def submit(self, browser: httpx.Client, page: str, action: str | None = None, **fields: str) -> httpx.Response:
        """Fill in and submit the form of *page* with the method post."""
        return browser.post(action or page.partition("?")[0], data=self.form(browser, page, **fields))

    @staticmethod
    def form(browser: httpx.Client, page: str, **fields: str) -> dict[str, Any]:
        """Return the hidden fields of the last form on *page*, and *fields*."""
        text = browser.get(page).text
        form = text[text.rindex('method="post"') :]
        hidden = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', form)
        return {**{name: unescape(value) for name, value in hidden}, **fields}

    def review(self, **changed: str) -> str:
        return f"/new/review?{httpx.QueryParams({**CREATE, **changed})}"

    def rows(self) -> list[Any]:
        """The rows of the sandbox without that of the credential."""
        return self.sandbox.store.owned_by("sandbox")[1:]


@contextmanager
def serving_console(
    sandbox: ManagedSandbox,
    *,
    api: str | None = None,
    auth: ConnectorAuth | None = None,
    sources: HealthSources | None = None,
    timeout: float = 60,
) -> Iterator[Console]:
    """Serve the page in front of *sandbox*, or of another *api*."""
    os.environ["LOCOIA_PAT_STATE"] = str(sandbox.folder / "state")
    ready = threading.Event()
    links: list[str] = []
    clock = [0.0]

    def say(link: str) -> None:
        links.append(link)
        ready.set()

    listener = listen("127.0.0.1", 0)
    with Connector(auth or ConnectorAuth(sandbox.rotator), base_url=api or sandbox.url, timeout=timeout) as connector:
        app = PageApp(connector, url_of(listener, ""), say, sources=sources, clock=lambda: clock[0])
        server = new_server(app)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        assert ready.wait(30)
        console = Console(url_of(listener, ""), app, sandbox, links, clock)
        try:
            yield console
        finally:
            for client in console.clients:
                client.close()
            server.should_exit = True
            thread.join(30)
            listener.close()
            app.close()
            assert not thread.is_alive()


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Console]:
    """The page in front of a sandbox of its own."""
    with open_sandbox(tmp_path) as sandbox, serving_console(sandbox) as running:
        yield running
