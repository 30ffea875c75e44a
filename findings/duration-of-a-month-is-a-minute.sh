#!/bin/sh
# "P1M", one month in ISO 8601, is a minute for pandas; "1M" is a minute for four parsers and a month for a fifth, which reads "1D" as a decade.
#
# Versions: pandas 3.1.1, pydantic 2.14.4; humanfriendly 10.0, pytimeparse 1.1.10, pytimeparse2 1.7.1, tempora 5.13.0, timelength 3.0.4.
# Behaviour: in ISO 8601 an M before the T counts months. pandas.Timedelta takes it for minutes, without an error, and refuses the
#   year of "P1Y"; pydantic takes 30 days. Of the parsers for short durations, four ignore case, so that "1M" is a minute;
#   timelength does not, and its capital D is ten years. A lifetime of a token that passes through two of them changes by a factor of 43,200.
# Source: the program below; ISO 8601-1:2019, 5.5.2.
# Seen:
#   P1M: pandas 60 s, pydantic 2592000 s
#   1M: humanfriendly 60 s, pytimeparse 60 s, pytimeparse2 60 s, tempora 60 s, timelength 2635200 s
#   1D: humanfriendly 86400 s, pytimeparse 86400 s, pytimeparse2 86400 s, tempora 86400 s, timelength 315360000 s
# For us: a lifetime is a number with its unit in the spec, never a string with a letter (docs/spec.md).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pandas==3.1.1 pydantic==2.14.4 humanfriendly==10.0 pytimeparse==1.1.10 pytimeparse2==1.7.1 tempora==5.13.0 timelength==3.0.4
cat >"$folder/run.py" <<'PY'
from datetime import timedelta

import humanfriendly
import pandas
import pydantic
import pytimeparse
import pytimeparse2
import tempora
from timelength import TimeLength

ISO = {
    "pandas": lambda text: pandas.Timedelta(text).total_seconds(),
    "pydantic": lambda text: pydantic.TypeAdapter(timedelta).validate_python(text).total_seconds(),
}
SHORT = {
    "humanfriendly": humanfriendly.parse_timespan,
    "pytimeparse": pytimeparse.parse,
    "pytimeparse2": pytimeparse2.parse,
    "tempora": lambda text: tempora.parse_timedelta(text).total_seconds(),
    "timelength": lambda text: TimeLength(text).result.seconds,
}


def seconds(text, parsers):
    seen = {name: int(parse(text)) for name, parse in parsers.items()}
    print(f"{text}: " + ", ".join(f"{name} {value} s" for name, value in seen.items()))
    return list(seen.values())


assert seconds("P1M", ISO) == [60, 2592000]
assert seconds("1M", SHORT) == [60, 60, 60, 60, 2635200]
assert seconds("1D", SHORT) == [86400, 86400, 86400, 86400, 315360000]
PY
"$folder/venv/bin/python" "$folder/run.py"
