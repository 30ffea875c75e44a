"""``locoia-pat diff OLD NEW``: what changed between two versions of specs, and what version that asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from locoia_pat.authoring.diff.sources import refuse_unlike, side
from locoia_pat.authoring.diff.summary import compare
from locoia_pat.cli import output
from locoia_pat.cli.check import FOUND

if TYPE_CHECKING:
    from locoia_pat.authoring.diff.summary import Comparison


@click.command("diff")
@click.argument("old")
@click.argument("new")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 even where something breaks.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def command(old: str, new: str, *, exit_zero: bool, as_json: bool) -> int:
    """Say what changed from OLD to NEW, by classes, and propose the next version and a line for the changelog.

    OLD and NEW are spec files, folders of specs, archives of packs, or pack:NAME for an installed one.  A change is
    breaking where a flow that worked may not work any more, or where more is done than was agreed to.  Exit code: 0
    nothing breaks, 1 something does.
    """
    before, after = side(old), side(new)
    refuse_unlike(before, after)
    comparison = compare(before, after)
    if as_json:
        output.print_json(comparison.to_dict())
    else:
        _print(comparison)
    return FOUND if comparison.is_breaking and not exit_zero else 0


def _print(comparison: Comparison) -> None:
    if not comparison.changes:
        click.echo("no change")
        return
    rows = [(change.kind, change.bump, change.action, change.message) for change in comparison.changes]
    output.print_table(("change", "version", "action", "what"), rows)
    click.echo()
    if comparison.proposed is not None:
        said = "" if comparison.is_enough else f"; {comparison.new}, which NEW says, is too low"
        click.echo(f"version: {comparison.proposed} after {comparison.old} ({comparison.bump}){said}")
    else:
        click.echo(f"version: {comparison.bump}")
    click.echo(f"changelog: {comparison.changelog}")
