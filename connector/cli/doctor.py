"""``locoia-pat doctor``: what stands in the way here, and what the API's documentation leaves open."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from locoia_pat.actions.scopes import ALL, NAMES
from locoia_pat.cli import render
from locoia_pat.cli.options import ResolvedAuth, json_option, resolve_auth, specs_option
from locoia_pat.cli.process import FOUND, INTERRUPTED, Signals
from locoia_pat.connector import RecordingConnector
from locoia_pat.engine.auth import ConnectorAuth
from locoia_pat.outcomes import InvalidError, Problem, invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locoia_pat.actions.doctor.findings import Finding
    from locoia_pat.outcomes import Result
    from locoia_pat.spec.load import SpecFolder


@click.command("doctor")
@click.option("--measure", is_flag=True, help="Measure on throw-away tokens what the API's documentation leaves open.")
@click.option("--finish", is_flag=True, help="With --measure: a day later, measure what expired rows tell.")
@click.option("--scope", "scopes", type=click.Choice(ALL), multiple=True, metavar="SCOPE",
              help="With --measure: a scope to try; by default the six without extension. May repeat.")  # fmt: skip
@click.option("--patience", type=click.FloatRange(min=0, max=3600), default=30, show_default=True, metavar="SECONDS",
              help="With --measure: time for something to show up in the list.")  # fmt: skip
@click.option("--wait", type=click.FloatRange(min=0), default=60, show_default=True, metavar="SECONDS",
              help="With --measure: time to wait for another measurement.")  # fmt: skip
@click.option("--auth", metavar="REF", help="The credential: file:, text:, env-file:, keyring:, command:, env: or -.")
@click.option("--yes", is_flag=True, help="Do not ask on a terminal before --measure makes tokens.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 even where a problem was found.")
@json_option
@specs_option
def doctor_command(
    specs: SpecFolder, *, measure: bool, finish: bool, auth: str | None, as_json: bool, exit_zero: bool, **options: Any
) -> int:
    """Look at everything a call needs: versions, credential, API, clock, state, places.

    Nothing is changed, and reads alone are sent.  Exit code: 0 fine, 1 a problem was found.

    With --measure it makes tokens that live for a day, says before how many, and writes what they tell into
    capabilities.json in the state folder, which the managed tokens use.
    """
    if finish and not measure:
        raise invalid("--finish belongs to --measure", field="finish", hint="locoia-pat doctor --measure --finish")
    if measure:
        return _measure(specs, auth, finish=finish, as_json=as_json, **options)
    findings = _look(specs, auth)
    if as_json:
        render.print_json({"findings": [finding._asdict() for finding in findings]})
    else:
        _print(findings)
    return FOUND if any(finding.level == "problem" for finding in findings) and not exit_zero else 0


def _look(specs: SpecFolder, auth: str | None) -> list[Finding]:
    from locoia_pat.actions.doctor.api_checks import LOGIN
    from locoia_pat.actions.doctor.checks import look
    from locoia_pat.actions.doctor.findings import Finding

    spec = specs.connector
    unread: list[Finding] = []
    try:
        found = resolve_auth(auth, spec)
    except InvalidError as error:
        unread = [Finding("credential", "problem", error.problem.message, error.problem.hint or LOGIN)]
        found = ResolvedAuth(ConnectorAuth.from_env({}), "none")
    with RecordingConnector(found.auth, specs=specs, timeout=15) as connector:
        check = None if unread else spec.check
        findings = list(look(connector, found.source, check=check, address=spec.env.base_url or "base_url"))
    if unread:
        findings = [finding for finding in findings if finding.check != "credential"]
    return [*findings, *unread]


def _print(findings: Sequence[Finding]) -> None:
    """The table, and below it what to do."""
    render.print_table(("check", "", "found"), [(found.check, found.level, found.message) for found in findings])
    for found in findings:
        if found.next:
            render.say(f"{found.check}: {found.next}")
    problems = sum(finding.level == "problem" for finding in findings)
    render.say(f"{problems} problem{'s' if problems != 1 else ''}")


def _measure(specs: SpecFolder, auth: str | None, *, as_json: bool, **options: Any) -> int:
    signals = Signals()
    try:
        with signals:
            result = _measured(specs, auth, signals, **options)
    except KeyboardInterrupt:
        render.say("interrupted; what was made is useless, or made so by: locoia-pat doctor --measure --finish")
        return signals.exit_code or INTERRUPTED
    code = render.print_result(result if as_json else _tabled(result), table=not as_json)
    if result.data and result.data["rows"]:
        render.say(f"{result.data['rows']} rows stay listed until they expire; after {result.data['due']}: "
                   "locoia-pat doctor --measure --finish")  # fmt: skip
    return signals.exit_code or code


def _measured(
    specs: SpecFolder,
    auth: str | None,
    signals: Signals,
    *,
    finish: bool,
    yes: bool,
    scopes: tuple[str, ...],
    patience: float,
    wait: float,
) -> Result:
    from locoia_pat.actions.doctor.measure import Measurement

    with RecordingConnector(resolve_auth(auth, specs.connector).auth, specs=specs) as connector:
        measurement = Measurement(connector, scopes=scopes or NAMES, patience=patience, wait=wait)
        render.say(measurement.foretold(finish=finish))
        if not yes and sys.stdin.isatty() and not click.confirm("Go on?", err=True):
            raise InvalidError(Problem("validation", "not confirmed; nothing was sent", hint="--yes does not ask."))
        signals.wait_while = lambda: measurement.clearing
        return measurement.finish() if finish else measurement.measure()


def _tabled(result: Result) -> Result:
    """*Result* with its facts alone, as rows for people."""
    if result.data is None:
        return result
    rows = [
        {"fact": name, "value": _told(fact["value"]), "how": fact["how"]} for name, fact in result.data["facts"].items()
    ]
    return replace(result, data={"facts": rows})


def _told(value: Any) -> Any:
    """A fact's value for people: of a table of scopes, those that may."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, dict):
        return value if value != [] else "none"
    may = [scope for scope, allowed in value.items() if allowed is True]
    unknown = [f"{scope}?" for scope, allowed in value.items() if not isinstance(allowed, bool)]
    return [*may, *unknown] or "none"
