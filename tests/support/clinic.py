"""A sandbox, a credential and a state folder, for tests of doctor."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections import Counter
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
"""Two are enough for everything but the scopes themselves."""


class WatchedStore(SandboxStore):
    """A store that records what is done to its tokens, and the tokens that it mints."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.calls: list[tuple[str, str]] = []
        """``create`` or ``regenerate``, and the id of the row."""
        self.minted: list[Secret] = []
        self.hooks: dict[tuple[str, int], Callable[[], object]] = {}
        """Called once a call was done so many times, before its response is sent."""

    def create(self, **values: Any) -> Any:
        row, token = super().create(**values)
        self._record("create", row.id, token)
        return row, token

    def regenerate(self, *args: Any, **options: Any) -> Any:
        regenerated = super().regenerate(*args, **options)
        if regenerated is not None:
            self._record("regenerate", regenerated[0].id, regenerated[1])
        return regenerated

    def _record(self, call: str, row_id: str, token: Secret) -> None:
        self.calls.append((call, row_id))
        self.minted.append(token)
        count = Counter(name for name, _ in self.calls)[call]
        self.hooks.pop((call, count), lambda: None)()

    @contextmanager
    def paused(self, call: str, count: int) -> Iterator[threading.Event]:
        """Hold back the response of a call, done so many times, until the block ends; the event says it was done."""
        done, released = threading.Event(), threading.Event()

        def pause() -> None:
            done.set()
            released.wait(60)

        self.hooks[call, count] = pause
        try:
            yield done
        finally:
            released.set()


@dataclass
class Clinic:
    """A sandbox whose data is in a file, a credential, and a folder for the state."""

    url: str
    store: WatchedStore
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
            measurement.describe_plan(finish=True)
            return measurement.finish()

    def saved(self) -> Any:
        """The saved facts and runs of the API."""
        return json.loads(self.file.read_text())["apis"][self.url]

    def edit(self, change: Callable[[Any], object]) -> None:
        """Let *change* edit the saved facts and runs of the API."""
        content = json.loads(self.file.read_text())
        change(content["apis"][self.url])
        self.file.write_text(json.dumps(content))

    def rows(self) -> list[Any]:
        """The rows that doctor created."""
        return [row for row in self.store.owned_by(OWNER) if "~lpd1/" in row.note]

    def hashes(self) -> dict[str, bytes]:
        """The hash of the secret of each throwaway row by id; it is another one after the row was revoked."""
        with closing(sqlite3.connect(self.folder / "sandbox.sqlite3")) as database:
            rows = database.execute("SELECT id, hash FROM tokens WHERE note LIKE '%~lpd1/%'").fetchall()
        return dict(rows)

    def expire(self) -> None:
        """Date the last measurement back, so that its rows count as expired."""

        def date_back(saved: Any) -> None:
            for run in saved["runs"]:
                run["due"] = "2000-01-01T00:00:00Z"

        self.edit(date_back)


@contextmanager
def opened(folder: Path, behaviour: Behaviour | None = None, now: Callable[[], Any] | None = None) -> Iterator[Clinic]:
    """Open a clinic whose user has other rows besides that of the credential."""
    store, faults = WatchedStore(folder / "sandbox.sqlite3", now=now), Faults()
    token = first_token(store)
    assert token is not None
    for number in range(4):
        store.create(owner=OWNER, days=30, scopes=["embed"], note=f"the user's own, {number}")
    store.minted.clear()
    store.calls.clear()
    with running(store=store, faults=faults, behaviour=behaviour) as (url, _):
        yield Clinic(url, store, faults, token, folder)


def values(result: Result) -> dict[str, Any]:
    """The facts of a result, by name."""
    assert result.data is not None
    return {name: fact["value"] for name, fact in result.data["facts"].items()}
