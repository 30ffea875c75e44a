"""Env files: where each variable is set, for every program that reads such files.

A shell runs an env file; python-dotenv and systemd read quotes, which may go over several lines; docker takes each line
as it is.  This reader accepts what the first three divide into variables alike.  What they do not, such as a
here-document, a command, or a quote that is not closed on its line, is an error that names the line: the token could
end up in the value of another variable, or be read from there.

Pure.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locoia_pat.secrets.secret import Secret

_ASSIGNMENT = re.compile(r"""([ \t]*(?:export[ \t]+)?)([^\s=#'"`$\\()<>|&;]+)[ \t]*=[ \t]*""")
_OTHER_LINE = re.compile(r"[ \t]*(?:#.*|set[ \t]+[-+]\w+(?:[ \t]+\w+)?|export((?:[ \t]+[\w.-]+)+)|([\w.-]+))?[ \t]*\r?")
"""A line that sets no variable: it is empty, or a comment, or an option of a shell, or only names variables."""
_PART = re.compile(
    r"""(?P<quoted>'[^']*'|"(?:[^"\\]|\\.)*")
    |   \\(?:\r\n|.)                               # an escaped character, or a continued line
    |   (?<=[ \t])\#[^\n]*                          # a comment
    |   `[^`'"\n]*` | \([^()'"\n]*\)                # a command on one line
    |   [^\\'"`()<\#\n]+ | <(?!<) | \#              # anything else""",
    re.DOTALL | re.VERBOSE,
)
"""A part of a value, as a shell reads it."""
_NO_PART = {"\\": "ends with a backslash", "<": "begins a here-document"} | dict.fromkeys(
    "`()", "has a command or a list"
)
_CONTINUED = re.compile(r"\\\r?\n?\Z")


class Variable(NamedTuple):
    """A place where an env file sets a variable, or names it without a value."""

    name: str
    line: int
    """Its line, counted from 1."""
    start: int
    """Where its line begins."""
    prefix: str
    """The indentation, and the word export."""
    value: tuple[int, int] | None
    """Where its value begins, and where its last line ends, without the line feed."""
    quoted_until: int
    """Where a quoted value ends that goes over several lines; else where the value begins."""


def find_variables(text: Secret) -> Iterator[Variable]:
    """Yield the variables that the env file *text* sets, in the order of its lines.

    Raises:
        ValueError: programs read a line differently. The error names the line and repeats nothing of it.

    """
    for reason, pattern in (
        ("begins with a byte order mark, which a shell reads as a part of the first name", "\ufeff"),
        ("has a NUL character", "[^\0]*\0"),
        ("has a carriage return that does not end a line", r"(?:[^\r]|\r\n)*\r(?!\n)"),
    ):
        if re.match(pattern, text.reveal()):
            raise ValueError(f"it {reason}")
    at, line, size = 0, 1, len(text.reveal())
    while at < size:
        if found := _ASSIGNMENT.match(text.reveal(), at):
            end, quoted_until, reason = _value_end(text, found.end())
            if reason:
                raise ValueError(f"line {line} {reason}, which programs read differently")
            yield Variable(found[2], line, at, found[1], (found.end(), end), quoted_until)
        else:
            end = _line_end(text, at)
            other = _OTHER_LINE.fullmatch(text.reveal(), at, end)
            if other is None:
                raise ValueError(f"line {line} neither sets a variable nor is a comment, and only a shell reads that")
            for name in (other[1] or other[2] or "").split():
                yield Variable(name, line, at, "", None, at)
        line += text.reveal().count("\n", at, end + 1)
        at = end + 1


def follows_backslash(text: Secret, at: int) -> bool:
    """Return whether the line before *at* ends with a backslash, so that some programs read on."""
    return _CONTINUED.search(text.reveal(), max(0, at - 3), at) is not None


def assigns_within(name: str, text: Secret, variable: Variable) -> bool:
    """Return whether the value of *variable* sets the variable *name* too, outside of quotes: ``A=1; NAME=2``."""
    start, end = variable.value or (0, 0)
    unquoted = re.compile(rf"""'[^']*'|"(?:[^"\\]|\\.)*"|([\s;&|({{]{re.escape(name)}\+?=)""", re.DOTALL)
    return any(found[1] for found in unquoted.finditer(text.reveal(), start, end))


def _line_end(text: Secret, at: int) -> int:
    end = text.reveal().find("\n", at)
    return len(text.reveal()) if end < 0 else end


def _value_end(text: Secret, start: int) -> tuple[int, int, str]:
    """Return where the line of the value at *start* ends, where a quoted value of several lines ends; or a reason.

    The reason says what is in the value that programs read differently; it is "" if nothing is.
    """
    at, quoted_until = start, start
    while not text.reveal().startswith("\n", at) and at < len(text.reveal()):
        part = _PART.match(text.reveal(), at)
        if part is None:
            return at, at, _NO_PART.get(text.reveal()[at], "has a quote that is not closed")
        if quoted := part["quoted"]:
            if quoted[-2] == "\\":
                return at, at, "has a backslash before a quote"
            if "\n" in quoted and at != start:
                return at, at, "has a quote that is not closed on the same line"
            if "\n" in quoted and quoted[0] == '"' and ("`" in quoted or "$(" in quoted):
                return at, at, "has a command in quotes that go over several lines"
            quoted_until = part.end() if "\n" in quoted else quoted_until
        at = part.end()
    return at, quoted_until, ""
