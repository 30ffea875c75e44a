"""``locoia-pat exec REF -- COMMAND``: a program gets a stored token in its environment, and nowhere else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from locoia_pat.cli import output
from locoia_pat.cli.options import specs_option
from locoia_pat.outcomes import invalid
from locoia_pat.stores import read_ref

if TYPE_CHECKING:
    from locoia_pat.spec.load import SpecFolder

_NOT_FOUND = 127
_NOT_RUNNABLE = 126


@click.command("exec")
@click.argument("ref")
@click.option("--as", "name", metavar="NAME", help="The variable; by default the one the connector reads.")
@click.argument("words", nargs=-1, required=True, metavar="-- COMMAND...")
@specs_option
def command(ref: str, words: tuple[str, ...], specs: SpecFolder, *, name: str | None) -> int:
    """Run COMMAND with the token at REF in its environment.

    COMMAND takes the place of this process, so signals and the exit code are its own.  Write -- before it.
    """
    if ref == "-":
        raise invalid("standard input belongs to the command", field="ref", hint="Name another place for the token.")
    variable = name or specs.connector.env.token
    if not variable.isidentifier():
        raise invalid("is no name of a variable", field="as")
    token = read_ref(ref, field="ref")
    output.mask(token)
    try:
        os.execvpe(words[0], words, {**os.environ, variable: token.reveal()})  # noqa: S606  # no shell is wanted
    except FileNotFoundError:
        code, why = _NOT_FOUND, "there is no such command"
    except OSError as error:
        code, why = _NOT_RUNNABLE, str(error.strerror)
    output.say(f"{words[0]}: {why}")
    return code
