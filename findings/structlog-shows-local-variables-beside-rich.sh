#!/bin/sh
# Once rich is installed, structlog prints the local variables of an exception, and so the token that a function holds.
#
# Versions: structlog 26.1.0, rich 15.0.0.
# Behaviour: log.exception("...") without any configuration prints the traceback, with the lines of the source. When another package
#   brings rich along, the same call prints each frame's local variables too: the credential, the decoded response, the whole
#   connection. It is not a matter of the terminal; the log of a service in a container has them as well. A processor that removes
#   secrets from the event does not help, as the traceback is rendered after it.
# Source: the program below; RichTracebackFormatter in structlog/dev.py has show_locals=True and is the default where rich can be imported.
# Seen:
#   without rich: 0 lines with the token
#   with rich: 1 line with the token
# For us: exceptions of the engine are printed as text, and a Secret in a local variable shows as stars (connector/secrets/secret.py).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet structlog==26.1.0
cat >"$folder/run.py" <<'PY'
import structlog


def rotate():
    token = "-".join(["pat", "1234"])
    raise ValueError(len(token))


try:
    rotate()
except ValueError:
    structlog.get_logger().exception("the rotation failed")
PY
lines() {
  "$folder/venv/bin/python" "$folder/run.py" >"$folder/log"
  grep -q "rotation failed" "$folder/log"
  grep -c "pat-1234" "$folder/log" || true
}
without=$(lines)
"$folder/venv/bin/pip" install --quiet rich==15.0.0
with=$(lines)
echo "without rich: $without lines with the token"
echo "with rich: $with line with the token"
[ "$without" -eq 0 ] && [ "$with" -eq 1 ]
