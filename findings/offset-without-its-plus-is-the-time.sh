#!/bin/sh
# When a query string has turned the "+" of an offset into a space, three parsers take the offset for the time of day.
#
# Versions: python-dateutil 4.0.0, pandas 3.1.1, pendulum 3.3.0 (strict=False); arrow 1.4.0 and pydantic 2.14.4 beside them.
# Behaviour: "+" in a query string means a space, so ?until=2026-11-28T10:00:00+02:00 arrives as "2026-11-28T10:00:00 02:00". One would expect an
#   error, as arrow and pydantic raise it. dateutil, pandas and pendulum return two in the morning: the later time of day in the
#   text wins, and no offset is left.
# Source: the program below; the form decoding is by urllib.parse.
# Seen:
#   2026-11-28T10:00:00 02:00: dateutil 2026-11-28T02:00:00, pandas 2026-11-28T02:00:00, pendulum 2026-11-28T02:00:00+00:00
#   refused: arrow, pydantic
# For us: values of a query are percent-encoded by httpx, and a time that is not ISO 8601 is kept raw with a warning (docs/spec.md).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet python-dateutil==4.0.0 pandas==3.1.1 pendulum==3.3.0 arrow==1.4.0 pydantic==2.14.4
cat >"$folder/run.py" <<'PY'
from datetime import datetime
from urllib.parse import parse_qs

import arrow
import dateutil.parser
import pandas
import pendulum
import pydantic

text = parse_qs("until=2026-11-28T10:00:00+02:00")["until"][0]
taken = {
    "dateutil": dateutil.parser.parse(text).isoformat(),
    "pandas": pandas.Timestamp(text).isoformat(),
    "pendulum": pendulum.parse(text, strict=False).isoformat(),
}
refused = []
for name, parse in (("arrow", arrow.get), ("pydantic", pydantic.TypeAdapter(datetime).validate_python)):
    try:
        parse(text)
    except ValueError:
        refused.append(name)
print(f"{text}: " + ", ".join(f"{name} {value}" for name, value in taken.items()))
print("refused:", ", ".join(refused))
assert list(taken.values()) == ["2026-11-28T02:00:00", "2026-11-28T02:00:00", "2026-11-28T02:00:00+00:00"]
assert refused == ["arrow", "pydantic"]
PY
"$folder/venv/bin/python" "$folder/run.py"
