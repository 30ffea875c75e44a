"""``locoia-pat run ACTION``: one action, one JSON object."""

from __future__ import annotations

import dataclasses
import shlex
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from locoia_pat.cli import render
from locoia_pat.cli.arguments import parse_inputs
from locoia_pat.cli.options import action_argument, resolve_action, resolve_auth, specs_option
from locoia_pat.cli.process import FOUND, INTERRUPTED, Signals
from locoia_pat.connector import CONCURRENCY, WAIT, Connector
from locoia_pat.http.retry import DEFAULT_TIMEOUT
from locoia_pat.outcomes import ConnectorError, InvalidError, Outcome, Problem, Result, invalid
from locoia_pat.spec.model import SuperSpec

if TYPE_CHECKING:
    from locoia_pat.engine.engine import PreparedRun
    from locoia_pat.spec.load import SpecFolder
    from locoia_pat.spec.model import ActionSpec


FOR_EACH = ("concurrency", "rate", "max_failures", "ordered", "restart", "retry_unknown", "no_journal")
"""Options of ``--each``."""


@click.command("run")
@action_argument
@click.argument("pairs", nargs=-1, metavar="[NAME=VALUE]...")
@click.option("--inputs", "inputs_file", metavar="FILE", help="Inputs as a JSON object; - is standard input.")
@click.option("--auth", metavar="REF", help="The credential: file:, text:, env-file:, keyring:, command:, env: or -.")
@click.option(
    "--token-to",
    metavar="REF",
    multiple=True,
    help="Where a new token goes: file:, text:, env-file:, keyring:, command: or connector-auth:.",
)
@click.option("--replace", is_flag=True, help="The place may hold another token, which becomes its previous one.")
@click.option("--reveal", is_flag=True, help="Print a new token in the envelope, as data.token.")
@click.option("--allow-unknown-scope", is_flag=True, help="Send scopes that this version does not know.")
@click.option("--each", metavar="FILE", help="Run it for each line of a file, JSON lines or CSV; - is standard input.")
@click.option("--concurrency", type=click.IntRange(1, 100), default=CONCURRENCY, show_default=True, metavar="N",
              help="With --each, how many items run at a time.")  # fmt: skip
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), metavar="N",
              help="With --each, requests a second at most.")  # fmt: skip
@click.option("--max-failures", type=click.IntRange(1), metavar="N", help="With --each, stop after so many failures.")
@click.option("--ordered", is_flag=True, help="With --each, print results in the order of the lines.")
@click.option("--restart", is_flag=True, help="With --each, forget what earlier runs of this command did.")
@click.option(
    "--retry-unknown", is_flag=True, help="With --each, retry items whose outcome in an earlier run is unknown."
)
@click.option("--no-journal", is_flag=True, help="With --each, keep no journal: an interrupted run cannot be resumed.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), default=DEFAULT_TIMEOUT, show_default=True,
              metavar="SECONDS", help="Time for all tries together.")  # fmt: skip
@click.option("--wait", type=click.FloatRange(min=0), default=WAIT, show_default=True, metavar="SECONDS",
              help="Time to wait for another process that works on the same name.")  # fmt: skip
@click.option("--json", is_flag=True, expose_value=False, hidden=True)  # as everywhere; it is what run prints
@click.option("--table", is_flag=True, help="Print a table for people instead of JSON.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 even where audit_pats found something.")
@click.option("--yes", is_flag=True, help="Do not ask on a terminal.")
@click.option("--quiet", is_flag=True, help="Print nothing to standard error.")
@click.option("--verbose", is_flag=True, help="Say on standard error what is sent.")
@specs_option
def run_command(
    action: str,
    specs: SpecFolder,
    *,
    quiet: bool,
    table: bool,
    reveal: bool,
    exit_zero: bool,
    each: str | None,
    **options: Any,
) -> int:
    """Run ACTION with its inputs, in any order with the options.

    ACTION is a name, PACK.ACTION, or the path of its file.  Values are typed by its spec: expiration=30,
    expiration=null, scopes=automation:view (repeat the name for several), note=@FILE (the text of a file).
    "locoia-pat show ACTION" tells the inputs.

    Prints one JSON object, whatever happens.  With --each it runs for each line of a file, and prints one JSON object
    for each.  Exit code: 0 done, 1 audit_pats found something, 2 invalid, 3 refused, 4 not done, 5 unknown, 6 not
    stored; with --each, the highest of all lines.
    """
    signals = Signals()
    action, specs = resolve_action(action, specs)
    try:
        with signals:
            if each is not None:
                from locoia_pat.cli.run_each import run_each

                told = run_each(action, specs, signals, each=each, reveal=reveal, table=table, quiet=quiet, **options)
                return signals.exit_code or told
            for name in FOR_EACH:
                options.pop(name)
            result = _run(action, specs, signals, reveal=reveal, quiet=quiet, **options)
    except ConnectorError as error:
        result = _advised(Result.from_error(action, error))
    except (KeyboardInterrupt, click.Abort):
        problem = Problem("unavailable", "interrupted; nothing was sent")
        render.print_result(_named(Result(action, Outcome.NOT_DONE, problem=problem), specs), quiet=quiet)
        return signals.exit_code or INTERRUPTED
    except _InterruptError as interrupt:
        render.print_result(_named(interrupt.result, specs), quiet=quiet)
        return signals.exit_code or INTERRUPTED
    code = render.print_result(_named(result, specs), reveal=reveal, table=table, quiet=quiet)
    found = result.action == "audit_pats" and bool((result.data or {}).get("findings")) and not exit_zero
    return signals.exit_code or code or (FOUND if found else 0)


def _advised(result: Result) -> Result:
    """The result, with the option that helps where a scope is unknown."""
    problem = result.problem
    if problem is None or problem.field != "scopes" or "is no option" not in problem.message:
        return result
    hint = f"{problem.hint} --allow-unknown-scope sends it all the same."
    return dataclasses.replace(result, problem=dataclasses.replace(problem, hint=hint))


def _run(
    action: str,
    specs: SpecFolder,
    signals: Signals,
    *,
    pairs: tuple[str, ...],
    inputs_file: str | None,
    auth: str | None,
    token_to: tuple[str, ...],
    replace: bool,
    reveal: bool,
    allow_unknown_scope: bool,
    timeout: float,
    wait: float,
    yes: bool,
    quiet: bool,
    verbose: bool,
) -> Result:
    spec = specs.spec(action)
    if inputs_file == "-" and auth == "-":
        raise invalid("--inputs and --auth cannot both read standard input", field="auth")
    inputs = parse_inputs(pairs, inputs_file, spec.inputs)
    any_option = ("scopes",) if allow_unknown_scope else ()
    with Connector(
        resolve_auth(auth, specs.connector).auth, specs=specs, timeout=timeout, any_option=any_option
    ) as connector:
        if isinstance(spec, SuperSpec):
            return _run_super(connector, spec, inputs, token_to, wait=wait, ask=not yes and sys.stdin.isatty())
        prepared = connector.prepare(action, inputs)
        if spec.secrets and not token_to and not reveal:
            raise invalid(
                "there is no place for the token, which is shown once",
                field="token_to",
                hint="Name one with --token-to file:PATH, or print it with --reveal.",
            )
        if verbose and not quiet:
            render.say(f"{prepared.request.method} {prepared.request.url}")
        if spec.effect != "read" and not yes and sys.stdin.isatty():
            _ask(connector, spec, prepared)
        signals.wait_while = lambda: connector.storing
        try:
            return connector.execute(prepared, token_to=token_to, replace=replace)
        except KeyboardInterrupt:
            interrupted = _interrupted(spec, connector)
    raise _InterruptError(interrupted)


def _run_super(
    connector: Connector, spec: SuperSpec, inputs: dict[str, Any], token_to: tuple[str, ...], *, wait: float, ask: bool
) -> Result:
    """A super action: it is safe to interrupt, for its journal tells the next call where it stood."""
    if ask and spec.effect != "read" and not click.confirm(f"{spec.title} at {connector.base_url}. Go on?", err=True):
        raise InvalidError(Problem("validation", "not confirmed; nothing was sent", hint="--yes does not ask."))
    return connector.run(spec.action, inputs, token_to=token_to, wait=wait)


class _InterruptError(Exception):
    """Ctrl-C while an action ran, and what is known of it."""

    def __init__(self, result: Result) -> None:
        super().__init__()
        self.result = result


def _interrupted(spec: ActionSpec, connector: Connector) -> Result:
    """What is known of an action that was interrupted: a request may be on its way, or answered."""
    api = connector.base_url
    if spec.effect == "read":
        return Result(spec.action, Outcome.NOT_DONE, api, problem=Problem("unavailable", "interrupted"))
    hint = "It may have happened; look before you run it again."
    command = f"locoia-pat run {spec.look}" if spec.look else None
    return Result(spec.action, Outcome.UNKNOWN, api, problem=Problem("unknown", "interrupted", hint=hint, next=command))


def _ask(connector: Connector, spec: ActionSpec, prepared: PreparedRun) -> None:
    """Ask before a token is minted or revoked: at which host, and which row."""
    question = f"{spec.title} at {urlsplit(prepared.request.url).netloc}"
    if spec.replaces and spec.look:
        rows = (connector.run(spec.look).data or {}).values()
        wanted = prepared.inputs[spec.replaces]
        row: dict[str, Any] = next((row for found in rows for row in found if row.get("id") == wanted), {})
        note, used = row.get("note"), row.get("last_used")
        question += f'\nThis kills the token {wanted}, note "{note or "-"}", last used {used or "never, or not known"}'
    if not click.confirm(f"{question}. Go on?", err=True):
        raise InvalidError(Problem("validation", "not confirmed; nothing was sent", hint="--yes does not ask."))


def _named(result: Result, specs: SpecFolder) -> Result:
    """*Result* of an action of *specs*, as the command calls it; and so the command to try next."""
    if specs.is_own:
        return result
    problem = result.problem
    if problem is not None and problem.next is not None:
        problem = dataclasses.replace(problem, next=_command_line(problem.next, specs))
    action = f"{specs.pack}.{result.action}" if specs.pack and result.action else result.action
    return dataclasses.replace(result, action=action, problem=problem)


def _command_line(line: str, specs: SpecFolder) -> str:
    match line.split(" ", 3):
        case ["locoia-pat", "run" | "show" as verb, action, *rest]:
            words = [f"{specs.pack}.{action}"] if specs.pack else [action, "--specs", shlex.quote(str(specs.folder))]
            return " ".join(["locoia-pat", verb, *words, *rest])
        case _:
            return line
