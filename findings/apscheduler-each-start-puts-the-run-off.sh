#!/bin/sh
# In APScheduler, a job that is added at each start of the program, as its guide says, loses its place: a missed run is dropped.
#
# Versions: APScheduler 3.11.3, SQLAlchemy 2.1.9 (SQLite); time-machine 3.6.0 moves the clock.
# Behaviour: for a persistent job store the guide says that a job added during start-up must have an id and replace_existing=True. One
#   would expect the stored job to keep its next run, and misfire_grace_time=None to run it late. But a job that replaces another is
#   computed anew from now. A daily job of a program that restarts every few hours never runs at all; a weekly cron job whose hour passed
#   while the program was down is not made up for, but waits another week. No event or log line says so. Without the second add_job the
#   stored run is found and made up for.
# Source: the program below; _real_add_job in apscheduler/schedulers/base.py; agronholm/apscheduler issue 696; the user guide, "Adding jobs".
# Seen:
#   every 24 hours, six starts 20 hours apart, added each time: 0 runs; added once: 4 runs
#   Sundays at 03:00, down from Saturday to Sunday noon, added each time: 0 runs; added once: 1 run
# For us: no schedule is kept in the process; when a token is due is computed from the token itself (docs/lifecycle.md).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet APScheduler==3.11.3 SQLAlchemy==2.1.9 time-machine==3.6.0
cat >"$folder/run.py" <<'PY'
import sys
from datetime import datetime, timedelta, timezone

import time_machine
from apscheduler.executors.base import BaseExecutor
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.base import BaseScheduler

runs = []


def rotate():
    pass


class Count(BaseExecutor):
    def _do_submit_job(self, job, run_times):
        runs.append(job.id)
        self._run_job_success(job.id, [])


class OnDemand(BaseScheduler):
    """Looks for due jobs when it is told to, not in a thread."""

    def wakeup(self):
        pass

    def shutdown(self, wait=True):
        super().shutdown(wait)


def start_at(moment, file, trigger, adds, **fields):
    with time_machine.travel(moment, tick=False):
        store = SQLAlchemyJobStore(url=f"sqlite:///{file}")
        scheduler = OnDemand(jobstores={"default": store}, executors={"default": Count()}, timezone="UTC")
        if adds:
            scheduler.add_job(rotate, trigger, id="rotate", replace_existing=True, misfire_grace_time=None, coalesce=True, **fields)
        scheduler.start()
        scheduler._process_jobs()
        scheduler.shutdown()


def count(name, starts, trigger, **fields):
    seen = []
    for adds_again in (True, False):
        runs.clear()
        file = f"{sys.argv[1]}/{name}-{adds_again}.db"
        for number, moment in enumerate(starts):
            start_at(moment, file, trigger, adds_again or number == 0, **fields)
        seen.append(len(runs))
    return seen


first = datetime(2026, 11, 28, 8, tzinfo=timezone.utc)  # a Saturday
daily = count("daily", [first + timedelta(hours=20 * number) for number in range(6)], "interval", hours=24)
weekly = count("weekly", [first, first + timedelta(hours=28)], "cron", day_of_week="sun", hour=3)
print(f"every 24 hours, six starts 20 hours apart, added each time: {daily[0]} runs; added once: {daily[1]} runs")
print(f"Sundays at 03:00, down from Saturday to Sunday noon, added each time: {weekly[0]} runs; added once: {weekly[1]} run")
assert (daily, weekly) == ([0, 4], [0, 1]), "the behaviour has changed"
PY
"$folder/venv/bin/python" "$folder/run.py" "$folder"
