"""Benchmarks against httpx, requests and other engines, side by side in one run.

Run it:  python -m tests.benchmarks

It makes an environment for each contender, which takes some minutes the first time, and only talks to a server of its
own on loopback.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from dataclasses import asdict
from pathlib import Path
from tempfile import gettempdir

import click

from locoia_pat.version import VERSION
from tests.benchmarks.draw import markdown, picture
from tests.benchmarks.measure import ALL, OURS, ROOT, Environments
from tests.benchmarks.tables import TABLES, Table, growth, memory

_PAGE = ROOT / "docs" / "speed.md"
_BEGIN, _END = "<!-- measured -->", "<!-- end -->"
_DRAWN = ("create_pat, warm", "fresh process", "20 wide, for each")
"""Parts of the titles of the tables that are drawn."""


@click.command()
@click.option(
    "--only", multiple=True, type=click.Choice([*TABLES, "growth", "memory"]), help="Some tables; by default all."
)
@click.option(
    "--rounds", default=11, type=click.IntRange(1), show_default=True, help="How often each contender has its turn."
)
@click.option(
    "--items",
    default=10_000,
    type=click.IntRange(10_000),
    show_default=True,
    help="The most items of the table of growth, whose least is 1000: 10000 or 100000.",
)
@click.option(
    "--lines",
    default=0,
    type=click.IntRange(0),
    help="The lines of the table of memory, such as 1000000, which takes 10 to 20 minutes more; by default none.",
)
@click.option("--environments", type=click.Path(path_type=Path), default=Path(gettempdir()) / "locoia-pat-benchmarks")
@click.option("--json", "file", type=click.Path(path_type=Path), help="Write all numbers into a file.")
@click.option("--docs", is_flag=True, help="Write tables, numbers and picture into docs/.")
@click.option("--targets", is_flag=True, help="End with 1 where something is not reached.")
def main(
    only: tuple[str, ...],
    rounds: int,
    items: int,
    lines: int,
    *,
    environments: Path,
    file: Path | None,
    docs: bool,
    targets: bool,
) -> None:
    """Measure, and print what was measured."""
    if docs and only:
        raise click.UsageError("--docs writes all tables, so it goes with no --only")
    envs = Environments(environments)
    tables: list[Table] = []
    for name, make in TABLES.items():
        if not only or name in only:
            print(f"measuring {name}", file=sys.stderr, flush=True)
            tables += make(envs, rounds)
    if not only or "growth" in only:
        print("measuring growth", file=sys.stderr, flush=True)
        tables += growth(envs, items)
    if lines and (not only or "memory" in only):
        print("measuring memory", file=sys.stderr, flush=True)
        tables += memory(envs, lines)
    text = f"{_machine()}\n\n{markdown(tables)}"
    click.echo(text)
    numbers = json.dumps({"machine": _machine(), "tables": [asdict(table) for table in tables]}, indent=1) + "\n"
    if file:
        file.write_text(numbers, encoding="utf-8")
    if docs:
        drawn = [table for table in tables if any(part in table.title for part in _DRAWN)]
        _PAGE.with_suffix(".svg").write_text(picture(drawn), encoding="utf-8")
        _PAGE.with_suffix(".json").write_text(numbers, encoding="utf-8")
        page = _PAGE.read_text(encoding="utf-8")
        before, after = page.split(_BEGIN)[0], page.split(_END)[1]
        _PAGE.write_text(f"{before}{_BEGIN}\n\n{text}\n{_END}{after}", encoding="utf-8")
    if targets and not all(target.reached for table in tables for target in table.targets):
        sys.exit(1)


def _machine() -> str:
    system = f"{platform.system()} on {platform.machine()}"
    python = f"{platform.python_implementation()} {platform.python_version()}"
    rivals = ", ".join(one.requirements[0].replace("==", " ") for one in ALL if one is not OURS)
    return f"{os.cpu_count()} processors, {system}, {python}. locoia-pat {VERSION}, and {rivals}."


if __name__ == "__main__":
    main()
