#!/bin/sh
# pytest-recording's --block-network breaks multiprocessing: its guard refuses Unix sockets as it does the network.
#
# Versions: pytest 9.2.0, pytest-recording 0.14.1, Python's multiprocessing.
# Behaviour: with --block-network every socket connection is refused unless its host is allowed. The start method
#   "forkserver" talks to its server over a Unix socket, whose path is taken for a host, so a pool cannot start. No value
#   of --allowed-hosts helps but the path itself, which is random. "fork" and "spawn" use pipes and still work.
# Source: the program below, with and without the option.
# Seen:
#   1 passed
#   1 failed: Network is disabled for host '/tmp/...'
# For us: our suite runs with --block-network, and starts processes by subprocess.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pytest==9.2.0 pytest-recording==0.14.1
cat >"$folder/test_pool.py" <<'PY'
import multiprocessing


def double(number):
    return 2 * number


def test_a_pool():
    with multiprocessing.get_context("forkserver").Pool(1) as pool:
        assert pool.map(double, [1, 2]) == [2, 4]
PY
cd "$folder"
"$folder/venv/bin/python" -m pytest -q -p no:cacheprovider test_pool.py >free.log
grep -o "1 passed" free.log
if "$folder/venv/bin/python" -m pytest -q -p no:cacheprovider --block-network --allowed-hosts=127.0.0.1 test_pool.py >blocked.log; then
  echo "the behaviour has changed" >&2
  exit 1
fi
echo "1 failed: $(grep -o -m 1 "Network is disabled for host '/" blocked.log)...'"
