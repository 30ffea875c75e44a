"""A sandbox in which tests manage tokens."""

from __future__ import annotations

import datetime as dt
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat import Connector, ConnectorAuth, Secret
from locoia_pat.actions import create_pat, ensure_pat, list_pats, retire_pat, rotate_pat
from locoia_pat.actions.lifecycle.capabilities import ApiFacts, CapabilityFile
from locoia_pat.actions.lifecycle.marker import find_marker
from locoia_pat.actions.sandbox.behaviour import Behaviour
from locoia_pat.actions.sandbox.faults import Faults
from locoia_pat.actions.sandbox.sandbox_store import SandboxStore
from locoia_pat.actions.sandbox.server import first_token, running
from locoia_pat.state.journal import State
from locoia_pat.stores import read_token

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from locoia_pat.actions import ManagedToken


@dataclass
class ManagedSandbox:
    """A sandbox, its first token as the rotator, and a folder for tokens and state."""

    url: str
    store: SandboxStore
    faults: Faults
    rotator: Secret
    folder: Path
    new_database: Callable[[], str] | None = None
    """Creates a database for a state; by default a state is in a folder."""
    urls: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def connector(self, auth: ConnectorAuth | None = None) -> Iterator[Connector]:
        with Connector(auth or ConnectorAuth(self.rotator), base_url=self.url) as connector:
            yield connector

    def options(self, state: str = "state", **more: Any) -> dict[str, Any]:
        return {"state": self.state(state), "settle": 0.0, "token_to": [self.ref()], **more}

    def location(self, state: str = "state") -> str | Path:
        """Return where a state is kept."""
        if self.new_database is None:
            return self.folder / state
        if state not in self.urls:
            self.urls[state] = self.new_database()
        return self.urls[state]

    def state(self, state: str = "state") -> State:
        return State(self.location(state))

    def ref(self, name: str = "ci") -> str:
        return f"file:{self.folder / name}.json"

    def ensure(self, **more: Any) -> ManagedToken:
        wishes = {"name": "ci", "scopes": ["embed"], "expiration": 30, "note": "CI", **self.options(), **more}
        with self.connector(more.pop("auth", None)) as connector:
            wishes.pop("auth", None)
            return ensure_pat(connector, **wishes)

    def rotate(self, auth: ConnectorAuth | None = None, **more: Any) -> ManagedToken:
        with self.connector(auth) as connector:
            wishes: dict[str, Any] = {"name": "ci", "expiration": 30, "overlap": 0, **self.options(), **more}
            return rotate_pat(connector, **wishes)

    def retire(self, auth: ConnectorAuth | None = None, **more: Any) -> ManagedToken:
        with self.connector(auth) as connector:
            return retire_pat(connector, **{"name": "ci", **self.options(), **more})

    def works(self, name: str = "ci", key: str = "current") -> bool:
        with self.connector(ConnectorAuth.from_ref(f"{self.ref(name)}#{key}")) as connector:
            return connector.run("list_pats").problem is None

    def rows(self) -> list[Any]:
        with self.connector() as connector:
            return [row for row in list_pats(connector) if find_marker(row.note)]

    def accepts(self, token: Secret) -> bool:
        """Whether the API accepts *token*."""
        return self.store.authenticate(token) is not None

    def create_by_hand(self, ref: str) -> Secret:
        """Create a token that is not managed, store it in *ref*, and return it."""
        with self.connector() as connector:
            create_pat(connector, expiration=9, scopes=["company:view"], note="by hand", token_to=[ref])
        return read_token(ref)

    def end_overlaps(self, state: str = "state", name: str = "ci") -> None:
        """Let every overlap of a name end a moment ago: the server's clock shows only whole seconds, and late."""
        journal = self.state(state)
        entry = journal.load(self.url, name) or {}
        ended = (dt.datetime.now(dt.UTC) - dt.timedelta(seconds=5)).isoformat()
        journal.save(self.url, name, {**entry, "retirements": [[id_, ended] for id_, _ in entry["retirements"]]})

    def set_facts(self, **facts: Any) -> None:
        """Let *facts* be known of the API, as if they had been measured."""
        entries = {name: {"value": value, "at": "2026-01-01T00:00:00Z", "how": "set"} for name, value in facts.items()}
        CapabilityFile(self.state()).write(self.url, ApiFacts(entries))


@contextmanager
def open_sandbox(
    folder: Path, *switches: str, now: Callable[[], dt.datetime] | None = None, behaviour: Behaviour | None = None
) -> Iterator[ManagedSandbox]:
    """Run a sandbox with these switches of its behaviour."""
    store, faults = SandboxStore(now=now), Faults()
    token = first_token(store)
    assert token is not None
    with running(store=store, faults=faults, behaviour=behaviour or Behaviour.parse(switches)) as (url, _):
        yield ManagedSandbox(url, store, faults, token, folder)
    store.close()


@pytest.fixture
def new_database() -> Callable[[], str] | None:
    """Return what creates a database for each state; None for states in folders."""
    return None


@pytest.fixture
def sandbox(
    request: pytest.FixtureRequest, tmp_path: Path, new_database: Callable[[], str] | None
) -> Iterator[ManagedSandbox]:
    """Run a sandbox; the mark ``behaviour`` says how it responds."""
    mark = request.node.get_closest_marker("behaviour")
    with open_sandbox(tmp_path, behaviour=Behaviour(**mark.kwargs) if mark else None) as opened:
        opened.new_database = new_database
        yield opened


def write_program(folder: Path, name: str = "put.sh") -> Path:
    """Write a program that keeps the token it is given, and return its path."""
    file = folder / name
    file.write_text(f"#!/bin/sh\ncat > {file}.out\n")
    file.chmod(0o700)
    return file
