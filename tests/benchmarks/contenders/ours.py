"""This package, as its users run it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from work import CREDENTIAL, INPUTS, URL, begin, each

from locoia_pat import Connector, ConnectorAuth, Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Items:
    """Items that are made when they are read, as those of a file, so that they take no memory."""

    def __init__(self, count: int, make: Callable[[int], dict[str, Any]]) -> None:
        self._count, self._make = count, make

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return map(self._make, range(self._count))


connector = Connector(ConnectorAuth(Secret(CREDENTIAL)), base_url=URL)


def create() -> None:
    """One token."""
    connector.run("create_pat", INPUTS).raise_for_outcome()


def read() -> None:
    """The tokens there are."""
    connector.run("list_pats").raise_for_outcome()


def reads(order: dict[str, Any]) -> None:
    """Many reads, several at a time."""
    for done in connector.run_many("list_pats", ({} for _ in range(order["times"])), concurrency=order["width"]):
        done.result.raise_for_outcome()


def stored(order: dict[str, Any], journal: Any = None) -> None:
    """Many tokens, each in a file of its own."""
    folder = Path(order["folder"], "out")
    folder.mkdir()
    items = Items(order["times"], lambda number: {**INPUTS, "note": f"n{number}"})
    place = f"file:{folder}/{{note}}.json"
    with connector.run_many("create_pat", items, token_to=place, concurrency=order["width"], journal=journal) as run:
        for done in run:
            done.result.raise_for_outcome()


def kept(order: dict[str, Any]) -> None:
    """The same, with a journal that a killed run resumes from."""
    stored(order, journal_in(order))


def lines(order: dict[str, Any]) -> None:
    """Many lines with a journal, of an action without a token."""
    auth = {"connector_id": "c", "auth_type": "basic_auth"}
    items = Items(order["times"], lambda number: {**auth, "name": f"n{number}"})
    options = {"concurrency": order["width"], "journal": journal_in(order)}
    with connector.run_many("create_connector_auth", items, **options) as run:
        for done in run:
            done.result.raise_for_outcome()


def journal_in(order: dict[str, Any]) -> Any:
    """A journal in the folder of the order."""
    from locoia_pat.bulk import JournalOptions  # noqa: PLC0415  # an action in a fresh process needs none of it
    from locoia_pat.state.journal import State  # noqa: PLC0415  # as above

    return JournalOptions("benchmark", state=State(Path(order["folder"], "state")))


def render(order: dict[str, Any]) -> None:
    """The body of one token, from its templates."""
    from locoia_pat.request.template.compiler import structure  # noqa: PLC0415  # as above

    body = structure({name: f"{{{{ {name} }}}}" for name in INPUTS}, INPUTS)
    for _ in range(order["times"]):
        body(INPUTS)


begin(create=each(create), read=each(read), reads=reads, stored=stored, kept=kept, lines=lines, render=render)
