#!/bin/sh
# While vcrpy records, urllib3 retries a response that ends too early; without vcrpy it does not.
#
# Versions: vcrpy 9.4.2, requests 2.34.2, urllib3 2.8.0.
# Behaviour: a response of 200 says Content-Length: 100 and ends after 50 bytes. urllib3's retries are over once the head of a
#   response is there, so a session with Retry(3) sends one GET and raises ChunkedEncodingError. vcrpy reads the whole body when the
#   head is asked for, so the same fault counts as a failed connection: four GETs, and another exception. A test of what
#   happens to a cut response tests the recorder.
# Source: the program below; vcr/stubs/__init__.py reads the body in getresponse().
# Seen:
#   without vcrpy: 1 GET, ChunkedEncodingError
#   while recording: 4 GETs, ConnectionError
# For us: faults of the transport are tested against a loopback server, and cassettes hold whole responses alone.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet vcrpy==9.4.2 requests==2.34.2 urllib3==2.8.0
cat >"$folder/run.py" <<'PY'
import http.server
import sys
import threading

import requests
import vcr
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

requests_seen = []


class CutBody(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        requests_seen.append(self.path)
        self.send_response(200)
        self.send_header("Content-Length", "100")
        self.end_headers()
        self.wfile.write(b"x" * 50)
        self.close_connection = True

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), CutBody)
threading.Thread(target=server.serve_forever, daemon=True).start()


def call():
    requests_seen.clear()
    with requests.Session() as session:
        session.mount("http://", HTTPAdapter(max_retries=Retry(3)))
        try:
            session.get(f"http://127.0.0.1:{server.server_port}/")
        except requests.RequestException as error:
            return len(requests_seen), type(error).__name__
    raise SystemExit("no error")


live = call()
with vcr.use_cassette(sys.argv[1]):
    recording = call()
print(f"without vcrpy: {live[0]} GET, {live[1]}")
print(f"while recording: {recording[0]} GETs, {recording[1]}")
assert (live, recording) == ((1, "ChunkedEncodingError"), (4, "ConnectionError"))
PY
"$folder/venv/bin/python" "$folder/run.py" "$folder/cassette.yaml"
