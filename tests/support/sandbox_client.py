"""A sandbox for one test, and an owner who calls it."""

from __future__ import annotations

import ssl
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from locoia_pat.actions.sandbox.faults import Faults
from locoia_pat.actions.sandbox.server import running

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from locoia_pat.actions.sandbox.behaviour import Behaviour
    from locoia_pat.actions.sandbox.sandbox_store import SandboxStore
    from locoia_pat.secrets.secret import Secret

PATH = "/personal-access-tokens"
CREATE = {"expiration": 30, "scopes": ["automation:view"], "note": "CI"}
OWNER = "anna"


@dataclass
class Caller:
    """An owner with a credential."""

    url: str
    store: SandboxStore
    faults: Faults
    http: httpx.Client
    row_id: str
    token: Secret

    def call(self, method: str, path: str = PATH, *, token: Secret | None = None, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {(token or self.token).reveal()}"}
        return self.http.request(method, self.url + path, headers=headers, **options)

    def create(self, **changed: Any) -> httpx.Response:
        return self.call("POST", json=CREATE | changed)

    def regenerate(self, row_id: str, *, token: Secret | None = None) -> httpx.Response:
        return self.call("POST", f"{PATH}/{row_id}/regenerate", token=token, json={"expiration": 30})

    def control(self, method: str, **options: Any) -> httpx.Response:
        """Call the endpoint of the faults, which needs no token."""
        return self.http.request(method, self.url.removesuffix("/v1") + "/_sandbox/faults", **options)

    def notes(self) -> list[str]:
        """The notes of the owner's rows in the store, without that of the credential."""
        return [row.note for row in self.store.owned_by(OWNER) if row.id != self.row_id]

    def with_scopes(self, *scopes: str) -> Secret:
        """Create another token of the same owner."""
        return self.store.create(owner=OWNER, days=None, scopes=list(scopes), note="")[1]


@contextmanager
def calling(
    behaviour: Behaviour | None = None, *, store: SandboxStore | None = None, scopes: Sequence[str] = ("automation",)
) -> Iterator[Caller]:
    """Run a sandbox with the given behaviour."""
    faults = Faults()
    # No certificates are loaded: that takes longer than a test.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with (
        running(store, behaviour=behaviour, faults=faults) as (url, kept),
        httpx.Client(trust_env=False, verify=context, timeout=10) as http,
    ):
        row, token = kept.create(owner=OWNER, days=None, scopes=list(scopes), note="credential")
        yield Caller(url, kept, faults, http, row.id, token)
