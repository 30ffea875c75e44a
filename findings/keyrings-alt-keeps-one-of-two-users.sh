#!/bin/sh
# The file keyrings of keyrings.alt and keyrings.cryptfile keep one password for the users "CI" and "ci": the second replaces the first.
#
# Versions: keyrings.alt 5.0.2, keyrings.cryptfile 1.3.9, keyring 25.7.0.
# Behaviour: keyring documents a password for each pair of service and user name, and services tell "CI" and "ci" apart. The files of
#   these keyrings, for servers without a desktop, are INI files whose keys Python's configparser writes in lower case.
#   Both calls of set_password succeed. From then on the plain file gives "CI" the token of "ci", without an error; the encrypted one, which
#   authenticates the user name with the value, says that its check fails, as for a damaged file. Deleting one deletes both.
# Source: the program below; RawConfigParser in keyrings/alt/file_base.py; jaraco/keyring issue 135, closed.
# Seen:
#   PlaintextKeyring: CI has second, ci has second; after ci is deleted, CI has None
#   CryptFileKeyring: CI has an error: MAC check failed, ci has second; after ci is deleted, CI has None
# For us: a store refuses to overwrite the token of another name (connector/stores/record_store.py).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet keyrings.alt==5.0.2 keyrings.cryptfile==1.3.9 keyring==25.7.0
cat >"$folder/run.py" <<'PY'
from keyrings.alt.file import PlaintextKeyring
from keyrings.cryptfile.cryptfile import CryptFileKeyring

encrypted = CryptFileKeyring()
encrypted.keyring_key = "password of the file"


def read(keyring, user):
    try:
        return keyring.get_password("api.example.com", user)
    except ValueError as error:
        return f"an error: {error}"


seen = {}
for keyring in (PlaintextKeyring(), encrypted):
    keyring.set_password("api.example.com", "CI", "first")
    keyring.set_password("api.example.com", "ci", "second")
    stored = [read(keyring, user) for user in ("CI", "ci")]
    keyring.delete_password("api.example.com", "ci")
    left = read(keyring, "CI")
    name = type(keyring).__name__
    seen[name] = (*stored, left)
    print(f"{name}: CI has {stored[0]}, ci has {stored[1]}; after ci is deleted, CI has {left}")
assert seen["PlaintextKeyring"] == ("second", "second", None), "the behaviour has changed"
assert seen["CryptFileKeyring"] == ("an error: MAC check failed", "second", None), "the behaviour has changed"
PY
HOME="$folder" XDG_DATA_HOME="$folder" XDG_CONFIG_HOME="$folder" "$folder/venv/bin/python" "$folder/run.py"
