#!/bin/sh
# arazzo-runner takes a response of {"ok": false} for a success of "$statusCode == 200 && $response.body#/ok == true".
#
# Versions: arazzo-runner 0.9.6.
# Behaviour: as a criterion of its own, $response.body#/ok == true is false here, and the workflow ends with an error. After
#   "$statusCode == 200 &&" the same comparison is not evaluated: the "#" of the JSON Pointer begins a comment in the expression that the
#   runner makes of the condition. The step counts as done, and the next one runs.
# Source: the program below; Arazzo Specification 1.0.1, Criterion Object, which has "&&" and JSON Pointers in simple conditions.
# Seen:
#   two criteria: error ['/act']
#   one criterion with &&: workflow_complete ['/act', '/next']
# For us: "recipe run" refuses a condition that joins a JSON Pointer with another comparison (docs/recipes.md).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet arazzo-runner==0.9.6
cat >"$folder/run.py" <<'PY'
import http.server
import logging
import threading

from arazzo_runner import ArazzoRunner

logging.disable(logging.CRITICAL)
requests = []
BODY = b'{"ok": false, "error": "invalid_auth"}'
STATUS, OK = "$statusCode == 200", "$response.body#/ok == true"


class Slack(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        requests.append(self.path)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, *arguments):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slack)
threading.Thread(target=server.serve_forever, daemon=True).start()
api = {
    "openapi": "3.0.3",
    "info": {"title": "t", "version": "1"},
    "servers": [{"url": f"http://127.0.0.1:{server.server_port}"}],
    "paths": {
        f"/{name}": {"post": {"operationId": name, "responses": {"200": {"description": "ok"}}}} for name in ("act", "next")
    },
}


def run(*conditions):
    requests.clear()
    steps = [
        {"stepId": "act", "operationId": "act", "successCriteria": [{"condition": condition} for condition in conditions]},
        {"stepId": "next", "operationId": "next", "successCriteria": [{"condition": STATUS}]},
    ]
    document = {
        "arazzo": "1.0.1",
        "info": {"title": "t", "version": "1"},
        "sourceDescriptions": [{"name": "api", "url": "api.json", "type": "openapi"}],
        "workflows": [{"workflowId": "w", "steps": steps}],
    }
    return ArazzoRunner(document, {"api": api}).execute_workflow("w", {}).status.value, list(requests)


apart, joined = run(STATUS, OK), run(f"{STATUS} && {OK}")
print("two criteria:", *apart)
print("one criterion with &&:", *joined)
assert apart == ("error", ["/act"]) and joined == ("workflow_complete", ["/act", "/next"])
PY
"$folder/venv/bin/python" "$folder/run.py"
