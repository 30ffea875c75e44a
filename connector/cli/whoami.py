"""``locoia-pat whoami``: which credential is used, and whether the API accepts it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from locoia_pat.cli import output
from locoia_pat.cli.options import auth_of, json_option, specs_option
from locoia_pat.connector import Connector
from locoia_pat.outcomes import Outcome

if TYPE_CHECKING:
    from locoia_pat.secrets.secret import Secret
    from locoia_pat.spec.load import SpecFolder


@click.command("whoami")
@click.option("--auth", metavar="REF", help="The credential: file:, text:, env-file:, keyring:, command:, env: or -.")
@json_option
@specs_option
def command(specs: SpecFolder, *, auth: str | None, as_json: bool) -> int:
    """Say which credential is used, and whether the API accepts it.

    The API has no address that tells whose token it is, so the check is a list.  Where it was minted for a managed
    name of the state folder here, that name is told, whether it still works or not.
    """
    spec = specs.connector
    found = auth_of(auth, spec)
    with Connector(found.auth, specs=specs) as connector:
        told: dict[str, Any] = {"connector": spec.connector, "api": connector.base_url, "credential": found.source}
        result = connector.run(spec.check) if spec.check else None
        told["accepted"] = result.outcome is Outcome.DONE if result else None
        told["message"] = result.problem.message if result and result.problem else None
        if result and result.outcome is not Outcome.INVALID:
            told["minted_for"] = _minted_for(connector.base_url, found.auth.credential(spec).token)
    if as_json:
        output.print_json(told)
    else:
        output.print_table(("what", "value"), list(told.items()))
    return result.exit_code if result else 0


def _minted_for(api: str, token: Secret) -> str | None:
    """The managed name of *token*, if the state that there is knows it; none is made."""
    from locoia_pat.state.inspect import inspect_state  # noqa: PLC0415
    from locoia_pat.state.journal import State  # noqa: PLC0415  # SQLite, for this alone

    return State().name_of_token(api, token) if inspect_state().names else None
