#!/bin/sh
# arazzo-runner evaluates the criteria of onFailure actions without the response: $statusCode has no value there.
#
# Versions: arazzo-runner 0.9.6.
# Behaviour: the successCriteria of a step see $statusCode. The criteria of its onFailure actions, which Arazzo describes
#   with the same expressions, do not: after a 503, "$statusCode == 503" is false and "$statusCode != 503" is true. A
#   workflow that branches on the status takes the wrong branch, and no error says so.
# Source: the program below; Arazzo Specification 1.0.1, Failure Action Object, whose example has this criterion.
# Seen:
#   no criteria: workflow_complete ['/busy', '/other']
#   $statusCode == 503: error ['/busy']
#   $statusCode != 503: workflow_complete ['/busy', '/other']
# For us: the recipes make the status an output of the step, and their criteria ask for that output, which they do see.
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
        for name in ("busy", "use", "other")
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



def failing(*conditions):
    criteria = {"criteria": [{"condition": condition} for condition in conditions]} if conditions else {}
    action = {"name": "go", "type": "goto", "stepId": "other", **criteria}
    return run(step("busy", onFailure=[action]), step("use"), step("other"))


seen = {
    "no criteria": failing(),
    "$statusCode == 503": failing("$statusCode == 503"),
    "$statusCode != 503": failing("$statusCode != 503"),
}
for name, (status, sent) in seen.items():
    print(f"{name}: {status} {sent}")
assert seen == {
    "no criteria": ("workflow_complete", ["/busy", "/other"]),
    "$statusCode == 503": ("error", ["/busy"]),
    "$statusCode != 503": ("workflow_complete", ["/busy", "/other"]),
}, "the behaviour has changed"
PY
"$folder/venv/bin/python" "$folder/run.py"
