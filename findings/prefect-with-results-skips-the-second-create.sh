#!/bin/sh
# In Prefect, a task that keeps its result runs once per flow run: its second call with the same arguments is not made.
#
# Versions: Prefect 3.9.1.
# Behaviour: persist_result=True, or PREFECT_RESULTS_PERSIST_BY_DEFAULT for all tasks, reads as a matter of storage: where the result goes.
#   It also turns on the default cache policy, whose key is the arguments, the task's code and the flow run. A flow that creates two
#   tokens "ci" creates one and has it twice; one that lists, deletes and lists again sees the deleted row. Both runs are
#   COMPLETED (the second by the name "Cached"), and in a test of the flow, where nothing is kept, each call is made.
# Source: the program below; DEFAULT in prefect/cache_policies.py, and prefect/task_engine.py, which reads it only where results are kept.
# Seen:
#   without results: 2 calls made, ci-1 ci-2
#   persist_result=True: 1 call made, ci-1 ci-1
#   persist_result=True, cache_policy=NO_CACHE: 2 calls made, ci-1 ci-2
# For us: the task of docs/step.md has cache_policy=NO_CACHE, and tests/engines/prefect_step.py calls it twice.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet prefect==3.9.1
cat >"$folder/run.py" <<'PY'
from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.testing.utilities import prefect_test_harness

SETTINGS = {
    "without results": {},
    "persist_result=True": {"persist_result": True},
    "persist_result=True, cache_policy=NO_CACHE": {"persist_result": True, "cache_policy": NO_CACHE},
}
calls = []


def create_token(name):
    calls.append(name)
    return f"{name}-{len(calls)}"


@flow
def create_two(settings):
    create = task(create_token, **settings)
    return [create("ci"), create("ci")]


seen = {}
with prefect_test_harness(server_startup_timeout=300):
    for name, settings in SETTINGS.items():
        calls.clear()
        tokens = create_two(settings)
        seen[name] = (len(calls), tokens)
        print(f"{name}: {len(calls)} call{'s' * (len(calls) > 1)} made, {' '.join(tokens)}")
assert list(seen.values()) == [(2, ["ci-1", "ci-2"]), (1, ["ci-1", "ci-1"]), (2, ["ci-1", "ci-2"])], "the behaviour has changed"
PY
export PREFECT_HOME="$folder/prefect" PREFECT_SERVER_ANALYTICS_ENABLED=false DO_NOT_TRACK=1
"$folder/venv/bin/python" "$folder/run.py" 2>"$folder/log" || { tail -3 "$folder/log"; exit 1; }
