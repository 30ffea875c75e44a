#!/bin/sh
# A cassette of aiohttp holds what its middlewares returned, and on replay the middlewares do not run at all.
#
# Versions: vcrpy 9.4.2, aiohttp 3.14.5.
# Behaviour: a middleware of a ClientSession adds the credential and, on 401, refreshes the token and sends the request again. One expects
#   two exchanges in the cassette, and the middleware to do the same on replay. vcrpy replaces ClientSession._request, which is what runs
#   the middlewares. The cassette has one exchange, 200 without a header of the middleware, and on replay nothing is added or refreshed:
#   the test passes also after the refresh was broken, and no before_record filter ever sees the 401 or the credential.
# Source: the program below; vcr/patch.py replaces ClientSession._request, and vcr/stubs/aiohttp_stubs.py plays in its place.
# Seen:
#   recording: sent 401 200, the middleware saw 401 200, in the cassette 200
#   replaying: sent nothing, the middleware saw nothing, returned 200
#   replaying with a broken refresh: returned 200
# For us: the engine adds all that it adds above the transport, which is what vcrpy replaces (connector/http/transport.py).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet vcrpy==9.4.2 aiohttp==3.14.5
cat >"$folder/run.py" <<'PY'
import asyncio
import http.server
import sys
import threading

import aiohttp
import vcr

sent, in_middleware = [], []


class Api(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        status = 200 if self.headers["Authorization"] == "Bearer new" else 401
        sent.append(status)
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
threading.Thread(target=server.serve_forever, daemon=True).start()


def refreshing(tokens):
    async def middleware(request, handler):
        for token in tokens:
            request.headers["Authorization"] = f"Bearer {token}"
            response = await handler(request)
            in_middleware.append(response.status)
            if response.status != 401:
                break
        return response

    return middleware


def get(mode, *tokens):
    async def call():
        async with aiohttp.ClientSession(middlewares=[refreshing(tokens)]) as session:
            async with session.get(f"http://127.0.0.1:{server.server_port}/") as response:
                return response.status

    sent.clear()
    in_middleware.clear()
    with vcr.use_cassette(sys.argv[1], record_mode=mode) as cassette:
        status = asyncio.run(call())
    return status, list(sent), list(in_middleware), [response["status"]["code"] for response in cassette.responses]


recorded = get("once", "old", "new")
replayed = get("none", "old", "new")
broken = get("none", "old", "old")
words = [" ".join(map(str, part)) or "nothing" for part in (*recorded[1:], *replayed[1:3])]
print(f"recording: sent {words[0]}, the middleware saw {words[1]}, in the cassette {words[2]}")
print(f"replaying: sent {words[3]}, the middleware saw {words[4]}, returned {replayed[0]}")
print(f"replaying with a broken refresh: returned {broken[0]}")
assert recorded == (200, [401, 200], [401, 200], [200]), "the behaviour has changed"
assert replayed == broken == (200, [], [], [200]), "the behaviour has changed"
PY
"$folder/venv/bin/python" "$folder/run.py" "$folder/cassette.yaml"
