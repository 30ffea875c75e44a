"""``locoia-pat reconcile``: whatever a state left unfinished, finished or made useless."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..actions.reconcile import reconcile
from ..connector import WAIT, Connector
from . import output
from .options import auth_of, specs_option

if TYPE_CHECKING:
    from ..folder import SpecFolder


@click.command("reconcile")
@click.option("--plan", is_flag=True, help="Tell what there is to do, and send nothing but reads.")
@click.option("--auth", metavar="REF", help="The credential: file:PATH, keyring:SERVICE/NAME, env:NAME or -.")
@click.option("--wait", type=click.FloatRange(min=0), default=WAIT, show_default=True, metavar="SECONDS",
              help="Time to wait for another process that works on the same name.")  # fmt: skip
@specs_option
def command(specs: SpecFolder, *, plan: bool, auth: str | None, wait: float) -> int:
    """Finish, or make useless, what this state left unfinished under its names.

    Rows that carry a name of another state are listed, and left alone.
    """
    with Connector(auth_of(auth, specs.connector).auth, specs=specs) as connector:
        return output.print_result(reconcile(connector, plan=plan, wait=wait))
