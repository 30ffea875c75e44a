#!/bin/sh
# arazzo-runner does not retry: a failed step with a "retry" action is left out, and the workflow is reported as complete.
#
# Versions: arazzo-runner 0.9.6.
# Behaviour: Arazzo says that a failure action of type "retry" runs the step again, at most retryLimit times, and that the
#   workflow fails when the last attempt failed. The runner's execute_workflow goes on with the next step instead. Nothing
#   is sent a second time, and the status is "workflow_complete", also where the failed step was the last one. Without the
#   action, the same failure is "error". So a retry that was added for safety hides the failure.
# Source: the program below; Arazzo Specification 1.0.1, Failure Action Object.
# Seen:
#   no action: error ['/busy']
#   retry, then another step: workflow_complete ['/busy', '/use']
#   retry, last step: workflow_complete ['/busy']
# For us: our recipes use no "retry"; the actions retry by themselves where that is safe.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet arazzo-runner==0.9.6
cat >"$folder/run.py" <<'PY'
import http.server, logging, threading

from arazzo_runner import ArazzoRunner

logging.disable(logging.CRITICAL)
requests = []


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        requests.append(self.path)
        self.send_response(503 if self.path == "/busy" else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
api = {
    "openapi": "3.0.3",
    "info": {"title": "t", "version": "1"},
    "servers": [{"url": f"http://127.0.0.1:{server.server_port}"}],
    "paths": {
        f"/{name}": {"post": {"operationId": name, "responses": {"200": {"description": "ok"}}}}
        for name in ("busy", "use")
    },
}


def step(name, **more):
    return {"stepId": name, "operationId": name, "successCriteria": [{"condition": "$statusCode == 200"}], **more}


def run(*steps):
    requests.clear()
    document = {
        "arazzo": "1.0.1",
        "info": {"title": "t", "version": "1"},
        "sourceDescriptions": [{"name": "api", "url": "api.json", "type": "openapi"}],
        "workflows": [{"workflowId": "w", "steps": list(steps)}],
    }
    return ArazzoRunner(document, {"api": api}).execute_workflow("w", {}).status.value, list(requests)



retry = [{"name": "again", "type": "retry", "retryAfter": 0.01, "retryLimit": 2}]
cases = {
    "no action": [step("busy"), step("use")],
    "retry, then another step": [step("busy", onFailure=retry), step("use")],
    "retry, last step": [step("busy", onFailure=retry)],
}
seen = {name: run(*steps) for name, steps in cases.items()}
for name, (status, sent) in seen.items():
    print(f"{name}: {status} {sent}")
assert seen == {
    "no action": ("error", ["/busy"]),
    "retry, then another step": ("workflow_complete", ["/busy", "/use"]),
    "retry, last step": ("workflow_complete", ["/busy"]),
}, "the behaviour has changed"
PY
"$folder/venv/bin/python" "$folder/run.py"
