"""Where bulk runs are tried."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from locoia_pat import Connector, ConnectorAuth, Outcome, Secret
from locoia_pat.actions.sandbox.faults import Fault
from locoia_pat.stores.file import FileStore

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from locoia_pat.actions.sandbox.faults import Faults
    from locoia_pat.actions.sandbox.sandbox_store import SandboxStore
    from locoia_pat.bulk import ItemResult

CREDENTIAL = Secret("fake-credential-0123456789abcdef")
TO = "file:out/{name}.json"
BUG = "a bug"


def wish(name: str, /, **more: Any) -> dict[str, Any]:
    """An item of create_pat, with a name for its place."""
    return {"name": name, "expiration": 30, "scopes": ["embed"], "note": f"Note {name}", **more}


def wishes(count: int) -> list[dict[str, Any]]:
    return [wish(f"n{number}") for number in range(1, count + 1)]


def outcomes(results: Iterable[ItemResult]) -> dict[int, str]:
    """The outcome of each item by its number; there is one for each."""
    told: dict[int, str] = {}
    for done in results:
        assert done.number not in told
        told[done.number] = done.result.outcome.value
    return dict(sorted(told.items()))


def all_done(count: int) -> dict[int, str]:
    return dict.fromkeys(range(1, count + 1), "done")


@contextmanager
def calling(url: str, **options: Any) -> Iterator[Connector]:
    with Connector(ConnectorAuth(CREDENTIAL), base_url=url, **options) as connector:
        yield connector


@dataclass
class Shop:
    """A sandbox with its first token, and a folder."""

    url: str
    store: SandboxStore
    faults: Faults
    token: Secret
    folder: Path

    @contextmanager
    def connector(self, **options: Any) -> Iterator[Connector]:
        with Connector(ConnectorAuth(self.token), base_url=self.url, **options) as connector:
            yield connector

    def run(self, items: Any, action: str = "create_pat", **options: Any) -> list[ItemResult]:
        """All results of a bulk run that is journalled under one name."""
        terms = {"token_to": TO if action == "create_pat" else None, "journal": "run", **options}
        with self.connector() as connector, connector.run_many(action, items, **terms) as bulk:
            return list(bulk)

    def fail(self, kind: Any, times: int = 1, **more: Any) -> None:
        self.faults.add(Fault(kind, method=more.pop("method", "POST"), times=times, **more))

    def holds(self, name: str) -> str:
        """The row of the token that stands at the place of that name, and works."""
        current = FileStore(f"out/{name}.json").record().current
        assert current is not None
        row = self.store.authenticate(current.token)
        assert row is not None
        assert row.id == current.id
        return row.id

    def rows(self) -> list[dict[str, Any]]:
        """The rows beside the first one."""
        with self.connector() as connector:
            listed = connector.run("list_pats")
        assert listed.outcome is Outcome.DONE
        return [row for row in (listed.data or {})["tokens"] if "first token" not in row["note"]]

    def live(self) -> set[str]:
        """Those of them that were not made useless: a revoke leaves a day."""
        return {row["id"] for row in self.rows() if row["expires_in_days"] != 1}

    def journals(self) -> int:
        folder = self.folder / "state" / "bulk"
        return len(list(folder.glob("*.sqlite3"))) if folder.exists() else 0
