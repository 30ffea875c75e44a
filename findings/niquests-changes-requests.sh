#!/bin/sh
# Installing niquests changes what requests returns, though neither requests nor the listed urllib3 has changed.
#
# Versions: requests 2.34.2, urllib3 2.8.0, niquests 3.21.2 (it brings urllib3-future 2.25.904).
# Behaviour: urllib3-future puts its own code into the package "urllib3" as well. From then on "pip list" still shows
#   urllib3 2.8.0, "pip check" is content, and every program in the environment runs on 2.25.904. One difference that a
#   caller of requests sees: a response with "Content-Encoding: x-gzip" was unpacked before, and is returned packed
#   after. So a benchmark that installs both clients side by side does not measure requests on urllib3.
# Source: the program below, run on loopback before and after the second install.
# Seen:
#   before: urllib3 2.8.0, listed 2.8.0, content unpacked
#   after: urllib3 2.25.904, listed 2.8.0, content packed
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet requests==2.34.2 urllib3==2.8.0
cat >"$folder/run.py" <<'PY'
import gzip, http.server, importlib.metadata, sys, threading

import requests, urllib3

BODY = b'{"tokens": []}'
PACKED = gzip.compress(BODY)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Encoding", "x-gzip")
        self.send_header("Content-Length", str(len(PACKED)))
        self.end_headers()
        self.wfile.write(PACKED)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
content = requests.get(f"http://127.0.0.1:{server.server_port}/").content
server.shutdown()
what = {BODY: "unpacked", PACKED: "packed"}[content]
print(f"urllib3 {urllib3.__version__}, listed {importlib.metadata.version('urllib3')}, content {what}")
PY
before=$("$folder/venv/bin/python" "$folder/run.py")
echo "before: $before"
"$folder/venv/bin/pip" install --quiet niquests==3.21.2 urllib3-future==2.25.904
"$folder/venv/bin/pip" check
after=$("$folder/venv/bin/python" "$folder/run.py")
echo "after: $after"
[ "$before" = "urllib3 2.8.0, listed 2.8.0, content unpacked" ]
[ "$after" = "urllib3 2.25.904, listed 2.8.0, content packed" ]
