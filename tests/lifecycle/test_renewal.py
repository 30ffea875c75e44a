"""How APIs write times: each form is read right or kept with a warning, and a managed token is renewed in time."""

from __future__ import annotations

import datetime as dt
import json
import os
from dataclasses import dataclass, field, replace
from email.utils import format_datetime, formatdate
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locoia_pat import Connector, ConnectorAuth, Result, Secret
from locoia_pat.actions import audit_pats
from locoia_pat.actions.lifecycle import rotation
from locoia_pat.actions.lifecycle.capabilities import Capabilities
from locoia_pat.actions.lifecycle.desired import DesiredToken
from locoia_pat.actions.lifecycle.effects import (
    AcquireLease,
    CallApi,
    JournalEntry,
    LoadState,
    Snapshot,
    StoreRecord,
    WriteJournal,
)
from locoia_pat.actions.lifecycle.rotation import under_lease
from locoia_pat.actions.managed import reconcile
from locoia_pat.engine.action import CompiledAction
from locoia_pat.http.exchange_types import Response
from locoia_pat.spec.load import SpecFolder
from locoia_pat.state.journal import State
from locoia_pat.stores.record import Record, parse
from tests.support.command import call
from tests.support.loopback import answer, serving

if TYPE_CHECKING:
    from collections.abc import Callable

    from locoia_pat.actions.lifecycle.effects import Finished
    from tests.support.command import Done
    from tests.support.lifecycle_sandbox import ManagedSandbox

__all__ = ["call"]

Time = dt.datetime
Value = TypeVar("Value")
DAY, HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)
START = Time(2026, 1, 1, 9, 30, 15, tzinfo=dt.UTC)
EPOCH = Time(1970, 1, 1, tzinfo=dt.UTC)
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
LONG_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def f(pattern: str, hours: float = 0) -> Callable[[Time], str]:
    """Return a function that writes a time by *pattern*, as a clock shows it *hours* before UTC; names are English."""

    def write(time: Time) -> str:
        time = time.astimezone(dt.timezone(dt.timedelta(hours=hours)))
        names = {"%a": WEEKDAYS[time.weekday()], "%A": LONG_WEEKDAYS[time.weekday()], "%b": MONTHS[time.month - 1]}
        text = pattern
        for code, name in names.items():
            text = text.replace(code, name)
        return time.strftime(text)

    return write


def number(per_second: int, since: Time = EPOCH) -> Callable[[Time], int]:
    return lambda time: round((time - since).total_seconds()) * per_second


def constant(value: Value) -> Callable[[Time], Value]:
    return lambda _: value


Reading = Literal["right", "assumed", "raw"]


@dataclass(frozen=True)
class Form:
    """A form of a time, and how it is read."""

    write: Callable[[Time], object]
    reading: Reading
    """Right; right under an assumption, with a warning and the raw value; or only kept raw, with a warning."""
    floor: dt.timedelta = dt.timedelta(seconds=1)
    """What it says no more of than."""
    shift: float = 0
    """Hours by which an assumed time is wrong."""


RIGHT: dict[str, Callable[[Time], object]] = {
    "RFC 3339": f("%Y-%m-%dT%H:%M:%SZ"),
    "RFC 3339 in lower case": f("%Y-%m-%dt%H:%M:%Sz"),
    "GitHub, a header": f("%Y-%m-%d %H:%M:%S UTC"),
    "GitHub, with an offset": f("%Y-%m-%d %H:%M:%S -0800", -8),
    "Graph, seven digits": f("%Y-%m-%dT%H:%M:%S.1234567Z"),
    "Jira": f("%Y-%m-%dT%H:%M:%S.123+0100", 1),
    "GitLab": f("%Y-%m-%dT%H:%M:%S.000Z"),
    "Django": f("%Y-%m-%dT%H:%M:%S.123456+02:00", 2),
    "Rails": f("%Y-%m-%d %H:%M:%S UTC"),
    "Ruby, to_s": f("%Y-%m-%d %H:%M:%S +0530", 5.5),
    "Go, String": f("%Y-%m-%d %H:%M:%S.123456789 +0000 UTC"),
    "Go, String of a zone": f("%Y-%m-%d %H:%M:%S +0200 CEST", 2),
    "Java, Instant": f("%Y-%m-%dT%H:%M:%S.123456789Z"),
    "Java, ZonedDateTime": f("%Y-%m-%dT%H:%M:%S+02:00[Europe/Berlin]", 2),
    "Java, ZonedDateTime in UTC": f("%Y-%m-%dT%H:%M:%SZ[UTC]"),
    "Java, Date in UTC": f("%a %b %d %H:%M:%S UTC %Y"),
    "JavaScript, toString": f("%a %b %d %Y %H:%M:%S GMT+0200 (Central European Summer Time)", 2),
    "JavaScript, toString in the west": f("%a %b %d %Y %H:%M:%S GMT-0330 (Newfoundland Standard Time)", -3.5),
    "JavaScript, toUTCString": f("%a, %d %b %Y %H:%M:%S GMT"),
    "HTTP": lambda time: format_datetime(time, usegmt=True),
    "mail": lambda time: format_datetime(time.astimezone(dt.timezone(3 * HOUR))),
    "mail, zone unknown": lambda time: formatdate(time.timestamp()),
    "mail, UT": f("%a, %d %b %Y %H:%M:%S UT"),
    "mail, a comment": f("%d %b %Y %H:%M:%S +0100 (CET)", 1),
    "cookie": f("%a, %d-%b-%Y %H:%M:%S GMT"),
    "RFC 850 with a whole year": f("%A, %d-%b-%Y %H:%M:%S GMT"),
    "X": f("%a %b %d %H:%M:%S +0000 %Y"),
    "Postgres": f("%Y-%m-%d %H:%M:%S.5+00"),
    "Postgres in a zone": f("%Y-%m-%d %H:%M:%S+05:45", 5.75),
    "ISO, basic": f("%Y%m%dT%H%M%SZ"),
    "ISO, basic with an offset": f("%Y%m%dT%H%M%S+1300", 13),
    "ISO, comma": f("%Y-%m-%dT%H:%M:%S,5Z"),
    "ISO, week": f("%G-W%V-%uT%H:%M:%SZ"),
    "ISO, minus zero": f("%Y-%m-%dT%H:%M:%S-00:00"),
    "ISO, spaces around it": f("  %Y-%m-%d  %H:%M:%S Z \n"),
    "SQL Server, datetimeoffset": f("%Y-%m-%d %H:%M:%S.1234567 +14:00", 14),
    ".NET, JSON": lambda time: f"/Date({number(1000)(time)})/",
    ".NET, JSON with an offset": lambda time: f"/Date({number(1000)(time)}+0200)/",
    **{f"{digits} digits": f(f"%Y-%m-%dT%H:%M:%S.{'9' * digits}Z") for digits in range(1, 10)},
}
ASSUMED: dict[str, Callable[[Time], object]] = {
    "Stripe": number(1),
    "Slack, a string": lambda time: str(number(1)(time)),
    "Slack, a float string": lambda time: f"{number(1)(time)}.000200",
    "a float": lambda time: number(1)(time) + 0.5,
    "JavaScript, Date.now": number(10**3),
    "JavaScript, as a string": lambda time: str(number(10**3)(time)),
    "microseconds": number(10**6),
    "Go, UnixNano": number(10**9),
    "Go, UnixNano as a string": lambda time: str(number(10**9)(time)),
    "no zone": f("%Y-%m-%dT%H:%M:%S"),
    "Python, str of a naive time": f("%Y-%m-%d %H:%M:%S.123456"),
    "SQL": f("%Y-%m-%d %H:%M:%S"),
    "asctime": f("%a %b %d %H:%M:%S %Y"),
    "mail without a zone": f("%a, %d %b %Y %H:%M:%S"),
}
ZONES = {"Kiribati": 14, "Berlin": 1, "Baker Island": -12}
RAW: dict[str, Callable[[Time], object]] = {
    "day or month first": f("%d/%m/%Y %H:%M:%S"),
    "a date with slashes": f("%m/%d/%Y"),
    "two digits of the year": f("%d.%m.%y"),
    "RFC 850": f("%A, %d-%b-%y %H:%M:%S GMT"),
    "JavaScript, toLocaleString": f("%m/%d/%Y, %I:%M:%S %p"),
    "words with PM": f("%b %d, %Y %I:%M %p"),
    "an hour with PM": f("%Y-%m-%d %I:%M %p"),
    "an hour with PM and a zone": f("%Y-%m-%d %I:%M:%S PM +0000"),
    "CET": f("%a, %d %b %Y %H:%M:%S CET"),
    "CST": f("%Y-%m-%d %H:%M:%S CST", -6),
    "IST": f("%a %b %d %H:%M:%S IST %Y", 5.5),
    "EST": f("%a, %d %b %Y %H:%M:%S EST", -5),
    "a zone by its name": f("%Y-%m-%dT%H:%M:%S Europe/Berlin", 1),
    "an offset of a day": f("%Y-%m-%dT%H:%M:%S+24:00"),
    "an offset of one digit": f("%Y-%m-%d %H:%M:%S GMT+2"),
    "a wrong weekday": lambda time: f"{WEEKDAYS[time.weekday() - 1]}, " + str(f("%d %b %Y %H:%M:%S GMT")(time)),
    "leap second": f("%Y-%m-%dT23:59:60Z"),
    "24:00": f("%Y-%m-%dT24:00:00Z"),
    "a day that no month has": f("%Y-02-30T%H:%M:%SZ"),
    "ISO, day of the year": f("%Y-%jT%H:%M:%SZ"),
    "a month": f("%Y-%m"),
    "compact": f("%Y%m%d%H%M%S"),
    "Go, zero": constant("0001-01-01T00:00:00Z"),
    ".NET, MinValue": constant("0001-01-01T00:00:00"),
    ".NET, MinValue in JSON": constant("/Date(-62135596800000)/"),
    ".NET, ticks": number(10**7, Time(1, 1, 1, tzinfo=dt.UTC)),
    "Windows, FILETIME": number(10**7, Time(1601, 1, 1, tzinfo=dt.UTC)),
    "SQL, zero": constant("0000-00-00 00:00:00"),
    "SQL Server, first day": constant("1753-01-01T00:00:00"),
    "the epoch": constant("1970-01-01T00:00:00Z"),
    "the epoch elsewhere": constant("1970-01-01T01:00:00+01:00"),
    "year 9999": constant("9999-12-31T23:59:59.9999999Z"),
    "the end of the calendar": constant("9999-12-31T23:59:59-14:00"),
    "Postgres, infinity": constant("infinity"),
    "Java, the last second": constant(31556889864403199),
    "JavaScript, the last day": constant("+275760-09-13T00:00:00.000Z"),
    "zero": constant(0),
    "zero as a string": constant("0"),
    "minus one": constant(-1),
    "a huge number": constant(10**300),
    "a huge float": constant(1e300),
    "an exponent": constant("1.7e9"),
    "Excel": constant(46388.5),
    "seconds left": constant(2592000),
    "ISO, duration": constant("P30D"),
    "days left": constant("30d"),
    "in words": constant("in 30 days"),
    "never": constant("never"),
    "no": constant(False),
    "empty": constant(""),
    "another alphabet": constant("\u0662\u0660\u0662\u0666-02-01T00:00:00Z"),
    "very long": constant("2026-02-01T00:00:00." + "0" * 200 + "Z"),
    "seconds and nanoseconds": lambda time: {"seconds": number(1)(time), "nanos": 0},
    "Java, numbers": lambda time: [time.year, time.month, time.day, time.hour, time.minute],
}
FORMS: dict[str, Form] = {
    **{name: Form(write, "right") for name, write in RIGHT.items()},
    "minutes": Form(f("%Y-%m-%dT%H:%MZ"), "right", dt.timedelta(minutes=1)),
    "ctime": Form(lambda time: f"{MONTHS[time.month - 1]} {time.day:2} {time:%H:%M:%S} UTC {time.year}", "right"),
    **{name: Form(write, "assumed") for name, write in ASSUMED.items()},
    **{f"{zone} time": Form(f("%Y-%m-%d %H:%M:%S", ahead), "assumed", shift=ahead) for zone, ahead in ZONES.items()},
    "a date": Form(f("%Y-%m-%d"), "assumed", DAY),
    "a date, basic": Form(f("%Y%m%d"), "assumed", DAY),
    "ISO, week without a time": Form(f("%G-W%V-%u"), "assumed", DAY),
    **{name: Form(write, "raw") for name, write in RAW.items()},
}


def test_the_table_has_many_forms() -> None:
    assert len(FORMS) > 120


# Reading


@cache
def action(name: str) -> CompiledAction:
    return CompiledAction(SpecFolder().action(name))


def respond(name: str, body: object, now: Time, date: str | None = None) -> Any:
    """Return what the shipped spec *name* reads of a response."""
    headers = {} if date is None else {"date": date}
    inputs = {"token_id": "r", "expiration": 30, "scopes": ["embed"], "note": "CI"}
    return action(name).classify(Response(200, headers, Secret(json.dumps(body))), inputs, now)


def wrong_reading(form: Form, time: Time) -> str | None:
    """Return what is wrong with how *form* is read, or None."""
    value = form.write(time)
    row = {"id": "r", "expiration": value, "note": "CI", "last_used": None, "scopes": ["embed"]}
    parsed = respond("list_pats", [row], START)
    (read,) = parsed.data["tokens"]
    local = time + form.shift * HOUR
    expected = local - (local - EPOCH) % form.floor
    text = expected.strftime("%Y-%m-%dT%H:%M:%SZ")
    days = round((expected - START) / DAY)
    seen = (read["expiration"], read["expires_in_days"])
    raw = value if isinstance(value, str) else json.dumps(value) if isinstance(value, int | float) else None
    warned = len(parsed.warnings) == 1 and '"expiration"' in parsed.warnings[0]
    match form.reading:
        case "right" if seen == (text, days) and not parsed.warnings and "expiration_raw" not in read:
            return None
        case "assumed" if seen == (text, days) and warned and read["expiration_raw"] == raw:
            return None
        case "raw" if seen == (None, None) and warned and read["expiration_raw"] == (raw and raw[:100]):
            return None
    return f"{value!r} is read as {read} with {parsed.warnings}; expected: {text}, {form.reading}"


def test_each_form_is_read_right_or_kept_raw_with_a_warning() -> None:
    times = [START + 30 * DAY, Time(2028, 2, 29, 23, 59, 59, tzinfo=dt.UTC), Time(2026, 12, 5, 0, 0, 1, tzinfo=dt.UTC)]
    wrong = {name: reason for name, form in FORMS.items() for time in times if (reason := wrong_reading(form, time))}
    assert wrong == {}


TIMES = st.datetimes(Time(2002, 1, 1), Time(2105, 12, 31), timezones=st.just(dt.UTC))


@given(st.sampled_from(sorted(FORMS)), TIMES)
def test_any_time_in_any_form_is_read_right_or_kept_raw_with_a_warning(name: str, time: Time) -> None:
    assert wrong_reading(FORMS[name], time.replace(microsecond=0)) is None, name


@given(st.text(max_size=40) | st.from_regex(r"[0-9A-Za-z:/ .,+-]{1,40}", fullmatch=True) | st.floats() | st.integers())
def test_whatever_is_sent_as_a_time_is_one_or_is_kept_with_a_warning(value: object) -> None:
    row = {"id": "r", "expiration": value, "note": "CI", "last_used": None, "scopes": []}
    parsed = respond("list_pats", [row], START)
    (read,) = parsed.data["tokens"]
    assert read["expiration"] is not None or (parsed.warnings and "expiration_raw" in read)


# Renewal: the shipped protocol, the shipped specs, and an API with a clock that is moved


@dataclass
class ApiRow:
    """A row of the API."""

    note: str
    token: str = ""
    minted: Time = EPOCH
    ends: Time = EPOCH


@dataclass
class World:
    """An API that writes times in one form, a token store and a journal."""

    form: Form
    days: int = 30
    cap: dt.timedelta | None = None
    """The longest life that the API gives."""
    date: Callable[[Time], str | None] = lambda time: format_datetime(time, usegmt=True)
    """The header that the API sends at a time."""
    listed: bool = True
    """Whether the list shows the expiry; else only the response to a create or regenerate does."""
    ahead: dt.timedelta = dt.timedelta()
    """How far the API's header is before its clock."""
    now: Time = START
    rows: dict[str, ApiRow] = field(default_factory=dict)
    record: Record = field(default_factory=Record)
    journal: JournalEntry = field(default_factory=lambda: JournalEntry("ci", "k7q2aaaa"))
    warnings: set[str] = field(default_factory=set)
    minted: int = 0

    def perform(self, effect: object) -> object:
        match effect:
            case AcquireLease():
                return None
            case LoadState():
                self.minted += 1
                return Snapshot(self.record, self.journal, self.now, f"{self.minted:A>16}"[-16:], Capabilities())
            case StoreRecord(record):
                self.record = parse(record.to_text())
                return None
            case WriteJournal(entry):
                self.journal = JournalEntry.from_json(json.loads(json.dumps({**entry.to_json(), "stores": []})))
                return None
            case CallApi():
                return self.call(effect)
        raise AssertionError(effect)

    def call(self, call: CallApi) -> Result:
        inputs: Any = call.inputs
        if call.by is not None:
            assert any(row.token == call.by.reveal() and row.ends > self.now for row in self.rows.values()), "expired"
        if call.action == "list_pats":
            rows = [self.show(id_, listed=self.listed) for id_ in self.rows]
            return self.result(call.action, rows)
        id_ = inputs.get("token_id") or f"r{len(self.rows)}"
        row = self.rows.setdefault(id_, ApiRow(inputs.get("note", "")))
        self.minted += 1
        life = dt.timedelta(days=inputs["expiration"])
        row.token, row.minted = f"token-{self.minted:020}", self.now
        row.ends = self.now + (life if self.cap is None else min(life, self.cap))
        return self.result(call.action, {**self.show(id_, listed=True), "token": row.token})

    def show(self, id_: str, *, listed: bool) -> dict[str, Any]:
        row = self.rows[id_]
        expiration = self.form.write(row.ends) if listed else None
        return {"id": id_, "note": row.note, "last_used": None, "scopes": ["embed"], "expiration": expiration}

    def result(self, name: str, body: object) -> Result:
        parsed = respond(name, body, self.now, self.date(self.now))
        self.warnings |= {*parsed.warnings}
        return Result(
            name, parsed.outcome, "", 1, parsed.warnings, parsed.data, parsed.problem, (), parsed.secrets, parsed.at
        )

    def ensure(self) -> Finished:
        desired = DesiredToken("ci", ["embed"], self.days, "CI")
        protocol = under_lease(rotation.ensure, desired)
        result: object = None
        try:
            while True:
                result = self.perform(protocol.send(result))
        except StopIteration as end:
            finished: Finished = end.value
            assert not finished.stopped, finished
            self.warnings |= {*finished.warnings}
            return finished

    def current(self) -> ApiRow:
        assert self.record.current is not None
        return self.rows[self.record.current.id or ""]


def simulate(world: World, *, days: int, step: dt.timedelta) -> str | None:
    """Run ``ensure_pat`` every *step*; return what went wrong, or None."""
    life = min(world.days * DAY, world.cap or world.days * DAY)
    form = world.form
    early = max(-form.shift, 0) * HOUR + form.floor + 14 * HOUR if form.reading == "assumed" else form.floor
    shortest = 2 / 3 * (life - early - world.ahead)
    last: Time | None = None
    end = START + days * DAY
    while world.now < end:
        try:
            change = world.ensure().change
        except AssertionError as error:
            return f"on day {(world.now - START) / DAY:.1f}: {error}"
        row = world.current()
        if row.ends <= world.now:
            return f"its token expired before day {(world.now - START) / DAY:.1f}"
        if change in ("created", "rotated"):
            if last is not None and world.now - last < shortest - HOUR:
                return f"it was rotated after {world.now - last}, with a life of {life}"
            last = world.now
        world.now += step
    if last is None or (days * DAY > life and last == START):
        return "it was never rotated"
    if (form.reading != "right" or world.cap is not None) and not world.warnings:
        return "there was no warning"
    return None


def failures(worlds: dict[str, World], *, days: int, step: dt.timedelta) -> dict[str, str]:
    return {name: reason for name, world in worlds.items() if (reason := simulate(world, days=days, step=step))}


def test_a_token_is_renewed_in_time_over_a_year_whatever_form_its_expiry_has() -> None:
    assert failures({name: World(form) for name, form in FORMS.items()}, days=366, step=5 * DAY) == {}


READABLE = {name: form for name, form in FORMS.items() if form.reading != "raw"}


def test_a_token_that_lives_shorter_than_asked_for_is_renewed_in_time_and_not_by_every_call() -> None:
    for cap in (10 * DAY, 3 * DAY):
        worlds = {name: World(form, 90, cap) for name, form in READABLE.items()}
        assert failures(worlds, days=3 * cap // DAY, step=cap / 6) == {}
    assert failures({name: World(form, 1) for name, form in FORMS.items()}, days=3, step=3 * HOUR) == {}


def test_an_expiry_that_only_the_response_to_a_create_shows_counts_too() -> None:
    worlds = {name: World(form, 90, 10 * DAY, listed=False) for name, form in READABLE.items()}
    assert failures(worlds, days=60, step=DAY) == {}


DATES: dict[str, Callable[[Time], Any]] = {
    "no Date": constant(None),
    "a Date that is not one": constant("soon"),
    "a Date that stands still": constant("Thu, 01 Jan 2026 09:30:15 GMT"),
    "a Date that stands still in the past": constant("Mon, 01 Jan 2024 00:00:00 GMT"),
    "a clock that was never set": constant("Thu, 01 Jan 1970 00:00:07 GMT"),
    "three years ahead": lambda time: format_datetime(time + 1000 * DAY, usegmt=True),
    "three years behind": lambda time: format_datetime(time - 1000 * DAY, usegmt=True),
    "five days ahead": lambda time: format_datetime(time + 5 * DAY, usegmt=True),
    "five days behind": lambda time: format_datetime(time - 5 * DAY, usegmt=True),
}


def test_a_token_is_renewed_in_time_whatever_date_the_server_sends() -> None:
    for name in ("RFC 3339", "Stripe", "SQL", "a date", "never", "Go, zero", "year 9999", "CET"):
        worlds = {date: World(FORMS[name], date=write) for date, write in DATES.items()}
        worlds["five days ahead"].ahead = 5 * DAY
        assert failures(worlds, days=120, step=DAY) == {}, name


def test_a_record_of_an_earlier_version_is_renewed_by_its_expiry_or_at_once_if_that_is_unknown() -> None:
    for form, change in (("RFC 3339", "none"), ("never", "rotated")):
        world = World(FORMS[form])
        world.ensure()
        current = world.record.current
        assert current is not None
        old = {"id", "expiration", "scopes", "slot", "op", "listed"}
        metadata = {key: value for key, value in current.metadata.items() if key in old}
        world.record = replace(world.record, current=replace(current, metadata=metadata))
        world.now += DAY
        assert world.ensure().change == change, form
        world.now += DAY
        assert world.ensure().change != "rotated", form


def test_a_record_that_was_edited_ends_no_run() -> None:
    world = World(FORMS["never"])
    world.ensure()
    current = world.record.current
    assert current is not None
    for days in ("x", None, 10**9):
        world.record = replace(world.record, current=replace(current, metadata={**current.metadata, "days": days}))
        assert world.ensure().change == "none", days


# What people read


def rows(*expiries: object) -> Any:
    return answer(
        200,
        [
            {"id": f"r{n}", "expiration": expiry, "note": f"n{n}", "last_used": None, "scopes": ["embed"]}
            for n, expiry in enumerate(expiries)
        ],
    )


def test_an_audit_reports_an_expiry_that_cannot_be_read_or_means_never() -> None:
    soon = f"{Time.now(dt.UTC) + DAY:%Y-%m-%d %H:%M:%S} UTC"
    with (
        serving(rows("01/02/2030", "0001-01-01T00:00:00Z", None, soon, {"seconds": 1}, "2090-01-01")) as server,
        Connector(ConnectorAuth(Secret("t0ken-t0ken-t0ken")), base_url=server.url) as connector,
    ):
        findings = {row["id"]: (row["finding"], row["message"]) for row in audit_pats(connector)}
        quiet = audit_pats(connector, expiring_within=None, never_expires=False)
        warnings = connector.run("audit_pats").warnings
    assert findings == {
        "r0": ("expiring", "its expiry is not readable, so it may expire soon: 01/02/2030"),
        "r1": ("never-expires", 'its expiry 0001-01-01T00:00:00Z is a time that often means "never" or "not set"'),
        "r2": ("never-expires", "it never expires"),
        "r3": ("expiring", "it expires in 1 day"),
        "r4": ("expiring", "its expiry is not readable, so it may expire soon: not a string"),
    }
    assert quiet == []
    assert len([warning for warning in warnings if '"expiration"' in warning]) == 4


@pytest.mark.behaviour(time_format="naive_east")
def test_warnings_of_the_requests_are_in_the_envelope(sandbox: ManagedSandbox, call: Callable[..., Done]) -> None:
    assumed = '"expiration" has no time zone; UTC is assumed, and expiration_raw has the original text'
    for managed in (sandbox.ensure(), sandbox.ensure(), sandbox.rotate()):
        assert assumed in managed.warnings, managed.change
        assert any("2 hours later than the 30 days" in warning for warning in managed.warnings), managed.change
        assert len(managed.warnings) == len({*managed.warnings})
    with sandbox.connector() as connector:
        result = reconcile(connector, state=State(sandbox.folder / "state"), settle=0.0)
        assert len(result.warnings) == len({*result.warnings})
        assert assumed in result.warnings
        assert result.warnings[-1].startswith("ci: the API shows the expiry ")
    os.environ["LOCOIA_TOKEN"], os.environ["LOCOIA_BASE_URL"] = sandbox.rotator.reveal(), sandbox.url
    checks = call("doctor", "--json").envelope["findings"]
    assert ("API", "note", assumed) in [(one["check"], one["level"], one["message"]) for one in checks]
