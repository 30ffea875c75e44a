"""``locoia-pat run ACTION``: run one action and print one JSON object."""

from __future__ import annotations

import dataclasses
import shlex
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from locoia_pat import limits
from locoia_pat.cli import output, render
from locoia_pat.cli.options import (
    Number,
    action_argument,
    auth_option,
    implied_json_option,
    inputs_option,
    no_trunc_option,
    outcome_exit_zero_option,
    resolve_action,
    resolve_auth,
    specs_option,
    token_to_option,
    wait_option,
    yes_option,
)
from locoia_pat.cli.other_exit_codes import FOUND, INTERRUPTED
from locoia_pat.cli.typed_inputs import parse_inputs
from locoia_pat.connector import CONCURRENCY, WAIT, Connector
from locoia_pat.engine.compiled_specs import ready_connector, ready_spec
from locoia_pat.http.retry import DEFAULT_TIMEOUT
from locoia_pat.interrupts import SentInterrupt, must_finish, signals
from locoia_pat.outcomes import ConnectorError, Outcome, Problem, Result, invalid
from locoia_pat.spec.compiled_form import is_super

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locoia_pat.engine.engine import PreparedRun
    from locoia_pat.spec.load import SpecFolder
    from locoia_pat.spec.model import ActionSpec, SuperSpec


EACH_OPTIONS = ("concurrency", "rate", "max_failures", "ordered", "restart", "retry_unknown", "no_journal")
"""Options that need ``--each``."""


@click.command("run")
@action_argument
@click.argument("pairs", nargs=-1, metavar="[NAME=VALUE]...")
@inputs_option
@auth_option
@token_to_option
@click.option("--replace", is_flag=True, help="Replace a token in the store; it stays readable as REF#previous.")
@click.option("--reveal", is_flag=True, help="Print a new token in the envelope, as data.token.")
@click.option("--allow-unknown-scope", is_flag=True, help="Send scopes that this version does not know.")
@click.option("--each", metavar="FILE",
              help="Run once per line of a JSON lines or CSV file; - is standard input.")  # fmt: skip
@click.option("--concurrency", type=Number(limits.CONCURRENCY), default=CONCURRENCY, show_default=True, metavar="N",
              help="With --each, how many items run at a time.")  # fmt: skip
@click.option("--rate", type=Number(limits.RATE), metavar="N",
              help="With --each, maximum number of requests per second.")  # fmt: skip
@click.option("--max-failures", type=Number(limits.MAX_FAILURES), metavar="N",
              help="With --each, stop after N failures.")  # fmt: skip
@click.option("--ordered", is_flag=True, help="With --each, print results in the order of the lines.")
@click.option("--restart", is_flag=True, help="With --each, forget what earlier runs of this command did.")
@click.option("--retry-unknown", is_flag=True,
              help="With --each, retry items whose outcome in an earlier run is unknown.")  # fmt: skip
@click.option("--no-journal", is_flag=True, help="With --each, keep no journal: an interrupted run cannot be resumed.")
@click.option("--timeout", type=Number(limits.TIMEOUT), default=DEFAULT_TIMEOUT, show_default=True,
              metavar="SECONDS", help="Time limit for all attempts together.")  # fmt: skip
@wait_option(WAIT)
@implied_json_option
@click.option("--table", is_flag=True, help="Print a table instead of JSON.")
@outcome_exit_zero_option
@yes_option
@click.option("--quiet", is_flag=True, help="Print nothing to standard error.")
@click.option("--verbose", is_flag=True,
              help="Print each attempt of a request to standard error, with its status and the wait.")  # fmt: skip
@click.option("--log-format", type=click.Choice(["text", "json"]),
              help="Format of what --verbose prints; it includes --verbose.")  # fmt: skip
@no_trunc_option
@specs_option
@click.pass_context
def run_command(
    context: click.Context,
    /,
    action: str,
    specs: SpecFolder,
    *,
    quiet: bool,
    table: bool,
    reveal: bool,
    each: str | None,
    log_format: str | None,
    **options: Any,
) -> int:
    """Run ACTION with its inputs; inputs and options come in any order.

    ACTION is a name, PACK.ACTION, or the path of a spec file.  Values are typed by the spec: expiration=30,
    expiration=null, scopes=automation:view (repeat it for several), note=@FILE (the content of a file).
    "locoia-pat show ACTION" lists the inputs.

    Always prints one JSON object; with --each, one per line of the file.  Exit code: 0 done, 1 audit_pats has
    findings, 2 invalid, 3 refused, 4 not done, 5 unknown outcome, 6 not stored; with --each, the highest of all lines;
    with --exit-zero, 0 for each of them.
    """
    action, specs = resolve_action(action, specs)
    options["verbose"] = (options["verbose"] or log_format is not None) and not quiet
    if options["verbose"]:
        from locoia_pat.cli.verbose_log import log_requests

        context.call_on_close(log_requests(as_json=log_format == "json"))
    show = _Printer(specs, reveal=reveal, table=table, quiet=quiet)
    try:
        try:
            if each is not None:
                from locoia_pat.cli.run_each import run_each

                code = run_each(action, specs, each=each, reveal=reveal, table=table, quiet=quiet, **options)
                return signals.exit_code or code
            for name in EACH_OPTIONS:
                options.pop(name)
                if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
                    option = f"--{name.replace('_', '-')}"
                    raise invalid(
                        f"{option} needs --each", field=name, hint=f"Pass --each FILE, or leave {option} out."
                    )
            result = _run(action, specs, show, reveal=reveal, **options)
        finally:
            signals.hold_from_here()
    except ConnectorError as error:
        result = _suggest_unknown_scope(Result.from_error(action, error))
    except SentInterrupt:
        show(_interrupted(ready_spec(specs, action)))
        return signals.exit_code or INTERRUPTED
    except (KeyboardInterrupt, click.Abort):
        show(Result(action, Outcome.NOT_DONE, problem=Problem("unavailable", "interrupted; nothing was sent")))
        return signals.exit_code or INTERRUPTED
    code = result.exit_code if show.delivered is result else show(result)
    has_findings = result.action == "audit_pats" and bool((result.data or {}).get("findings"))
    return signals.exit_code or code or (FOUND if has_findings else 0)


def _suggest_unknown_scope(result: Result) -> Result:
    """Add ``--allow-unknown-scope`` to the hint if *result* rejects a scope."""
    if result.problem is None:
        return result
    first, *others = map(_with_unknown_scope, (result.problem, *result.problem.others))
    return dataclasses.replace(result, problem=dataclasses.replace(first, others=tuple(others)))


def _with_unknown_scope(problem: Problem) -> Problem:
    if problem.field != "scopes" or problem.reason != "unknown_option":
        return problem
    return dataclasses.replace(problem, hint=f"{problem.hint} Pass --allow-unknown-scope to send it anyway.")


class _Printer:
    """Prints the result of a run."""

    delivered: Result | None = None
    """The result that was printed while its token could still be revoked."""

    def __init__(self, specs: SpecFolder, **options: bool) -> None:
        self._specs, self._options = specs, options

    def __call__(self, result: Result) -> int:
        """Print *result* and return its exit code."""
        return render.print_result(_with_command_names(result, self._specs), **self._options)

    def deliver(self, result: Result) -> None:
        """Print *result* with its token.

        Raises:
            OSError: standard output did not take it.

        """
        self(result)
        output.raise_if_failed()
        self.delivered = result


def _run(
    action: str,
    specs: SpecFolder,
    show: _Printer,
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
    verbose: bool,  # noqa: ARG001  # requests are logged already
) -> Result:
    spec = ready_spec(specs, action)
    if inputs_file == "-" and auth == "-":
        raise invalid("--inputs and --auth cannot both read standard input", field="auth")
    inputs = parse_inputs(pairs, inputs_file, spec.inputs)
    any_option = ("scopes",) if allow_unknown_scope else ()
    if spec.effect != "read":
        output.set_effect()
    with Connector(
        resolve_auth(auth, ready_connector(specs)).auth, specs=specs, timeout=timeout, any_option=any_option
    ) as connector:
        signals.wait_while = must_finish
        if is_super(spec):
            api = connector.base_url  # a wrong one is invalid, with a question or without
            render.confirm(
                lambda: f"{spec.title} at {api}{_confirmation_details(inputs, token_to)}",
                yes=yes or spec.effect == "read",
            )
            return _suggest_unknown_scope(connector.run(spec.action, inputs, token_to=token_to, wait=wait))
        prepared = connector.prepare(action, inputs)
        if spec.secrets and not token_to and not reveal:
            raise invalid(
                "no token store for the new token, which is shown only once",
                field="token_to",
                hint="Pass one with --token-to file:PATH, or print the token with --reveal.",
            )
        render.confirm(lambda: _question(connector, spec, prepared, token_to), yes=yes or spec.effect == "read")
        if reveal:
            output.probe()
        deliver = show.deliver if reveal else None
        return connector.execute(prepared, token_to=token_to, replace=replace, deliver=deliver)


def _question(connector: Connector, spec: ActionSpec, prepared: PreparedRun, token_to: tuple[str, ...]) -> str:
    """Return what to confirm: the action, its host, the token it revokes, and its inputs and stores."""
    from locoia_pat.spec.description import inputs_of_same_names

    question = f"{spec.title} at {urlsplit(prepared.request.url).netloc}"
    if spec.replaces and spec.verify_with:
        given = inputs_of_same_names(connector.specs.spec(spec.verify_with), prepared.inputs)
        data = connector.run(spec.verify_with, given).data or {}  # one row, or a list of them
        rows = [row for value in (data, *data.values()) for row in (value if isinstance(value, list) else [value])]
        row_id = prepared.inputs[spec.replaces]
        row: Mapping[str, Any] = next((row for row in rows if _has_id(row, row_id)), {})
        note, used = row.get("note") or "-", row.get("last_used") or "never, or unknown"
        question += f'\nThis revokes the token {row_id}, note "{note}", last used {used}'
    return question + _confirmation_details(prepared.inputs, token_to)


def _has_id(row: object, id_: object) -> bool:
    """Return whether *row* is one with that id, which one action may read as a number and another as text."""
    return isinstance(row, dict) and str(row.get("id")) == str(id_)


def _confirmation_details(inputs: Mapping[str, Any], token_to: tuple[str, ...]) -> str:
    """Return what a person should see before a token is minted or revoked, on lines of its own."""
    shown = {"name": inputs.get("name"), "note": inputs.get("note"), "scopes": inputs.get("scopes"), "to": token_to}
    parts = [f"{key}: {_as_text(value)}" for key, value in shown.items() if value]
    lines = [render.mask(render.one_line("; ".join(parts)))] if parts else []
    if "expiration" in inputs and inputs["expiration"] is None:
        lines.append("Warning: it never expires")
    scopes = inputs.get("scopes")
    if wide := [scope for scope in scopes if ":" not in scope] if isinstance(scopes, list) else []:
        lines.append(f"Warning: a scope without a colon includes delete: {', '.join(wide)}")
    return "".join(f"\n{line}" for line in lines)


def _as_text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _interrupted(spec: ActionSpec | SuperSpec) -> Result:
    """Return the result of an interrupted action whose request was sent, and may have been executed."""
    hint = "The request may have succeeded. Check before you run it again."
    command = f"locoia-pat run {spec.verify_with}" if not is_super(spec) and spec.verify_with else None
    if is_super(spec):
        hint = "Run it again, or reconcile: both finish what was started."
    return Result(spec.action, Outcome.UNKNOWN, problem=Problem("unknown", "interrupted", hint=hint, next=command))


def _with_command_names(result: Result, specs: SpecFolder) -> Result:
    """Return *result* with action names as the command accepts them: PACK.ACTION, or with ``--specs``."""
    if specs.is_own:
        return result
    problem = result.problem
    if problem is not None and problem.next is not None:
        problem = dataclasses.replace(problem, next=_command_line(problem.next, specs))
    if problem is not None and problem.hint is not None:
        login = "locoia-pat login"
        option = f"pack:{specs.pack}" if specs.pack else shlex.quote(str(specs.folder))
        problem = dataclasses.replace(problem, hint=problem.hint.replace(login, f"{login} --specs {option}"))
    action = f"{specs.pack}.{result.action}" if specs.pack and result.action else result.action
    return dataclasses.replace(result, action=action, problem=problem)


def _command_line(line: str, specs: SpecFolder) -> str:
    match line.split(" ", 3):
        case ["locoia-pat", "run" | "show" as verb, action, *rest]:
            name = [f"{specs.pack}.{action}"] if specs.pack else [action, "--specs", shlex.quote(str(specs.folder))]
            return " ".join(["locoia-pat", verb, *name, *rest])
        case _:
            return line
