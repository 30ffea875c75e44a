"""``doctor``: check the computer, the API, the credential, the state and the stores.

It changes nothing, and sends at most one read.
"""

from __future__ import annotations

import datetime as dt
import os
import platform
import re
import shlex
import stat
from importlib import import_module, metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from urllib.parse import urlsplit

from locoia_pat import ConnectorError, Outcome
from locoia_pat.actions.lifecycle.capabilities import LATER, UNKNOWN, CapabilityFile
from locoia_pat.actions.lifecycle.journalled import damaged_entries, intact_entries
from locoia_pat.actions.lifecycle.marker import NAME
from locoia_pat.extras import install_command
from locoia_pat.http.exchange_types import Response
from locoia_pat.http.retry import parse_http_date
from locoia_pat.http.url import is_loopback
from locoia_pat.messages import describe_value, plural
from locoia_pat.state.database import state_location
from locoia_pat.state.inspect import inspect_state
from locoia_pat.state.unprinted import last_unprinted
from locoia_pat.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from locoia_pat.actions.lifecycle.capabilities import ApiFacts
    from locoia_pat.actions.lifecycle.effects import JournalEntry
    from locoia_pat.connector import RecordingConnector
    from locoia_pat.outcomes import Problem
    from locoia_pat.state.inspect import StateReport

LOGIN = "locoia-pat login, or --auth REF with another credential"
MAX_SKEW = 60
"""Seconds that clocks may differ; with more, expiries are misjudged."""
MAX_AGE = dt.timedelta(days=180)
"""Facts that were measured earlier may no longer be true."""
_RECONCILE = "locoia-pat reconcile"
_MEASURE = "locoia-pat doctor --measure"
_FINISH = "locoia-pat doctor --measure --finish"
_USE_FILES = "keep tokens in files: --token-to file:PATH, login --to file:PATH"
_DISTRIBUTION = "locoia-pat"
_DEVELOPER_EXTRAS = ("test", "lint")
_REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9._-]+).*?\bextra == ['\"](?P<extra>[^'\"]+)['\"]")
_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_STORE_EXTRAS = ("aws", "keyring")
"""Kinds of token stores that need the extra of their name."""
_FILE_SCHEMES = ("file", "text", "env-file")


class CheckResult(NamedTuple):
    """The result of one check."""

    check: str
    level: Literal["ok", "note", "problem"]
    message: str
    next: str | None = None
    """What to do about it: a command if there is one."""


def run_checks(
    connector: RecordingConnector, source: str, *, check_action: str | None, base_url_setting: str
) -> Iterator[CheckResult]:
    """Run all checks, each after those that it depends on.

    Args:
        connector: what calls the API.
        source: where its credential is from, in words; ``none`` if there is none.
        check_action: the action with ``effect: read`` that checks the credential.
        base_url_setting: what sets the base URL, in words.

    """
    report = inspect_state()
    yield check_program()
    yield from check_extras(_needed_extras(report, connector.auth_ref))
    yield check_keyring()
    try:
        base_url: str | None = connector.base_url
    except ConnectorError as error:
        base_url = None
        yield CheckResult("base URL", "problem", str(error), f"set {base_url_setting}, or unset it")
    yield from check_network(base_url)
    if base_url is not None:
        yield CheckResult("base URL", "ok", base_url)
        yield from _check_api(connector, source, check_action)
    yield from _check_state(report)
    yield from _check_unprinted(report.folder)
    yield from _check_stores(report, connector.auth_ref)
    if base_url is not None and report.trouble is None:
        yield from _check_capabilities(report, base_url)


# The local machine


def check_program() -> CheckResult:
    """Name the versions in use."""
    versions = f"locoia-pat {VERSION}, Python {platform.python_version()} on {platform.system()}"
    return CheckResult("program", "ok", versions)


def check_extras(needed: Mapping[str, str]) -> Iterator[CheckResult]:
    """Check which extras are installed; one that is missing and *needed*, for what it says, has its own result."""
    missing = {extra: [name for name in names if not _is_installed(name)] for extra, names in sorted(_extras().items())}
    installed = [extra for extra, names in missing.items() if not names]
    others = [extra for extra, names in missing.items() if names and extra not in needed]
    if installed or others:
        message = f"installed: {', '.join(installed) or 'none'}; not needed here: {', '.join(others) or 'none'}"
        yield CheckResult("extras", "ok", message)
    for extra in (extra for extra in needed if missing.get(extra)):
        message = f"not installed: {', '.join(missing[extra])}, for {needed[extra]}"
        yield CheckResult(f"extra {extra}", "problem", message, install_command(extra))


def _needed_extras(report: StateReport, auth_ref: str | None) -> dict[str, str]:
    """Return the extras that this setup needs, and for what."""
    refs = [ref for _, entry, stores in intact_entries(report) if not entry.ended for ref in stores]
    needed = {scheme: ref for ref in [*refs, auth_ref or ""] if (scheme := ref.partition(":")[0]) in _STORE_EXTRAS}
    return needed if isinstance(state_location(), Path) else {**needed, "postgres": "LOCOIA_PAT_STATE"}


def _extras() -> dict[str, list[str]]:
    """Return the distributions of each extra."""
    extras: dict[str, list[str]] = {}
    try:
        requirements = metadata.requires(_DISTRIBUTION) or ()
    except metadata.PackageNotFoundError:
        return extras  # a copy of the sources that is not installed
    for requirement in requirements:
        match = _REQUIREMENT.match(requirement)
        if match and match["extra"] not in _DEVELOPER_EXTRAS:
            extras.setdefault(match["extra"], []).append(match["name"])
    return extras


def _is_installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def check_keyring() -> CheckResult:
    """Check whether the system has a usable keyring."""
    try:
        library = import_module("keyring")
    except ModuleNotFoundError:
        return CheckResult("keyring", "note", "not checked: the extra keyring is not installed")
    try:
        backend = library.get_keyring()
    except Exception as error:  # noqa: BLE001  # backends are third-party plugins
        return CheckResult("keyring", "note", f"cannot be used: {type(error).__name__}", _USE_FILES)
    kind = type(backend)
    if kind.__module__.endswith((".fail", ".null")) or backend.priority <= 0:
        return CheckResult("keyring", "note", "the system has no usable keyring", _USE_FILES)
    return CheckResult("keyring", "ok", f"{kind.__module__}.{kind.__name__}")


def check_network(base_url: str | None, environ: Mapping[str, str] = os.environ) -> Iterator[CheckResult]:
    """Check which proxy is used, and which certificates are trusted."""
    proxies = [f"{name}={_proxy_host(value)}" for name, value in _variables(_PROXIES, environ)]
    bypassed = base_url is not None and is_loopback(urlsplit(base_url).hostname)
    note = "; not used for localhost" if proxies and bypassed else ""
    yield CheckResult("proxy", "ok", (", ".join(proxies) or "none") + note)
    certificates = dict(_variables(_CERTIFICATES, environ))
    missing = [name for name, path in certificates.items() if not Path(path).exists()]
    for name in missing:
        hint = f"unset {name}, or set it to an existing path"
        yield CheckResult("certificates", "problem", f"{name} names a path that does not exist", hint)
    if not missing:
        source = f"from {', '.join(certificates)}" if certificates else "the system's"
        yield CheckResult("certificates", "ok", source)


def _variables(names: tuple[str, ...], environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name in names:
        for spelling in (name, name.lower()):
            if value := environ.get(spelling):
                yield spelling, value


def _proxy_host(proxy: str) -> str:
    """Return host and port of a proxy, without the credential that its URL may contain."""
    try:
        parts = urlsplit(proxy if "://" in proxy else f"//{proxy}")
        return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
    except ValueError:
        return "an invalid URL"


# The API


def _check_api(connector: RecordingConnector, source: str, action: str | None) -> Iterator[CheckResult]:
    """Send one read; check the API, the credential and the clock by its response."""
    if action is None:
        yield CheckResult("credential", "note", f"from {source}; its connector names no action to check it with")
        return
    connector.exchanges.clear()
    before = dt.datetime.now(dt.UTC)
    result = connector.run(action)
    sent_at = before + (dt.datetime.now(dt.UTC) - before) / 2
    responses = [response for _, response in connector.exchanges if isinstance(response, Response)]
    connector.exchanges.clear()
    if result.outcome is Outcome.INVALID:
        yield _unusable_credential(source, result.problem)
    elif not responses:
        message = result.problem.message if result.problem else "no response"
        yield CheckResult("API", "problem", message, "check the base URL, the proxy and the network")
    else:
        yield from _judge_response(responses[-1], result.outcome, result.problem, source)
        yield from (CheckResult("API", "note", warning) for warning in result.warnings)
        yield _check_clock(responses[-1], sent_at)


def _unusable_credential(source: str, problem: Problem | None) -> CheckResult:
    message = problem.message if problem else "it cannot be used"
    message = message if source == "none" else f"from {source}: {message}"
    return CheckResult("credential", "problem", message, (problem and problem.hint) or LOGIN)


def _judge_response(
    response: Response, outcome: Outcome, problem: Problem | None, source: str
) -> Iterator[CheckResult]:
    code = problem.code if problem else None
    status = f"responds with {response.status}"
    if outcome is Outcome.DONE:
        yield CheckResult("API", "ok", status)
        yield CheckResult("credential", "ok", f"from {source}; accepted")
    elif code == "unauthorized":
        yield CheckResult("API", "ok", status)
        message = f"from {source}; refused: it is expired, revoked or of another host"
        yield CheckResult("credential", "problem", message, LOGIN)
    elif code == "forbidden":
        yield CheckResult("API", "ok", status)
        yield CheckResult("credential", "note", f"from {source}; refused: it may not list tokens, or is revoked", LOGIN)
    else:
        yield CheckResult("API", "problem", problem.message if problem else status, "wait, and check again")


def _check_clock(response: Response, now: dt.datetime) -> CheckResult:
    date = parse_http_date(response.headers.get("date", ""))
    if date is None:
        return CheckResult("clock", "note", "the API sends no Date, so the local clock is used")
    difference = round((now - date).total_seconds())
    if abs(difference) <= MAX_SKEW:
        return CheckResult("clock", "ok", f"{abs(difference)} s from the API's")
    direction = "ahead of" if difference > 0 else "behind"
    return CheckResult("clock", "problem", f"{abs(difference)} s {direction} the API's", "set the clock, best by NTP")


# State and stores


def _check_state(report: StateReport) -> Iterator[CheckResult]:
    """Check the state folder, unfinished operations, and leases."""
    if report.trouble is not None:
        hint = "set LOCOIA_PAT_STATE to a folder or a database that you may write to"
        yield CheckResult("state", "problem", f"{report.label}: {report.trouble}", hint)
    elif report.copied is not None:
        yield CheckResult("state", "problem", report.copied.message, report.copied.hint)
    else:
        created = "" if report.exists else ", created when it is needed"
        yield CheckResult("state", "ok", f"{report.label}{created}")
    for path, mode in report.open_to_others:
        yield _open_permissions(path, mode)
    now = dt.datetime.now(dt.UTC)
    for base_url, entry, _ in intact_entries(report):
        yield _check_name(base_url, entry.name, entry, now)
    for base_url, name, reason in damaged_entries(report):
        shown, way_out = describe_value(name), f"restore {report.label} from a backup"
        if NAME.fullmatch(name):
            shown, way_out = name, f"locoia-pat reconcile --take-over {name} --token-to REF"
        where = base_url if base_url.isprintable() else describe_value(base_url)
        message = f"its journal entry cannot be used, at {where}: {reason}"
        yield CheckResult(f"name {shown}", "problem", message, way_out)
    for lease in report.leases:
        yield CheckResult("lease", "note", f"{lease.name}: held by {lease.process}, since {lease.since}")


def _check_unprinted(folder: Path) -> Iterator[CheckResult]:
    """Report results that a command could not print, because its standard output failed."""
    path, results = last_unprinted(folder)
    for last in results[-1:]:
        refs = last.get("token_refs") or filter(None, [last.get("token_ref")])
        words = [last.get("at"), last.get("action"), last.get("outcome"), (last.get("data") or {}).get("id"), *refs]
        message = f"{len(results)} could not be printed, the last: {' '.join(str(word) for word in words if word)}"
        yield CheckResult("results", "note", message, f"read {path}, then remove it")


def _check_name(base_url: str, name: str, entry: JournalEntry, now: dt.datetime) -> CheckResult:
    check = f"name {name}"
    if entry.operation is not None:
        return CheckResult(check, "problem", f"{entry.operation} is not finished, at {base_url}", _RECONCILE)
    overdue = [row for row in entry.retirements if row.due <= now]
    if overdue:
        message = f"{len(overdue)} old tokens are due to be retired, at {base_url}"
        return CheckResult(check, "problem", message, _RECONCILE)
    return CheckResult(check, "ok", f"{'retired' if entry.ended else 'nothing unfinished'}, at {base_url}")


def _check_stores(report: StateReport, auth_ref: str | None) -> Iterator[CheckResult]:
    """Check the token files of managed names, and that of the credential."""
    refs = [ref for _, entry, stores in intact_entries(report) if not entry.ended for ref in stores]
    if auth_ref:
        refs.append(auth_ref)
    for ref in dict.fromkeys(refs):
        scheme, _, rest = ref.partition(":")
        if scheme not in _FILE_SCHEMES:
            continue
        path = Path(rest.rpartition("#")[0] or rest)
        if not path.exists():
            yield CheckResult("store", "problem", f"{path} does not exist", "restore it, or run ensure_pat again")
        elif os.name == "posix" and (mode := stat.S_IMODE(path.stat().st_mode)) & 0o077:
            yield _open_permissions(path, mode)


def _open_permissions(path: Path, mode: int) -> CheckResult:
    private = "700" if path.is_dir() else "600"
    message = f"other users can access {path} (mode {mode:04o})"
    return CheckResult("permissions", "problem", message, f"chmod {private} {shlex.quote(str(path))}")


# Measurements


def _check_capabilities(report: StateReport, base_url: str) -> Iterator[CheckResult]:
    """Check how old the measured facts are, and whether a measurement is unfinished."""
    try:
        saved = CapabilityFile(report).read(base_url)
    except ConnectorError as error:
        yield CheckResult("measured", "problem", error.problem.message, error.problem.hint)
        return
    now = dt.datetime.now(dt.UTC)
    yield _check_facts(saved, now)
    if any(not run.cleared for run in saved.runs):
        yield CheckResult("throwaway", "problem", "tokens of a measurement may still be active", _FINISH)
    elif any(run.due and dt.datetime.fromisoformat(run.due) <= now for run in saved.runs):
        message = "the rows of a measurement have expired, so the last fact can be measured"
        yield CheckResult("throwaway", "note", message, _FINISH)


def _check_facts(saved: ApiFacts, now: dt.datetime) -> CheckResult:
    facts: dict[str, Any] = saved.all_facts()
    dates = [dt.datetime.fromisoformat(fact["at"]) for fact in facts.values() if fact["at"]]
    if not dates:
        return CheckResult("measured", "note", "nothing was measured at this API yet", _MEASURE)
    unknown = [name for name, fact in facts.items() if fact["value"] == UNKNOWN and name not in LATER]
    age = now - min(dates)
    message = f"{plural(age.days, 'day')} ago" + (f"; unknown: {', '.join(unknown)}" if unknown else "")
    is_old = age > MAX_AGE
    return CheckResult("measured", "note" if is_old else "ok", message, _MEASURE if is_old else None)
