"""A sandbox with many users, and the files that a fleet needs."""

from __future__ import annotations

import json
import os
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat import Connector, ConnectorAuth, Secret
from locoia_pat.actions.fleet.apply import Summary, apply
from locoia_pat.actions.fleet.fleet_file import parse_fleet
from locoia_pat.actions.fleet.fleet_plan import FleetPlan, TokenPlan
from locoia_pat.actions.sandbox.behaviour import Behaviour
from locoia_pat.actions.sandbox.faults import Fault, Faults
from locoia_pat.actions.sandbox.sandbox_store import SandboxStore
from locoia_pat.actions.sandbox.server import running
from locoia_pat.state.journal import State
from locoia_pat.stores import read_token
from tests.support.command import call

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from locoia_pat import Result

__all__ = ["call"]

SCOPES = ["automation", "company", "connector_auth", "connectors", "dashboard", "embed"]


class CountedFaults(Faults):
    """Faults that count the requests, by method and path."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: Counter[str] = Counter()

    def take(self, method: str, path: str) -> Fault | None:
        """Count the request, and return its fault."""
        self.requests[f"{method} {path}"] += 1
        return super().take(method, path)


@dataclass
class Yard:
    """A sandbox, and a folder for tokens, credentials and state."""

    url: str
    store: SandboxStore
    faults: CountedFaults
    folder: Path
    owners: list[str] = field(default_factory=list)

    def owner(self, name: str) -> str:
        """Create a user with a credential; return its reference."""
        _, secret = self.store.create(owner=name, days=365, scopes=SCOPES, note=f"rotator {name}")
        file = self.folder / f"{name}.rotator"
        file.write_text(secret.reveal())
        self.owners.append(name)
        return f"file:{file}"

    def fleet(self, *tokens: dict[str, Any], **defaults: Any) -> str:
        """Write a fleet file; a token needs at least a name."""
        rows = [{"scopes": ["embed"], "note": "CI", "to": [self.to(token["name"])], **token} for token in tokens]
        file = self.folder / "fleet.yaml"
        defaults = {"overlap": 0, "auth": f"file:{self.folder}/default.rotator", **defaults}
        file.write_text(json.dumps({"fleet": 1, "defaults": defaults, "tokens": rows}))
        return str(file)

    def to(self, name: str) -> str:
        return f"file:{self.folder}/{name}.json"

    @contextmanager
    def plan(self, file: str, only: Sequence[str] = ()) -> Iterator[FleetPlan]:
        with open(file, encoding="utf-8") as text:  # noqa: PTH123  # a string, as in the command
            fleet = parse_fleet(text.read(), file)
        with (
            Connector(ConnectorAuth.from_env(), base_url=self.url) as default,
            FleetPlan(fleet, State(self.folder / "state"), default, only=only) as plan,
        ):
            yield plan

    def apply(
        self, file: str, *, only: Sequence[str] = (), max_failures: int | None = None
    ) -> tuple[Summary, dict[str, Result]]:
        summary, results = Summary(), {}
        with self.plan(file, only) as plan:
            for name, result in apply(plan, max_failures=max_failures, settle=0.0):
                summary.add(result)
                results[name] = result
        return summary, results

    def plans(self, file: str) -> dict[str, TokenPlan]:
        with self.plan(file) as plan:
            return {token.name: token for token in plan.token_plans()}

    def works(self, name: str) -> bool:
        return self.store.authenticate(read_token(self.to(name))) is not None

    def accepts(self, token: Secret) -> bool:
        return self.store.authenticate(token) is not None


@pytest.fixture
def yard(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Yard]:
    """Run a sandbox; the mark ``behaviour`` says how it responds."""
    store, faults = SandboxStore(), CountedFaults()
    mark = request.node.get_closest_marker("behaviour")
    behaviour = Behaviour(**mark.kwargs) if mark else None
    with running(store=store, faults=faults, behaviour=behaviour) as (url, _):
        yard = Yard(url, store, faults, tmp_path)
        yard.owner("default")
        os.environ["LOCOIA_BASE_URL"] = url
        os.environ["LOCOIA_PAT_STATE"] = str(tmp_path / "state")
        yield yard
    store.close()
