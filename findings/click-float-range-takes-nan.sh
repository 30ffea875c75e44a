#!/bin/sh
# click.FloatRange(min=0, max=100) takes "nan", and numbers with underscores and in the digits of other scripts.
#
# Versions: click 8.5.1.
# Behaviour: one expects that a range has two ends and what is in it lies between them. "inf" and "101" are refused, but
#   "nan" is neither below the one end nor above the other, so it passes; a wait of nan seconds then fails far away from
#   the option, or never ends. "1_0" is 10 and an Arabic digit three is 3, in IntRange too, as Python's float() and
#   int() read them.
# Source: the program below; _NumberRangeBase.convert in click's types.
# Seen:
#   nan: taken
#   inf: refused
#   1_0: taken
#   the Arabic digit three: taken
# For us: connector/limits.py has a table of limits that the command's options and Python's arguments share; it takes
#   plain decimal numbers that are finite. tests/cli/test_mistakes.py holds that.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet click==8.5.1
cat >"$folder/run.py" <<'PY'
import click


def outcome(text):
    try:
        click.FloatRange(min=0, max=100).convert(text, None, None)
    except click.BadParameter:
        return "refused"
    return "taken"


seen = {"nan": outcome("nan"), "inf": outcome("inf"), "1_0": outcome("1_0"), "the Arabic digit three": outcome("\u0663")}
for text, result in seen.items():
    print(f"{text}: {result}")
assert list(seen.values()) == ["taken", "refused", "taken", "taken"], "the behaviour has changed"
PY
"$folder/venv/bin/python" "$folder/run.py"
