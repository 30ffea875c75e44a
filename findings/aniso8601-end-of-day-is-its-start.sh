#!/bin/sh
# aniso8601 reads 24:00, the end of a day, as the beginning of the same day: a moment that is 24 hours too early.
#
# Versions: aniso8601 10.0.1; ciso8601 2.4.1, arrow 1.4.0 and python-dateutil 4.0.0 beside it.
# Behaviour: in ISO 8601, 2026-11-28T24:00:00Z is the same moment as 2026-11-29T00:00:00Z, and three parsers say so. aniso8601 returns
#   midnight of the 28th. A token that expires at the end of a day counts as expired for the whole of it.
# Source: the program below; ISO 8601-1:2019, 4.3.8.1 and 5.3.2.
# Seen:
#   aniso8601 2026-11-28T00:00:00+00:00
#   ciso8601, arrow, dateutil 2026-11-29T00:00:00+00:00
# For us: an expiry of 24:00 is kept as it is, with a warning (tests/lifecycle/test_renewal.py).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet aniso8601==10.0.1 ciso8601==2.4.1 arrow==1.4.0 python-dateutil==4.0.0
cat >"$folder/run.py" <<'PY'
import aniso8601
import arrow
import ciso8601
from dateutil.parser import isoparse

END = "2026-11-28T24:00:00Z"
early = aniso8601.parse_datetime(END).isoformat()
right = {parse(END).isoformat() for parse in (ciso8601.parse_datetime, lambda text: arrow.get(text).datetime, isoparse)}
print("aniso8601", early)
print("ciso8601, arrow, dateutil", *right)
assert early == "2026-11-28T00:00:00+00:00"
assert right == {"2026-11-29T00:00:00+00:00"}
PY
"$folder/venv/bin/python" "$folder/run.py"
