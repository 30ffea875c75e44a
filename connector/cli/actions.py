"""``locoia-pat actions``: what there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from locoia_pat.cli import output
from locoia_pat.cli.options import json_option, shelf, specs_option
from locoia_pat.spec import yaml as document

if TYPE_CHECKING:
    from locoia_pat.authoring.packs.registry import PackSpecs
    from locoia_pat.spec.load import SpecFolder


@click.command("actions")
@json_option
@specs_option
def command(specs: SpecFolder, *, as_json: bool) -> None:
    """List the actions there are, and what each does to the API's data.

    Effects: read changes nothing, create makes a row, rotate replaces a token, update and delete change a row.
    Actions of installed packs are called PACK.ACTION.
    """
    found = [_head(specs, name) for name in specs.names]
    found += [head for pack in shelf() for head in _heads(pack)] if specs.is_own else []
    if as_json:
        output.print_json({"actions": found})
    else:
        output.print_table(("action", "effect", "summary"), [list(head.values()) for head in found])


def _head(specs: SpecFolder, name: str) -> dict[str, Any]:
    """The head of a spec as it stands; whether the whole is right is not asked here."""
    value = document.read(*specs.text(f"{name}.yaml")).value
    head = value if isinstance(value, dict) else {}
    return {
        "action": f"{specs.pack}.{name}" if specs.pack else name,
        "effect": head.get("effect"),
        "summary": head.get("summary"),
    }


def _heads(pack: PackSpecs) -> list[dict[str, Any]]:
    """The heads of all actions of an installed pack, as its manifest tells them."""
    return [
        {"action": f"{pack.pack}.{name}", "effect": action.effect, "summary": action.summary}
        for name, action in pack.manifest.actions.items()
    ]
