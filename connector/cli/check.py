"""``locoia-pat check PATH…``: what is wrong with specs, and where."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from locoia_pat.cli import output
from locoia_pat.cli.options import path_of
from locoia_pat.engine.checker import check_specs
from locoia_pat.messages import describe_value
from locoia_pat.outcomes import invalid
from locoia_pat.spec.load import SpecFolder

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from locoia_pat.outcomes import Finding

FOUND = 1
"""The exit code where something was found."""


@click.command("check")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "github"]), default="text", show_default=True,
    help="For people, for programs, or for the annotations of GitHub Actions.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 even where something was found.")
def command(paths: tuple[str, ...], form: str, *, as_json: bool, exit_zero: bool) -> int:
    """Find everything that is wrong with specs: PATH is a folder of them, or one file; or pack:NAME, or PACK.ACTION.

    Each finding is FILE:LINE:COLUMN: CODE MESSAGE.  Exit code: 0 nothing was found, 1 something was.
    """
    findings = [finding for path in paths for finding in found_at(path_of(path))]
    return report(findings, "json" if as_json else form, exit_zero=exit_zero, excerpts=True)


def report(findings: Sequence[Finding], form: str, *, exit_zero: bool, excerpts: bool = False) -> int:
    """Print *findings*, with the lines they are about where *excerpts* are wanted; returns the exit code."""
    if form == "json":
        output.print_json({"findings": [_plain(finding) for finding in findings]})
    else:
        for finding in findings:
            plain = f"{finding}\n{excerpt(finding)}" if excerpts else str(finding)
            click.echo(_github(finding) if form == "github" else plain)
        output.say(f"{len(findings)} finding{'s' if len(findings) != 1 else ''}")
    return FOUND if findings and not exit_zero else 0


def found_at(path: Path, *, whole: bool = False) -> list[Finding]:
    """The findings in a folder, or in one file of a folder.

    Raises:
        InvalidError: it is neither.

    """
    if path.is_dir():
        return check_specs(SpecFolder(path), whole=whole)
    if path.suffix != ".yaml":
        raise invalid(f"{describe_value(path.name)} is no spec: their names end in .yaml", field="path")
    folder = SpecFolder(path.parent)
    folder.text(path.name)
    return [finding for finding in check_specs(folder, whole=whole) if Path(finding.file) == path]


def excerpt(finding: Finding) -> str:
    """The line that *finding* is about, and a caret below its column."""
    try:
        lines = Path(finding.file).read_text(encoding="utf-8").splitlines()
        line = lines[finding.line - 1]
    except (OSError, UnicodeDecodeError, IndexError):
        return ""
    first = max(0, finding.column - 1 - _BEFORE)
    part = "".join(c if c.isprintable() else " " for c in output.veiled(line)[first : first + _WIDTH])
    number = f"{finding.line:>5} | "
    return f"{number}{part}\n{' ' * (len(number) + finding.column - 1 - first)}^"


_BEFORE, _WIDTH = 70, 110


def _plain(finding: Finding) -> dict[str, Any]:
    return {name: getattr(finding, name) for name in ("file", "line", "column", "code", "message")}


def _github(finding: Finding) -> str:
    """An annotation (https://docs.github.com/actions/reference/workflow-commands-for-github-actions)."""
    place = {"file": finding.file, "line": finding.line, "col": finding.column, "title": finding.code}
    words = ",".join(f"{name}={_escaped(str(value), ',:')}" for name, value in place.items())
    return f"::error {words}::{_escaped(finding.message, '')}"


def _escaped(text: str, more: Iterable[str]) -> str:
    for sign in ("%", "\r", "\n", *more):
        text = text.replace(sign, f"%{ord(sign):02X}")
    return text
