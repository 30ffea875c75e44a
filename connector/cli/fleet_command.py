"""``fleet``: plan, apply, rotate, retire and show many managed tokens from one file."""

from __future__ import annotations

import sys
from collections import Counter
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import click

from locoia_pat import limits
from locoia_pat.actions.fleet.apply import Summary, apply
from locoia_pat.actions.fleet.fleet_file import read_fleet
from locoia_pat.actions.fleet.fleet_plan import DEFAULT_CREDENTIAL, FleetPlan
from locoia_pat.cli import output, render
from locoia_pat.cli.options import Number, json_option, no_trunc_option, resolve_auth, wait_option, yes_option
from locoia_pat.cli.other_exit_codes import FOUND
from locoia_pat.connector import WAIT, Connector
from locoia_pat.engine.compiled_specs import ready_connector
from locoia_pat.extras import import_extra
from locoia_pat.messages import describe_value, did_you_mean, plural
from locoia_pat.outcomes import Outcome, invalid
from locoia_pat.spec.load import SpecFolder
from locoia_pat.state.journal import State

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from locoia_pat.actions.fleet.apply import Verb
    from locoia_pat.actions.fleet.fleet_plan import CredentialView, TokenPlan

_DUE_STEPS = ("create", "renew", "finish", "rescope", "blocked")
"""Steps that ``status`` counts as findings."""


@click.group("fleet")
def fleet_command() -> None:
    """Bring many managed tokens to the desired state in a file.

    Each token is handled as by "run ensure_pat". Start with "fleet plan", which only sends reads. After a leak,
    "fleet rotate --now" gives each token a new secret and revokes the old one.
    """


def _fleet_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--only", metavar="NAME", multiple=True, help="Handle only this token; may repeat."),
        click.option("--auth", metavar="REF", help="Credential for tokens that name none in the file."),
        no_trunc_option,
        click.argument("file"),
    ):
        command = option(command)
    return command


def _changing_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of the commands that change something."""
    for option in (
        click.option(
            "--max-failures",
            type=Number(limits.FLEET_FAILURES),
            metavar="N",
            help="Start no more tokens after more than N failures; by default, per credential, after more "
            "than one failure and more than 5 % of its tokens.",
        ),
        wait_option(WAIT),
        yes_option,
        click.option("--dry-run", is_flag=True, help="Show what would be done; send only reads."),
        click.option(
            "--on", "url", metavar="URL", help="Have workers do it that share this state, postgresql://…: see worker."
        ),
        click.option("--exit-zero", is_flag=True, help="Exit with 0 for every outcome, which the summary names."),
        click.option("--table", is_flag=True, help="Print a table at the end; the default on a terminal."),
        click.option("--json", "as_json", is_flag=True, help="Print JSON lines; the default if piped."),
    ):
        command = option(command)
    return _fleet_options(command)


@fleet_command.command("plan")
@_fleet_options
@json_option
def _plan(file: str, *, only: tuple[str, ...], auth: str | None, as_json: bool) -> int:
    """Show what "apply" would do; send only reads, and write nothing.

    Exit code: 0 everything can be done, 2 something is blocked, 3 a credential is refused, 4 the API was not reached.
    """
    with _open_plan(file, auth, only) as plan:
        return _print_plan(plan, as_json=as_json)


def _print_plan(plan: FleetPlan, *, as_json: bool) -> int:
    credentials = [_credential_state(credential) for credential in plan.credentials.values()]
    tokens = list(plan.token_plans())
    if as_json:
        render.print_json({"v": 1, "credentials": credentials, "tokens": [token.to_dict() for token in tokens]})
    else:
        for credential, view in zip(credentials, plan.credentials.values(), strict=True):
            render.say(f"{_words_for(credential)}: {credential['state']}")
            if view.problem is not None and view.problem.hint:
                render.say(view.problem.hint)
            for warning in credential["warnings"]:
                render.say(f"{_words_for(credential)}: {warning}")
        _print_tokens(tokens, said={view.name for view in plan.credentials.values() if view.problem is not None})
    return _cannot_look(plan) or (Outcome.INVALID.exit_code if any(token.step == "blocked" for token in tokens) else 0)


def _cannot_look(plan: FleetPlan) -> int:
    """Return the exit code if a credential is refused or the API was not reached; else 0."""
    codes = [view.outcome.exit_code for view in plan.credentials.values() if view.problem is not None]
    return next((code for code in (3, 4, 5) if code in codes), 0)


@fleet_command.command("status")
@_fleet_options
@json_option
@click.option("--format", "form", type=click.Choice(["table", "json", "csv", "openmetrics", "html"]), default="table",
              show_default=True, help="Output format; html is a page of its own with a timeline.")  # fmt: skip
@click.option("--exit-zero", is_flag=True, help="Exit with 0 even if something is due.")
def _status(file: str, *, only: tuple[str, ...], auth: str | None, as_json: bool, form: str, exit_zero: bool) -> int:
    """Show each token: its row, the days until it expires, and what is due.

    Exit code: 0 nothing is due, 1 something is due, 2 something is blocked, 3 a credential is refused, 4 the API was
    not reached.
    """
    with _open_plan(file, auth, only) as plan:
        tokens = list(plan.token_plans())
        failed = _cannot_look(plan)
    if as_json or form == "json":
        render.print_json({"v": 1, "tokens": [token.to_dict() for token in tokens]})
    elif form == "table":
        _print_tokens(tokens)
    else:
        import datetime as dt

        from locoia_pat.actions.fleet.status_formats import FORMATS

        click.echo(FORMATS[form](tokens, dt.datetime.now(dt.UTC)), nl=False)
    if exit_zero:
        return 0
    is_due = any(token.step in _DUE_STEPS or token.reason for token in tokens)
    is_blocked = any(token.step == "blocked" for token in tokens)
    return failed or (Outcome.INVALID.exit_code if is_blocked else FOUND if is_due else 0)


@fleet_command.command("apply")
@_changing_options
def _apply(**options: Any) -> int:
    """Create, renew and retire what is due: one token per credential first, then two more for each that is finished.

    Prints a JSON line for each token and a summary at the end; on a terminal, a table and the summary.  To resume an
    interrupted run, run it again: finished tokens are skipped.  Exit code: 0 every token is done, else that of the
    worst outcome.
    """
    return _change("ensure", **options)


@fleet_command.command("rotate")
@_changing_options
@click.option("--now", is_flag=True, help="Revoke the previous tokens at once, without an overlap: after a leak.")
def _rotate(**options: Any) -> int:
    """Give each token of the file, or of --only, a new secret now; the previous one works until its overlap has passed.

    With --now, consumers that still hold the previous token are refused at once.
    """
    return _change("rotate", **options)


@fleet_command.command("retire")
@_changing_options
@click.option("--all", "everything", is_flag=True, help="End every name in the file.")
def _retire(*, everything: bool, only: tuple[str, ...], file: str, **options: Any) -> int:
    """End the names of --only: revoke their tokens, and empty their stores.

    Remove them from the file as well: "apply" would create them again.
    """
    if everything == bool(only):
        hint = "Pass --only NAME for each name to end, or --all for every name in the file."
        raise invalid("which names are to end is not given", field="only", hint=hint)
    code = _change("retire", only=only, file=file, **options)
    if code == 0 and not options["dry_run"]:
        render.say(f'remove the names that ended from {file}: "fleet apply" would create them again')
    return code


def _change(
    verb: Verb,
    *,
    file: str,
    only: tuple[str, ...],
    auth: str | None,
    max_failures: int | None,
    wait: float,
    yes: bool,
    dry_run: bool,
    table: bool,
    as_json: bool,
    url: str | None,
    exit_zero: bool,
    now: bool = False,
) -> int:
    summary = Summary()
    as_table = table or (sys.stdout.isatty() and not as_json)
    rows: list[tuple[Any, ...]] = []
    with _open_plan(file, auth, only, url) as plan, _workers(plan, None if dry_run else url) as workers:
        if dry_run:
            if verb != "ensure":
                render.say(f"{verb}: {', '.join(token.name for token in plan.tokens)}")
            return _print_plan(plan, as_json=as_json)
        render.confirm(lambda: _question(plan, verb, now=now), yes=yes)
        output.set_effect()
        with _progress(len(plan.tokens), shown=as_table) as advance:
            for name, result in apply(plan, verb=verb, now=now, max_failures=max_failures, wait=wait, **workers):
                summary.add(result)
                advance()
                envelope = {"name": name, **result.to_dict()}
                if as_table:
                    change = (result.data or {}).get("change")
                    message = result.problem.message if result.problem else None
                    rows.append((name, result.outcome.value, change, message))
                else:
                    render.print_line(envelope)
                output.check(envelope)
    if as_table:
        render.print_table(("name", "outcome", "change", "message"), rows)
        counted = ", ".join(f"{count} {outcome}" for outcome, count in summary.outcomes.items())
        render.say(f"{plural(summary.outcomes.total(), 'token')}: {counted}")
    else:
        render.print_line(summary.to_dict())
    return 0 if exit_zero and not output.failed() else summary.outcome.exit_code


@contextmanager
def _workers(plan: FleetPlan, url: str | None) -> Iterator[dict[str, Any]]:
    """Return the options of :func:`apply` for workers that share the state at *url*; none for None."""
    if url is None:
        yield {}
        return
    module = import_extra("locoia_pat.actions.fleet.fleet_queue", "dbos")
    with closing(module.FleetQueue(plan.state)) as queue:
        yield {"handle": queue.handle, "concurrency": module.IN_FLIGHT}


@contextmanager
def _open_plan(file: str, auth: str | None, only: tuple[str, ...], state: str | None = None) -> Iterator[FleetPlan]:
    specs = SpecFolder()
    fleet = read_fleet(file)
    names = [token.name for token in fleet.tokens]
    for name in only:
        if name not in names:
            raise invalid(f"{file} has no token {describe_value(name)}{did_you_mean(name, names)}", field="only")
    with Connector(resolve_auth(auth, ready_connector(specs)).auth, specs=specs) as default:
        plan = FleetPlan(fleet, State(state), default, only=only)
        plan.refuse_shared_stores()
        with plan:
            yield plan


def _words_for(credential: dict[str, Any]) -> str:
    name = credential["credential"]
    return f"{name} credential" if name == DEFAULT_CREDENTIAL else f"credential {name}"


def _credential_state(credential: CredentialView) -> dict[str, Any]:
    """Return whether a credential is accepted, and the days until it expires."""
    days = credential.listed.by_id.get(credential.row_id or "", {}).get("expires_in_days")
    problem = credential.problem
    state = problem.message if problem else "accepted"
    state = state if days is None else f"{state}; it expires in {plural(days, 'day')}"
    return {
        "credential": credential.name,
        "accepted": problem is None,
        "state": state,
        "expires_in_days": days,
        "warnings": list(credential.listed.warnings),
    }


def _print_tokens(tokens: list[TokenPlan], *, said: Collection[str] = ()) -> None:
    """Print *tokens*; without the reason where the problem of their credential, one of *said*, is shown already."""
    head = ("name", "step", "days left", "row", "credential", "reason")
    is_shared = len({token.credential for token in tokens}) == 1 and sys.stdout.isatty()
    rows = [
        (one.name, one.step, one.expires_in_days, one.id, None if is_shared else one.credential, _reason(one, said))
        for one in tokens
    ]
    render.print_table(head, rows)
    for token in tokens:
        for warning in token.warnings:
            render.say(f"{token.name}: {warning}")
    steps = Counter(token.step for token in tokens)
    counts = ", ".join(f"{count} {_STEP_WORDS.get(step, f'to {step}')}" for step, count in steps.items())
    render.say(f"{plural(len(tokens), 'token')}: {counts}")


def _reason(token: TokenPlan, said: Collection[str]) -> str | None:
    return "its credential cannot be used" if token.credential in said else token.reason or None


_STEP_WORDS = {"none": "with nothing to do", "blocked": "blocked"}


def _question(plan: FleetPlan, verb: Verb, *, now: bool) -> str:
    hosts = ", ".join(sorted({credential.connector.base_url for credential in plan.credentials.values()}))
    if verb != "ensure":
        names = ", ".join(token.name for token in plan.tokens)
        what = {"rotate": "Give a new secret to", "retire": "End, and revoke the tokens of,"}[verb]
        end = "; the previous tokens are revoked at once" if now else ""
        return f"{what} {names} at {hosts}{end}"
    tokens = list(plan.token_plans())
    steps = {step: sum(token.step == step for token in tokens) for step in (*_DUE_STEPS, "retire")}
    counts = ", ".join(f"{count} to {step}" for step, count in steps.items() if count and step != "blocked")
    return f"{counts or 'Nothing is due'} at {hosts}"


@contextmanager
def _progress(length: int, *, shown: bool) -> Iterator[Callable[[], None]]:
    """Show a progress bar on standard error if it is a terminal and no JSON lines are printed on one."""
    if not sys.stderr.isatty() or (sys.stdout.isatty() and not shown):
        yield lambda: None
        return
    with click.progressbar(length=length, file=sys.stderr) as bar:
        yield lambda: bar.update(1)
