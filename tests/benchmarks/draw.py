"""Tables as Markdown, and as a picture of bars.

Pure.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tests.benchmarks.tables import Table, Target

_SCALE = {"us": 1e6, "ms": 1e3}
_BAR, _ROW, _LEFT, _WIDE = 16, 24, 330, 760
_OURS, _OTHERS = "#2f6fde", "#b9c2cf"


def markdown(tables: Iterable[Table]) -> str:
    """All tables, and at their end what is to be reached."""
    tables = list(tables)
    parts = [_markdown(table) for table in tables]
    targets = [target for table in tables for target in table.targets]
    return "\n\n".join([*parts, _targets(targets)]) + "\n"


def _markdown(table: Table) -> str:
    scale = _SCALE[table.unit]
    with_memory = any(took.peak for took in table.rows.values())
    with_cpu = any(took.cpu for took in table.rows.values())
    head = ["", f"median, {table.unit}", f"least, {table.unit}", "times"]
    head += ["processor"] if with_cpu else []
    head += ["memory, MB"] if with_memory else []
    rows = []
    for name, took in table.rows.items():
        row = [name, _number(took.median * scale), _number(took.least * scale), f"{table.ratio(name):.2f}"]
        row += [_number(took.cpu * scale)] if with_cpu else []
        row += [f"{took.peak:.0f}"] if with_memory else []
        rows.append(row)
    note = f"\n\n{table.note}" if table.note else ""
    return f"### {table.title}\n\n{_lines([head, *rows])}{note}"


def _targets(targets: Sequence[Target]) -> str:
    rows = [[one.what, f"{one.value:.2f}", f"{one.limit:g}", "yes" if one.reached else "**no**"] for one in targets]
    return "### What is to be reached\n\n" + _lines([["", "measured", "at most", "reached"], *rows])


def _lines(rows: Sequence[Sequence[str]]) -> str:
    head, *rest = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([head, f"|---|{'---:|' * (len(rows[0]) - 1)}", *rest])


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def picture(tables: Iterable[Table]) -> str:
    """The medians of all *tables* as bars, as SVG."""
    parts: list[str] = []
    top = 10
    for table in tables:
        parts += _bars(table, top)
        top += _ROW * (len(table.rows) + 1) + 20
    size = f'width="{_WIDE}" height="{top}" viewBox="0 0 {_WIDE} {top}"'
    style = 'font-family="system-ui, sans-serif" font-size="13"'
    paper = f'<rect width="{_WIDE}" height="{top}" fill="#ffffff"/>'
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>', paper, *parts, "</svg>"]) + "\n"


def _bars(table: Table, top: int) -> Iterator[str]:
    scale = _SCALE[table.unit]
    most = max(took.median for took in table.rows.values())
    yield f'<text x="10" y="{top + 14}" font-weight="600">{escape(table.title)}</text>'
    for number, (name, took) in enumerate(table.rows.items(), 1):
        y = top + _ROW * number
        length = max(2, (_WIDE - _LEFT - 120) * took.median / most)
        colour = _OURS if "locoia-pat" in name else _OTHERS
        told = f"{_number(took.median * scale)} {table.unit} ({table.ratio(name):.2f}x)"
        yield f'<text x="{_LEFT - 10}" y="{y + 13}" text-anchor="end">{escape(name)}</text>'
        yield f'<rect x="{_LEFT}" y="{y}" width="{length:.0f}" height="{_BAR}" rx="3" fill="{colour}"/>'
        yield f'<text x="{_LEFT + length + 8:.0f}" y="{y + 13}">{told}</text>'
