#!/bin/sh
# dateparser reads 20261128T100000Z, the basic form of an ISO 8601 time, as a moment in the eighteenth century.
#
# Versions: dateparser 1.5.0; python-dateutil 4.0.0 and arrow 1.4.0 beside it.
# Behaviour: the parser that is known to take nearly every form neither reads this one nor returns None, which is its word for
#   what it cannot read: it finds a relative time in the digits and counts back from now. The extended form with a short offset
#   (+02) is None. An inventory that asks "has it expired?" says yes to both.
# Source: the program below.
# Seen:
#   20261128T100000Z: a year before 1900; 2026-11-28T10:00:00+02: None
#   dateutil and arrow read both as of 2026
# For us: times are read by what the spec says of them, and one that cannot be read is kept raw with a warning (docs/spec.md).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet dateparser==1.5.0 python-dateutil==4.0.0 arrow==1.4.0
cat >"$folder/run.py" <<'PY'
import arrow
import dateparser
from dateutil.parser import isoparse

BASIC, SHORT_OFFSET = "20261128T100000Z", "2026-11-28T10:00:00+02"
year = dateparser.parse(BASIC).year
short = dateparser.parse(SHORT_OFFSET)
print(f"{BASIC}: the year {year}; {SHORT_OFFSET}: {short}")
assert year < 1900 and short is None
assert {parse(text).year for parse in (arrow.get, isoparse) for text in (BASIC, SHORT_OFFSET)} == {2026}
print("dateutil and arrow read both as of 2026")
PY
"$folder/venv/bin/python" "$folder/run.py"
