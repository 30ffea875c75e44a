"""The API: whether it is reached, takes the credential, and agrees about the time."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from locoia_pat import Outcome
from locoia_pat.actions.doctor.findings import Finding
from locoia_pat.http.exchange_types import Response
from locoia_pat.http.retry import parse_http_date

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locoia_pat.connector import RecordingConnector
    from locoia_pat.outcomes import Problem

SKEW = 60
"""Seconds that clocks may differ: beyond them an expiry is misjudged."""
LOGIN = "locoia-pat login, or --auth REF with another credential"


def api(connector: RecordingConnector, source: str, check: str | None) -> Iterator[Finding]:
    """Ask it once, by the read *check*; *source* says in words where the credential is from."""
    if check is None:
        yield Finding("credential", "note", f"from {source}; its connector names no action to check it with")
        return
    connector.exchanges.clear()
    before = dt.datetime.now(dt.UTC)
    result = connector.run(check)
    between = before + (dt.datetime.now(dt.UTC) - before) / 2
    reply = next((answer for _, answer in reversed(connector.exchanges) if isinstance(answer, Response)), None)
    connector.exchanges.clear()
    if result.outcome is Outcome.INVALID:
        yield _unusable(source, result.problem)
    elif reply is None:
        message = result.problem.message if result.problem else "no answer came"
        yield Finding("API", "problem", message, "check the base address, the proxy and the way there")
    else:
        yield from _answered(reply, result.outcome, result.problem, source)
        yield _clock(reply, between)


def _unusable(source: str, problem: Problem | None) -> Finding:
    message = problem.message if problem else "it cannot be used"
    told = message if source == "none" else f"from {source}: {message}"
    return Finding("credential", "problem", told, (problem and problem.hint) or LOGIN)


def _answered(reply: Response, outcome: Outcome, problem: Problem | None, source: str) -> Iterator[Finding]:
    code = problem.code if problem else None
    if outcome is Outcome.DONE:
        yield Finding("API", "ok", f"answers {reply.status}")
        yield Finding("credential", "ok", f"from {source}; accepted")
    elif code == "unauthorized":
        yield Finding("API", "ok", f"answers {reply.status}")
        why = "expired, replaced or of another host"
        yield Finding("credential", "problem", f"from {source}; not accepted: {why}", LOGIN)
    elif code == "forbidden":
        yield Finding("API", "ok", f"answers {reply.status}")
        yield Finding("credential", "note", f"from {source}; it may not list tokens, or is not accepted", LOGIN)
    else:
        told = problem.message if problem else f"answers {reply.status}"
        yield Finding("API", "problem", told, "wait, and look again")


def _clock(reply: Response, now: dt.datetime) -> Finding:
    date = parse_http_date(reply.headers.get("date", ""))
    if date is None:
        return Finding("clock", "note", "the API tells no time, so this computer's is used")
    away = round((now - date).total_seconds())
    if abs(away) <= SKEW:
        return Finding("clock", "ok", f"{abs(away)} s from the API's")
    way = "ahead of" if away > 0 else "behind"
    return Finding("clock", "problem", f"{abs(away)} s {way} the API's", "set this computer's clock, best by NTP")
