"""``locoia-pat demo``: the main job from beginning to end, on a sandbox of its own."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from locoia_pat.cli.exits import BUG
from locoia_pat.connector import Connector
from locoia_pat.engine.auth import ConnectorAuth
from locoia_pat.extras import import_extra
from locoia_pat.outcomes import Outcome
from locoia_pat.stores import read_ref

if TYPE_CHECKING:
    from locoia_pat.outcomes import Result
    from locoia_pat.secrets.secret import Secret


@click.command("demo")
def command() -> int:
    """Create, list and regenerate a token on a sandbox of its own.

    It starts and ends the sandbox itself, and neither reads nor changes anything of yours.
    """
    server = import_extra("locoia_pat.actions.sandbox.server", "sandbox")
    with tempfile.TemporaryDirectory(prefix="locoia-pat-demo-") as folder, server.running() as (url, store):
        click.echo(f"A sandbox of Locoia's token API runs at {url}.")
        first: Secret = server.first_token(store)
        ref = f"file:{Path(folder, 'ci.json')}"
        with Connector(ConnectorAuth(first), base_url=url) as connector:
            worked = _demonstrate(connector, url, ref)
    ended = "It worked: created, listed, regenerated." if worked else "It did not work as it should."
    click.echo(f"\n{ended} The sandbox and its tokens are gone.")
    return 0 if worked else BUG


def _demonstrate(connector: Connector, url: str, ref: str) -> bool:
    inputs = {"expiration": 30, "scopes": ["automation:view"], "note": "CI"}
    created = _step("create_pat", connector.run("create_pat", inputs, token_to=[ref]))
    old = read_ref(ref)
    _tell(f"The token went to {created.token_refs[0]}; the answer above does not hold it.")

    listed = _step("list_pats", connector.run("list_pats"))
    rows = (listed.data or {})["tokens"]
    _tell(f"{len(rows)} tokens: the sandbox's first one, and ours.")

    token_id = (created.data or {})["id"]
    _step(
        "regenerate_pat",
        connector.run("regenerate_pat", {"token_id": token_id, "expiration": 90}, token_to=[ref]),
    )
    outcomes = []
    for name, token in (("old", old), ("new", read_ref(ref))):
        with Connector(ConnectorAuth(token), base_url=url) as other:
            outcomes.append(other.run("list_pats").outcome)
        _tell(f"The {name} token is {'accepted' if outcomes[-1] is Outcome.DONE else 'refused'}.")
    return outcomes == [Outcome.REFUSED, Outcome.DONE]


def _step(name: str, result: Result) -> Result:
    click.echo(f"\n{click.style(name, bold=True)}: {result.outcome.value}")
    for key, value in (result.raise_for_outcome().data or {}).items():
        if not isinstance(value, list) or key == "scopes":
            click.echo(f"  {key}: {value}")
    return result


def _tell(line: str) -> None:
    click.echo(f"  {line}")
