#!/bin/sh
# dlt loads one of two fields whose names differ in case or underscores only, and it is another field from row to row.
#
# Versions: dlt 1.31.0 with DuckDB 2.0.1.
# Behaviour: names become snake_case, so "tokenId" and "token_id" are one column. An API that renames a field sends both for a while, an
#   internal and a public identifier, say. One would expect two columns, or the error that dlt has for collisions
#   (SchemaIdentifierNormalizationCollision), which it raises for those in a schema. In rows both values go into one column, and the
#   later key of the row wins, whatever its meaning. The order of keys is the API's, so that one column holds both kinds. A nested
#   {"owner": {"id": 7}} does the same beside "owner__id". The load succeeds, and nothing is logged.
# Source: the program below; _flatten in dlt/common/normalizers/json/relational.py; dlt-hub/dlt issue 423, closed.
# Seen:
#   {"tokenId": "int-1", "token_id": "pub-1"} -> token_id pub-1
#   {"token_id": "pub-2", "tokenId": "int-2"} -> token_id int-2
#   columns: token_id; lines in the log: 0
# For us: an output has the name that its spec gives it; none is derived from the response (docs/spec.md).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet dlt==1.31.0 duckdb==2.0.1
cat >"$folder/run.py" <<'PY'
import json
import logging
import sys

import dlt

ROWS = [{"tokenId": "int-1", "token_id": "pub-1"}, {"token_id": "pub-2", "tokenId": "int-2"}]
folder = sys.argv[1]
lines = []


class Collect(logging.Handler):
    def emit(self, record):
        lines.append(record.getMessage())


pipeline = dlt.pipeline(
    "tokens",
    destination=dlt.destinations.duckdb(f"{folder}/tokens.duckdb"),
    dataset_name="api",
    pipelines_dir=folder,
)
logging.getLogger("dlt").addHandler(Collect(level=logging.WARNING))
pipeline.run(ROWS, table_name="tokens").raise_on_failed_jobs()
columns = [name for name in pipeline.default_schema.tables["tokens"]["columns"] if not name.startswith("_dlt")]
with pipeline.sql_client() as client:
    stored = [value for (value,) in client.execute_sql("SELECT token_id FROM tokens")]
for row, value in zip(ROWS, stored, strict=True):
    print(f"{json.dumps(row)} -> token_id {value}")
print(f"columns: {', '.join(columns)}; lines in the log: {len(lines)}")
assert (stored, columns, lines) == (["pub-1", "int-2"], ["token_id"], []), "the behaviour has changed"
PY
DLT_DATA_DIR="$folder" RUNTIME__DLTHUB_TELEMETRY=false "$folder/venv/bin/python" "$folder/run.py" "$folder"
