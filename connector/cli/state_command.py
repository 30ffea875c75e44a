"""``state``: move the state to another place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from locoia_pat.cli import render
from locoia_pat.cli.options import yes_option
from locoia_pat.outcomes import NotDoneError, Problem, invalid

if TYPE_CHECKING:
    from locoia_pat.state.journal import State


@click.group("state")
def state_command() -> None:
    """Move the journal of managed names to another place."""


@state_command.command("move")
def move_command() -> None:
    """Confirm that the state was moved here: the folder that it was copied from is no longer used."""
    from locoia_pat.state import home

    state = _existing_state()
    original = home.move(state)
    render.say(f"the state is {state.folder} from now on; check it with locoia-pat doctor")
    if original is not None:
        render.say(f"warning: {original} still exists; remove it, for the two would revoke each other's tokens")


@state_command.command("fork")
@yes_option
def fork_command(*, yes: bool) -> None:
    """Give a copied state an identity of its own; the original stays as it is.

    It no longer manages the names that both had, and take_over=true manages one here.
    """
    from locoia_pat.state import home

    state = _existing_state()
    render.confirm(f"The state {state.folder} stops managing its names", yes=yes, undone="changed")
    names = home.fork(state)
    ended = ", ".join(names) or "nothing"
    render.say(f"the state {state.folder} has an identity of its own; it stopped managing {ended}")
    render.say("to manage a name here: locoia-pat reconcile --take-over NAME --token-to REF")


@state_command.command("copy")
@click.argument("source")
@click.argument("target")
def copy_command(source: str, target: str) -> None:
    """Copy the state at SOURCE to the new one at TARGET; each is a folder or postgresql://HOST/DATABASE.

    SOURCE is then marked as moved and cannot be used again: two copies would revoke each other's new tokens. Stop all
    programs that use it first.
    """
    from locoia_pat.state.state_copy import copy_state

    try:
        copied = copy_state(source, target)
    except OSError as error:
        reason = str(error)
    else:
        render.print_json({"copied": copied})
        render.say("Set LOCOIA_PAT_STATE to the new one on each machine.")
        return
    raise NotDoneError(Problem("unavailable", reason, field="state", hint="Run the same command again; it resumes."))


def _existing_state() -> State:
    from locoia_pat.state.inspect import inspect_state
    from locoia_pat.state.journal import State

    report = inspect_state()
    if not report.exists or report.database is not None:
        raise invalid(
            f"{report.label} is not a state folder that exists",
            field="state",
            hint="Set LOCOIA_PAT_STATE to the folder that was moved or copied here.",
        )
    return State()
