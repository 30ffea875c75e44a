#!/bin/sh
# Four Python HTTP clients return a response labelled "Content-Encoding: x-gzip" packed, as if it were the body.
#
# Versions: httpx 0.28.1, httpx2 2.16.2, aiohttp 3.14.5, pyreqwest 0.15.1; requests 2.34.2 (urllib3 2.8.0) beside them.
# Behaviour: RFC 9110, section 8.4.1.3, says that a recipient SHOULD consider "x-gzip" equivalent to "gzip", and old
#   servers still send it. The four do not: status 200, no warning, and the bytes of the archive as content.
#   requests unpacks both labels.
# Source: the program below, run on loopback.
# Seen: for each of the four "gzip: body, x-gzip: packed bytes"; for requests "gzip: body, x-gzip: body".
# For us: connector/http/body.py takes "x-gzip" for "gzip", and does not believe a response in an unknown encoding.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet httpx==0.28.1 httpx2==2.16.2 requests==2.34.2 urllib3==2.8.0 aiohttp==3.14.5 pyreqwest==0.15.1
cat >"$folder/run.py" <<'PY'
import asyncio, gzip, http.server, threading

import aiohttp, httpx, httpx2, requests
from pyreqwest.client import SyncClientBuilder

BODY = b'{"tokens": []}'
PACKED = gzip.compress(BODY)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Encoding", self.path.strip("/"))
        self.send_header("Content-Length", str(len(PACKED)))
        self.end_headers()
        self.wfile.write(PACKED)

    def log_message(self, *_):
        pass


async def with_aiohttp(url):
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return await response.read()


def with_pyreqwest(url):
    with SyncClientBuilder().build() as client:
        return client.get(url).build().send().bytes().to_bytes()


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
base = f"http://127.0.0.1:{server.server_port}"
clients = {
    "httpx": lambda url: httpx.get(url, trust_env=False).content,
    "httpx2": lambda url: httpx2.get(url, trust_env=False).content,
    "requests": lambda url: requests.get(url).content,
    "aiohttp": lambda url: asyncio.run(with_aiohttp(url)),
    "pyreqwest": with_pyreqwest,
}
names = {BODY: "body", PACKED: "packed bytes"}
seen = {}
for name, get in clients.items():
    seen[name] = ", ".join(f"{label}: {names.get(get(f'{base}/{label}'), 'something else')}" for label in ("gzip", "x-gzip"))
    print(name, seen[name])
server.shutdown()
expected = dict.fromkeys(["httpx", "httpx2", "aiohttp", "pyreqwest"], "gzip: body, x-gzip: packed bytes")
assert seen == {**expected, "requests": "gzip: body, x-gzip: body"}, "the behaviour has changed"
PY
"$folder/venv/bin/python" "$folder/run.py"
