#!/bin/sh
# httpx, httpx2 and pyreqwest return the first member of a gzip response and drop the rest, without an error.
#
# Versions: httpx 0.28.1, httpx2 2.16.2, pyreqwest 0.15.1; requests 2.34.2 and aiohttp 3.14.5 beside them.
# Behaviour: a gzip stream may be several members, one after another (RFC 1952, section 2.2), as proxies and log
#   shippers write them. For a valid response of two members the first three return half of the body with status 200;
#   requests and aiohttp return all of it. A JSON list cut this way may still be caught by its parser; a file of
#   JSON lines, a CSV file or plain text is not.
# Source: the program below, run on loopback; httpx reads with one zlib.decompressobj and never looks at unused_data.
# Seen:
#   httpx first member only
#   httpx2 first member only
#   pyreqwest first member only
#   requests both members
#   aiohttp both members
# For us: connector/http/body.py unpacks responses itself.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet httpx==0.28.1 httpx2==2.16.2 pyreqwest==0.15.1 requests==2.34.2 aiohttp==3.14.5
cat >"$folder/run.py" <<'PY'
import asyncio, gzip, http.server, threading

import aiohttp, httpx, httpx2, requests
from pyreqwest.client import SyncClientBuilder

FIRST, SECOND = b"id,note\n1,a\n", b"2,b\n"
BODY = gzip.compress(FIRST) + gzip.compress(SECOND)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

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
url = f"http://127.0.0.1:{server.server_port}/"
clients = {
    "httpx": lambda: httpx.get(url, trust_env=False).content,
    "httpx2": lambda: httpx2.get(url, trust_env=False).content,
    "pyreqwest": lambda: with_pyreqwest(url),
    "requests": lambda: requests.get(url).content,
    "aiohttp": lambda: asyncio.run(with_aiohttp(url)),
}
names = {FIRST: "first member only", FIRST + SECOND: "both members"}
seen = {name: names.get(get(), "something else") for name, get in clients.items()}
for name, what in seen.items():
    print(name, what)
server.shutdown()
expected = dict.fromkeys(["httpx", "httpx2", "pyreqwest"], "first member only") | dict.fromkeys(["requests", "aiohttp"], "both members")
assert seen == expected, "the behaviour has changed"
PY
"$folder/venv/bin/python" "$folder/run.py"
