"""``locoia-pat show ACTION``: its inputs, outputs and form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from locoia_pat.cli import output
from locoia_pat.cli.options import action_argument, json_option, located, specs_option
from locoia_pat.request.allowed import allowed
from locoia_pat.spec.form import form
from locoia_pat.spec.model import SuperSpec

if TYPE_CHECKING:
    from locoia_pat.spec.load import SpecFolder
    from locoia_pat.spec.model import ActionSpec, Output


@click.command("show")
@action_argument
@json_option
@specs_option
def command(action: str, specs: SpecFolder, *, as_json: bool) -> None:
    """Show what ACTION takes and gives; --json adds its form as Locoia's UI Form Schema."""
    name, folder = located(action, specs)
    spec = folder.spec(name)
    full = f"{folder.pack}.{spec.action}" if folder.pack else spec.action
    request = getattr(spec, "request", None)
    if as_json:
        output.print_json(_shown(spec) | {"action": full})
        return
    click.echo(f"{click.style(full, bold=True)}  {spec.summary}")
    click.echo(f"effect: {spec.effect}    {f'{request.method} {request.path}' if request else 'a super action'}")
    if spec.docs:
        click.echo(f"docs: {spec.docs}")
    click.echo()
    if spec.inputs:
        rows = [(name, "yes" if field.required else "no", allowed(field)) for name, field in spec.inputs.items()]
        output.print_table(("input", "required", "takes"), rows)
        click.echo()
    output.print_table(("output", "type", "meaning"), [_row(name, out) for name, out in _outputs(spec).items()])


def _row(name: str, output_: Output) -> tuple[str, str, str]:
    kind = f"list of {output_.type}" if output_.multiple else output_.type
    meaning = output_.title or ""
    if output_.secret:
        meaning += " (shown once; goes to --token-to)"
    return name, f"{kind} or null" if output_.nullable else kind, meaning


def _outputs(spec: ActionSpec | SuperSpec) -> dict[str, Output]:
    return spec.output if isinstance(spec, SuperSpec) else spec.reply.output


def _shown(spec: ActionSpec | SuperSpec) -> dict[str, Any]:
    request = None if isinstance(spec, SuperSpec) else spec.request
    return {
        "action": spec.action,
        "title": spec.title,
        "summary": spec.summary,
        "docs": spec.docs,
        "effect": spec.effect,
        "method": request and request.method,
        "path": request and request.path,
        "inputs": {
            name: {"required": field.required, "nullable": field.nullable, "takes": allowed(field)}
            for name, field in spec.inputs.items()
        },
        "outputs": {
            name: output_.model_dump(include={"title", "type", "nullable", "multiple", "secret"})
            for name, output_ in _outputs(spec).items()
        },
        "rows": None if isinstance(spec, SuperSpec) else spec.reply.rows,
        "ui_form_schema": form(spec.inputs),
    }
