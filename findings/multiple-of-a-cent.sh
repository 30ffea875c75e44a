#!/bin/sh
# 19.99 is a multiple of 0.01 for pydantic, and not for two validators that read the schema pydantic exports.
#
# Versions: pydantic 2.14.4, jsonschema 4.26.0, jsonschema-rs 0.61.0, fastjsonschema 2.22.3; ajv 8.20.0 (npm).
# Behaviour: JSON Schema says that "multipleOf" holds if division gives an integer, and binary floats make that false
#   for most decimal steps. pydantic, jsonschema-rs and fastjsonschema allow for it; jsonschema and ajv divide floats.
#   So a form or a flow engine that validates by the exported schema refuses 19.99, 4.35 or 0.3 with steps of 0.01 or
#   0.1, which the model behind the schema accepts. Steps such as 1, 0.5 and 0.25 are exact, and agree everywhere.
# Source: the program below. ajv has the option multipleOfPrecision for this; it is off by default.
# Seen (step and value: who accepts it):
#   0.01 19.99: fastjsonschema, jsonschema-rs, pydantic
#   0.1 0.3: fastjsonschema, jsonschema-rs, pydantic
#   0.25 0.75: ajv, fastjsonschema, jsonschema, jsonschema-rs, pydantic
# For us: "step" of an input is a whole number in the shipped specs; exported schemas of other steps have this limit.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pydantic==2.14.4 jsonschema==4.26.0 jsonschema-rs==0.61.0 fastjsonschema==2.22.3
npm install --silent --no-audit --no-fund --prefix "$folder" ajv@8.20.0 >/dev/null
cat >"$folder/ajv.js" <<'JS'
const Ajv = require("ajv").default;
const [schema, value] = JSON.parse(process.argv[2]);
process.exit(new Ajv().validate(schema, value) ? 0 : 1);
JS
cat >"$folder/run.py" <<'PY'
import json, pathlib, subprocess
from typing import Annotated

import fastjsonschema, jsonschema, jsonschema_rs
from pydantic import Field, TypeAdapter

FOLDER = pathlib.Path(__file__).parent


def accepts(check):
    try:
        check()
    except (ValueError, jsonschema.ValidationError, fastjsonschema.JsonSchemaException, subprocess.CalledProcessError):
        return False
    return True


seen = {}
for step, value in ((0.01, 19.99), (0.1, 0.3), (0.25, 0.75)):
    model = TypeAdapter(Annotated[float, Field(multiple_of=step)])
    schema = model.json_schema()
    checks = {
        "ajv": lambda: subprocess.run(["node", "ajv.js", json.dumps([schema, value])], cwd=FOLDER, check=True),
        "fastjsonschema": lambda: fastjsonschema.compile(schema)(value),
        "jsonschema": lambda: jsonschema.validate(value, schema),
        "jsonschema-rs": lambda: jsonschema_rs.validate(schema, value),
        "pydantic": lambda: model.validate_python(value),
    }
    seen[step, value] = [name for name, check in checks.items() if accepts(check)]
    print(f"{step} {value}: {', '.join(seen[step, value])}")
some = ["fastjsonschema", "jsonschema-rs", "pydantic"]
every = ["ajv", "fastjsonschema", "jsonschema", "jsonschema-rs", "pydantic"]
assert list(seen.values()) == [some, some, every], "the behaviour has changed"
PY
"$folder/venv/bin/python" "$folder/run.py"
