"""``locoia-pat recipe``: list recipes, and run one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from locoia_pat import limits
from locoia_pat.cli import output, render
from locoia_pat.cli.options import (
    Number,
    auth_option,
    implied_json_option,
    inputs_option,
    json_option,
    no_trunc_option,
    outcome_exit_zero_option,
    resolve_auth,
    specs_option,
    yes_option,
)
from locoia_pat.cli.other_exit_codes import INTERRUPTED
from locoia_pat.http.retry import DEFAULT_TIMEOUT
from locoia_pat.interrupts import SentInterrupt, must_finish, signals
from locoia_pat.outcomes import ConnectorError, Outcome, Problem, Result, invalid

if TYPE_CHECKING:
    from locoia_pat.spec.load import SpecFolder


@click.group("recipe")
def recipe_command() -> None:
    """Run recipes: flows that are often needed, each a few actions."""


@recipe_command.command("list")
@json_option
@no_trunc_option
@specs_option
def _list(specs: SpecFolder, *, as_json: bool) -> None:
    """List the recipes and their workflows."""
    from locoia_pat.authoring.recipe_runner import list_recipes

    listed = list_recipes(specs)
    if as_json:
        render.print_json({"recipes": [item._asdict() for item in listed]})
        return
    render.print_table(("recipe", "workflow", "purpose"), listed)


def _complete_recipe(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    from locoia_pat.authoring.recipes import names

    return [name for name in names(ctx.params["specs"]) if name.startswith(incomplete)]


@recipe_command.command("run")
@click.argument("recipe", metavar="NAME", shell_complete=_complete_recipe)
@click.argument("pairs", nargs=-1, metavar="[INPUT=VALUE]...")
@click.option("--workflow", metavar="ID", help="Workflow of the recipe, by default its first.")
@inputs_option
@auth_option
@click.option("--timeout", type=Number(limits.TIMEOUT), default=DEFAULT_TIMEOUT, show_default=True,
              metavar="SECONDS", help="Time limit of each step, for all attempts together.")  # fmt: skip
@implied_json_option
@outcome_exit_zero_option
@yes_option
@specs_option
def _run(recipe: str, **options: Any) -> int:
    """Run the recipe NAME with its inputs.

    The input "credential" is the credential of the command, unless you give another.  Always prints one JSON object:
    the steps, and the outputs.  Exit code: 0 done, 2 invalid, 3 refused, 4 not done, 5 unknown outcome; a run that
    failed after a step that changes something ends with 5.
    """
    try:
        try:
            result = _result(recipe, **options)
        finally:
            signals.hold_from_here()
    except ConnectorError as error:
        result = Result.from_error(recipe, error)
    except (KeyboardInterrupt, click.Abort) as interrupt:
        is_sent = isinstance(interrupt, SentInterrupt)
        hint = "A request may have succeeded. Check before you run it again." if is_sent else None
        problem = Problem("unknown" if is_sent else "unavailable", "interrupted", hint=hint)
        outcome = Outcome.UNKNOWN if is_sent else Outcome.NOT_DONE
        render.print_result(Result(recipe, outcome, problem=problem))
        return signals.exit_code or INTERRUPTED
    code = render.print_result(result)
    return signals.exit_code or code


def _result(
    name: str,
    *,
    pairs: tuple[str, ...],
    workflow: str | None,
    inputs_file: str | None,
    auth: str | None,
    timeout: float,
    yes: bool,
    specs: SpecFolder,
) -> Result:
    from locoia_pat.authoring.recipe_runner import Recipe
    from locoia_pat.cli.typed_inputs import parse_inputs
    from locoia_pat.connector import RecordingConnector

    recipe = Recipe(specs, name, workflow)
    if inputs_file == "-" and auth == "-":
        raise invalid("--inputs and --auth cannot both read standard input", field="auth")
    inputs = recipe.check(parse_inputs(pairs, inputs_file, recipe.inputs))
    if recipe.has_effect:
        output.set_effect()
    with RecordingConnector(resolve_auth(auth, specs.connector).auth, specs=specs, timeout=timeout) as connector:
        signals.wait_while = must_finish
        question = f"{recipe.title} at {urlsplit(connector.base_url).netloc}"
        render.confirm(question, yes=yes or not recipe.has_effect)
        return recipe.run(connector, inputs)
