#!/bin/sh
# After SIGTERM, uvicorn stops gracefully and then kills its own process: neither "finally" nor atexit runs after run().
#
# Versions: uvicorn 0.54.0.
# Behaviour: Server.run() waits for open requests and runs the lifespan's shutdown. Then it raises the signal that it
#   caught once more, with the handler that was there before. For SIGTERM that is the system's default, which ends the
#   process at once: what a program does after run(), in a "finally" around it or by atexit is left out, and the exit
#   status is that of a killed process although everything was in order. SIGINT becomes KeyboardInterrupt, so there
#   "finally" and atexit do run. What must be done at the end belongs into the lifespan, or needs a SIGTERM handler that
#   was installed before run().
# Source: the program below; capture_signals in uvicorn/server.py.
# Seen:
#   SIGTERM: exit -15, lifespan
#   SIGINT: exit -2, lifespan finally atexit
#   SIGTERM with a handler of one's own: exit 0, lifespan after finally atexit
# For us: our server takes the signals itself, ends with exit code 0 and stores what runs first (connector/serve/http_server.py).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet uvicorn==0.54.0
cat >"$folder/server.py" <<'PY'
import atexit, signal, sys

import uvicorn


def say(text):
    print(text, flush=True)


async def app(scope, receive, send):
    while (message := await receive())["type"] != "lifespan.shutdown":
        await send({"type": message["type"] + ".complete"})
    say("lifespan")
    await send({"type": "lifespan.shutdown.complete"})


class Server(uvicorn.Server):
    async def startup(self, *arguments, **options):
        await super().startup(*arguments, **options)
        say("ready")


if sys.argv[1] == "handler":
    signal.signal(signal.SIGTERM, lambda *_: None)
atexit.register(say, "atexit")
try:
    Server(uvicorn.Config(app, port=0, log_level="critical")).run()
    say("after")
finally:
    say("finally")
PY
cat >"$folder/run.py" <<'PY'
import pathlib, signal, subprocess, sys

server = str(pathlib.Path(__file__).with_name("server.py"))
seen = {}
for name, number, mode in (
    ("SIGTERM", signal.SIGTERM, "default"),
    ("SIGINT", signal.SIGINT, "default"),
    ("SIGTERM with a handler of one's own", signal.SIGTERM, "handler"),
):
    process = subprocess.Popen(
        [sys.executable, server, mode], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    said = process.stdout.read().split()
    seen[name] = (process.wait(), said)
    print(f"{name}: exit {seen[name][0]}, {' '.join(said)}")
assert list(seen.values()) == [
    (-15, ["lifespan"]),
    (-2, ["lifespan", "finally", "atexit"]),
    (0, ["lifespan", "after", "finally", "atexit"]),
], "the behaviour has changed"
PY
"$folder/venv/bin/python" "$folder/run.py"
