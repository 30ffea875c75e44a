"""``reconcile`` and ``history``: finish interrupted work on managed names, and show what was done to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from locoia_pat import limits
from locoia_pat.actions.managed import reconcile, take_over
from locoia_pat.cli import output, render
from locoia_pat.cli.options import (
    Number,
    auth_option,
    json_option,
    no_trunc_option,
    resolve_auth,
    specs_option,
    token_to_option,
    wait_option,
    yes_option,
)
from locoia_pat.connector import WAIT, Connector
from locoia_pat.engine.compiled_specs import ready_connector
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
    with Connector(resolve_auth(auth, ready_connector(specs)).auth, specs=specs) as connector:
        work = f"take over {name}" if name else "finish interrupted work"
        render.confirm(f"This will {work} at {connector.base_url}", yes=yes or plan)
        if not plan:
            output.set_effect()
        if name is not None:
            return render.print_result(take_over(connector, name, token_to, expiration=expiration, wait=wait))
        return render.print_result(reconcile(connector, plan=plan, wait=wait))


@click.command("history")
@click.argument("name", required=False, metavar="[NAME]")
@json_option
@no_trunc_option
def history_command(name: str | None, *, as_json: bool) -> None:
    """Show what was done to the managed NAME, or to all names of this state, and when: for a year.

    Each row has the action, the id of its operation, the id of the row in use since then, and its token stores. No
    token is shown or stored.
    """
    from locoia_pat.messages import describe_value, did_you_mean
    from locoia_pat.state.inspect import inspect_state
    from locoia_pat.state.journal import State

    report = inspect_state()
    known = {each for _, each, _ in report.names}
    entries = State().history() if known else []
    if name is not None:
        entries = [entry for entry in entries if entry["name"] == name]
        if not entries and name not in known:
            raise invalid(
                f"nothing is journalled of {describe_value(name)}{did_you_mean(name, known)}",
                field="name",
                hint=f"The state is {report.label}; if it is another one, set LOCOIA_PAT_STATE.",
            )
    keys = ("at", "name", "change", "action", "operation", "id", "stores", "api")
    rows = [{key: entry.get(key) for key in keys} for entry in entries]
    if as_json:
        render.print_json({"v": 1, "history": rows})
    else:
        render.print_table(keys[:-1], [list(row.values())[:-1] for row in rows])
