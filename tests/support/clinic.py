"""Where the tests of doctor work: a sandbox, a credential, and a state folder."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from locoia_pat import ConnectorAuth, Secret
from locoia_pat.actions.doctor.measure import Measurement
from locoia_pat.actions.sandbox.faults import Faults
from locoia_pat.actions.sandbox.sandbox_store import SandboxStore
from locoia_pat.actions.sandbox.server import OWNER, first_token, running
from locoia_pat.connector import RecordingConnector
from locoia_pat.state.journal import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from locoia_pat import Result
    from locoia_pat.actions.sandbox.behaviour import Behaviour

SCOPES = ("embed", "company")
"""Two are enough for what is no matter of scopes."""


class Watched(SandboxStore):
    """A store that keeps what is done to its tokens, and those it mints."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self.done: list[tuple[str, str]] = []
        self.minted: list[Secret] = []
        self.then: dict[int, Callable[[], None]] = {}
        """What happens once so many tokens were made."""

    def create(self, **given: Any) -> Any:
        row, token = super().create(**given)
        self.done.append(("create", row.id))
        self.minted.append(token)
        self.then.pop(sum(what == "create" for what, _ in self.done), lambda: None)()
        return row, token

    def regenerate(self, *given: Any, **more: Any) -> Any:
        made = super().regenerate(*given, **more)
        if made is not None:
            self.done.append(("regenerate", made[0].id))
            self.minted.append(made[1])
        return made


@dataclass
class Clinic:
    """A sandbox whose tokens stand in a file, a credential, and a folder for the state."""

    url: str
    store: Watched
    faults: Faults
    token: Secret
    folder: Path

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def file(self) -> Path:
        return self.state / "capabilities.json"

    @contextmanager
    def measurement(self, token: Secret | None = None, **options: Any) -> Iterator[Measurement]:
        options = {"scopes": SCOPES, "patience": 3, "settle": 0.05, "state": State(self.state), **options}
        with RecordingConnector(ConnectorAuth(token or self.token), base_url=self.url) as connector:
            yield Measurement(connector, **options)

    def measure(self, token: Secret | None = None, **options: Any) -> Result:
        with self.measurement(token, **options) as measurement:
            return measurement.measure()

    def finish(self, **options: Any) -> Result:
        with self.measurement(**options) as measurement:
            measurement.foretold(finish=True)
            return measurement.finish()

    def kept(self) -> Any:
        return json.loads(self.file.read_text())["apis"][self.url]

    def rows(self) -> list[Any]:
        """The rows that doctor made."""
        return [row for row in self.store.owned_by(OWNER) if "locoia-pat doctor" in row.note or "lpd1" in row.note]

    def hashes(self) -> dict[str, bytes]:
        """What the secret of each throw-away row hashes to: another one after it was made useless."""
        with closing(sqlite3.connect(self.folder / "sandbox.sqlite3")) as database:
            rows = database.execute("SELECT id, hash FROM tokens WHERE note LIKE '%lpd1%'").fetchall()
        return dict(rows)

    def age(self) -> None:
        """Let the rows of the last measurement be known as expired."""
        told = json.loads(self.file.read_text())
        for api in told["apis"].values():
            for run in api["runs"]:
                run["due"] = "2000-01-01T00:00:00Z"
        self.file.write_text(json.dumps(told))


@contextmanager
def opened(folder: Path, behaviour: Behaviour | None = None, now: Callable[[], Any] | None = None) -> Iterator[Clinic]:
    """A clinic with rows of the user beside that of the credential."""
    store, faults = Watched(folder / "sandbox.sqlite3", now=now), Faults()
    token = first_token(store)
    assert token is not None
    for number in range(4):
        store.create(owner=OWNER, days=30, scopes=["embed"], note=f"the user's own, {number}")
    store.minted.clear()
    store.done.clear()
    with running(store=store, faults=faults, behaviour=behaviour) as (url, _):
        yield Clinic(url, store, faults, token, folder)


def values(result: Result) -> dict[str, Any]:
    """The facts of a result, by name."""
    assert result.data is not None
    return {name: fact["value"] for name, fact in result.data["facts"].items()}
