"""``reconcile``: finish interrupted work on managed names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from locoia_pat import limits
from locoia_pat.actions.managed import reconcile, take_over
from locoia_pat.cli import output, render
from locoia_pat.cli.options import (
    Number,
    auth_option,
    resolve_auth,
    specs_option,
    token_to_option,
    wait_option,
    yes_option,
)
from locoia_pat.connector import WAIT, Connector
from locoia_pat.outcomes import invalid

if TYPE_CHECKING:
    from locoia_pat.spec.load import SpecFolder


@click.command("reconcile")
@click.option("--plan", is_flag=True, help="Show what would be done; send only reads.")
@click.option("--take-over", "name", metavar="NAME", help="Manage this name from now on, using what its rows say.")
@token_to_option
@click.option("--expiration", type=Number(limits.DAYS), default=30, show_default=True, metavar="DAYS",
              help="With --take-over, lifetime of the token.")  # fmt: skip
@auth_option
@wait_option(WAIT)
@yes_option
@specs_option
def reconcile_command(
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
    """Finish or revoke what interrupted runs left behind under the managed names of this state.

    Rows with a name of another state, or with one that this state has lost, are listed as foreign and not changed.
    --take-over manages such a name from now on; its foreign rows are revoked after an overlap of one day.
    """
    if (name is None) != (not token_to):
        hint = f"locoia-pat reconcile --take-over {name or 'NAME'} --token-to {next(iter(token_to), 'file:PATH')}"
        field = "take_over" if token_to else "token_to"
        raise invalid("--take-over and --token-to need each other", field=field, hint=hint)
    if plan and name is not None:
        raise invalid("--plan cannot be combined with --take-over", field="plan")
    with Connector(resolve_auth(auth, specs.connector).auth, specs=specs) as connector:
        work = f"take over {name}" if name else "finish interrupted work"
        render.confirm(f"This will {work} at {connector.base_url}", yes=yes or plan)
        if not plan:
            output.set_effect()
        if name is not None:
            return render.print_result(take_over(connector, name, token_to, expiration=expiration, wait=wait))
        return render.print_result(reconcile(connector, plan=plan, wait=wait))
