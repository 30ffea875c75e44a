#!/bin/sh
# A daily run at 02:30 happens twice when the clock goes back in APScheduler, croniter, pycron and Huey, once in cronsim and Celery.
#
# Versions: APScheduler 3.11.3, croniter 7.0.0 (RQ's), pycron 3.3.0 (taskiq's), Huey 3.5.4; cronsim 2.8 and Celery 5.7.0 beside them.
# Behaviour: "30 2 * * *" in Europe/Berlin reads as once a day. On 25 October 2026 there are two 02:30, an hour apart, and four of the
#   six run at both: a rotation follows itself, and the token of an hour ago is replaced. On 28 March 2027 there is no 02:30: pycron and
#   Huey, which compare the minute of the wall clock, leave the day out. Celery pays for its single run with jobs
#   that are not daily: of "*/30 * * * *" it leaves out the second hour, where all others have 50 runs on that day.
# Source: the program below; each is given moments of that zone, as its documentation says.
# Seen (runs at 02:30 on 25 October; run of 28 March; runs of "*/30 * * * *" on 25 October):
#   APScheduler: 2; 03:30; 50
#   croniter: 2; 03:00; 50
#   pycron: 2; none; 50
#   Huey: 2; none; 50
#   cronsim: 1; 03:00; 50
#   Celery: 1; 03:30; 48
# For us: ensure_pat renews only what is due, so a second run changes nothing (docs/lifecycle.md).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet APScheduler==3.11.3 croniter==7.0.0 pycron==3.3.0 huey==3.5.4 cronsim==2.8 celery==5.7.0 tzdata==2026.6
cat >"$folder/run.py" <<'PY'
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import huey
import pycron
from apscheduler.triggers.cron import CronTrigger
from celery import Celery
from celery.schedules import crontab
from croniter import croniter
from cronsim import CronSim

BERLIN = ZoneInfo("Europe/Berlin")
BACK, FORWARD = date(2026, 10, 25), date(2027, 3, 28)


def minutes_of(day):
    """Return each minute from midnight to midnight in Berlin, in order."""
    begin = datetime(day.year, day.month, day.day, tzinfo=BERLIN).astimezone(timezone.utc)
    minutes = (begin + timedelta(minutes=number) for number in range(26 * 60))
    return [local for minute in minutes if (local := minute.astimezone(BERLIN)).date() == day]


def by_generator(moments, day):
    runs = []
    for moment in moments:
        local = moment.astimezone(timezone.utc).astimezone(BERLIN)
        if local.date() > day:
            return runs
        runs.append(local)


def evening_before(day):
    return minutes_of(day)[0] - timedelta(minutes=1)


def by_apscheduler(line, day):
    def fire():
        trigger, last, now = CronTrigger.from_crontab(line, timezone=BERLIN), None, evening_before(day)
        while True:
            last = now = trigger.get_next_fire_time(last, now)
            yield now

    return by_generator(fire(), day)


def by_croniter(line, day):
    return by_generator(croniter(line, evening_before(day)).all_next(datetime), day)


def by_pycron(line, day):
    return [minute for minute in minutes_of(day) if pycron.is_now(line, minute)]


def by_huey(line, day):
    matches = huey.crontab(**dict(zip(("minute", "hour", "day", "month", "day_of_week"), line.split())))
    return [minute for minute in minutes_of(day) if matches(minute)]


def by_cronsim(line, day):
    return by_generator(CronSim(line, evening_before(day)), day)


def by_celery(line, day):
    app = Celery(set_as_current=False, timezone="Europe/Berlin")
    minute, hour, day_of_month, month, weekday = line.split()
    now, last, runs = None, evening_before(day), []
    clock = {"nowfun": lambda: now, "app": app}
    schedule = crontab(minute, hour, day_of_month=day_of_month, month_of_year=month, day_of_week=weekday, **clock)
    for now in minutes_of(day):
        if schedule.is_due(last).is_due:
            runs.append(now)
            last = now
    return runs


expected = {
    "APScheduler": (2, "03:30", 50),
    "croniter": (2, "03:00", 50),
    "pycron": (2, "none", 50),
    "Huey": (2, "none", 50),
    "cronsim": (1, "03:00", 50),
    "Celery": (1, "03:30", 48),
}
runners = (by_apscheduler, by_croniter, by_pycron, by_huey, by_cronsim, by_celery)
seen = {}
for name, runs_of in zip(expected, runners):
    back, forward = runs_of("30 2 * * *", BACK), runs_of("30 2 * * *", FORWARD)
    often = runs_of("*/30 * * * *", BACK)
    seen[name] = len(back), f"{forward[0]:%H:%M}" if forward else "none", len(often)
    print(f"{name}: {'; '.join(map(str, seen[name]))}")
assert seen == expected, "the behaviour has changed"
PY
"$folder/venv/bin/python" "$folder/run.py"
