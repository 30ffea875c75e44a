"""``locoia-pat token REF``: prints a stored token; one of the deliberate exits."""

from __future__ import annotations

import click

from locoia_pat.cli import output
from locoia_pat.stores import read_ref


@click.command("token")
@click.argument("ref")
def command(ref: str) -> None:
    """Print the token that stands at REF, for programs that take it on standard input.

    "locoia-pat exec" hands it over without printing it.
    """
    token = read_ref(ref, field="ref")
    output.mask(token)
    click.echo(token.reveal())
