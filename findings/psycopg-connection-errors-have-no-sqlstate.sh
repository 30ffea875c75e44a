#!/bin/sh
# In psycopg, a connection that the server refuses with an SQLSTATE is an error without one.
#
# Versions: psycopg 3.3.9 with its binary package (libpq 18).
# Behaviour: a PostgreSQL server sends a code with each refusal: 28P01 for a wrong password, 57P03 while it starts up,
#   53300 when it has too many connections. psycopg has a class for each of these codes, but none is raised here: the error
#   is an OperationalError whose sqlstate and diag.sqlstate are None, the same as when no server listens. "except
#   InvalidPassword" never runs, and code that retries by sqlstate either retries a wrong password or never retries a
#   server that starts up. Only the message differs, and the server writes it in the language of its settings.
# Source: the program below, whose server sends what PostgreSQL sends; PQerrorMessage is all that libpq has here.
# Seen:
#   28P01: OperationalError, sqlstate None, diag None, FATAL:  password authentication failed for user "ann"
#   57P03: OperationalError, sqlstate None, diag None, FATAL:  the database system is starting up
#   53300: OperationalError, sqlstate None, diag None, FATAL:  sorry, too many clients already
#   no server: OperationalError, sqlstate None, diag None, Connection refused
# For us: connector/state/postgres.py reads the message where the code is missing.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "psycopg[binary]==3.3.9"
cat >"$folder/run.py" <<'PY'
import socket, struct, threading

import psycopg

CODES = {
    "28P01": 'password authentication failed for user "ann"',
    "57P03": "the database system is starting up",
    "53300": "sorry, too many clients already",
}


def refuse(listener, code):
    client, _ = listener.accept()
    with client:
        client.recv(1000)  # the startup message
        fields = "".join(f"{field}\0" for field in ("SFATAL", "VFATAL", f"C{code}", f"M{CODES[code]}"))
        body = fields.encode() + b"\0"
        client.sendall(b"E" + struct.pack("!i", len(body) + 4) + body)
        client.recv(1000)


def connect(port):
    try:
        psycopg.connect(
            host="127.0.0.1", port=port, user="ann", dbname="d", sslmode="disable", gssencmode="disable", connect_timeout=30
        )
    except psycopg.Error as error:
        return error


def show(name, error):
    what = type(error).__name__, error.sqlstate, error.diag.sqlstate
    print(f"{name}: {what[0]}, sqlstate {what[1]}, diag {what[2]}, {str(error).splitlines()[0].split('failed: ')[-1]}")
    return what


seen = []
for code, message in CODES.items():
    assert psycopg.errors.lookup(code), "there is a class for it"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=refuse, args=(listener, code), daemon=True).start()
        error = connect(listener.getsockname()[1])
    assert message in str(error)
    seen.append(show(code, error))
with socket.socket() as unused:
    unused.bind(("127.0.0.1", 0))
    seen.append(show("no server", connect(unused.getsockname()[1])))
assert seen == [("OperationalError", None, None)] * 4, "the behaviour has changed"
PY
"$folder/venv/bin/python" "$folder/run.py"
