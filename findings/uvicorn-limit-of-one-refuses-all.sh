#!/bin/sh
# uvicorn with limit_concurrency=1 answers 503 to every request, and idle connections count towards any limit.
#
# Versions: uvicorn 0.54.0, starlette 1.10.0.
# Behaviour: the limit is compared with the number of open connections, the one that asks included, by ">=". So a limit
#   of 1 refuses the only request there is, and a limit of 5 lets four connections live: with four clients that keep an
#   idle connection, the fifth is refused although nothing runs. A limit meant for work in progress has to be set higher
#   than the number of keep-alive connections of all clients, or kept by the application.
# Source: the program below, run on loopback; uvicorn's h11 and httptools protocols.
# Seen:
#   limit 1, idle 0: 503
#   limit 2, idle 0: 200
#   limit 5, idle 3: 200
#   limit 5, idle 4: 503
# For us: a server of ours limits its concurrency in the application, not by this option.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet uvicorn==0.54.0 starlette==1.10.0
cat >"$folder/run.py" <<'PY'
import http.client, socket, threading, time

import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

app = Starlette(routes=[Route("/", lambda request: PlainTextResponse("ok"))])
seen = {}
for limit, idle in ((1, 0), (2, 0), (5, 3), (5, 4)):
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", limit_concurrency=limit))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    waiting = [socket.create_connection(("127.0.0.1", port)) for _ in range(idle)]
    while len(server.server_state.connections) < idle:
        time.sleep(0.02)
    client = http.client.HTTPConnection("127.0.0.1", port)
    client.request("GET", "/")
    seen[limit, idle] = client.getresponse().status
    print(f"limit {limit}, idle {idle}: {seen[limit, idle]}")
    client.close()
    for connection in waiting:
        connection.close()
    server.should_exit = True
    thread.join(10)
assert seen == {(1, 0): 503, (2, 0): 200, (5, 3): 200, (5, 4): 503}, "the behaviour has changed"
PY
"$folder/venv/bin/python" "$folder/run.py"
