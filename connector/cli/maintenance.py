"""``reconcile`` and ``fleet``: keep managed tokens in their desired state."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from locoia_pat import limits
from locoia_pat.actions.fleet.apply import Summary, apply
from locoia_pat.actions.fleet.fleet_file import parse_fleet
from locoia_pat.actions.fleet.fleet_plan import FleetPlan
from locoia_pat.actions.managed import reconcile, take_over
from locoia_pat.cli import output, render
from locoia_pat.cli.options import (
    Number,
    auth_option,
    implied_json_option,
    json_option,
    resolve_auth,
    specs_option,
    token_to_option,
    wait_option,
    yes_option,
)
from locoia_pat.cli.process import FOUND
from locoia_pat.connector import WAIT, Connector
from locoia_pat.files import similar_file
from locoia_pat.messages import describe_value, did_you_mean
from locoia_pat.outcomes import Outcome, invalid
from locoia_pat.spec.load import SpecFolder
from locoia_pat.state.journal import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from locoia_pat.actions.fleet.fleet_file import Fleet
    from locoia_pat.actions.fleet.fleet_plan import CredentialView, TokenPlan


@click.command("reconcile")
@click.option("--plan", is_flag=True, help="Show what would be done; send only reads.")
@click.option("--take-over", "name", metavar="NAME", help="Manage this name from now on, using what its rows say.")
@token_to_option
@click.option("--expiration", type=Number(limits.DAYS), default=30, show_default=True, metavar="DAYS",
              help="With --take-over, lifetime of the token.")  # fmt: skip
@auth_option
@wait_option(WAIT)
@yes_option
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
    """Finish or revoke what interrupted runs left behind under the managed names of this state.

    Rows with a name of another state, or with one that this state has lost, are listed as foreign and not changed.
    --take-over manages such a name from now on; its foreign rows are revoked after an overlap of one day.
    """
    if (name is None) != (not token_to):
        hint = f"locoia-pat reconcile --take-over {name or 'NAME'} --token-to {next(iter(token_to), 'file:PATH')}"
        field = "take_over" if token_to else "token_to"
        raise invalid("--take-over and --token-to need each other", field=field, hint=hint)
    if plan and name is not None:
        raise invalid("--plan cannot be combined with --take-over", field="plan")
    with Connector(resolve_auth(auth, specs.connector).auth, specs=specs) as connector:
        work = f"take over {name}" if name else "finish interrupted work"
        render.confirm(f"This will {work} at {connector.base_url}", yes=yes or plan)
        if not plan:
            output.set_effect()
        if name is not None:
            return render.print_result(take_over(connector, name, token_to, expiration=expiration, wait=wait))
        return render.print_result(reconcile(connector, plan=plan, wait=wait))


_DUE_STEPS = ("create", "renew", "finish", "rescope", "blocked")
"""Steps that ``status`` counts as findings."""


@click.group("fleet")
def fleet_command() -> None:
    """Bring many managed tokens to the desired state in a file.

    Each token is handled as by "run ensure_pat". Start with "fleet plan", which only sends reads.
    """


def _fleet_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--only", metavar="NAME", multiple=True, help="Handle only this token; may repeat."),
        click.option("--auth", metavar="REF", help="Credential for tokens that name none in the file."),
        click.argument("file"),
    ):
        command = option(command)
    return command


@fleet_command.command("plan")
@_fleet_options
@json_option
def _plan(file: str, *, only: tuple[str, ...], auth: str | None, as_json: bool) -> int:
    """Show what "apply" would do; send only reads, and write nothing.

    Exit code: 0 everything can be done, 2 something is blocked.
    """
    with _open_plan(file, auth, only) as plan:
        credentials = [_credential_state(credential) for credential in plan.credentials.values()]
        tokens = list(plan.token_plans())
    if as_json:
        render.print_json({"v": 1, "credentials": credentials, "tokens": [token.to_dict() for token in tokens]})
    else:
        for credential in credentials:
            render.say(f"credential {credential['credential']}: {credential['state']}")
            for warning in credential["warnings"]:
                render.say(f"credential {credential['credential']}: {warning}")
        _print_tokens(tokens)
    return Outcome.INVALID.exit_code if any(token.step == "blocked" for token in tokens) else 0


@fleet_command.command("status")
@_fleet_options
@json_option
@click.option("--exit-zero", is_flag=True, help="Exit with 0 even if something is due.")
def _status(file: str, *, only: tuple[str, ...], auth: str | None, as_json: bool, exit_zero: bool) -> int:
    """Show each token: its row, the days until it expires, and what is due.

    Exit code: 0 nothing is due, 1 something is due.
    """
    with _open_plan(file, auth, only) as plan:
        tokens = list(plan.token_plans())
    if as_json:
        render.print_json({"v": 1, "tokens": [token.to_dict() for token in tokens]})
    else:
        _print_tokens(tokens)
    return FOUND if any(token.step in _DUE_STEPS or token.reason for token in tokens) and not exit_zero else 0


@fleet_command.command("apply")
@_fleet_options
@click.option("--max-failures", type=Number(limits.FLEET_FAILURES), metavar="N",
              help="Start no more tokens after more than N failures; by default, per credential, after more than one "
              "failure and more than 5 % of its tokens.")  # fmt: skip
@wait_option(WAIT)
@yes_option
@implied_json_option
@click.option("--exit-zero", is_flag=True, help="Exit with 0 for every outcome, which the summary names.")
def _apply(
    file: str,
    *,
    only: tuple[str, ...],
    auth: str | None,
    max_failures: int | None,
    wait: float,
    yes: bool,
    exit_zero: bool,
) -> int:
    """Create, renew and retire what is due, in waves: one token per credential first, then twice as many each time.

    Prints a JSON line for each token and a summary at the end.  To resume an interrupted run, run it again: finished
    tokens are skipped.  Exit code: 0 every token is done, else that of the worst outcome.
    """
    summary = Summary()
    with _open_plan(file, auth, only) as plan:
        render.confirm(lambda: _question(plan), yes=yes)
        output.set_effect()
        with _progress(len(plan.tokens)) as advance:
            for name, result in apply(plan, max_failures=max_failures, wait=wait):
                summary.add(result)
                advance()
                envelope = {"name": name, **result.to_dict()}
                render.print_line(envelope)
                output.check(envelope)
    render.print_line(summary.to_dict())
    return 0 if exit_zero and not output.failed() else summary.outcome.exit_code


@contextmanager
def _open_plan(file: str, auth: str | None, only: tuple[str, ...]) -> Iterator[FleetPlan]:
    specs = SpecFolder()
    fleet = _read_fleet(file)
    names = [token.name for token in fleet.tokens]
    for name in only:
        if name not in names:
            raise invalid(f"{file} has no token {describe_value(name)}{did_you_mean(name, names)}", field="only")
    with Connector(resolve_auth(auth, specs.connector).auth, specs=specs) as default:
        plan = FleetPlan(fleet, State(), default, only=only)
        for location, one, other in plan.shared_stores():
            raise invalid(f"{location} is the token store of both {one} and {other}", field="to")
        with plan:
            yield plan


def _read_fleet(file: str) -> Fleet:
    try:
        text = Path(file).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise invalid(f"{file} is not UTF-8 text", field="file") from None
    except OSError as error:
        reason = f"{(error.strerror or '').lower()}{similar_file(file)}"
        raise invalid(f"{file} cannot be read: {reason}", field="file") from None
    return parse_fleet(text, file)


def _credential_state(credential: CredentialView) -> dict[str, Any]:
    """Return whether a credential is accepted, and the days until it expires."""
    days = credential.rows.get(credential.row_id or "", {}).get("expires_in_days")
    problem = credential.problem
    state = problem.message if problem else "accepted"
    state = state if days is None else f"{state}; it expires in {days} days"
    return {
        "credential": credential.name,
        "accepted": problem is None,
        "state": state,
        "expires_in_days": days,
        "warnings": list(credential.warnings),
    }


def _print_tokens(tokens: list[TokenPlan]) -> None:
    head = ("name", "step", "expires in days", "row", "credential", "reason")
    rows = [(one.name, one.step, one.expires_in_days, one.id, one.credential, one.reason or None) for one in tokens]
    render.print_table(head, rows)
    for token in tokens:
        for warning in token.warnings:
            render.say(f"{token.name}: {warning}")


def _question(plan: FleetPlan) -> str:
    tokens = list(plan.token_plans())
    steps = {step: sum(token.step == step for token in tokens) for step in (*_DUE_STEPS, "retire")}
    counts = ", ".join(f"{count} to {step}" for step, count in steps.items() if count and step != "blocked")
    hosts = ", ".join(sorted({credential.connector.base_url for credential in plan.credentials.values()}))
    return f"{counts or 'Nothing is due'} at {hosts}"


@contextmanager
def _progress(length: int) -> Iterator[Callable[[], None]]:
    """Show a progress bar if standard error is a terminal and standard output is not."""
    if not sys.stderr.isatty() or sys.stdout.isatty():
        yield lambda: None
        return
    with click.progressbar(length=length, file=sys.stderr) as bar:
        yield lambda: bar.update(1)
