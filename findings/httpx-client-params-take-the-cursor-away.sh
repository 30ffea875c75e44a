#!/bin/sh
# A client of httpx or httpx2 with params of its own drops the query of every URL: the "next" link of a list is its first page again.
#
# Versions: httpx 0.28.1, httpx2 2.16.2; requests 2.34.2 and aiohttp 3.14.5 beside them.
# Behaviour: Client(params={"api-version": "1"}) adds a parameter to all requests. One would expect it beside what a URL has, as in the
#   other clients. httpx replaces the query since 0.28, and so does httpx2: a request for /tokens?cursor=p2 goes out as /tokens?api-version=1, with
#   status 200 and the first page in it. A loop over the "next" links never ends, or, with a bound, has one page many times. An empty
#   mapping counts as well: params={} takes the query away.
# Source: the program below; encode/httpx issue 3433, where it is called intended and missing in the release notes.
# Seen:
#   httpx: /tokens?api-version=1, then /tokens?api-version=1, then /tokens?api-version=1; rows a b a b a b
#   httpx2: /tokens?api-version=1, then /tokens?api-version=1, then /tokens?api-version=1; rows a b a b a b
#   requests: /tokens?api-version=1, then /tokens?cursor=p2&api-version=1; rows a b c
#   aiohttp: /tokens?api-version=1, then /tokens?cursor=p2&api-version=1; rows a b c
# For us: the engine composes each URL itself and gives httpx no params (connector/http/url.py).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet httpx==0.28.1 httpx2==2.16.2 requests==2.34.2 aiohttp==3.14.5
cat >"$folder/run.py" <<'PY'
import asyncio
import http.server
import json
import threading
import urllib.parse

import aiohttp
import httpx
import httpx2
import requests

PARAMS = {"api-version": "1"}
received = []


class Tokens(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        received.append(self.path)
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        page = {"rows": ["c"]} if query.get("cursor") == ["p2"] else {"rows": ["a", "b"], "next": "/tokens?cursor=p2"}
        body = json.dumps(page).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Tokens)
threading.Thread(target=server.serve_forever, daemon=True).start()
base = f"http://127.0.0.1:{server.server_port}"


def open_httpx(module):
    client = module.Client(params=PARAMS, trust_env=False)
    return lambda url: client.get(url).json()


def open_requests():
    session = requests.Session()
    session.trust_env, session.params = False, PARAMS
    return lambda url: session.get(url).json()


def get_by_aiohttp(url):
    async def get_page():
        async with aiohttp.ClientSession() as session, session.get(url, params=PARAMS) as response:
            return await response.json(content_type=None)

    return asyncio.run(get_page())


openers = {
    "httpx": lambda: open_httpx(httpx),
    "httpx2": lambda: open_httpx(httpx2),
    "requests": open_requests,
    "aiohttp": lambda: get_by_aiohttp,
}
for name, open_client in openers.items():
    get = open_client()
    received.clear()
    rows, link = [], "/tokens"
    while link and len(received) < 3:
        page = get(base + link)
        rows, link = rows + page["rows"], page.get("next")
    print(f"{name}: {', then '.join(received)}; rows {' '.join(rows)}")
    first, second = "/tokens?api-version=1", "/tokens?cursor=p2&api-version=1"
    expected = ([first] * 3, ["a", "b"] * 3) if name.startswith("httpx") else ([first, second], ["a", "b", "c"])
    assert (received, rows) == expected, "the behaviour has changed"
PY
"$folder/venv/bin/python" "$folder/run.py"
