"""``locoia-pat reconcile``: whatever a state left unfinished, finished or made useless."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from locoia_pat.actions.managed import reconcile, take_over
from locoia_pat.cli import output
from locoia_pat.cli.options import auth_of, specs_option
from locoia_pat.connector import WAIT, Connector
from locoia_pat.outcomes import InvalidError, Problem, invalid

if TYPE_CHECKING:
    from locoia_pat.spec.load import SpecFolder


@click.command("reconcile")
@click.option("--plan", is_flag=True, help="Tell what there is to do, and send nothing but reads.")
@click.option("--take-over", "name", metavar="NAME", help="Manage this name from now on, by what its rows tell.")
@click.option("--token-to", metavar="REF", multiple=True, help="Where the token of NAME is stored.")
@click.option("--expiration", type=click.IntRange(min=1), default=30, show_default=True, metavar="DAYS",
              help="How long the token of NAME lives.")  # fmt: skip
@click.option("--auth", metavar="REF", help="The credential: file:, text:, env-file:, keyring:, command:, env: or -.")
@click.option("--wait", type=click.FloatRange(min=0), default=WAIT, show_default=True, metavar="SECONDS",
              help="Time to wait for another process that works on the same name.")  # fmt: skip
@click.option("--yes", is_flag=True, help="Do not ask on a terminal.")
@specs_option
def command(
    specs: SpecFolder,
    *,
    plan: bool,
    name: str | None,
    token_to: tuple[str, ...],
    expiration: int,
    auth: str | None,
    wait: float,
    yes: bool,
) -> int:
    """Finish, or make useless, what this state left unfinished under its names.

    Rows that carry a name of another state, or one that this state has lost, are listed, and left alone: --take-over
    manages such a name from here, and makes those rows useless once the overlap of a day has passed.
    """
    if (name is None) != (not token_to):
        raise invalid("--take-over and --token-to belong together", field="take_over" if token_to else "token_to")
    if plan and name is not None:
        raise invalid("--plan takes nothing over", field="plan")
    with Connector(auth_of(auth, specs.connector).auth, specs=specs) as connector:
        if not plan and not yes and sys.stdin.isatty():
            _ask(f"take over {name}" if name else "finish what was left unfinished", connector.base_url)
        if name is not None:
            return output.print_result(take_over(connector, name, token_to, expiration=expiration, wait=wait))
        return output.print_result(reconcile(connector, plan=plan, wait=wait))


def _ask(what: str, host: str) -> None:
    if not click.confirm(f"This will {what} at {host}. Go on?", err=True):
        raise InvalidError(Problem("validation", "not confirmed; nothing was sent", hint="--yes does not ask."))
