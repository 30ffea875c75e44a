#!/bin/sh
# A session of requests-ratelimiter with two requests a minute sends four in an instant, when its adapter retries.
#
# Versions: requests-ratelimiter 0.10.0 (pyrate-limiter 4.5.1), requests 2.34.2, urllib3 2.8.0.
# Behaviour: the limiter counts what the session is asked to send. urllib3's Retry sends again below it, in the adapter, so that a 429, the
#   response that asks for fewer requests, is followed by three more that count as none. Nor does the limiter learn of the 429, which it
#   takes as a sign to wait longer: the session gets an exception in its place. The same holds for LimiterAdapter(max_retries=...), which
#   looks as if it did both.
# Source: the program below; LimiterMixin.send in requests_ratelimiter/requests_ratelimiter.py acquires once, then calls super().send.
# Seen:
#   LimiterSession with HTTPAdapter(max_retries=Retry(3)): counted 1, sent 4
#   LimiterAdapter(max_retries=Retry(3)): counted 1, sent 4
# For us: a bulk run asks its rate limiter before each attempt (connector/bulk/rate_limit.py).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet requests-ratelimiter==0.10.0 pyrate-limiter==4.5.1 requests==2.34.2 urllib3==2.8.0
cat >"$folder/run.py" <<'PY'
import http.server
import threading
import time
from unittest import mock

import requests
from pyrate_limiter import Limiter
from requests.adapters import HTTPAdapter
from requests_ratelimiter import LimiterAdapter, LimiterSession
from urllib3.util import Retry

received = []


class TooMany(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        received.append(time.monotonic())
        self.send_response(429)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), TooMany)
threading.Thread(target=server.serve_forever, daemon=True).start()
retry = Retry(3, status_forcelist=[429])


def session_with_adapter():
    session = LimiterSession(per_minute=2)
    session.mount("http://", HTTPAdapter(max_retries=retry))
    return session


def adapter_with_retry():
    session = requests.Session()
    session.mount("http://", LimiterAdapter(per_minute=2, max_retries=retry))
    return session


seen = []
for name, make in (
    ("LimiterSession with HTTPAdapter(max_retries=Retry(3))", session_with_adapter),
    ("LimiterAdapter(max_retries=Retry(3))", adapter_with_retry),
):
    received.clear()
    with make() as session, mock.patch.object(Limiter, "try_acquire", autospec=True, side_effect=Limiter.try_acquire) as count:
        session.trust_env = False
        try:
            session.get(f"http://127.0.0.1:{server.server_port}/")
        except requests.exceptions.RetryError:
            pass
    assert received[-1] - received[0] < 30, "the behaviour has changed"
    seen.append((count.call_count, len(received)))
    print(f"{name}: counted {count.call_count}, sent {len(received)}")
assert seen == [(1, 4), (1, 4)], "the behaviour has changed"
PY
"$folder/venv/bin/python" "$folder/run.py"
