"""The status of a fleet for other programs and for people: CSV, OpenMetrics, and a page with a timeline.

Pure.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from locoia_pat.actions.fleet.fleet_plan import TokenPlan

_COLUMNS = ("name", "credential", "step", "id", "expiration", "expires_in_days", "retire_due", "reason")


def to_csv(tokens: Sequence[TokenPlan], now: dt.datetime) -> str:  # noqa: ARG001  # as the other formats
    """Return a line for each token; a value that a spreadsheet would run as a formula begins with an apostrophe."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for token in tokens:
        values = token.to_dict()
        writer.writerow([_cell(values[column]) for column in _COLUMNS])
    return text.getvalue()


def _cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@") else value


def to_openmetrics(tokens: Sequence[TokenPlan], now: dt.datetime) -> str:
    """Return gauges for a scraper or a textfile collector.

    Source: https://prometheus.io/docs/specs/om/open_metrics_spec/
    """
    lines = [
        "# TYPE locoia_pat_token_expiry_timestamp_seconds gauge",
        "# UNIT locoia_pat_token_expiry_timestamp_seconds seconds",
        "# HELP locoia_pat_token_expiry_timestamp_seconds When the token of a name expires.",
    ]
    ends = ((token, _end(token, now)) for token in tokens)
    name = "locoia_pat_token_expiry_timestamp_seconds"
    lines += [f"{name}{_labels(token)} {end.timestamp():.0f}" for token, end in ends if end is not None]
    lines += [
        "# TYPE locoia_pat_token_step gauge",
        "# HELP locoia_pat_token_step What apply would do for a name; 1 for the step that is next.",
    ]
    lines += [f"locoia_pat_token_step{_labels(token, step=token.step)} 1" for token in tokens]
    return "\n".join([*lines, "# EOF", ""])


def _labels(token: TokenPlan, **more: str) -> str:
    labels = {"name": token.name, "credential": token.credential, **more}
    quoted = (f'{key}="{_escape_label(value)}"' for key, value in labels.items())
    return f"{{{','.join(quoted)}}}"


def _escape_label(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _end(token: TokenPlan, now: dt.datetime) -> dt.datetime | None:
    """Return when *token* expires, or None if that is not known."""
    if token.expiration is not None:
        return dt.datetime.fromisoformat(token.expiration)
    return None if token.expires_in_days is None else now + dt.timedelta(days=token.expires_in_days)


_STYLE = """\
:root { color-scheme: light dark; --ink: #1c2330; --soft: #5d6778; --line: #d5dae3; --paper: #fff;
  --ok: #2f7d4f; --due: #a86500; --blocked: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ef; --soft: #a0a9b8; --line: #39414f; --paper: #14181f;
  --ok: #63c48a; --due: #e6a23c; --blocked: #f28b82; } }
body { margin: 2rem auto; max-width: 60rem; padding: 0 1rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
table { border-collapse: collapse; width: 100%; } .wide { overflow-x: auto; }
th, td { border-bottom: 1px solid var(--line); padding: .35rem .75rem .35rem 0; text-align: left; vertical-align: top; }
th, p { color: var(--soft); } svg { width: 100%; height: auto; } svg text { fill: var(--ink); font-size: 12px; }
svg .axis { stroke: var(--line); } svg .label { fill: var(--soft); }
.ok { color: var(--ok); fill: var(--ok); } .due { color: var(--due); fill: var(--due); }
.blocked { color: var(--blocked); fill: var(--blocked); }
"""
_LEFT, _WIDTH, _ROW, _TOP = 200, 900, 24, 30
"""Pixels of the timeline: the names, the whole, a token, the axis."""


def to_html(tokens: Sequence[TokenPlan], now: dt.datetime) -> str:
    """Return a page without scripts and without references to other files."""
    rows = "\n".join(_table_row(token) for token in tokens)
    head = "".join(f"<th>{column.replace('_', ' ')}</th>" for column in _COLUMNS)
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Fleet status</title>
<style>
{_STYLE}</style>
<h1>Fleet status</h1>
<p>{len(tokens)} tokens, {now:%Y-%m-%d %H:%M} UTC</p>
{_timeline(tokens, now)}
<div class="wide"><table>
<tr>{head}</tr>
{rows}
</table></div>
</html>
"""


def _table_row(token: TokenPlan) -> str:
    values = token.to_dict()
    cells = ("-" if values[column] is None else escape(str(values[column])) for column in _COLUMNS)
    return f'<tr class="{_state(token)}">{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'


def _state(token: TokenPlan) -> str:
    return {"none": "ok", "retire": "ok", "blocked": "blocked"}.get(token.step, "due")


def _timeline(tokens: Sequence[TokenPlan], now: dt.datetime) -> str:
    """Return an SVG with a bar for each token, from now until it expires, the first to expire on top."""
    ends = {token.name: _end(token, now) for token in tokens}
    days = {name: max(0.0, (end - now) / dt.timedelta(days=1)) for name, end in ends.items() if end is not None}
    most = max(days.values(), default=0) or 1
    scale = (_WIDTH - _LEFT - 60) / most
    height = _TOP + _ROW * len(tokens) + 10
    parts = [f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="Days until each token expires">']
    for day in sorted({round(most * quarter / 4) for quarter in range(5)}):
        x = _LEFT + day * scale
        parts.append(f'<line class="axis" x1="{x:.0f}" y1="{_TOP}" x2="{x:.0f}" y2="{height}"/>')
        parts.append(f'<text class="label" x="{x:.0f}" y="18" text-anchor="middle">{day} d</text>')
    for number, token in enumerate(sorted(tokens, key=lambda token: days.get(token.name, -1.0))):
        y = _TOP + _ROW * number
        left = days.get(token.name)
        text = token.step if left is None else f"{left:.0f} d"
        end = _LEFT + (left or 0) * scale
        shown = token.name if len(token.name) <= _MAX_NAME else f"{token.name[: _MAX_NAME - 1]}…"
        parts.append(f'<text x="{_LEFT - 10}" y="{y + 16}" text-anchor="end">{escape(shown)}</text>')
        bar = f'x="{_LEFT}" y="{y + 5}" width="{end - _LEFT:.1f}" height="14" rx="3"'
        parts.append(f'<rect class="{_state(token)}" {bar}/>')
        parts.append(f'<text class="{_state(token)}" x="{end + 6:.0f}" y="{y + 16}">{escape(text)}</text>')
    return "\n".join([*parts, "</svg>"])


_MAX_NAME = 28

FORMATS: Mapping[str, Callable[[Sequence[TokenPlan], dt.datetime], str]] = {
    "csv": to_csv,
    "openmetrics": to_openmetrics,
    "html": to_html,
}
"""Each format, by the name that ``fleet status --format`` takes."""
