"""``locoia-pat new NAME``: a folder of specs to begin with."""

from __future__ import annotations

from pathlib import Path

import click

from locoia_pat.authoring import scaffold
from locoia_pat.cli import output


@click.command("new")
@click.argument("name")
@click.option("--base-url", metavar="URL", help="The address of the API.")
@click.option(
    "--auth", type=click.Choice(list(scaffold.AUTHS)), default="bearer", show_default=True,
    help="How the API takes a credential.",
)  # fmt: skip
@click.option("--out", metavar="DIR", type=click.Path(path_type=Path), help="The folder; by default called NAME.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(name: str, base_url: str | None, auth: str, out: Path | None, *, as_json: bool) -> None:
    """Begin a connector: a folder that passes check and test, and lists and creates keys until you change it."""
    folder = out or Path(name)
    tell(scaffold.write(scaffold.connector(name, base_url, auth), folder), folder, as_json=as_json)


def tell(written: list[Path], folder: Path, *, as_json: bool) -> None:
    """Say what was written, and what comes next."""
    if as_json:
        output.print_json({"files": [str(file) for file in written]})
        return
    for file in written:
        click.echo(file)
    click.echo(f"\nNext: change them, then\n  locoia-pat check {folder}\n  locoia-pat test {folder}")
    click.echo(f"  locoia-pat sandbox --specs {folder}")
