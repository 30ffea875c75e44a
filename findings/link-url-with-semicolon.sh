#!/bin/sh
# httpx, httpx2 and requests cut the URL of a Link header at its first semicolon, and offer what is left as "next".
#
# Versions: httpx 0.28.1, httpx2 2.16.2, requests 2.34.2; aiohttp 3.14.5 beside them.
# Behaviour: a semicolon is allowed in a URL, in its path parameters and its query (RFC 3986, section 3.3 and 3.4), and
#   the angle brackets of a Link header delimit it (RFC 8288, section 3). For </tokens?sort=name;id&page=2>; rel="next"
#   the three give "/tokens?sort=name" under "next": a loop that follows it asks for the first page again and again.
#   Where no "=" follows the semicolon, there is no "next" at all. aiohttp gives the whole URL.
# Source: the program below; httpx and its forks split a link at each ";" before they look at the brackets.
# Seen:
#   httpx {'next': '/tokens?sort=name'}
#   httpx2 {'next': '/tokens?sort=name'}
#   requests {'next': '/tokens?sort=name'}
#   aiohttp {'next': '/tokens?sort=name;id&page=2'}
# For us: paging by "link" reads the header itself; see connector/response/pagination.py and its tests.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet httpx==0.28.1 httpx2==2.16.2 requests==2.34.2 aiohttp==3.14.5
cat >"$folder/run.py" <<'PY'
import asyncio, http.server, threading

import aiohttp, httpx, httpx2, requests

URL = "/tokens?sort=name;id&page=2"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Link", f'<{URL}>; rel="next"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


async def with_aiohttp(url):
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return {rel: {"url": link["url"].raw_path_qs} for rel, link in response.links.items()}


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/"
cut = {"next": "/tokens?sort=name"}
clients = {
    "httpx": (lambda: httpx.get(url, trust_env=False).links, cut),
    "httpx2": (lambda: httpx2.get(url, trust_env=False).links, cut),
    "requests": (lambda: requests.get(url).links, cut),
    "aiohttp": (lambda: asyncio.run(with_aiohttp(url)), {"next": URL}),
}
for name, (get, expected) in clients.items():
    links = {rel: link["url"] for rel, link in get().items()}
    print(name, links)
    assert links == expected, "the behaviour has changed"
server.shutdown()
PY
"$folder/venv/bin/python" "$folder/run.py"
