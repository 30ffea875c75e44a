"""What the command prints and asks: data on standard output, everything else on standard error."""

from __future__ import annotations

import codecs
import json
import os
import re
import shutil
import sys
import textwrap
import unicodedata
from typing import TYPE_CHECKING, Any

import click

from locoia_pat.cli import output
from locoia_pat.outcomes import InvalidError, Problem
from locoia_pat.secrets.detect import find_secrets
from locoia_pat.secrets.secret import Secret, redact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from locoia_pat.bulk import ItemResult
    from locoia_pat.outcomes import ConnectorError, Outcome, Result


_sensitive: list[Secret] = []
_ESCAPE = "locoia_pat.json"
_PIECE = 64 * 1024
_CHECKSUM = re.compile(r"(?:--accept=)?sha256:[0-9a-f]{64}")


def mark_sensitive(arguments: Iterable[str]) -> None:
    """Mask in all later messages whatever in *arguments* may be a misplaced token; checksums stay readable."""
    _sensitive[:] = [
        Secret(argument[start:end])
        for argument in arguments
        if not _CHECKSUM.fullmatch(argument)
        for start, end in find_secrets(argument)
    ]


def mask(text: str, ids: str = "") -> str:
    """Return *text* with possibly misplaced tokens masked, but those that are part of *ids*, which are shown anyway."""
    return redact(text, [secret for secret in _sensitive if secret.reveal() not in ids])


def _has_terminal() -> bool:
    """Return whether standard error is a terminal; a program without one may have none at all."""
    return sys.stderr is not None and sys.stderr.isatty()


def say(message: str, ids: str = "", *, fold: bool = True) -> None:
    """Print a message to standard error; on a terminal its lines are broken between words.

    Args:
        message: what is printed.
        ids: what of it is shown as it is.
        fold: whether lines are broken; a command to copy is one line.

    """
    text = mask(message, ids)
    click.echo(_folded(text) if fold and _has_terminal() else text, err=True)


def confirm(question: str | Callable[[], str], *, yes: bool = False, undone: str = "sent", skip: str = "--yes") -> None:
    """Ask whether to continue, if standard input is a terminal and *yes* (``--yes``) was not given.

    Args:
        question: what to ask, or a function that returns it and is called only when it is asked.
        yes: whether to skip the question.
        undone: what did not happen if the answer is no, for the message.
        skip: the option that skips the question, for the hint.

    Raises:
        InvalidError: the answer is no.
    """
    if yes or not sys.stdin.isatty():
        return
    if not click.confirm(f"{question if isinstance(question, str) else question()}. Continue?", err=True):
        hint = f"Pass {skip} to skip the question."
        raise InvalidError(Problem("validation", f"not confirmed; nothing was {undone}", hint=hint))


def hide_in_ci_log(token: Secret) -> None:
    """Hide *token* in the log of a GitHub Actions job (its ``add-mask`` command)."""
    if os.environ.get("GITHUB_ACTIONS") == "true":
        click.echo(f"::add-mask::{token.reveal()}", err=True)


def say_error(error: ConnectorError) -> None:
    """Print what went wrong and what to do next."""
    say(f"{click.style('error', fg='red')}: {error}")
    if error.problem.next:
        say(f"Try: {error.problem.next}", fold=False)


def mask_line(line: str) -> str:
    """Return *line* of a user's file with dots in place of possible tokens; the length stays the same."""
    for start, end in find_secrets(line):
        line = line[:start] + "•" * (end - start) + line[end:]
    return line


def print_json(value: object) -> None:
    """Print *value* as JSON: indented on a terminal, on one line otherwise."""
    _echo(json.dumps(value, ensure_ascii=False, indent=2 if sys.stdout.isatty() else None))


def print_line(value: object) -> None:
    """Print *value* as JSON on one line."""
    _echo(json.dumps(value, ensure_ascii=False))


def _echo(text: str) -> None:
    """Print the JSON *text* and a line break, in pieces: all at once would be copied several times."""
    ascii_only = _ascii_only()
    for start in range(0, len(text), _PIECE):
        piece = text[start : start + _PIECE]
        is_last = start + _PIECE >= len(text)
        click.echo(piece.encode("ascii", _ESCAPE).decode() if ascii_only else piece, nl=is_last)


def print_table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print *rows* in columns under *head*.

    On a terminal, unless ``--no-trunc``, columns without a value are left out, the last cell of a row is wrapped, and
    others are cut so that a row fits; where too little would be left of them, each row is a block of lines.
    """
    cells = [[show_value(cell) for cell in row] for row in rows]
    if not (_tables.cut and sys.stdout.isatty()):
        return _print_columns(head, cells, _widths(head, cells))
    used = [number for number in range(len(head)) if any(row[number] not in ("-", "") for row in cells)] or [0]
    head, cells = [head[number] for number in used], [[row[number] for number in used] for row in cells]
    columns = shutil.get_terminal_size().columns
    widths = _fitting(_widths(head, cells), head, columns)
    if sum(widths) + _GAP * (len(widths) - 1) > columns:
        return _print_blocks(head, cells, columns)
    return _print_columns(head, cells, widths)


def _print_columns(head: Sequence[str], cells: Sequence[Sequence[str]], widths: Sequence[int]) -> None:
    for line in (head, *cells):
        is_head = line is head
        parts = zip(head[:-1], line[:-1], widths[:-1], strict=True)
        shown = [_padded("" if is_head else column, cell, width) for column, cell, width in parts]
        for number, part in enumerate(_wrapped(line[-1], widths[-1])):
            before = [" " * width for width in widths[:-1]] if number else shown
            text = "  ".join([*before, _colored("" if is_head else head[-1], part, part)]).rstrip()
            click.echo(click.style(text, bold=True) if is_head else text)


def _print_blocks(head: Sequence[str], cells: Sequence[Sequence[str]], columns: int) -> None:
    """Print a line for each value, and an empty line between two rows."""
    width = max(map(len, head))
    for number, line in enumerate(cells):
        if number:
            click.echo()
        for name, cell in zip(head, line, strict=True):
            first, *others = _wrapped(cell, columns - width - _GAP)
            click.echo(f"{click.style(name.ljust(width), bold=True)}  {_colored(name, cell, first)}")
            for part in others:
                click.echo(f"{' ' * (width + _GAP)}{part}")


def print_text(text: str, bold: str = "") -> None:
    """Print *text*, which begins with *bold*; on a terminal its lines are broken between words."""
    styled = click.style(bold, bold=True) + text.removeprefix(bold)
    click.echo(_folded(styled) if sys.stdout.isatty() else styled)


def _folded(text: str) -> str:
    """Return *text*, which may begin with a styled word, with lines that fit the terminal; no word is broken."""
    style, end, rest = text.rpartition(_STYLE_END)
    plain = click.unstyle(style) + rest
    columns = shutil.get_terminal_size().columns
    lines = [
        part
        for line in plain.split("\n")
        for part in (
            textwrap.wrap(line, columns, break_long_words=False, break_on_hyphens=False)
            if _width(line) > columns
            else [line]
        )
    ]
    return style + end + "\n".join(lines).removeprefix(click.unstyle(style))


def set_truncation(*, cut: bool) -> None:
    """Set whether cells of this command's tables are cut so that a row fits the terminal."""
    _tables.cut = cut


class _Tables:
    cut = True
    """Whether cells are cut so that a row fits the terminal."""


_tables = _Tables()
_STYLE_END = "\x1b[0m"
_GAP, _LEAST, _LEAST_WRAPPED = 2, 16, 22
"""Spaces between two columns, and the width below which no column is cut, and below which none is wrapped."""
_LEAST_OF = {"id": 64, "row": 8, **dict.fromkeys(("action", "input", "name", "recipe", "scope", "workflow"), 25)}
"""The width below which one of these columns is not cut: what is typed in another command is needed whole."""
_STATE_COLUMNS = {"step", "outcome", "status", "state", "intact", "accepted"}
_COLORS = {
    **dict.fromkeys(("done", "ok", "active", "true"), "green"),
    **dict.fromkeys(("create", "renew", "finish", "rescope", "retire", "note", "not_done", "expired"), "yellow"),
    **dict.fromkeys(("blocked", "problem", "invalid", "refused", "unknown", "not_stored", "revoked", "false"), "red"),
}
"""The color of a state, in the columns that hold one."""


def _fitting(widths: Sequence[int], head: Sequence[str], columns: int) -> list[int]:
    """Return *widths*, made smaller as long as a row does not fit *columns*: first the last, then the widest."""
    spare = columns - _GAP * (len(widths) - 1)
    *others, last = widths
    last = max(min(last, spare - sum(others)), min(last, _LEAST_WRAPPED))
    least = [_LEAST_OF.get(name, _LEAST) for name in head[:-1]]
    while sum(others) + last > spare and any(width > low for width, low in zip(others, least, strict=True)):
        widest = max((width, number) for number, width in enumerate(others) if width > least[number])[1]
        others[widest] -= 1
    return [*others, last]


def _widths(head: Sequence[str], cells: Iterable[Sequence[str]]) -> list[int]:
    return [max(map(_width, column)) for column in zip(head, *cells, strict=True)]


def _width(text: str) -> int:
    """Return how many cells of a terminal *text* takes: two for a wide character, none for a combining one."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(character) else 1 + (unicodedata.east_asian_width(character) in "WF")
        for character in text
    )


class _CellWrapper(textwrap.TextWrapper):
    """Breaks a path that is longer than a line behind one of its slashes."""

    def _handle_long_word(self, reversed_chunks: list[str], cur_line: list[str], cur_len: int, width: int) -> None:
        word = reversed_chunks[-1]
        if end := max(word.rfind(slash, 1, width - cur_len) for slash in "/\\") + 1:
            cur_line.append(word[:end])
            reversed_chunks[-1] = word[end:]
        elif not cur_line:  # else it begins on the next line
            super()._handle_long_word(reversed_chunks, cur_line, cur_len, width)


def _wrapped(text: str, width: int) -> list[str]:
    lines = _CellWrapper(max(width, 1), break_on_hyphens=False).wrap(text) or [""]
    return [part for line in lines for part in _halves(line, width)]


def _halves(line: str, width: int) -> list[str]:
    """Return *line*, in halves as long as wide characters make it too long."""
    if _width(line) <= max(width, 2):
        return [line]
    middle = len(line) // 2
    return [*_halves(line[:middle], width), *_halves(line[middle:], width)]


def _padded(column: str, cell: str, width: int) -> str:
    """Return *cell* with that width, with its color if *column* is one of states."""
    text = cell
    if _width(cell) > width:
        while _width(text) > width - 1:
            text = text[:-1]
        text += "…"
    return _colored(column, cell, text + " " * (width - _width(text)))


def _colored(column: str, cell: str, text: str) -> str:
    """Return *text*, which shows *cell*, with the color of that state if *column* is one of states."""
    color = _COLORS.get(cell) if column in _STATE_COLUMNS else None
    return click.style(text, fg=color) if color else text


def print_item(done: ItemResult) -> None:
    """Print the result of one item of a bulk run on one line."""
    envelope = _masked(done.result, done.to_dict())
    print_line(envelope)
    output.check(envelope)


def print_result(result: Result, *, reveal: bool = False, table: bool = False, quiet: bool = False) -> int:
    """Print *result* as its envelope or as a table, and return its exit code.

    Args:
        result: the result of an action.
        reveal: print the new token in the envelope, on purpose.
        table: print a table instead of JSON.
        quiet: print no warnings and problems to standard error.
    """
    envelope = _masked(result, result.to_dict())
    printed = envelope
    if reveal and result.token is not None:
        hide_in_ci_log(result.token)
        printed = {**envelope, "data": {**envelope["data"], "token": result.token.reveal()}}
    if not quiet:
        for warning in result.warnings:
            say(f"{click.style('warning', fg='yellow')}: {warning}", _ids(result))
        if result.problem is not None:
            _say_problem(result.outcome, result.problem, _ids(result))
    is_said = result.problem is not None and not quiet and sys.stdout.isatty() and _has_terminal()
    if table and "data" in envelope:
        _print_data(printed)
    elif not (table and is_said):
        print_json(printed)
    output.check(envelope)
    return result.exit_code


def _masked(result: Result, envelope: dict[str, Any]) -> dict[str, Any]:
    if result.problem is not None:
        envelope["action"] = mask(result.action) if result.action else None
        ids = _ids(result)
        error = _masked_strings(envelope["error"], ids)
        if "others" in error:
            error["others"] = [_masked_strings(other, ids) for other in error["others"]]
        envelope["error"] = error
    return envelope


def _masked_strings(error: dict[str, Any], ids: str) -> dict[str, Any]:
    return {key: mask(value, ids) if isinstance(value, str) else value for key, value in error.items()}


def _ids(result: Result) -> str:
    """Return the ids in the data of *result*: they are shown there, so messages show them too."""
    ids = [value for key, value in (result.data or {}).items() if key == "id" or key.endswith("_id")]
    return " ".join(id_ for id_ in ids if isinstance(id_, str))


def _escape(error: UnicodeEncodeError) -> tuple[str, int]:
    """Write the characters that cannot be encoded as escapes of JSON."""
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


codecs.register_error(_ESCAPE, _escape)  # type: ignore[arg-type]  # it is for encoding only


def _ascii_only() -> bool:
    """Return whether standard output can print ASCII characters only."""
    return (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"


def _say_problem(outcome: Outcome, problem: Problem, ids: str) -> None:
    for each in (problem, *problem.others):
        field = f"{each.field}: " if each.field else ""
        say(f"{click.style(outcome.value, fg='red')}: {field}{each.message}", ids)
        if each.hint:
            say(each.hint, ids)
    if problem.next:
        say(f"Next: {problem.next}", ids, fold=False)


def _print_data(envelope: dict[str, Any]) -> None:
    data: dict[str, Any] = envelope["data"]
    lists = {name: rows for name, rows in data.items() if isinstance(rows, list) and all(map(_is_row, rows))}
    match list(lists.items()):
        case [(name, rows)] if len(data) == 1 or rows:
            _print_rows(name, rows)
            if len(data) > 1 and sys.stdout.isatty():
                click.echo()
            for name, value in data.items():
                if name not in lists:
                    say(f"{name}: {show_value(value)}")
        case _:
            stored = [("token_ref", envelope["token_ref"])] if "token_ref" in envelope else []
            print_table(("output", "value"), [*data.items(), *stored])


def _print_rows(name: str, rows: list[dict[str, Any]]) -> None:
    if not rows:
        click.echo(f"no {name}")
        return
    head = [key for key in rows[0] if not key.endswith("_raw")]
    print_table(head, [[row.get(key) for key in head] for row in rows])


def _is_row(value: object) -> bool:
    return isinstance(value, dict)


def show_value(value: Any) -> str:
    """Return *value* as people read it."""
    match value:
        case None:
            return "-"
        case bool():
            return "true" if value else "false"
        case list():
            return " ".join(map(show_value, value)) or "-"
        case dict():
            return " ".join(f"{name}={show_value(part)}" for name, part in value.items() if part is not None) or "-"
        case _:
            return one_line(str(value))


def one_line(text: str) -> str:
    """Return *text* without line breaks and terminal control characters."""
    return "".join(c if c.isprintable() else "?" for c in text)
