"""``login``, ``whoami``, ``logout``, ``exec``, ``token``: use stored credentials and tokens."""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from locoia_pat.cli import render
from locoia_pat.cli.options import (
    auth_option,
    json_option,
    no_trunc_option,
    remove_login,
    resolve_auth,
    save_login,
    specs_option,
    stored_login,
    yes_option,
)
from locoia_pat.engine.compiled_specs import ready_connector
from locoia_pat.outcomes import Outcome, invalid
from locoia_pat.stores import TokenEntry, open_store, read_token

if TYPE_CHECKING:
    from locoia_pat.outcomes import Result
    from locoia_pat.secrets.secret import Secret
    from locoia_pat.spec.load import SpecFolder
    from locoia_pat.stores import TokenStore


@click.command("login")
@click.option("--to", metavar="REF", help="Token store to use instead of the system's keyring, for example file:PATH.")
@click.option("--with-token", is_flag=True, help="Read the token from standard input.")
@yes_option
@specs_option
def login_command(specs: SpecFolder, *, to: str | None, with_token: bool, yes: bool) -> None:
    """Store a credential for later commands, once the API has accepted it.

    For Locoia, create the first token in the app: avatar > User > Personal Access Token.  The token is read from a
    hidden prompt, or from standard input with --with-token; never from an argument.  It asks before it replaces another
    credential.
    """
    from locoia_pat.connector import Connector
    from locoia_pat.engine.auth import ConnectorAuth

    spec = ready_connector(specs)
    store = open_store(to or f"keyring:locoia-pat/{spec.connector}", field="to")
    held = store.probe()
    ask = None if with_token or not sys.stdin.isatty() else partial(_ask, spec.auth.info)
    token = read_token("-", stdin=ask, field="token")
    with Connector(ConnectorAuth(token), specs=specs) as connector:
        api = connector.base_url
        result = connector.run(spec.check) if spec.check else None
    if result is not None and (result.problem is None or result.problem.code != "forbidden"):
        result.raise_for_outcome()
    _confirm_replacing(stored_login(spec.connector), store, None if held is None else held.token, token, yes=yes)
    for warning in store.store(TokenEntry(token), api=api):
        render.say(f"warning: {warning}")
    save_login(spec.connector, store.ref)
    if result is None or result.problem is not None:
        render.say(f"warning: the credential could not be checked at {api}")
    for doubt in _doubts(result):
        render.say(f"warning: {spec.check}: {doubt}")
    render.say(f"logged in at {api}; the credential is at {store.ref}")


def _doubts(result: Result | None) -> tuple[str, ...]:
    """Return why *result* may not prove that the credential was accepted: a list may seem empty to one that was not."""
    return result.warnings if result is not None and not result.is_whole else ()


def _confirm_replacing(last: str | None, store: TokenStore, held: Secret | None, token: Secret, *, yes: bool) -> None:
    """Say what becomes of the credential of the *last* login, and of the one *held* by *store*; ask on a terminal.

    Raises:
        InvalidError: the answer is no.

    """
    notes = []
    if held is not None and held != token:
        fate = "is kept as #previous" if store.readback == "record" else "is lost"
        notes.append(f"{_place(store.ref)} holds another token, which {fate}")
    if last not in (None, store.ref):
        notes.append(f"you are logged in with {_place(str(last))}; it is left as it is, and not used any longer")
    for note in notes:
        render.say(f"warning: {note}")
    render.confirm("The login is replaced", yes=yes or not notes, undone="stored")


def _place(ref: str) -> str:
    return ref.removesuffix("#current")


def _ask(info: str | None) -> str:
    if info:
        render.say(info)
    return str(click.prompt("Token", hide_input=True, err=True))


@click.command("whoami")
@auth_option
@json_option
@no_trunc_option
@specs_option
def whoami_command(specs: SpecFolder, *, auth: str | None, as_json: bool) -> int:
    """Show which credential is used and whether the API accepts it.

    The API has no endpoint for the owner of a token, so the check lists rows.  If the token was minted for a managed
    name in the state folder, that name is shown too, even if the token no longer works.
    """
    from locoia_pat.connector import Connector

    spec = ready_connector(specs)
    resolved = resolve_auth(auth, spec)
    with Connector(resolved.auth, specs=specs) as connector:
        report: dict[str, Any] = {"connector": spec.connector, "api": connector.base_url, "credential": resolved.source}
        result = connector.run(spec.check) if spec.check else None
        report["accepted"] = result.outcome is Outcome.DONE if result else None
        report["message"] = result.problem.message if result and result.problem else "; ".join(_doubts(result)) or None
        if result and result.outcome is not Outcome.INVALID:
            report["minted_for"] = _minted_for(connector.base_url, resolved.auth.credential(spec).token)
    if as_json:
        render.print_json(report)
    else:
        words = {True: "yes", False: "no"}
        rows = [(name, words.get(value, value)) for name, value in report.items() if value is not None]
        render.print_table(("field", "value"), rows)
        if result and result.problem and result.problem.hint:
            render.say(result.problem.hint)
    return result.exit_code if result else 0


def _minted_for(api: str, token: Secret) -> str | None:
    """Return the managed name of *token* from existing state, or None; create no state."""
    from locoia_pat.state.inspect import inspect_state
    from locoia_pat.state.journal import State

    return State().name_of_token(api, token) if inspect_state().names else None


@click.command("logout")
@specs_option
def logout_command(specs: SpecFolder) -> None:
    """Remove the stored credential.  The token itself stays valid until it expires or is regenerated."""
    name = ready_connector(specs).connector
    ref = stored_login(name)
    if ref is None:
        render.say("not logged in")
        return
    open_store(ref, field="auth").remove()
    remove_login(name)
    render.say(f"logged out; {_place(ref)} was removed. The token itself stays valid")


_NOT_FOUND = 127
_NOT_RUNNABLE = 126


@click.command("exec")
@click.argument("ref")
@click.option("--as", "name", metavar="NAME", help="Name of the variable; by default the one the connector reads.")
@click.argument("command", nargs=-1, required=True, metavar="-- COMMAND...")
@specs_option
def exec_command(ref: str, command: tuple[str, ...], specs: SpecFolder, *, name: str | None) -> int:
    """Run COMMAND with the token at REF in its environment.

    COMMAND replaces this process, so signals and the exit code are its own.  Write -- before it.
    """
    if ref == "-":
        raise invalid("standard input is passed to the command", field="ref", hint="Read the token from another store.")
    variable = name or ready_connector(specs).env.token
    if not variable.isidentifier():
        raise invalid("not a valid variable name", field="as", hint="For example --as API_TOKEN.")
    token = read_token(ref, field="ref")
    render.hide_in_ci_log(token)
    try:
        os.execvpe(command[0], command, {**os.environ, variable: token.reveal()})  # noqa: S606  # no shell is wanted
    except FileNotFoundError:
        code, reason = _NOT_FOUND, "command not found"
    except OSError as error:
        code, reason = _NOT_RUNNABLE, str(error.strerror)
    render.say(f"{command[0]}: {reason}")
    return code


@click.command("token")
@click.argument("ref")
def token_command(ref: str) -> None:
    """Print the token at REF, for programs that read it from standard input.

    "locoia-pat exec" passes it on without printing it.
    """
    token = read_token(ref, field="ref")
    render.hide_in_ci_log(token)
    click.echo(token.reveal())
