#!/bin/sh
# When requests, urllib3 or httpx send a POST again, a body that came from an iterator is empty the second time, and the status is 200.
#
# Versions: requests 2.34.2, urllib3 2.8.0, httpx 0.28.1, httpx-retries 0.6.0.
# Behaviour: a body of unknown length is given as a generator or another iterator. The server takes it and asks for the same request
#   once more: a redirect with 307, a digest challenge, or 503 with a retry. One would expect an error, as the iterator has nothing
#   left. requests and urllib3 send the request with an empty body instead; httpx raises StreamConsumed for a generator, but not for
#   other iterators, such as map() over the rows of a file. With 307 and with the challenge it is the second request that counts.
# Source: the program below; urllib3 rewinds only what has tell() (set_file_position in util/request.py), and httpx asks
#   inspect.isgenerator() (IteratorByteStream in _content.py).
# Seen (the bodies that the server received; "-" is an empty one):
#   requests, 307: generator one,two then -; map one,two then -
#   requests, digest: generator one,two then -; map one,two then -
#   requests, 503: generator one,two then -; map one,two then -
#   urllib3, 307: generator one,two then -; map one,two then -
#   httpx, 307: generator one,two, StreamConsumed; map one,two then -
#   httpx, digest: generator one,two, StreamConsumed; map one,two then -
#   httpx-retries, 503: generator one,two, StreamConsumed; map one,two then -
# For us: the transport is given the whole body as bytes (connector/http/body.py).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet requests==2.34.2 urllib3==2.8.0 httpx==0.28.1 httpx-retries==0.6.0
cat >"$folder/run.py" <<'PY'
import http.server
import threading

import httpx
import httpx_retries
import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import HTTPDigestAuth

received = []


class AskAgain(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body, size = b"", 1
        while size:
            if not (line := self.rfile.readline()):
                return  # the client has given up
            size = int(line, 16)
            body += self.rfile.read(size)
            self.rfile.readline()
        received.append(body.decode())
        again = {"/307": 307, "/digest": 401, "/503": 503}[self.path] if len(received) == 1 else 200
        self.send_response(again)
        self.send_header("Location", "/307")
        self.send_header("WWW-Authenticate", 'Digest realm="r", nonce="n", qop="auth"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), AskAgain)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"


def lines():
    yield b"one,"
    yield b"two"


session = requests.Session()
session.trust_env = False
retry = urllib3.Retry(1, status_forcelist=[503], allowed_methods=None)
session.mount("http://", HTTPAdapter(max_retries=retry))
pool = urllib3.PoolManager()
client = httpx.Client(follow_redirects=True, trust_env=False)
again = httpx_retries.Retry(total=1, allowed_methods=["POST"], status_forcelist=[503])
retrying = httpx.Client(transport=httpx_retries.RetryTransport(retry=again), trust_env=False)
sends = {
    "requests, 307": lambda body: session.post(f"{url}/307", data=body).status_code,
    "requests, digest": lambda body: session.post(f"{url}/digest", data=body, auth=HTTPDigestAuth("u", "p")).status_code,
    "requests, 503": lambda body: session.post(f"{url}/503", data=body).status_code,
    "urllib3, 307": lambda body: pool.request("POST", f"{url}/307", body=body).status,
    "httpx, 307": lambda body: client.post(f"{url}/307", content=body).status_code,
    "httpx, digest": lambda body: client.post(f"{url}/digest", content=body, auth=httpx.DigestAuth("u", "p")).status_code,
    "httpx-retries, 503": lambda body: retrying.post(f"{url}/503", content=body).status_code,
}
emptied, refused = (["one,two", ""], 200), (["one,two"], "StreamConsumed")
for name, send in sends.items():
    seen = {}
    for kind, body in (("generator", lines()), ("map", map(str.encode, ["one,", "two"]))):
        received.clear()
        try:
            end = send(body)
        except httpx.StreamConsumed:
            end = "StreamConsumed"
        seen[kind] = received[:], end
    words = [
        f"{kind} {' then '.join(text or '-' for text in bodies)}" + (f", {end}" if end != 200 else "")
        for kind, (bodies, end) in seen.items()
    ]
    print(f"{name}: {'; '.join(words)}")
    generator = refused if name.startswith("httpx") else emptied
    assert seen == {"generator": generator, "map": emptied}, "the behaviour has changed"
PY
"$folder/venv/bin/python" "$folder/run.py"
