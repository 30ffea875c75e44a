"""``locoia-pat plan ACTION``: what would be sent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from locoia_pat.cli import output
from locoia_pat.cli.arguments import inputs_of
from locoia_pat.cli.options import action_argument, json_option, located, specs_option
from locoia_pat.connector import Connector
from locoia_pat.engine.auth import ConnectorAuth
from locoia_pat.secrets.secret import Secret

if TYPE_CHECKING:
    from locoia_pat.engine.request_plan import Plan
    from locoia_pat.spec.load import SpecFolder


@click.command("plan")
@action_argument
@click.argument("pairs", nargs=-1, metavar="[NAME=VALUE]...")
@click.option("--inputs", "inputs_file", metavar="FILE", help="Inputs as a JSON object; - is standard input.")
@click.option("--allow-unknown-scope", is_flag=True, help="Plan with scopes that this version does not know.")
@json_option
@specs_option
def command(
    action: str,
    specs: SpecFolder,
    *,
    pairs: tuple[str, ...],
    inputs_file: str | None,
    allow_unknown_scope: bool,
    as_json: bool,
) -> None:
    """Show what ACTION would send with its inputs: nothing is sent, and no credential or secret is read.

    Secrets stand as «secret».
    """
    name, folder = located(action, specs)
    fields = folder.action(name).inputs
    inputs = inputs_of(pairs, inputs_file, fields, read=lambda _, __: Secret("a-secret-in-its-place"))
    any_option = ("scopes",) if allow_unknown_scope else ()
    plan = Connector(ConnectorAuth(Secret("none")), specs=folder, any_option=any_option).plan(name, inputs)
    if as_json:
        output.print_json(plan.to_dict())
    else:
        _print(plan)


def _print(plan: Plan) -> None:
    click.echo(click.style(f"{plan.method} {plan.url}", bold=True))
    for name, value in plan.headers.items():
        click.echo(f"{name}: {value}")
    if plan.body is not None:
        click.echo(f"\n{json.dumps(plan.body, ensure_ascii=False, indent=2)}")
    click.echo(f"\neffect: {plan.effect}\nretry: {plan.retry}\n")
    if plan.fills:
        output.print_table(
            ("filled", "by", "from"), [(fill.place, fill.template, list(fill.inputs)) for fill in plan.fills]
        )
        click.echo()
    click.echo(plan.curl)
