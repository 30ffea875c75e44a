"""``login``, ``whoami``, ``logout``, ``exec``, ``token``: the stored credential and stored tokens."""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from locoia_pat.cli import render
from locoia_pat.cli.options import json_option, remove_login, resolve_auth, save_login, specs_option, stored_login
from locoia_pat.outcomes import Outcome, invalid
from locoia_pat.stores import TokenEntry, open_store, read_token

if TYPE_CHECKING:
    from locoia_pat.secrets.secret import Secret
    from locoia_pat.spec.load import SpecFolder


@click.command("login")
@click.option("--to", metavar="REF", help="Where it goes instead of the system's keyring, for example file:PATH.")
@click.option("--with-token", is_flag=True, help="Read the token from standard input.")
@specs_option
def login_command(specs: SpecFolder, *, to: str | None, with_token: bool) -> None:
    """Store a credential for later calls, once the API has accepted it.

    For Locoia, a first token comes from the app: avatar > User > Personal Access Token.  It is asked for hidden, or
    read from standard input with --with-token; it is never an argument.
    """
    from locoia_pat.connector import Connector
    from locoia_pat.engine.auth import ConnectorAuth

    spec = specs.connector
    place = open_store(to or f"keyring:locoia-pat/{spec.connector}", field="to")
    place.probe()
    ask = None if with_token or not sys.stdin.isatty() else partial(_ask, spec.auth.info)
    token = read_token("-", stdin=ask, field="token")
    with Connector(ConnectorAuth(token), specs=specs) as connector:
        api = connector.base_url
        result = connector.run(spec.check) if spec.check else None
    if result is not None and (result.problem is None or result.problem.code != "forbidden"):
        result.raise_for_outcome()
    for warning in place.store(TokenEntry(token), api=api):
        render.say(f"warning: {warning}")
    save_login(spec.connector, place.ref)
    if result is None or result.problem is not None:
        render.say(f"warning: {api} does not let this credential be checked")
    render.say(f"logged in at {api}; the credential is at {place.ref}")


def _ask(info: str | None) -> str:
    if info:
        render.say(info)
    return str(click.prompt("Token", hide_input=True, err=True))


@click.command("whoami")
@click.option("--auth", metavar="REF", help="The credential: file:, text:, env-file:, keyring:, command:, env: or -.")
@json_option
@specs_option
def whoami_command(specs: SpecFolder, *, auth: str | None, as_json: bool) -> int:
    """Say which credential is used, and whether the API accepts it.

    The API has no address that tells whose token it is, so the check is a list.  Where it was minted for a managed
    name of the state folder here, that name is told, whether it still works or not.
    """
    from locoia_pat.connector import Connector

    spec = specs.connector
    found = resolve_auth(auth, spec)
    with Connector(found.auth, specs=specs) as connector:
        told: dict[str, Any] = {"connector": spec.connector, "api": connector.base_url, "credential": found.source}
        result = connector.run(spec.check) if spec.check else None
        told["accepted"] = result.outcome is Outcome.DONE if result else None
        told["message"] = result.problem.message if result and result.problem else None
        if result and result.outcome is not Outcome.INVALID:
            told["minted_for"] = _minted_for(connector.base_url, found.auth.credential(spec).token)
    if as_json:
        render.print_json(told)
    else:
        render.print_table(("what", "value"), list(told.items()))
    return result.exit_code if result else 0


def _minted_for(api: str, token: Secret) -> str | None:
    """The managed name of *token*, if the state that there is knows it; none is made."""
    from locoia_pat.state.inspect import inspect_state
    from locoia_pat.state.journal import State

    return State().name_of_token(api, token) if inspect_state().names else None


@click.command("logout")
@specs_option
def logout_command(specs: SpecFolder) -> None:
    """Take away the stored credential.  The token itself stays valid until it expires or is regenerated."""
    name = specs.connector.connector
    ref = stored_login(name)
    if ref is None:
        render.say("not logged in")
        return
    open_store(ref, field="auth").remove()
    remove_login(name)
    render.say(f"logged out; {ref.removesuffix('#current')} is gone, and the token itself stays valid")


_NOT_FOUND = 127
_NOT_RUNNABLE = 126


@click.command("exec")
@click.argument("ref")
@click.option("--as", "name", metavar="NAME", help="The variable; by default the one the connector reads.")
@click.argument("words", nargs=-1, required=True, metavar="-- COMMAND...")
@specs_option
def exec_command(ref: str, words: tuple[str, ...], specs: SpecFolder, *, name: str | None) -> int:
    """Run COMMAND with the token at REF in its environment.

    COMMAND takes the place of this process, so signals and the exit code are its own.  Write -- before it.
    """
    if ref == "-":
        raise invalid("standard input belongs to the command", field="ref", hint="Name another place for the token.")
    variable = name or specs.connector.env.token
    if not variable.isidentifier():
        raise invalid("is no name of a variable", field="as")
    token = read_token(ref, field="ref")
    render.hide_in_ci_log(token)
    try:
        os.execvpe(words[0], words, {**os.environ, variable: token.reveal()})  # noqa: S606  # no shell is wanted
    except FileNotFoundError:
        code, why = _NOT_FOUND, "there is no such command"
    except OSError as error:
        code, why = _NOT_RUNNABLE, str(error.strerror)
    render.say(f"{words[0]}: {why}")
    return code


@click.command("token")
@click.argument("ref")
def token_command(ref: str) -> None:
    """Print the token that stands at REF, for programs that take it on standard input.

    "locoia-pat exec" hands it over without printing it.
    """
    token = read_token(ref, field="ref")
    render.hide_in_ci_log(token)
    click.echo(token.reveal())
