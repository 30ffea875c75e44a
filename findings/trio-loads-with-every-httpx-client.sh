#!/bin/sh
# In an environment where trio is installed, making a synchronous httpx.Client imports all of trio.
#
# Versions: httpx 0.28.1, httpcore 1.0.9, trio 0.35.0.
# Behaviour: httpcore imports the locks of trio when trio can be imported, for its asynchronous pool, in the module that
#   the synchronous pool needs as well. A command-line program that never runs a line of async code loads about a
#   hundred modules more as soon as any other package brings trio along, and starts that much later.
# Source: the program below; httpcore's _synchronization module.
# Seen:
#   without trio: trio is not loaded
#   with trio: trio is loaded, 100 modules more
# For us: figures of a fresh process are measured in an environment without trio.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet httpx==0.28.1 httpcore==1.0.9
cat >"$folder/run.py" <<'PY'
import sys

import httpx

httpx.Client().close()
print(len(sys.modules), "trio" in sys.modules)
PY
without=$("$folder/venv/bin/python" "$folder/run.py")
"$folder/venv/bin/pip" install --quiet trio==0.35.0
with=$("$folder/venv/bin/python" "$folder/run.py")
echo "without trio: trio is $([ "${without#* }" = True ] || echo not\ )loaded"
echo "with trio: trio is $([ "${with#* }" = True ] || echo not\ )loaded, $((${with% *} - ${without% *})) modules more"
[ "${without#* }" = False ]
[ "${with#* }" = True ]
[ $((${with% *} - ${without% *})) -gt 50 ]
