#!/bin/sh
# In bash, click completes no value after a ":" or "=" in it, not even its own Choice.
#
# Versions: click 8.5.1, bash 5.2.
# Behaviour: bash splits the line for a completion function at ":" and "=" (COMP_WORDBREAKS) and passes each piece, the
#   separators too, as a word. click's script hands these pieces on, and click takes them for arguments. With "embed:v" typed
#   after an option, the option has the value "embed", ":" is the first argument, and "v" is completed as the second one.
#   click takes care of one case only: "--option=" before a value. A test that sets COMP_WORDS to whole words does not
#   show this.
# Source: the program below; BashComplete in click/shell_completion.py.
# Seen:
#   prog --scope emb: bash passes ["prog", "--scope", "emb"], TAB gives ["--scope", "embed:view"]
#   prog --scope embed:v: bash passes ["prog", "--scope", "embed", ":", "v"], TAB gives ["--scope", "embed:v"]
#   prog color=r: bash passes ["prog", "color", "=", "r"], TAB gives ["color=r"]
# For us: our own script passes the line as it was typed (connector/cli/completion.py).
set -eu
command -v bash >/dev/null || { echo "install bash first" >&2; exit 2; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet click==8.5.1
cat >"$folder/venv/bin/prog" <<PY
#!$folder/venv/bin/python
PY
cat >>"$folder/venv/bin/prog" <<'PY'
import json, os, sys

import click


@click.command()
@click.option("--scope", type=click.Choice(["embed:view", "company:manage"]))
@click.argument("color", type=click.Choice(["color=red", "size=big"]))
def main(scope, color):
    pass


completes = os.environ.get("_PROG_COMPLETE")
if completes != "bash_source":
    with open(os.environ["LOG"], "a") as log:
        log.write(json.dumps(os.environ["COMP_WORDS"].split("\n") if completes else sys.argv[1:]) + "\n")
if completes:
    main(prog_name="prog")
PY
chmod +x "$folder/venv/bin/prog"
cat >"$folder/run.py" <<'PY'
import json, os, pathlib, pty, sys

folder = pathlib.Path(sys.argv[1])
log = folder / "log"
variables = {"PATH": f"{folder}/venv/bin:{os.environ['PATH']}", "LOG": str(log), "TERM": "dumb", "PS1": "ready> "}
process, terminal = pty.fork()
if not process:
    os.execvpe("bash", ["bash", "--norc", "--noprofile", "-i"], {**variables, "HISTFILE": ""})


def enter(line):
    os.write(terminal, f"{line}\n".encode())
    wait()


def wait():
    output = b""
    while not output.endswith(b"ready> "):
        output += os.read(terminal, 1000)


wait()
enter('eval "$(_PROG_COMPLETE=bash_source prog)"')
seen = {}
for typed in ("prog --scope emb", "prog --scope embed:v", "prog color=r"):
    enter(f"{typed}\t")
    words, completed = map(json.loads, log.read_text().splitlines())
    log.unlink()
    seen[typed] = words, completed
    print(f"{typed}: bash passes {json.dumps(words)}, TAB gives {json.dumps(completed)}")
os.write(terminal, b"exit\n")
os.waitpid(process, 0)
assert seen == {
    "prog --scope emb": (["prog", "--scope", "emb"], ["--scope", "embed:view"]),
    "prog --scope embed:v": (["prog", "--scope", "embed", ":", "v"], ["--scope", "embed:v"]),
    "prog color=r": (["prog", "color", "=", "r"], ["color=r"]),
}, "the behaviour has changed"
PY
"$folder/venv/bin/python" "$folder/run.py" "$folder"
