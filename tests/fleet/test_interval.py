"""The interval of a fleet: its cron expression and its last due time mean the same, and wrong ones are findings."""

from __future__ import annotations

import datetime as dt

import pytest
from croniter import croniter  # type: ignore[import-untyped]  # it has no types

from locoia_pat.actions.fleet.fleet_file import parse_fleet
from locoia_pat.actions.fleet.interval import ALLOWED, Interval
from locoia_pat.outcomes import SpecError


def test_the_last_due_time_is_that_of_the_cron_expression() -> None:
    for every in ALLOWED:
        for number in range(40):
            interval = Interval.parse(every, f"/srv/{number}.yaml")
            now = dt.datetime(2026, 1, 1, 7, 30, 10, tzinfo=dt.UTC) + number * dt.timedelta(hours=61, minutes=7)
            times = croniter(interval.cron(), now)
            due = times.get_prev(dt.datetime)
            assert interval.last_due(now) == due, (every, number)
            assert times.get_next(dt.datetime) - due == dt.timedelta(
                minutes=interval.count * {"m": 1, "h": 60, "d": 1440}[interval.unit]
            ), (every, number)


def test_a_run_that_failed_is_tried_again_for_an_hour_and_never_after_the_next_due_time() -> None:
    pauses: dict[str, list[int | None]] = {
        "1d": [1, 2, 4, 8, 16, 32, None],
        "1h": [1, 2, 4, 8, 16, None],  # the last pause would end behind the next due time
        "5m": [1, 2, None],
        "2m": [1, None],
        "1m": [None],
    }
    for every, expected in pauses.items():
        interval = Interval.parse(every, "/srv/fleet.yaml")
        due = ended = interval.last_due(dt.datetime(2026, 1, 1, 7, 30, tzinfo=dt.UTC))
        for tries, minutes in enumerate(expected, 1):
            again = interval.next_try(due, ended, tries)
            assert again == (None if minutes is None else ended + dt.timedelta(minutes=minutes)), (every, tries)
            ended = again or ended


def test_a_wrong_interval_is_a_finding_with_its_line() -> None:
    token = "tokens: [{name: a, scopes: [embed], note: N, to: ['file:a.json']}]\n"
    assert parse_fleet(f"fleet: 1\nevery: 6h\n{token}", "f.yaml").every == "6h"
    for every in ("5w", "'1'", "7h", "daily", "0d", "2d"):
        with pytest.raises(SpecError, match="is not an interval") as caught:
            parse_fleet(f"fleet: 1\nevery: {every}\n{token}", "f.yaml")
        (finding,) = caught.value.findings
        assert (finding.line, finding.code) == (2, "bad-value"), every
        assert "Allowed: 1m, 2m, 5m" in finding.message
