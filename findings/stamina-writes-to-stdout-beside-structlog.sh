#!/bin/sh
# stamina writes to standard output once structlog is installed, though nobody imports or configures it.
#
# Versions: stamina 26.1.0, structlog 26.1.0.
# Behaviour: each retry that stamina schedules is logged. With structlog in the environment, the line goes through
#   structlog, whose default prints to standard output; without it, through logging, and standard output stays empty. So a
#   command that prints one JSON document breaks when another package brings structlog along. The line also repeats the
#   arguments of the call.
# Source: the program below; stamina's documentation on instrumentation.
# Seen:
#   without structlog: 0 lines on standard output
#   with structlog: 1 line on standard output, with the argument of the call
# For us: the command retries by itself, and prints nothing but its envelope.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet stamina==26.1.0
cat >"$folder/run.py" <<'PY'
import stamina


@stamina.retry(on=ValueError, attempts=2, wait_initial=0, wait_jitter=0)
def call(argument):
    raise ValueError


try:
    call("the argument")
except ValueError:
    pass
PY
lines() {
  "$folder/venv/bin/python" "$folder/run.py" 2>"$folder/errors" >"$folder/output"
  wc -l <"$folder/output"
}
without=$(lines)
"$folder/venv/bin/pip" install --quiet structlog==26.1.0
with=$(lines)
echo "without structlog: $without lines on standard output"
echo "with structlog: $with line on standard output: $(cat "$folder/output")"
[ "$without" -eq 0 ] && [ "$with" -eq 1 ] && grep -q "the argument" "$folder/output"
