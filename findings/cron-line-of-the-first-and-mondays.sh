#!/bin/sh
# "0 3 1 * 1" runs on the first of each month and on each Monday in some Python schedulers, on Mondays that are the first in others.
#
# Versions: croniter 7.0.0 (RQ's), cronsim 2.8, pycron 3.3.0 (taskiq's); APScheduler 3.11.3, Celery 5.7.0, Huey 3.5.4.
# Behaviour: cron(8) and POSIX say that a line which restricts both the day of the month and the weekday runs if either matches. The
#   first three do so: 61 runs in 2027. Celery and Huey want both, and run three times a year. APScheduler wants both too, and counts
#   weekdays from Monday, in from_crontab as well: 1 is Tuesday there, and 0, which is Sunday to all others, is Monday. A line that is
#   moved from one to the other is accepted, and the rotation that ran each week is late for months.
# Source: the program below; POSIX, crontab, "Specification of days"; agronholm/apscheduler issues 286 and 1102 (weekdays);
#   celery/celery issue 4307, open.
# Seen (runs in 2027, the first of them; and what "0 3 * * 0" runs on):
#   croniter: 61, Fri 01 Jan; Sun
#   cronsim: 61, Fri 01 Jan; Sun
#   pycron: 61, Fri 01 Jan; Sun
#   APScheduler: 1, Tue 01 Jun; Mon
#   Celery: 3, Mon 01 Feb; Sun
#   Huey: 3, Mon 01 Feb; Sun
# For us: the weekly rotation leaves its schedule to the platform (docs/weekly_rotation.md).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet croniter==7.0.0 cronsim==2.8 pycron==3.3.0 APScheduler==3.11.3 celery==5.7.0 huey==3.5.4
cat >"$folder/run.py" <<'PY'
from datetime import datetime, timedelta, timezone

import huey
import pycron
from apscheduler.triggers.cron import CronTrigger
from celery import Celery
from celery.schedules import crontab
from croniter import croniter
from cronsim import CronSim

BEGIN, END = datetime(2027, 1, 1, tzinfo=timezone.utc), datetime(2028, 1, 1, tzinfo=timezone.utc)
HOURS = [BEGIN + timedelta(hours=number) for number in range(365 * 24)]


def by_croniter(line):
    return by_generator(croniter(line, BEGIN - timedelta(minutes=1)).all_next(datetime))


def by_cronsim(line):
    return by_generator(CronSim(line, BEGIN - timedelta(minutes=1)))


def by_generator(moments):
    runs = []
    for moment in moments:
        if moment >= END:
            return runs
        runs.append(moment)


def by_pycron(line):
    return [moment for moment in HOURS if pycron.is_now(line, moment)]


def by_apscheduler(line):
    trigger, runs, now = CronTrigger.from_crontab(line, timezone=timezone.utc), [], BEGIN
    while (run := trigger.get_next_fire_time(None, now)) < END:
        runs.append(run)
        now = run + timedelta(minutes=1)
    return runs


def by_celery(line):
    now, last, runs = BEGIN, BEGIN - timedelta(minutes=1), []
    minute, hour, day, month, weekday = line.split()
    clock = {"nowfun": lambda: now, "app": Celery(set_as_current=False)}
    schedule = crontab(minute, hour, day_of_month=day, month_of_year=month, day_of_week=weekday, **clock)
    for now in HOURS:
        if schedule.is_due(last).is_due:
            runs.append(now)
            last = now
    return runs


def by_huey(line):
    minute, hour, day, month, weekday = line.split()
    matches = huey.crontab(minute=minute, hour=hour, day=day, month=month, day_of_week=weekday)
    return [moment for moment in HOURS if matches(moment)]


either, both = (61, "Fri 01 Jan"), (3, "Mon 01 Feb")
expected = {
    "croniter": (*either, "Sun"),
    "cronsim": (*either, "Sun"),
    "pycron": (*either, "Sun"),
    "APScheduler": (1, "Tue 01 Jun", "Mon"),
    "Celery": (*both, "Sun"),
    "Huey": (*both, "Sun"),
}
seen = {}
runners = (by_croniter, by_cronsim, by_pycron, by_apscheduler, by_celery, by_huey)
for name, runs_of in zip(expected, runners):
    runs, (sunday, *_) = runs_of("0 3 1 * 1"), runs_of("0 3 * * 0")
    seen[name] = len(runs), f"{runs[0]:%a %d %b}", f"{sunday:%a}"
    print(f"{name}: {seen[name][0]}, {seen[name][1]}; {seen[name][2]}")
assert seen == expected, "the behaviour has changed"
PY
"$folder/venv/bin/python" "$folder/run.py"
