#!/bin/sh
# python-dotenv reads a backslash in single quotes as an escape, where every shell takes it as it is.
#
# Versions: python-dotenv 1.2.4; sh is whatever /bin/sh is.
# Behaviour: in single quotes nothing is special to a shell, so A='C:\dir\' is C:\dir\ and the next line is the next
#   variable. In python-dotenv the last backslash escapes the quote: the value runs on, the statement cannot be parsed,
#   a warning is logged, and the variables of all lines up to the next quote are lost. A='a\\b' has two backslashes in a
#   shell and one in python-dotenv. So no file can give both the same value for a string that ends in a backslash.
# Source: the program below; _single_quoted_value and _single_quote_escapes in dotenv's parser.
# Seen:
#   sh:     A=C:\dir\ B=x
#   dotenv: A and B are missing
#   sh:     A=a\\b
#   dotenv: A=a\b
# For us: env-file: stores a token only in a form that sh, python-dotenv, docker and systemd read alike, and refuses a
#   file in which they would disagree about where a line ends (connector/stores/env_file.py; tests/stores).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet python-dotenv==1.2.4
cat >"$folder/one.env" <<'ENV'
A='C:\dir\'
B='x'
ENV
cat >"$folder/two.env" <<'ENV'
A='a\\b'
ENV
cat >"$folder/run.py" <<'PY'
import subprocess, sys

from dotenv import dotenv_values


def by_shell(name):
    script = f'. "{sys.argv[1]}/{name}"; printf "%s\\n%s" "${{A-}}" "${{B-}}"'
    return subprocess.run(["sh", "-c", script], check=True, capture_output=True, text=True).stdout.split("\n")


one, two = (dict(dotenv_values(f"{sys.argv[1]}/{name}")) for name in ("one.env", "two.env"))
print(f"sh:     A={by_shell('one.env')[0]} B={by_shell('one.env')[1]}")
print("dotenv:", "A and B are missing" if not one else one)
print(f"sh:     A={by_shell('two.env')[0]}")
print(f"dotenv: A={two['A']}")
assert (by_shell("one.env"), one) == (["C:\\dir\\", "x"], {}), "the behaviour has changed"
assert (by_shell("two.env")[0], two) == (r"a\\b", {"A": r"a\b"}), "the behaviour has changed"
PY
"$folder/venv/bin/python" "$folder/run.py" "$folder" 2>/dev/null
