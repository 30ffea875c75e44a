"""``locoia-pat whoami``: which credential is used, and whether the API accepts it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..connector import Connector
from . import output
from .options import auth_of, json_option, specs_option

if TYPE_CHECKING:
    from ..folder import SpecFolder


@click.command("whoami")
@click.option("--auth", metavar="REF", help="The credential: file:PATH, keyring:SERVICE/NAME, env:NAME or -.")
@json_option
@specs_option
def command(specs: SpecFolder, *, auth: str | None, as_json: bool) -> int:
    """Say which credential is used, and whether the API accepts it.

    The API has no address that tells whose token it is, so the check is a list.
    """
    spec = specs.connector
    found = auth_of(auth, spec)
    with Connector(found.auth, specs=specs) as connector:
        told: dict[str, Any] = {"connector": spec.connector, "api": connector.base_url, "credential": found.source}
        if spec.check is None:
            told["accepted"] = None
        else:
            result = connector.run(spec.check)
            told["accepted"] = result.outcome.value == "done"
            told["message"] = result.problem.message if result.problem else None
    if as_json:
        output.print_json(told)
    else:
        output.print_table(("what", "value"), list(told.items()))
    return result.exit_code if spec.check else 0
