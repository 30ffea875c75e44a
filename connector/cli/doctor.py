"""``doctor``: check the setup, and with ``--measure`` probe undocumented API behaviour."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from locoia_pat import limits
from locoia_pat.actions.scopes import ALL, NAMES
from locoia_pat.cli import output, render
from locoia_pat.cli.options import (
    Number,
    ResolvedAuth,
    auth_option,
    exit_zero_option,
    json_option,
    resolve_auth,
    specs_option,
    yes_option,
)
from locoia_pat.cli.other_exit_codes import FOUND, INTERRUPTED
from locoia_pat.connector import RecordingConnector
from locoia_pat.engine.auth import ConnectorAuth
from locoia_pat.interrupts import signals
from locoia_pat.messages import plural
from locoia_pat.outcomes import InvalidError, invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locoia_pat.actions.doctor.checks import CheckResult
    from locoia_pat.outcomes import Result
    from locoia_pat.spec.load import SpecFolder


@click.command("doctor")
@click.option("--measure", is_flag=True, help="Probe undocumented API behaviour with short-lived tokens.")
@click.option("--finish", is_flag=True, help="With --measure, two days later: try to renew an expired row.")
@click.option("--scope", "scopes", type=click.Choice(ALL), multiple=True, metavar="SCOPE",
              help="With --measure: scope to probe, by default the six basic ones; may repeat.")  # fmt: skip
@click.option("--patience", type=Number(limits.PATIENCE), default=30, show_default=True, metavar="SECONDS",
              help="With --measure: time to wait until a row is in the list.")  # fmt: skip
@click.option("--wait", type=Number(limits.WAIT), default=60, show_default=True, metavar="SECONDS",
              help="With --measure: time to wait for another measurement to end.")  # fmt: skip
@auth_option
@yes_option
@exit_zero_option
@json_option
@specs_option
def doctor_command(
    specs: SpecFolder, *, measure: bool, finish: bool, auth: str | None, as_json: bool, exit_zero: bool, **options: Any
) -> int:
    """Check the setup: versions, credential, API, clock, state and token stores.

    Changes nothing and only sends reads.  Exit code: 0 no problem, 1 a problem was found.

    With --measure it creates tokens with a lifetime of one day, after saying how many, revokes them, and saves the
    results in capabilities.json in the state folder, for the managed tokens.
    """
    if finish and not measure:
        raise invalid("--finish needs --measure", field="finish", hint="locoia-pat doctor --measure --finish")
    if measure:
        return _print_measurement(specs, auth, finish=finish, as_json=as_json, **options)
    findings = _check(specs, auth)
    if as_json:
        render.print_json({"findings": [finding._asdict() for finding in findings]})
    else:
        _print_findings(findings)
    return FOUND if any(finding.level == "problem" for finding in findings) and not exit_zero else 0


def _check(specs: SpecFolder, auth: str | None) -> list[CheckResult]:
    from locoia_pat.actions.doctor.checks import LOGIN, CheckResult

    try:
        resolved = resolve_auth(auth, specs.connector)
    except InvalidError as error:
        remedy = error.problem.next or error.problem.hint or LOGIN
        unreadable = CheckResult("credential", "problem", error.problem.message, remedy)
        findings = check_setup(specs, ResolvedAuth(ConnectorAuth.from_env({}), "none"), sends=False)
        return [*(finding for finding in findings if finding.check != "credential"), unreadable]
    return check_setup(specs, resolved)


def check_setup(specs: SpecFolder, resolved: ResolvedAuth, *, sends: bool = True) -> list[CheckResult]:
    """Check the setup with a credential; *sends* says whether the API is asked about it."""
    from locoia_pat.actions.doctor.checks import run_checks

    spec = specs.connector
    with RecordingConnector(resolved.auth, specs=specs, timeout=15) as connector:
        action = spec.check if sends else None
        setting = spec.env.base_url or "base_url"
        return list(run_checks(connector, resolved.source, check_action=action, base_url_setting=setting))


def _print_findings(findings: Sequence[CheckResult]) -> None:
    """Print a table of findings, and below it what to do."""
    rows = [(finding.check, finding.level, finding.message) for finding in findings]
    render.print_table(("check", "status", "finding"), rows)
    for finding in findings:
        if finding.next:
            render.say(f"{finding.check}: {finding.next}")
    render.say(plural(sum(finding.level == "problem" for finding in findings), "problem"))


def _print_measurement(specs: SpecFolder, auth: str | None, *, as_json: bool, **options: Any) -> int:
    output.set_effect()
    try:
        try:
            result = _measure(specs, auth, **options)
        finally:
            signals.hold_from_here()
    except KeyboardInterrupt:
        render.say("interrupted; to revoke tokens that are left, run: locoia-pat doctor --measure --finish")
        return signals.exit_code or INTERRUPTED
    code = render.print_result(result if as_json else _as_table(result), table=not as_json)
    if result.data and result.data["rows"]:
        render.say(f"{result.data['rows']} rows stay listed until they expire; after {result.data['due']}:\n"
                   "locoia-pat doctor --measure --finish")  # fmt: skip
    return signals.exit_code or code


def _measure(
    specs: SpecFolder,
    auth: str | None,
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
        render.say(f"{measurement.describe_plan(finish=finish)}\n")
        render.confirm("Measuring sends these calls", yes=yes)
        signals.wait_while = lambda: measurement.revoking
        return measurement.finish() if finish else measurement.measure()


def _as_table(result: Result) -> Result:
    """Return *result* with only its facts, as rows of a table."""
    if result.data is None:
        return result
    rows = [
        {"fact": name, "value": _fact_text(fact["value"]), "how": fact["how"]}
        for name, fact in result.data["facts"].items()
    ]
    return replace(result, data={"facts": rows})


def _fact_text(value: Any) -> Any:
    """Return the value of a fact for a table; of a table of scopes, those that are allowed."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, dict):
        return value
    granted = [scope for scope, allowed in value.items() if allowed is True]
    unknown = [f"{scope}?" for scope, allowed in value.items() if not isinstance(allowed, bool)]
    return [*granted, *unknown] or "none"
