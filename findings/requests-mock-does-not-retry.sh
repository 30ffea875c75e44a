#!/bin/sh
# Under requests-mock, the Retry of a session's adapter does nothing: 503 is sent once, where it would be sent four times.
#
# Versions: requests-mock 1.12.1, requests 2.34.2, urllib3 2.8.0; responses 0.26.3 and vcrpy 9.4.2 beside it.
# Behaviour: a session has HTTPAdapter(max_retries=Retry(3, status_forcelist=[503])). Against a server it sends a GET four times and raises
#   RetryError. requests-mock puts an adapter of its own in place of the session's, and with it go its retries: one request, and
#   a response of 503 that the live session never returns. The test of the retry fails or, worse, a test of what is done with
#   the 503 passes. With a POST that must not be repeated, the test that counts one request passes whatever Retry says.
#   responses and vcrpy keep the adapter.
# Source: the program below; Mocker.start in requests_mock/mocker.py replaces Session.get_adapter.
# Seen:
#   live: 4 GET, RetryError; 4 POST, RetryError
#   responses: 4 GET, RetryError; 4 POST, RetryError
#   vcrpy: 4 GET, RetryError; 4 POST, RetryError
#   requests-mock: 1 GET, 503; 1 POST, 503
# For us: retries are the engine's own, above the transport, and are counted on a loopback server (tests/engine).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet requests-mock==1.12.1 requests==2.34.2 urllib3==2.8.0 responses==0.26.3 vcrpy==9.4.2
cat >"$folder/run.py" <<'PY'
import http.server
import sys
import threading

import requests
import requests_mock
import responses
import vcr
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

received = []


class Busy(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        received.append(self.command)
        self.send_response(503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_GET

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Busy)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/"


def send(method):
    with requests.Session() as session:
        session.trust_env = False
        retry = Retry(3, status_forcelist=[503], allowed_methods=None)
        session.mount("http://", HTTPAdapter(max_retries=retry))
        try:
            return str(session.request(method, url).status_code)
        except requests.exceptions.RetryError:
            return "RetryError"


def live(method):
    received.clear()
    return send(method), len(received)


def by_responses(method):
    with responses.RequestsMock() as mock:
        mock.add(method, url, status=503)
        return send(method), len(mock.calls)


def by_vcrpy(method):
    with vcr.use_cassette(f"{sys.argv[1]}/{method}.yaml") as cassette:
        return send(method), len(cassette)


def by_requests_mock(method):
    with requests_mock.Mocker() as mock:
        mock.register_uri(method, url, status_code=503)
        return send(method), mock.call_count


seen = {}
for name, run in (("live", live), ("responses", by_responses), ("vcrpy", by_vcrpy), ("requests-mock", by_requests_mock)):
    seen[name] = {method: run(method) for method in ("GET", "POST")}
    print(f"{name}:", "; ".join(f"{count} {method}, {end}" for method, (end, count) in seen[name].items()))
retried, once = dict.fromkeys(("GET", "POST"), ("RetryError", 4)), dict.fromkeys(("GET", "POST"), ("503", 1))
expected = {"live": retried, "responses": retried, "vcrpy": retried, "requests-mock": once}
assert seen == expected, "the behaviour has changed"
PY
"$folder/venv/bin/python" "$folder/run.py" "$folder"
