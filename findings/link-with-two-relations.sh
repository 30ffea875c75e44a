#!/bin/sh
# Four HTTP clients do not find rel="next" in a Link header that says rel="next last": a list ends one page early.
#
# Versions: httpx 0.28.1, httpx2 2.16.2, requests 2.34.2, aiohttp 3.14.5.
# Behaviour: a link may carry several relation types, separated by spaces (RFC 8288, section 3.3), and the last page but
#   one of a list is where an API says "next last" of the same URL. Each client offers the header as a mapping by
#   relation, with "next last" as one key: links.get("next") is None there, so a loop over it drops the last page without
#   an error. Relation types also compare without regard to case; none of the four does that.
# Source: the program below.
# Seen: for each client "next last: ['next last'], Next: ['Next']".
# For us: paging by "link" reads the header itself; see connector/response/pagination.py and its tests.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet httpx==0.28.1 httpx2==2.16.2 requests==2.34.2 aiohttp==3.14.5
cat >"$folder/run.py" <<'PY'
import asyncio, http.server, threading

import aiohttp, httpx, httpx2, requests

LINKS = {"last": '</tokens?page=3>; rel="next last"', "case": '</tokens?page=3>; rel="Next"'}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Link", LINKS[self.path.strip("/")])
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


async def with_aiohttp(url):
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.links


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
base = f"http://127.0.0.1:{server.server_port}"
clients = {
    "httpx": lambda url: httpx.get(url, trust_env=False).links,
    "httpx2": lambda url: httpx2.get(url, trust_env=False).links,
    "requests": lambda url: requests.get(url).links,
    "aiohttp": lambda url: asyncio.run(with_aiohttp(url)),
}
for name, get in clients.items():
    last, case = list(get(f"{base}/last")), list(get(f"{base}/case"))
    print(f"{name} next last: {last}, Next: {case}")
    assert (last, case) == (["next last"], ["Next"]), "the behaviour has changed"
server.shutdown()
PY
"$folder/venv/bin/python" "$folder/run.py"
