"""Options that several commands share."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..errors import InvalidError, invalid
from ..folder import SpecFolder

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..auth import ConnectorAuth
    from ..spec import Env

_Command = TypeVar("_Command", bound="Callable[..., Any]")

SPECS_VARIABLE = "LOCOIA_PAT_SPECS"


def specs_option(command: _Command) -> _Command:
    """``--specs DIR``, else the variable."""
    return click.option(
        "--specs",
        metavar="DIR",
        envvar=SPECS_VARIABLE,
        show_envvar=True,
        callback=lambda _, __, folder: SpecFolder(folder or None),
        help="A folder of specs to use instead of Locoia's own.",
    )(command)


def json_option(command: _Command) -> _Command:
    """``--json`` for commands whose default is a table."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")(command)


def auth_of(ref: str | None, env: Env) -> ConnectorAuth:
    """The credential of a command, whose variable leaves the environment once it is read.

    Raises:
        InvalidError: there is none.

    """
    from ..auth import ConnectorAuth  # noqa: PLC0415  # not needed by every command that takes options
    from ..sinks import read_ref  # noqa: PLC0415

    if ref is None:
        names = (env.token, f"{env.token}_FILE")
        return ConnectorAuth.from_env({name: os.environ.pop(name) for name in names if name in os.environ})
    try:
        if ref.startswith("env:"):
            name = ref.removeprefix("env:")
            return ConnectorAuth(read_ref(ref, environ={name: os.environ.pop(name)} if name in os.environ else {}))
        if ref == "-" and sys.stdin.isatty():
            return ConnectorAuth(read_ref(ref, stdin=lambda: click.prompt("Token", hide_input=True, err=True)))
        return ConnectorAuth.from_ref(ref)
    except InvalidError as error:
        problem = error.problem
    raise invalid(problem.message, field="auth", hint=problem.hint)
