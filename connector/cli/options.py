"""Options that several commands share, and the credential, specs and packs they name."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from locoia_pat.outcomes import InvalidError, invalid
from locoia_pat.secrets.secret import Variables
from locoia_pat.spec.load import SpecFolder

if TYPE_CHECKING:
    from collections.abc import Callable

    from locoia_pat.authoring.packs.registry import PackSpecs
    from locoia_pat.engine.auth import ConnectorAuth
    from locoia_pat.spec.model import ConnectorSpec


_Command = TypeVar("_Command", bound="Callable[..., Any]")

SPECS_VARIABLE = "LOCOIA_PAT_SPECS"


def specs_option(command: _Command) -> _Command:
    """``--specs DIR``, else the variable."""
    return click.option(
        "--specs",
        metavar="DIR",
        envvar=SPECS_VARIABLE,
        show_envvar=True,
        is_eager=True,  # the completion of an action needs it
        callback=lambda _, __, folder: folder_of(folder),
        help="A folder of specs, or pack:NAME, to use instead of Locoia's own.",
    )(command)


def json_option(command: _Command) -> _Command:
    """``--json`` for commands whose default is a table."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")(command)


class Found(NamedTuple):
    """A credential, and in words where it came from."""

    auth: ConnectorAuth
    source: str


def auth_of(ref: str | None, spec: ConnectorSpec) -> Found:
    """The credential of a command: *ref*, else the connector's variables, else what ``login`` stored.

    A variable leaves the environment once it is read.

    Raises:
        InvalidError: there is none.
    """
    from locoia_pat.engine.auth import ConnectorAuth

    if ref is not None:
        return Found(_given(ref), ref if ref != "-" else "standard input")
    variables = (spec.env.token, f"{spec.env.token}_FILE")
    taken = {name: value for name in variables if (value := os.environ.pop(name, ""))}  # empty is not set
    if not taken and (place := login_of(spec.connector)) is not None:
        return Found(ConnectorAuth.from_ref(place), place)
    return Found(ConnectorAuth.from_env(taken), next(iter(taken), "none"))


def _given(ref: str) -> ConnectorAuth:
    from locoia_pat.engine.auth import ConnectorAuth
    from locoia_pat.stores import read_ref

    if ref.startswith("env:"):
        name = ref.removeprefix("env:")
        taken = Variables({name: os.environ.pop(name)} if name in os.environ else {})
        return ConnectorAuth(read_ref(ref, environ=taken))
    if ref == "-" and sys.stdin.isatty():
        return ConnectorAuth(read_ref(ref, stdin=lambda: click.prompt("Token", hide_input=True, err=True)))
    return ConnectorAuth.from_ref(ref)


PACK = "pack:"
"""What stands before the name of an installed pack, where a folder of specs is due."""


def folder_of(word: str | None) -> SpecFolder:
    """The folder of specs that *word* names: by its path, or as an installed pack; by default Locoia's own.

    Raises:
        InvalidError: there is no such pack.
    """
    if word and word.startswith(PACK):
        return installed(word.removeprefix(PACK))
    return SpecFolder(word or None)


def installed(pack: str) -> PackSpecs:
    """The specs of the installed *pack*.

    Raises:
        InvalidError: there is none.
    """
    from locoia_pat.authoring.packs.registry import Packs

    return Packs().specs(pack)


def located(action: str, specs: SpecFolder) -> tuple[str, SpecFolder]:
    """The name of *action* and its folder: one of *specs*, the file that it names, or an installed pack's.

    Raises:
        InvalidError: there is no such pack.
    """
    path = Path(action)
    if path.suffix == ".yaml" or os.sep in action:
        return path.stem, SpecFolder(path.parent)
    pack, dot, name = action.partition(".")
    return (name, installed(pack)) if dot else (action, specs)


def path_of(word: str) -> Path:
    """The file or folder that *word* names: by its path, as ``pack:NAME``, or as an action of an installed pack.

    Raises:
        InvalidError: there is no such pack.
    """
    if word.startswith(PACK):
        return installed(word.removeprefix(PACK)).path
    pack, dot, action = word.partition(".")
    if dot and pack.isidentifier() and action.isidentifier() and not Path(word).exists() and action != "yaml":
        return installed(pack).path / f"{action}.yaml"
    return Path(word)


def action_argument(command: _Command) -> _Command:
    """``ACTION``, a name or the path of its file, completed by the names of the actions."""
    return click.argument("action", shell_complete=_actions)(command)


def _actions(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    folder = ctx.params.get("specs") or folder_of(os.environ.get(SPECS_VARIABLE))
    names = [*folder.names, *(f"{one.pack}.{name}" for one in shelf() for name in one.names)]
    return [name for name in names if name.startswith(incomplete)]


def shelf() -> list[PackSpecs]:
    """The specs of all packs that are installed, and there as they were accepted."""
    from locoia_pat.authoring.packs.registry import Packs

    packs = Packs()
    try:
        names = sorted(packs.lock().packs)
    except InvalidError:
        return []
    return [specs for name in names if (specs := packs.get_intact(name)) is not None]


def login_of(connector: str) -> str | None:
    """The REF that ``login`` stored for *connector*; None where there is none."""
    return _logins().get(connector)


def remember_login(connector: str, ref: str) -> None:
    """Store the REF of *connector*.

    Raises:
        InvalidError: the configuration folder cannot be written.
    """
    _write_logins({**_logins(), connector: ref})


def forget_login(connector: str) -> None:
    """Drop the REF of *connector*.

    Raises:
        InvalidError: the configuration folder cannot be written.
    """
    _write_logins({name: ref for name, ref in _logins().items() if name != connector})


def _logins_file() -> Path:
    return Path(click.get_app_dir("locoia-pat"), "logins.json")


def _logins() -> dict[str, str]:
    try:
        found = json.loads(_logins_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):  # no login yet, no home, or a file of somebody else
        return {}
    return {name: ref for name, ref in found.items() if isinstance(ref, str)} if isinstance(found, dict) else {}


def _write_logins(logins: dict[str, str]) -> None:
    file = _logins_file()
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.write_text(json.dumps(logins, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise invalid(
            f"{file} cannot be written: {error.strerror}",
            hint="Set XDG_CONFIG_HOME to a folder you may write to, or give --auth with each call.",
        ) from None
