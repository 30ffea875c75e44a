"""Options that several commands share, and how their values are resolved: credentials, specs, packs, logins."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from locoia_pat.cli import render
from locoia_pat.cli.other_exit_codes import EXIT_ZERO
from locoia_pat.files import user_folder, write_atomic
from locoia_pat.limits import WAIT as WAIT_LIMIT
from locoia_pat.outcomes import InvalidError, invalid
from locoia_pat.secrets.secret import EnvSecrets
from locoia_pat.spec.load import SpecFolder

if TYPE_CHECKING:
    from collections.abc import Callable

    from locoia_pat.authoring.packs.installed_packs import PackSpecs
    from locoia_pat.engine.auth import ConnectorAuth
    from locoia_pat.limits import Limit
    from locoia_pat.spec.model import ConnectorSpec

_Command = TypeVar("_Command", bound="Callable[..., Any]")

SPECS_VARIABLE = "LOCOIA_PAT_SPECS"
PACK = "pack:"
"""Prefix of an installed pack's name where a folder of specs is expected."""

auth_option = click.option(
    "--auth", metavar="REF",
    help="Credential to use: file:, text:, env-file:, keyring:, aws:, command:, action:, env: or - for standard input.",
)  # fmt: skip
"""``--auth REF``, for :func:`resolve_auth`."""

token_to_option = click.option(
    "--token-to", metavar="REF", multiple=True,
    help="Token store for a new token: file:, text:, env-file:, keyring:, aws:, command:, connector-auth: or action:; "
    "may repeat.",
)  # fmt: skip

inputs_option = click.option(
    "--inputs", "inputs_file", metavar="FILE", help="Read inputs from a JSON object; - is standard input."
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")

no_trunc_option = click.option(
    "--no-trunc", is_flag=True, expose_value=False, help="Do not cut the cells of a table to the terminal's width.",
    callback=lambda _, __, given: render.set_truncation(cut=not given),
)  # fmt: skip

implied_json_option = click.option("--json", is_flag=True, expose_value=False, hidden=True)
"""``--json`` for commands that always print JSON."""

format_option = click.option(
    "--format", "form", type=click.Choice(["text", "json", "github"]), default="text", show_default=True,
    help="Output format; github prints annotations for GitHub Actions.",
)  # fmt: skip

exit_zero_option = click.option("--exit-zero", is_flag=True, help="Exit with 0 even if there are findings.")

outcome_exit_zero_option = click.option(
    EXIT_ZERO, is_flag=True, expose_value=False, help="Exit with 0 for every outcome, which the output names."
)
"""Of ``run``; :mod:`.program` reads it, so that it holds for a wrong call too."""

yes_option = click.option("--yes", is_flag=True, help="Do not ask for confirmation.")

harmless_option = click.option(
    "--harmless", multiple=True, metavar="NAME",
    help="Accept random-looking strings under this name, they are not secrets; may repeat.",
)  # fmt: skip


if TYPE_CHECKING:
    _ParamType = click.ParamType[Any]
else:
    _ParamType = click.ParamType  # generic for type checkers only


class Number(_ParamType):
    """A number within a limit; Python's own spellings, such as inf and 1_000, are not numbers."""

    name = "number"

    def __init__(self, limit: Limit) -> None:
        self._limit = limit

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ARG002  # click's
        """Return the number in *value*; a default is a number already.

        Raises:
            InvalidError: it is not a number within the limit.

        """
        return self._limit.parse(str(param and param.name), value) if isinstance(value, str) else value


def out_option(by_default: str) -> Callable[[_Command], _Command]:
    """Return ``--out DIR``; *by_default* says which folder it is if it is not given."""
    return click.option(
        "--out", metavar="DIR", type=click.Path(path_type=Path), help=f"Folder to write to, by default {by_default}."
    )


def wait_option(default: float) -> Callable[[_Command], _Command]:
    """Return ``--wait SECONDS``, for commands that lock a managed name."""
    return click.option(
        "--wait", type=Number(WAIT_LIMIT), default=default, show_default=True, metavar="SECONDS",
        help="Time to wait for another process that works on the same name.",
    )  # fmt: skip


def specs_option(command: _Command) -> _Command:
    """Add ``--specs DIR``, which can also be given as an environment variable."""
    return click.option(
        "--specs",
        metavar="DIR",
        envvar=SPECS_VARIABLE,
        show_envvar=True,
        is_eager=True,  # completing the name of an action needs it
        callback=lambda _, __, folder: resolve_specs(folder),
        help="Folder of specs, or pack:NAME, to use instead of Locoia's.",
    )(command)


def action_argument(command: _Command) -> _Command:
    """Add the argument ``ACTION``: a name, completed by the shell, or the path of a spec file."""
    return click.argument("action", shell_complete=_complete_action)(command)


class ResolvedAuth(NamedTuple):
    """A credential and where it was found."""

    auth: ConnectorAuth
    source: str
    """A REF, the name of a variable, ``standard input`` or ``none``."""


def resolve_auth(ref: str | None, spec: ConnectorSpec) -> ResolvedAuth:
    """Find the credential of a command: *ref*, else the connector's variables, else the one ``login`` stored.

    A variable is removed from the environment when it is read.

    Raises:
        InvalidError: *ref* cannot be read.
    """
    from locoia_pat.engine.auth import ConnectorAuth

    if ref is not None:
        return ResolvedAuth(_auth_from_ref(ref), ref if ref != "-" else "standard input")
    names = (spec.env.token, f"{spec.env.token}_FILE")
    variables = {name: value for name in names if (value := os.environ.pop(name, ""))}  # empty counts as unset
    if not variables and (login := stored_login(spec.connector)) is not None:
        return ResolvedAuth(ConnectorAuth.from_ref(login), login)
    return ResolvedAuth(ConnectorAuth.from_env(variables), next(iter(variables), "none"))


def _auth_from_ref(ref: str) -> ConnectorAuth:
    from locoia_pat.engine.auth import ConnectorAuth
    from locoia_pat.stores import read_token

    if ref.startswith("env:"):
        name = ref.removeprefix("env:")
        variables = EnvSecrets({name: os.environ.pop(name)} if name in os.environ else {})
        return ConnectorAuth(read_token(ref, environ=variables))
    if ref == "-" and sys.stdin.isatty():
        return ConnectorAuth(read_token(ref, stdin=lambda: click.prompt("Token", hide_input=True, err=True)))
    return ConnectorAuth.from_ref(ref)


def resolve_specs(name: str | None) -> SpecFolder:
    """Return the specs in a folder, of an installed pack (``pack:NAME``), or Locoia's for None.

    Raises:
        InvalidError: the pack is not installed.
    """
    if name and name.startswith(PACK):
        return _pack_specs(name.removeprefix(PACK))
    return SpecFolder(name or None)


def _pack_specs(pack: str) -> PackSpecs:
    from locoia_pat.authoring.packs.installed_packs import Packs

    return Packs().specs(pack)


def installed_packs() -> list[PackSpecs]:
    """Return the specs of all installed packs that are intact."""
    from locoia_pat.authoring.packs.packs_folder import LOCK_FILE, packs_folder

    if not (packs_folder() / LOCK_FILE).exists():
        return []  # the usual case, without loading the registry
    from locoia_pat.authoring.packs.installed_packs import Packs

    packs = Packs()
    try:
        names = sorted(packs.lock().packs)
    except InvalidError:
        return []
    return [specs for name in names if (specs := packs.get_intact(name)) is not None]


def resolve_action(action: str, specs: SpecFolder) -> tuple[str, SpecFolder]:
    """Return the plain name of *action* and its specs: an action of *specs*, a file, or ``PACK.ACTION``.

    Raises:
        InvalidError: the pack is not installed.
    """
    path = Path(action)
    if path.suffix == ".yaml" or os.sep in action:
        return path.stem, SpecFolder(path.parent)
    pack, dot, name = action.partition(".")
    return (name, _pack_specs(pack)) if dot else (action, specs)


def resolve_path(name: str) -> Path:
    """Return the file or folder of specs for a path, ``pack:NAME`` or ``PACK.ACTION``.

    Raises:
        InvalidError: the pack is not installed.
    """
    if name.startswith(PACK):
        return _pack_specs(name.removeprefix(PACK)).path
    pack, dot, action = name.partition(".")
    if dot and pack.isidentifier() and action.isidentifier() and not Path(name).exists() and action != "yaml":
        return _pack_specs(pack).path / f"{action}.yaml"
    return Path(name)


def _complete_action(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    specs = ctx.params.get("specs") or resolve_specs(os.environ.get(SPECS_VARIABLE))
    names = [*specs.names, *(f"{pack.pack}.{name}" for pack in installed_packs() for name in pack.names)]
    return [name for name in names if name.startswith(incomplete)]


def stored_login(connector: str) -> str | None:
    """Return the REF where ``login`` stored the credential of *connector*, or None."""
    return _logins().get(connector)


def save_login(connector: str, ref: str) -> None:
    """Remember that the credential of *connector* is stored at *ref*.

    Raises:
        InvalidError: the configuration folder is not writable.
    """
    _update_logins(lambda logins: {**logins, connector: ref})


def remove_login(connector: str) -> None:
    """Forget where the credential of *connector* is stored.

    Raises:
        InvalidError: the configuration folder is not writable.
    """
    _update_logins(lambda logins: {name: ref for name, ref in logins.items() if name != connector})


def _logins_file() -> Path:
    return user_folder("config") / "logins.json"


def _logins() -> dict[str, str]:
    try:
        logins = json.loads(_logins_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):  # no login yet, no home folder, or a file of another program
        return {}
    return {name: ref for name, ref in logins.items() if isinstance(ref, str)} if isinstance(logins, dict) else {}


def _update_logins(change: Callable[[dict[str, str]], dict[str, str]]) -> None:
    from locoia_pat.stores.lock import lock_folder

    file = _logins_file().resolve()  # it may be a link to a file that is kept elsewhere
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with lock_folder(file.parent):
            write_atomic(file, f"{json.dumps(change(_logins()), indent=2)}\n".encode())
    except OSError as error:
        raise invalid(
            f"{file} cannot be written: {error.strerror}",
            hint="Set XDG_CONFIG_HOME to a writable folder, or pass --auth with each command.",
        ) from None
