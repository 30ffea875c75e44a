#!/bin/sh
# In vcrpy's record mode "none", three HTTP clients reach the network, with neither an error nor a warning.
#
# Versions: vcrpy 9.4.2; pyreqwest 0.15.1, primp 2.0.1, curl_cffi 0.17.0; httpx2 2.16.2, aiohttp 3.14.5 and tornado 6.6.1 beside them.
# Behaviour: "none" promises that a request which is not in the cassette is refused, and so it is for httpx2, aiohttp and tornado.
#   Clients that send by Rust or libcurl are not among the libraries that vcrpy replaces: their requests go out, the test passes, and no
#   cassette is written. A test suite that moves to a faster client tests the live API from then on.
# Source: the program below; vcr/patch.py lists what is replaced.
# Seen:
#   refused: httpx2, aiohttp, tornado
#   sent: pyreqwest, primp, curl_cffi
# For us: the engine sends by httpx; the test of each cassette fails when nothing was played from it.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet vcrpy==9.4.2 pyreqwest==0.15.1 primp==2.0.1 curl_cffi==0.17.0 httpx2==2.16.2 aiohttp==3.14.5 tornado==6.6.1
cat >"$folder/run.py" <<'PY'
import asyncio
import http.server
import sys
import threading

import aiohttp
import curl_cffi.requests
import httpx2
import primp
import vcr
from pyreqwest.client import SyncClientBuilder
from tornado.httpclient import AsyncHTTPClient
from vcr.errors import CannotOverwriteExistingCassetteException as NotRecorded

received = []


class Live(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        received.append(self.path)
        self.send_response(200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"live")

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Live)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/"


async def by_aiohttp():
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return await response.text()


async def by_tornado():
    return await AsyncHTTPClient().fetch(url)


def by_pyreqwest():
    with SyncClientBuilder().build() as client:
        return client.get(url).build().send().text()


clients = {
    "httpx2": lambda: httpx2.get(url),
    "aiohttp": lambda: asyncio.run(by_aiohttp()),
    "tornado": lambda: asyncio.run(by_tornado()),
    "pyreqwest": by_pyreqwest,
    "primp": lambda: primp.Client().get(url).text,
    "curl_cffi": lambda: curl_cffi.requests.get(url).text,
}
refused, sent = [], []
for name, call in clients.items():
    received.clear()
    try:
        with vcr.use_cassette(f"{sys.argv[1]}/{name}.yaml", record_mode="none"):
            call()
    except NotRecorded:
        assert not received, name
        refused.append(name)
    else:
        assert received, name
        sent.append(name)
print("refused:", ", ".join(refused))
print("sent:", ", ".join(sent))
assert sent == ["pyreqwest", "primp", "curl_cffi"], sent
PY
"$folder/venv/bin/python" "$folder/run.py" "$folder"
