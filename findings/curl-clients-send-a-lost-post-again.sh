#!/bin/sh
# pycurl, curl_cffi and httplib2 send a POST whose response is lost a second time when its connection was used before.
#
# Versions: pycurl 7.49.0 and curl_cffi 0.17.0 (libcurl 8.23.0), httplib2 0.32.1; httpx 0.28.1 and aiohttp 3.14.5 beside them.
# Behaviour: no retry is set. The server takes the POST and closes the connection without a response. One would expect one POST and an
#   error, as RFC 9110, section 9.2.2, says of methods that are not idempotent. libcurl and httplib2 take the end of a kept connection for one
#   that was closed before they sent anything, and send the request again by themselves, whatever its method. httplib2 does so on a
#   new connection too. For libcurl a test whose only request is the POST does not show it, and the error is the same both times.
# Source: the program below; https://github.com/curl/curl/pull/18417 on the retry; _conn_request in httplib2/__init__.py.
# Seen (POSTs on a new connection, POSTs on a kept connection):
#   pycurl 1 2, curl_cffi 1 2, httplib2 2 2, httpx 1 1, aiohttp 1 1
# For us: the engine sends by httpx, and a create is sent once (docs/outcomes.md).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pycurl==7.49.0 curl_cffi==0.17.0 httplib2==0.32.1 httpx==0.28.1 aiohttp==3.14.5
cat >"$folder/run.py" <<'PY'
import asyncio
import http.server
import io
import threading

import aiohttp
import curl_cffi.requests
import httplib2
import httpx
import pycurl

posts = []


class LoseTheResponse(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        posts.append(self.path)
        self.close_connection = True

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), LoseTheResponse)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/tokens"
BODY = {"name": "ci"}


def by_pycurl(kept):
    curl = pycurl.Curl()
    curl.setopt(pycurl.URL, url)
    curl.setopt(pycurl.NOPROXY, "*")
    curl.setopt(pycurl.WRITEDATA, io.BytesIO())
    if kept:
        curl.perform()
    curl.setopt(pycurl.POSTFIELDS, "name=ci")
    curl.perform()


def by_curl_cffi(kept):
    with curl_cffi.requests.Session(trust_env=False) as session:
        if kept:
            session.get(url)
        session.post(url, json=BODY)


def by_httplib2(kept):
    client = httplib2.Http(proxy_info=None)
    if kept:
        client.request(url)
    client.request(url, "POST", body="name=ci")


def by_httpx(kept):
    with httpx.Client(trust_env=False) as client:
        if kept:
            client.get(url)
        client.post(url, json=BODY)


async def send_by_aiohttp(kept):
    async with aiohttp.ClientSession() as session:
        if kept:
            async with session.get(url) as response:
                await response.read()
        await session.post(url, json=BODY)


clients = {
    "pycurl": by_pycurl,
    "curl_cffi": by_curl_cffi,
    "httplib2": by_httplib2,
    "httpx": by_httpx,
    "aiohttp": lambda kept: asyncio.run(send_by_aiohttp(kept)),
}
seen = {}
for name, send in clients.items():
    counts = []
    for kept in (False, True):
        posts.clear()
        try:
            send(kept)
        except Exception:
            counts.append(len(posts))
        else:
            raise SystemExit(f"{name}: no error")
    seen[name] = tuple(counts)
print(", ".join(f"{name} {new} {kept}" for name, (new, kept) in seen.items()))
assert seen == {
    "pycurl": (1, 2),
    "curl_cffi": (1, 2),
    "httplib2": (2, 2),
    "httpx": (1, 1),
    "aiohttp": (1, 1),
}, "the behaviour has changed"
PY
"$folder/venv/bin/python" "$folder/run.py"
