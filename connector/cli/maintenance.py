"""``reconcile`` and ``fleet``: managed tokens, one by one or listed in a file."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from locoia_pat.actions.fleet.apply import Summary, apply
from locoia_pat.actions.fleet.file import parse_fleet
from locoia_pat.actions.fleet.plan import Lookout
from locoia_pat.actions.managed import reconcile, take_over
from locoia_pat.cli import render
from locoia_pat.cli.options import json_option, resolve_auth, specs_option
from locoia_pat.cli.process import FOUND
from locoia_pat.connector import WAIT, Connector
from locoia_pat.messages import describe_value
from locoia_pat.outcomes import InvalidError, Outcome, Problem, invalid
from locoia_pat.spec.load import SpecFolder
from locoia_pat.state.journal import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from locoia_pat.actions.fleet.file import Fleet
    from locoia_pat.actions.fleet.plan import Owner, Seen


@click.command("reconcile")
@click.option("--plan", is_flag=True, help="Tell what there is to do, and send nothing but reads.")
@click.option("--take-over", "name", metavar="NAME", help="Manage this name from now on, by what its rows tell.")
@click.option("--token-to", metavar="REF", multiple=True, help="Where the token of NAME is stored.")
@click.option("--expiration", type=click.IntRange(min=1), default=30, show_default=True, metavar="DAYS",
              help="How long the token of NAME lives.")  # fmt: skip
@click.option("--auth", metavar="REF", help="The credential: file:, text:, env-file:, keyring:, command:, env: or -.")
@click.option("--wait", type=click.FloatRange(min=0), default=WAIT, show_default=True, metavar="SECONDS",
              help="Time to wait for another process that works on the same name.")  # fmt: skip
@click.option("--yes", is_flag=True, help="Do not ask on a terminal.")
@specs_option
def reconcile_command(
    specs: SpecFolder,
    *,
    plan: bool,
    name: str | None,
    token_to: tuple[str, ...],
    expiration: int,
    auth: str | None,
    wait: float,
    yes: bool,
) -> int:
    """Finish, or make useless, what this state left unfinished under its names.

    Rows that carry a name of another state, or one that this state has lost, are listed, and left alone: --take-over
    manages such a name from here, and makes those rows useless once the overlap of a day has passed.
    """
    if (name is None) != (not token_to):
        raise invalid("--take-over and --token-to belong together", field="take_over" if token_to else "token_to")
    if plan and name is not None:
        raise invalid("--plan takes nothing over", field="plan")
    with Connector(resolve_auth(auth, specs.connector).auth, specs=specs) as connector:
        if not plan and not yes and sys.stdin.isatty():
            _ask_reconcile(f"take over {name}" if name else "finish what was left unfinished", connector.base_url)
        if name is not None:
            return render.print_result(take_over(connector, name, token_to, expiration=expiration, wait=wait))
        return render.print_result(reconcile(connector, plan=plan, wait=wait))


def _ask_reconcile(what: str, host: str) -> None:
    if not click.confirm(f"This will {what} at {host}. Go on?", err=True):
        raise InvalidError(Problem("validation", "not confirmed; nothing was sent", hint="--yes does not ask."))


_ATTENTION = ("create", "renew", "finish", "rescope", "blocked")
"""Steps that are due: what ``status`` tells as found."""


@click.group("fleet")
def fleet_command() -> None:
    """Bring many managed tokens to what a file says of them.

    Each is handled as by "run ensure_pat": begin with "fleet plan", which sends reads alone.
    """


def _fleet_options(fleet: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--only", metavar="NAME", multiple=True, help="Only this token; may be given more than once."),
        click.option("--auth", metavar="REF", help="The credential of tokens that name none."),
        click.argument("file"),
    ):
        fleet = option(fleet)
    return fleet


@fleet_command.command("plan")
@_fleet_options
@json_option
def _plan(file: str, *, only: tuple[str, ...], auth: str | None, as_json: bool) -> int:
    """Tell what "apply" would do; sends reads alone, and writes nothing.

    Exit code: 0 all of it can be done, 2 some of it is blocked.
    """
    with _lookout(file, auth, only) as lookout:
        rotators = [_credential(owner) for owner in lookout.owners.values()]
        seen = list(lookout.seen())
    if as_json:
        render.print_json({"v": 1, "credentials": rotators, "tokens": [one.to_dict() for one in seen]})
    else:
        for told in rotators:
            render.say(f"credential {told['credential']}: {told['state']}")
        _print_tokens(seen)
    return Outcome.INVALID.exit_code if any(one.step == "blocked" for one in seen) else 0


@fleet_command.command("status")
@_fleet_options
@json_option
@click.option("--exit-zero", is_flag=True, help="Exit with 0 even where something is due.")
def _status(file: str, *, only: tuple[str, ...], auth: str | None, as_json: bool, exit_zero: bool) -> int:
    """Show each token: its row, the days it has left, and what is due.

    Exit code: 0 nothing is due, 1 something is.
    """
    with _lookout(file, auth, only) as lookout:
        seen = list(lookout.seen())
    if as_json:
        render.print_json({"v": 1, "tokens": [one.to_dict() for one in seen]})
    else:
        _print_tokens(seen)
    return FOUND if any(one.step in _ATTENTION or one.why for one in seen) and not exit_zero else 0


@fleet_command.command("apply")
@_fleet_options
@click.option("--max-failures", type=click.IntRange(min=0), metavar="N",
              help="Begin nothing more once more than N failed; by default each credential's tokens stop on their own, "
              "where more than one, and more than one in twenty, failed.")  # fmt: skip
@click.option("--wait", type=click.FloatRange(min=0), default=WAIT, show_default=True, metavar="SECONDS",
              help="Time to wait for another process that works on the same name.")  # fmt: skip
@click.option("--yes", is_flag=True, help="Do not ask on a terminal.")
@click.option("--json", is_flag=True, expose_value=False, hidden=True)  # as everywhere; it is what this prints
def _apply(
    file: str, *, only: tuple[str, ...], auth: str | None, max_failures: int | None, wait: float, yes: bool
) -> int:
    """Create, renew and retire what is due, in waves: one token of each credential first, then twice as many each time.

    Prints a JSON line for each token, and a last one that sums up.  A run that was killed is begun again: what is
    finished is not repeated.  Exit code: 0 every token is done, else that of the worst outcome.
    """
    summary = Summary()
    with _lookout(file, auth, only) as lookout:
        if not yes and sys.stdin.isatty():
            _ask_apply(list(lookout.seen()), lookout)
        with _progress(len(lookout.tokens)) as advance:
            for name, result in apply(lookout, most=max_failures, wait=wait):
                summary.note(result)
                advance()
                render.print_line({"name": name, **result.to_dict()})
    render.print_line(summary.to_dict())
    return summary.outcome.exit_code


@contextmanager
def _lookout(file: str, auth: str | None, only: tuple[str, ...]) -> Iterator[Lookout]:
    specs = SpecFolder()
    fleet = _read_fleet(file)
    names = [token.name for token in fleet.tokens]
    for name in only:
        if name not in names:
            raise invalid(f"there is no token {describe_value(name)} in {file}", field="only")
    with Connector(resolve_auth(auth, specs.connector).auth, specs=specs) as default:
        lookout = Lookout(fleet, State(), default, only=only)
        for place, one, other in lookout.twice():
            raise invalid(f"{place} is the place of both {one} and {other}", field="to")
        with lookout:
            yield lookout


def _read_fleet(file: str) -> Fleet:
    try:
        text = Path(file).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise invalid(f"{file} is no UTF-8 text", field="file") from None
    except OSError as error:
        raise invalid(f"{file} cannot be read: {(error.strerror or '').lower()}", field="file") from None
    return parse_fleet(text, file)


def _credential(owner: Owner) -> dict[str, Any]:
    """What a plan says of a credential first: does it work, and how long will it."""
    left = owner.rows.get(owner.id or "", {}).get("expires_in_days")
    state = owner.problem.message if owner.problem else "accepted"
    state = state if left is None else f"{state}; it expires in {left} days"
    return {"credential": owner.name, "accepted": owner.problem is None, "state": state, "expires_in_days": left}


def _print_tokens(seen: list[Seen]) -> None:
    head = ("name", "step", "expires in days", "row", "credential", "why")
    rows = [(one.name, one.step, one.expires_in_days, one.id, one.owner, one.why or None) for one in seen]
    render.print_table(head, rows)


def _ask_apply(seen: list[Seen], lookout: Lookout) -> None:
    steps = {step: sum(one.step == step for one in seen) for step in (*_ATTENTION, "retire")}
    told = ", ".join(f"{count} to {step}" for step, count in steps.items() if count and step != "blocked")
    hosts = ", ".join(sorted({owner.connector.base_url for owner in lookout.owners.values()}))
    if not click.confirm(f"{told or 'Nothing is due'} at {hosts}. Go on?", err=True):
        raise InvalidError(Problem("validation", "not confirmed; nothing was sent", hint="--yes does not ask."))


@contextmanager
def _progress(length: int) -> Iterator[Callable[[], None]]:
    """A bar on standard error, where that is a terminal and the lines do not go there too."""
    if not sys.stderr.isatty() or sys.stdout.isatty():
        yield lambda: None
        return
    with click.progressbar(length=length, file=sys.stderr) as bar:
        yield lambda: bar.update(1)
