#!/bin/sh
# FastAPI drops a request's background tasks when its 404 is raised, not when it is returned, and when the response has a task of its own.
#
# Versions: fastapi 0.165.0, starlette 1.10.0, httpx2 2.16.2 (for the test client).
# Behaviour: add_task() reads as a promise: after this response, do that. An endpoint that revokes the old token in the background and
#   then raises HTTPException never revokes it; one that returns a JSONResponse with the same status does. Tasks that a dependency or the
#   endpoint has added are also gone, without a warning, when the response that is returned has a background task itself, as a download
#   that removes its file has. And of several tasks, those behind one that fails are not run.
# Source: the program below; get_request_handler in fastapi/routing.py; fastapi/fastapi issues 13116 ("only run if 2xx is sent back",
#   which the returned 404 contradicts) and 11215.
# Seen:
#   returns 200: revoke, log
#   returns 404: revoke, log
#   raises 404: nothing
#   returns a response with a task of its own: own
#   the first task fails: nothing
# For us: a revocation belongs to the run, and its outcome to the result; nothing is left for after the response (docs/lifecycle.md).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet fastapi==0.165.0 starlette==1.10.0 httpx2==2.16.2
cat >"$folder/run.py" <<'PY'
from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException
from fastapi.responses import JSONResponse
from fastapi.testclient import TestClient
from starlette.background import BackgroundTask

app, ran = FastAPI(), []


def fail():
    raise ConnectionError("the response was lost")


def add_tasks(tasks: BackgroundTasks):
    tasks.add_task(ran.append, "revoke")
    tasks.add_task(ran.append, "log")


def add_failing_tasks(tasks: BackgroundTasks):
    tasks.add_task(fail)
    add_tasks(tasks)


@app.post("/returns 200", dependencies=[Depends(add_tasks)])
def return_200():
    return {}


@app.post("/returns 404", dependencies=[Depends(add_tasks)])
def return_404():
    return JSONResponse({}, 404)


@app.post("/raises 404", dependencies=[Depends(add_tasks)])
def raise_404():
    raise HTTPException(404)


@app.post("/returns a response with a task of its own", dependencies=[Depends(add_tasks)])
def return_own():
    return JSONResponse({}, background=BackgroundTask(ran.append, "own"))


@app.post("/the first task fails", dependencies=[Depends(add_failing_tasks)])
def return_failing():
    return {}


seen = {}
client = TestClient(app, raise_server_exceptions=False)
for name in (
    "returns 200",
    "returns 404",
    "raises 404",
    "returns a response with a task of its own",
    "the first task fails",
):
    ran.clear()
    status = client.post(f"/{name}").status_code
    assert status == (404 if "404" in name else 200), "the behaviour has changed"
    seen[name] = ran[:]
    print(f"{name}:", ", ".join(ran) or "nothing")
assert list(seen.values()) == [["revoke", "log"], ["revoke", "log"], [], ["own"], []], "the behaviour has changed"
PY
"$folder/venv/bin/python" "$folder/run.py"
