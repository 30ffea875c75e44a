"""``actions``, ``show``, ``plan``, ``scopes``: look up actions, requests and scopes without sending anything."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from locoia_pat.actions import scopes as table
from locoia_pat.cli import render
from locoia_pat.cli.options import (
    action_argument,
    inputs_option,
    installed_packs,
    json_option,
    no_trunc_option,
    resolve_action,
    specs_option,
)

if TYPE_CHECKING:
    from locoia_pat.authoring.packs.installed_packs import PackSpecs
    from locoia_pat.engine.request_plan import Plan
    from locoia_pat.spec.load import SpecFolder
    from locoia_pat.spec.model import Input, Output


@click.command("actions")
@json_option
@no_trunc_option
@specs_option
def actions_command(specs: SpecFolder, *, as_json: bool) -> None:
    """List the available actions and their effect on the API's data.

    Effects: read changes nothing, create adds a row, rotate replaces a token, update and delete change or remove a
    row.  Actions of installed packs are named PACK.ACTION.
    """
    rows = [_summary(specs, name) for name in specs.names]
    rows += [row for pack in installed_packs() for row in _pack_summaries(pack)] if specs.is_own else []
    if as_json:
        render.print_json({"actions": rows})
    else:
        render.print_table(("action", "effect", "summary"), [list(row.values()) for row in rows])


def _summary(specs: SpecFolder, name: str) -> dict[str, Any]:
    """Return name, effect and summary of an action, without validating its spec."""
    from locoia_pat.engine.compiled_specs import loaded_spec

    action = f"{specs.pack}.{name}" if specs.pack else name
    if spec := loaded_spec(specs, name):
        return {"action": action, "effect": spec.effect, "summary": spec.summary}
    from locoia_pat.spec import yaml

    value = yaml.load(*specs.text(f"{name}.yaml")).value
    keys = value if isinstance(value, dict) else {}
    return {"action": action, "effect": keys.get("effect"), "summary": keys.get("summary")}


def _pack_summaries(pack: PackSpecs) -> list[dict[str, Any]]:
    """Return name, effect and summary of each action of an installed pack, from its manifest."""
    return [
        {"action": f"{pack.pack}.{name}", "effect": action.effect, "summary": action.summary}
        for name, action in pack.manifest.actions.items()
    ]


@click.command("show")
@action_argument
@json_option
@no_trunc_option
@specs_option
def show_command(action: str, specs: SpecFolder, *, as_json: bool) -> None:
    """Show the inputs and outputs of ACTION; --json adds its form as Locoia's UI Form Schema."""
    from locoia_pat.engine.compiled_specs import ready_spec
    from locoia_pat.spec.description import describe_action, outputs_of

    name, folder = resolve_action(action, specs)
    spec = folder.spec(name) if as_json else ready_spec(folder, name)
    full = f"{folder.pack}.{spec.action}" if folder.pack else spec.action
    request = getattr(spec, "request", None)
    if as_json:
        render.print_json(describe_action(spec) | {"action": full})
        return
    render.print_text(f"{full}  {spec.summary}", bold=full)
    click.echo(f"effect: {spec.effect}    {f'{request.method} {request.path}' if request else 'a super action'}")
    if poll := getattr(spec, "poll", None):
        click.echo(f"polled until it is done: every {poll.interval} s, up to {poll.max_polls} times")
    if spec.docs:
        click.echo(f"docs: {spec.docs}")
    click.echo()
    if spec.inputs:
        rows = [
            (name, "yes" if field.required else "no", field.default, _allowed(field))
            for name, field in spec.inputs.items()
        ]
        render.print_table(("input", "required", "default", "allowed"), rows)
        click.echo()
    render.print_table(
        ("output", "type", "meaning"), [_output_row(name, out) for name, out in outputs_of(spec).items()]
    )


def _allowed(field: Input) -> str:
    """Return the values that an input accepts, and what it means."""
    from locoia_pat.spec.input_types import describe_allowed

    return ". ".join(filter(None, [describe_allowed(field), field.info]))


_SECRETS = {"once": "shown only once; stored with --token-to", "stored": "a secret: masked, or stored with --token-to"}


def _output_row(name: str, output_: Output) -> tuple[str, str, str]:
    kind = f"list of {output_.type}" if output_.multiple else output_.type
    meaning = output_.title or ""
    if output_.secret:
        meaning += f" ({_SECRETS[output_.secret]})"
    return name, f"{kind} or null" if output_.nullable else kind, meaning


@click.command("plan")
@action_argument
@click.argument("pairs", nargs=-1, metavar="[NAME=VALUE]...")
@inputs_option
@click.option("--allow-unknown-scope", is_flag=True, help="Plan with scopes that this version does not know.")
@json_option
@no_trunc_option
@specs_option
def plan_command(
    action: str,
    specs: SpecFolder,
    *,
    pairs: tuple[str, ...],
    inputs_file: str | None,
    allow_unknown_scope: bool,
    as_json: bool,
) -> None:
    """Show the request that ACTION would send.

    Nothing is sent, and no credential or secret is read: secrets are shown as «secret».
    """
    from locoia_pat.cli.typed_inputs import parse_inputs
    from locoia_pat.connector import Connector
    from locoia_pat.engine.auth import ConnectorAuth
    from locoia_pat.engine.compiled_specs import ready_action
    from locoia_pat.secrets.secret import Secret

    name, folder = resolve_action(action, specs)
    fields = ready_action(folder, name).inputs
    inputs = parse_inputs(pairs, inputs_file, fields, read=lambda _, __: Secret("placeholder-of-a-secret"))
    any_option = ("scopes",) if allow_unknown_scope else ()
    plan = Connector(ConnectorAuth(Secret("none")), specs=folder, any_option=any_option).plan(name, inputs)
    if as_json:
        render.print_json(plan.to_dict())
    else:
        _print_plan(plan)


def _print_plan(plan: Plan) -> None:
    click.echo(click.style(f"{plan.method} {plan.url}", bold=True))
    for name, value in plan.headers.items():
        click.echo(f"{name}: {value}")
    if plan.body is not None:
        click.echo(f"\n{json.dumps(plan.body, ensure_ascii=False, indent=2)}")
    click.echo(f"\neffect: {plan.effect}")
    render.print_text(f"retry: {plan.retry}")
    click.echo()
    if plan.template_uses:
        render.print_table(
            ("field", "template", "inputs"),
            [(use.location, use.template, list(use.inputs)) for use in plan.template_uses],
        )
        click.echo()
    click.echo(plan.curl)


@click.command("scopes")
@click.argument("query", nargs=-1, metavar="[SCOPE | ENTITY OPERATION]")
@json_option
@no_trunc_option
def scopes_command(query: tuple[str, ...], *, as_json: bool) -> None:
    """Show what scopes allow.

    Without arguments, a table of all scopes; with a SCOPE such as automation:view, what a token with it can do; with
    an ENTITY and an OPERATION (Flows delete), the narrowest scope that allows it.
    """
    match query:
        case ():
            _print_scopes(_scope_rows(), as_json=as_json)
        case (scope,):
            sentence = table.sentence(scope)
            _print_answer({"scope": scope, "can": sentence}, sentence, as_json=as_json)
        case _:
            entity, operation = _entity_name(" ".join(query[:-1])), query[-1].lower()
            narrowest = table.narrowest(entity, operation)
            answer = " or ".join(narrowest) if narrowest else f"No scope allows to {operation} {entity}."
            _print_answer(
                {"entity": entity, "operation": operation, "narrowest": list(narrowest)}, answer, as_json=as_json
            )


def _entity_name(text: str) -> str:
    """Return the entity as the API documentation writes it; an unknown one unchanged, to be rejected later."""
    names = {entity.lower(): entity for entity in table.ALL_ENTITIES}
    return names.get(text.lower(), text)


def _scope_rows() -> list[dict[str, Any]]:
    def entities(scope: str, operation: str) -> list[str]:
        return [entity for entity in table.ALL_ENTITIES if table.allows(scope, entity, operation)]

    return [
        {"scope": scope, **{operation: entities(scope, operation) for operation in table.ALL_OPERATIONS}}
        for scope in table.ALL
    ]


def _print_scopes(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        render.print_json({"scopes": rows})
        return
    lines = []
    for row in rows:
        changes = [name for name in ("create", "update", "delete", "trigger") if row[name]]
        only_read = [entity for entity in row["read"] if changes and entity not in row["create"]]
        operations = ["read"] * bool(row["read"]) + changes
        entities = [e for e in {**dict.fromkeys(row["read"]), **dict.fromkeys(row["trigger"])} if e not in only_read]
        on = "; read only: ".join(", ".join(names) for names in (entities, only_read) if names)
        lines.append((row["scope"], ", ".join(operations), on))
    render.print_table(("scope", "can", "on"), lines)


def _print_answer(value: dict[str, Any], text: str, *, as_json: bool) -> None:
    if as_json:
        render.print_json(value)
    else:
        render.print_text(text)
