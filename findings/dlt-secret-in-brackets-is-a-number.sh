#!/bin/sh
# dlt.secrets["key"] turns the text of a secret into a number: leading zeros are lost, and 12345e7 becomes 123450000000.0.
#
# Versions: dlt 1.31.0.
# Behaviour: one expects the text that was stored, as dlt.secrets.get("key") returns it, and as an argument "key=dlt.secrets.value"
#   gets it. The brackets guess a type from the text, wherever it comes from: a variable of the environment, or a quoted string in
#   secrets.toml, where its author has said that it is a string. The account ID 012345678901 of AWS has 11 digits afterwards, and
#   a key of digits with one "e" in them is another key; most keys stay as they are, so the first test passes.
# Source: the program below; _Accessor calls auto_cast in __getitem__, and not in get
#   (dlt/common/configuration/accessors.py and utils.py).
# Seen:
#   secrets.toml "012345678901": brackets 12345678901, get '012345678901', argument '012345678901'
#   environment 12345e7: brackets 123450000000.0, get '12345e7', argument '12345e7'
# For us: a secret is the string that it was stored as, and no type is guessed (connector/secrets/secret.py).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet dlt==1.31.0
mkdir "$folder/.dlt"
echo 'account = "012345678901"' >"$folder/.dlt/secrets.toml"
cat >"$folder/run.py" <<'PY'
import dlt


@dlt.resource
def use(account=dlt.secrets.value, key=dlt.secrets.value):
    yield {"account": account, "key": key}


(arguments,) = use()
seen = {
    name: (dlt.secrets[name], dlt.secrets.get(name), arguments[name]) for name in ("account", "key")
}
for name, where in (("account", 'secrets.toml "012345678901"'), ("key", "environment 12345e7")):
    brackets, get, argument = map(repr, seen[name])
    print(f"{where}: brackets {brackets}, get {get}, argument {argument}")
assert seen == {
    "account": (12345678901, "012345678901", "012345678901"),
    "key": (123450000000.0, "12345e7", "12345e7"),
}, "the behaviour has changed"
PY
cd "$folder"
KEY=12345e7 RUNTIME__DLTHUB_TELEMETRY=false venv/bin/python run.py
