"""``locoia-pat eject ACTION``: its spec, to be changed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from locoia_pat.authoring import scaffold
from locoia_pat.cli.new import tell
from locoia_pat.cli.options import action_argument, located, specs_option

if TYPE_CHECKING:
    from locoia_pat.spec.load import SpecFolder


@click.command("eject")
@action_argument
@click.option(
    "--out", metavar="DIR", type=click.Path(path_type=Path), help="The folder; by default the connector's name."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@specs_option
def command(action: str, specs: SpecFolder, out: Path | None, *, as_json: bool) -> None:
    """Copy the spec of ACTION, those it names and its connector.yaml into a folder of your own.

    What you change there runs with --specs DIR.
    """
    name, source = located(action, specs)
    folder = out or Path(source.connector.connector)
    tell(scaffold.write(scaffold.ejected(source, name), folder), folder, as_json=as_json)
