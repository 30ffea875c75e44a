"""What the command prints: data to standard output, everything else to standard error."""

from __future__ import annotations

import json
import os
import re
import sys
from typing import TYPE_CHECKING, Any

import click

from locoia_pat.secrets.detect import suspects
from locoia_pat.secrets.secret import Secret, redact

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from locoia_pat.bulk import ItemResult
    from locoia_pat.outcomes import ConnectorError, Outcome, Problem, Result


_distrusted: list[Secret] = []
_CHECKSUM = re.compile(r"(?:--accept=)?sha256:[0-9a-f]{64}")


def distrust(words: Iterable[str]) -> None:
    """Show none of *words* that may be a token in the wrong place; a checksum is none."""
    _distrusted[:] = [
        Secret(word[start:end]) for word in words if not _CHECKSUM.fullmatch(word) for start, end in suspects(word)
    ]


def safe(text: str) -> str:
    """*Text* without what may be a misplaced token."""
    return redact(text, _distrusted)


def say(message: str) -> None:
    """A line for people."""
    click.echo(safe(message), err=True)


def mask(token: Secret) -> None:
    """Where a job's log is public, have it hide *token* from now on (GitHub Actions' ``add-mask``)."""
    if os.environ.get("GITHUB_ACTIONS") == "true":
        click.echo(f"::add-mask::{token.reveal()}", err=True)


def say_error(error: ConnectorError) -> None:
    """What went wrong and what to do."""
    say(f"{click.style('error', fg='red')}: {error}")
    if error.problem.next:
        say(f"Try: {error.problem.next}")


def veiled(line: str) -> str:
    """*Line*, of a file that may be another than was meant, with dots for what may be a token."""
    for start, end in suspects(line):
        line = line[:start] + "•" * (end - start) + line[end:]
    return line


def print_json(value: object) -> None:
    """One JSON value: indented on a terminal, one line when piped."""
    click.echo(json.dumps(value, ensure_ascii=_plain(), indent=2 if sys.stdout.isatty() else None))


def print_line(value: object) -> None:
    """One JSON value on one line."""
    click.echo(json.dumps(value, ensure_ascii=_plain()))


def print_table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """*Rows* under *head*, in columns."""
    cells = [[_cell(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
    for line in (head, *cells):
        text = "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        click.echo(click.style(text, bold=True) if line is head else text)


def print_item(done: ItemResult) -> None:
    """The result of one item, on a line."""
    print_line(_safe(done.result, done.to_dict()))


def print_result(result: Result, *, reveal: bool = False, table: bool = False, quiet: bool = False) -> int:
    """A result as its envelope, or as a *table*; returns its exit code.

    *reveal* is one of the deliberate exits of a token.
    """
    envelope = _safe(result, result.to_dict())
    if reveal and result.token is not None:
        mask(result.token)
        envelope["data"]["token"] = result.token.reveal()
    if not quiet:
        for warning in result.warnings:
            say(f"{click.style('warning', fg='yellow')}: {warning}")
        if result.problem is not None:
            _say_problem(result.outcome, result.problem)
    if table and "data" in envelope:
        _print_data(envelope)
    else:
        print_json(envelope)
    return result.exit_code


def _safe(result: Result, envelope: dict[str, Any]) -> dict[str, Any]:
    if result.problem is not None:
        envelope["action"] = safe(result.action) if result.action else None
        envelope["error"] = {k: safe(v) if isinstance(v, str) else v for k, v in envelope["error"].items()}
    return envelope


def _plain() -> bool:
    """Whether standard output takes no characters but ASCII's."""
    return (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"


def _say_problem(outcome: Outcome, problem: Problem) -> None:
    place = f"{problem.field}: " if problem.field else ""
    say(f"{click.style(outcome.value, fg='red')}: {place}{problem.message}")
    for line in (problem.hint, f"Next: {problem.next}" if problem.next else None):
        if line:
            say(line)


def _print_data(envelope: dict[str, Any]) -> None:
    data: dict[str, Any] = envelope["data"]
    lists = {name: rows for name, rows in data.items() if isinstance(rows, list) and all(map(_is_row, rows))}
    match list(lists.items()):
        case [(name, rows)] if len(data) == 1 or rows:
            _print_rows(name, rows)
            for name, value in data.items():
                if name not in lists:
                    say(f"{name}: {_cell(value)}")
        case _:
            where = [("token_ref", envelope["token_ref"])] if "token_ref" in envelope else []
            print_table(("output", "value"), [*data.items(), *where])


def _print_rows(name: str, rows: list[dict[str, Any]]) -> None:
    if not rows:
        click.echo(f"no {name}")
        return
    head = [key for key in rows[0] if not key.endswith("_raw")]
    print_table(head, [[row.get(key) for key in head] for row in rows])


def _is_row(value: object) -> bool:
    return isinstance(value, dict)


def _cell(value: Any) -> str:
    match value:
        case None:
            return "-"
        case list():
            return " ".join(map(str, value))
        case dict():
            return " ".join(f"{name}={_cell(part)}" for name, part in value.items())
        case _:
            return line(str(value))


def line(text: str) -> str:
    """*Text* as one line that a terminal shows and does not obey."""
    return "".join(c if c.isprintable() else "?" for c in text)
