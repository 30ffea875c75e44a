#!/bin/sh
# arazzo-runner reports a workflow as complete although a step got no response at all.
#
# Versions: arazzo-runner 0.9.6, requests 2.34.2.
# Behaviour: a step whose response has status 503 ends the workflow with "error". A step whose connection is closed without
#   a response raises inside the runner, which notes "step_error" for the step and goes on with the next one:
#   execute_workflow ends with "workflow_complete". The step's onFailure actions are not looked at either. For a request
#   that creates something, the worse failure is the one that nobody hears of.
# Source: the program below.
# Seen:
#   status 503: error ['/busy']
#   no response: workflow_complete ['/lost', '/use']
#   no response, with onFailure "end": workflow_complete ['/lost', '/use']
# For us: tests/support/arazzo.py runs a workflow step by step, and takes "step_error" as its end.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet arazzo-runner==0.9.6 requests==2.34.2
cat >"$folder/run.py" <<'PY'
import http.server, logging, threading

from arazzo_runner import ArazzoRunner

logging.disable(logging.CRITICAL)
requests = []


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        requests.append(self.path)
        if self.path == "/lost":
            self.close_connection = True
            return
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
        for name in ("busy", "lost", "use")
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



end = [{"name": "stop", "type": "end"}]
cases = {
    "status 503": [step("busy"), step("use")],
    "no response": [step("lost"), step("use")],
    'no response, with onFailure "end"': [step("lost", onFailure=end), step("use")],
}
seen = {name: run(*steps) for name, steps in cases.items()}
for name, (status, sent) in seen.items():
    print(f"{name}: {status} {sent}")
assert seen == {
    "status 503": ("error", ["/busy"]),
    "no response": ("workflow_complete", ["/lost", "/use"]),
    'no response, with onFailure "end"': ("workflow_complete", ["/lost", "/use"]),
}, "the behaviour has changed"
PY
"$folder/venv/bin/python" "$folder/run.py"
