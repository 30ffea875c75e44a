"""``locoia-pat scopes``: what each scope allows, and which one is enough."""

from __future__ import annotations

from typing import Any

import click

from locoia_pat.actions import scopes as table
from locoia_pat.cli import output
from locoia_pat.cli.options import json_option


@click.command("scopes")
@click.argument("asked", nargs=-1, metavar="[SCOPE | ENTITY OPERATION]")
@json_option
def command(asked: tuple[str, ...], *, as_json: bool) -> None:
    """Say what scopes allow.

    Without arguments a table of all; with a SCOPE such as automation:view what a token with it can do; with an ENTITY
    and an OPERATION (Flows delete) the narrowest scope that allows it.
    """
    match asked:
        case ():
            _show(_all(), as_json=as_json)
        case (scope,):
            said = table.sentence(scope)
            _say({"scope": scope, "can": said}, said, as_json=as_json)
        case _:
            entity, operation = _entity(" ".join(asked[:-1])), asked[-1].lower()
            enough = table.narrowest(entity, operation)
            said = " or ".join(enough) if enough else f"No scope allows to {operation} {entity}."
            _say({"entity": entity, "operation": operation, "narrowest": list(enough)}, said, as_json=as_json)


def _entity(text: str) -> str:
    """The entity as the API page writes it."""
    known = {entity.lower(): entity for entity in table.ALL_ENTITIES}
    if text.lower() not in known:
        return text  # refused with all that there are
    return known[text.lower()]


def _all() -> list[dict[str, Any]]:
    found = []
    for scope in table.ALL:
        able: dict[str, list[str]] = {operation: [] for operation in table.ALL_OPERATIONS}
        for entity in table.ALL_ENTITIES:
            for operation in table.ALL_OPERATIONS:
                if table.allows(scope, entity, operation):
                    able[operation].append(entity)
        found.append({"scope": scope, **able})
    return found


def _show(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        output.print_json({"scopes": rows})
        return
    lines = []
    for row in rows:
        changes = [name for name in ("create", "update", "delete", "trigger") if row[name]]
        only_read = [entity for entity in row["read"] if changes and entity not in row["create"]]
        able = ["read"] * bool(row["read"]) + changes
        entities = [e for e in {**dict.fromkeys(row["read"]), **dict.fromkeys(row["trigger"])} if e not in only_read]
        lines.append((row["scope"], ", ".join(able), ", ".join(entities), ", ".join(only_read) or "-"))
    output.print_table(("scope", "can", "on", "read only"), lines)


def _say(value: dict[str, Any], said: str, *, as_json: bool) -> None:
    if as_json:
        output.print_json(value)
    else:
        click.echo(said)
