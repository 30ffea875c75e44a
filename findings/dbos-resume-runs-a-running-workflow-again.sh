#!/bin/sh
# In DBOS, resume_workflow starts a workflow that is running a second time, and the step in progress runs twice at once.
#
# Versions: dbos 3.4.0 with SQLite as its system database.
# Behaviour: the function is for workflows that were cancelled or whose process has died. Nothing tells those from one that
#   runs in this very process: its status is PENDING too, and all but finished workflows go to the queue again. The second
#   run takes over results of finished steps, but the step that is in progress has none yet, so it has its effect twice.
#   The caller sees no error: both handles return one result.
# Source: the program below; resume_workflows in dbos/_sys_db.py, which leaves out SUCCESS and ERROR alone.
# Seen:
#   before: PENDING, the step was started 1 time
#   after resume_workflow: PENDING, the step was started 2 times, and 2 run
#   results: done by run 2, done by run 2
# For us: a worker of a fleet resumes only what belongs to a worker whose lease it could take (actions/fleet/fleet_worker.py).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet dbos==3.4.0
cat >"$folder/run.py" <<'PY'
import threading

from dbos import DBOS

started = threading.Semaphore(0)
runs = []
events = [threading.Event(), threading.Event()]


@DBOS.step()
def step():
    number = len(runs)
    runs.append("runs")
    started.release()
    assert events[number].wait(60)
    runs[number] = "done"
    return f"done by run {number + 1}"


@DBOS.workflow()
def workflow():
    return step()


DBOS(config={"name": "steps", "system_database_url": "sqlite:///steps.sqlite", "log_level": "ERROR"})
DBOS.launch()
first = DBOS.start_workflow(workflow)
assert started.acquire(timeout=60)
seen = [(first.get_status().status, *runs)]
second = DBOS.resume_workflow(first.workflow_id)
again = started.acquire(timeout=60)
seen.append((first.get_status().status, *runs))
events[1].set()
results = [second.get_result()]
events[0].set()
results.append(first.get_result())
DBOS.destroy()
print(f"before: {seen[0][0]}, the step was started {len(seen[0]) - 1} time")
print(f"after resume_workflow: {seen[1][0]}, the step was started {len(seen[1]) - 1} times, and {seen[1].count('runs')} run")
print("results:", ", ".join(results))
assert again and seen == [("PENDING", "runs"), ("PENDING", "runs", "runs")], "the behaviour has changed"
assert results == ["done by run 2"] * 2, "the behaviour has changed"
PY
cd "$folder"
venv/bin/python run.py
