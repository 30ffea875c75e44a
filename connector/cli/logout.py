"""``locoia-pat logout``: takes away what ``login`` stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from locoia_pat.cli import logins, output
from locoia_pat.cli.options import specs_option
from locoia_pat.stores import open_sink

if TYPE_CHECKING:
    from locoia_pat.spec.load import SpecFolder


@click.command("logout")
@specs_option
def command(specs: SpecFolder) -> None:
    """Take away the stored credential.  The token itself stays valid until it expires or is regenerated."""
    name = specs.connector.connector
    ref = logins.place_of(name)
    if ref is None:
        output.say("not logged in")
        return
    open_sink(ref, field="auth").remove()
    logins.forget(name)
    output.say(f"logged out; {ref.removesuffix('#current')} is gone, and the token itself stays valid")
