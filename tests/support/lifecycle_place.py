"""Where the tests of managed names work."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from locoia_pat import Connector, ConnectorAuth, Secret
from locoia_pat.actions import ensure_pat, list_pats, retire_pat, rotate_pat
from locoia_pat.actions.lifecycle.capabilities import ApiFacts, CapabilityFile
from locoia_pat.actions.lifecycle.marker import find_marker
from locoia_pat.state.journal import State

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from locoia_pat.actions import ManagedToken
    from locoia_pat.actions.sandbox.faults import Faults
    from locoia_pat.actions.sandbox.sandbox_store import SandboxStore


@dataclass
class Place:
    """A sandbox, its first token as the rotator, and a folder for tokens and state."""

    url: str
    store: SandboxStore
    faults: Faults
    rotator: Secret
    folder: Path

    @contextmanager
    def connector(self, auth: ConnectorAuth | None = None) -> Iterator[Connector]:
        with Connector(auth or ConnectorAuth(self.rotator), base_url=self.url) as connector:
            yield connector

    def options(self, state: str = "state", **more: Any) -> dict[str, Any]:
        return {"state": State(self.folder / state), "settle": 0.0, "token_to": [self.ref()], **more}

    def ref(self, name: str = "ci") -> str:
        return f"file:{self.folder / name}.json"

    def ensure(self, **more: Any) -> ManagedToken:
        wishes = {"name": "ci", "scopes": ["embed"], "expiration": 30, "note": "CI", **self.options(), **more}
        with self.connector(more.pop("auth", None)) as connector:
            wishes.pop("auth", None)
            return ensure_pat(connector, **wishes)

    def rotate(self, auth: ConnectorAuth | None = None, **more: Any) -> ManagedToken:
        with self.connector(auth) as connector:
            return rotate_pat(connector, **{"name": "ci", "expiration": 30, "overlap": 0, **self.options(), **more})

    def retire(self, auth: ConnectorAuth | None = None, **more: Any) -> ManagedToken:
        with self.connector(auth) as connector:
            return retire_pat(connector, **{"name": "ci", **self.options(), **more})

    def works(self, name: str = "ci", key: str = "current") -> bool:
        with self.connector(ConnectorAuth.from_ref(f"{self.ref(name)}#{key}")) as connector:
            return connector.run("list_pats").problem is None

    def rows(self) -> list[Any]:
        with self.connector() as connector:
            return [row for row in list_pats(connector) if find_marker(row.note)]

    def knows(self, **facts: Any) -> None:
        """Let *facts* be known of the API, as if they had been measured."""
        told = {name: {"value": value, "at": "2026-01-01T00:00:00Z", "how": "told"} for name, value in facts.items()}
        CapabilityFile(State(self.folder / "state").folder).write(self.url, ApiFacts(told))
