#!/bin/sh
# The Singer SDK turns the texts "false", "0" and "" of a Boolean field into true.
#
# Versions: singer-sdk 0.54.9.
# Behaviour: each record is brought into line with the schema of its stream. Many APIs send a flag as text, and for a number or a
#   string with a wrong type the SDK keeps what the API sent. For a Boolean it writes true for all that is not equal to 0: a list of tokens
#   with "revoked": "false" says of each that it is revoked, without an error or a warning. The target sees a valid Boolean, so
#   no schema check behind it finds this.
# Source: the program below; _conform_primitive_property in singer_sdk/helpers/_typing.py compares with 0.
# Seen:
#   revoked: "false" -> true, "0" -> true, "" -> true, 0 -> false, false -> false
#   uses: "7" -> "7"
# For us: a value of another type than its output declares is null, with a warning (docs/spec.md).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet singer-sdk==0.54.9
cat >"$folder/run.py" <<'PY'
import contextlib
import io
import json

from singer_sdk import Stream, Tap
from singer_sdk import typing as th

FLAGS = ["false", "0", "", 0, False]


class Tokens(Stream):
    name = "tokens"
    schema = th.PropertiesList(th.Property("revoked", th.BooleanType), th.Property("uses", th.IntegerType)).to_dict()

    def get_records(self, context):
        for flag in FLAGS:
            yield {"revoked": flag, "uses": "7"}


class TapTokens(Tap):
    name = "tap-tokens"
    config_jsonschema = th.PropertiesList().to_dict()

    def discover_streams(self):
        return [Tokens(self)]


output, log = io.StringIO(), io.StringIO()
with contextlib.redirect_stdout(output), contextlib.redirect_stderr(log):
    TapTokens(config={}).sync_all()
messages = map(json.loads, output.getvalue().splitlines())
records = [message["record"] for message in messages if message["type"] == "RECORD"]
flags = [record["revoked"] for record in records]
pairs = zip(FLAGS, flags, strict=True)
print("revoked:", ", ".join(f"{json.dumps(flag)} -> {json.dumps(written)}" for flag, written in pairs))
print('uses: "7" ->', json.dumps(records[0]["uses"]))
assert flags == [True, True, True, False, False], "the behaviour has changed"
assert {record["uses"] for record in records} == {"7"}, "the behaviour has changed"
assert "WARNING" not in log.getvalue(), "the behaviour has changed"
PY
"$folder/venv/bin/python" "$folder/run.py" 2>"$folder/log" || { tail -3 "$folder/log"; exit 1; }
