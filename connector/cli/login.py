"""``locoia-pat login``: a credential, checked and put where later calls find it."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

import click

from locoia_pat.cli import logins, output
from locoia_pat.cli.options import specs_option
from locoia_pat.connector import Connector
from locoia_pat.engine.auth import ConnectorAuth
from locoia_pat.stores import Entry, open_sink, read_ref

if TYPE_CHECKING:
    from locoia_pat.spec.load import SpecFolder


@click.command("login")
@click.option("--to", metavar="REF", help="Where it goes instead of the system's keyring, for example file:PATH.")
@click.option("--with-token", is_flag=True, help="Read the token from standard input.")
@specs_option
def command(specs: SpecFolder, *, to: str | None, with_token: bool) -> None:
    """Store a credential for later calls, once the API has accepted it.

    For Locoia, a first token comes from the app: avatar > User > Personal Access Token.  It is asked for hidden, or
    read from standard input with --with-token; it is never an argument.
    """
    spec = specs.connector
    place = open_sink(to or f"keyring:locoia-pat/{spec.connector}", field="to")
    place.probe()
    ask = None if with_token or not sys.stdin.isatty() else partial(_ask, spec.auth.info)
    token = read_ref("-", stdin=ask, field="token")
    with Connector(ConnectorAuth(token), specs=specs) as connector:
        api = connector.base_url
        result = connector.run(spec.check) if spec.check else None
    if result is not None and (result.problem is None or result.problem.code != "forbidden"):
        result.raise_for_outcome()
    for warning in place.store(Entry(token), api=api):
        output.say(f"warning: {warning}")
    logins.remember(spec.connector, place.ref)
    if result is None or result.problem is not None:
        output.say(f"warning: {api} does not let this credential be checked")
    output.say(f"logged in at {api}; the credential is at {place.ref}")


def _ask(info: str | None) -> str:
    if info:
        output.say(info)
    return str(click.prompt("Token", hide_input=True, err=True))
