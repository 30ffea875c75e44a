#!/bin/sh
# In click, whoever renders a command's help first decides for good which options show its help.
#
# Versions: click 8.5.1.
# Behaviour: the names of the help option ("-h", "--help") are a setting of the context, so that one command can be
#   called with different ones. But a command keeps the help option that was made for its first context. A program whose
#   setting adds "-h" refuses "-h" after a documentation tool, a test or a completion script has asked the same command
#   object for its help with a plain click.Context(command).
# Source: the program below; Command.get_help_option in click's core.
# Seen:
#   -h in a program that asks first: accepted
#   -h after click.Context(command).get_help(): No such option
# For us: the test that reads all help texts makes its contexts with the program's own settings.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet click==8.5.1
cat >"$folder/run.py" <<'PY'
import contextlib, io

import click

SETTINGS = {"help_option_names": ["-h", "--help"]}


def short_help(command):
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            command.main(["-h"], standalone_mode=False, **SETTINGS)
    except click.NoSuchOption:
        return "No such option"
    return "accepted"


@click.command()
def first():
    pass


@click.command()
def second():
    pass


second.get_help(click.Context(second))
seen = short_help(first), short_help(second)
print(f"-h in a program that asks first: {seen[0]}")
print(f"-h after click.Context(command).get_help(): {seen[1]}")
assert seen == ("accepted", "No such option"), "the behaviour has changed"
PY
"$folder/venv/bin/python" "$folder/run.py"
