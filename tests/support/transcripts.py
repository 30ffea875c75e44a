"""Transcripts of mistakes: the files, the command line or the Python line, and the whole answer to it.

A section begins with ``=== MARK``.  Then come, in this order as far as they are needed: ``--- FILE`` and its lines;
``~ OLD => NEW``, a change to the specs of Acme; ``$$ ARGUMENTS``, a command that succeeds; ``env NAME=VALUE``;
``$ ARGUMENTS`` or ``>>> PYTHON``, the mistake; and its answer: what both streams show, and ``exit CODE``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass
class Mistake:
    """One section of a transcript."""

    mark: int
    line: int
    files: dict[str, str] = field(default_factory=dict[str, str])
    changes: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    before: list[str] = field(default_factory=list[str])
    variables: dict[str, str] = field(default_factory=dict[str, str])
    typed: str = ""
    """The line with the mistake."""
    answer: str = ""


def read(path: Path) -> Iterator[Mistake]:
    """Yield the sections of a transcript."""
    sections = path.read_text(encoding="utf-8").split("=== ")
    number = 1
    for section in sections[1:]:
        mistake, file = Mistake(int(section[0]), number), ""
        for line in section.splitlines(keepends=True)[1:]:
            if mistake.typed:
                mistake.answer += line
            elif line.startswith("--- "):
                file = line[4:].strip()
                mistake.files[file] = ""
            elif line.startswith("~ "):
                old, _, new = line[2:].rstrip("\n").replace("\\n", "\n").partition(" =>")
                mistake.changes.append((old, new.removeprefix(" ")))
            elif line.startswith("$$ "):
                mistake.before.append(line[3:].strip())
            elif line.startswith("env "):
                name, _, value = line[4:].rstrip("\n").partition("=")
                mistake.variables[name] = value
            elif line.startswith(("$ ", ">>> ")):
                mistake.typed = line.rstrip("\n")
            else:
                mistake.files[file] += line
        number += section.count("\n")
        yield mistake


def write(path: Path, answers: list[str]) -> None:
    """Write *answers* into the sections of a transcript, instead of those in it."""
    sections = path.read_text(encoding="utf-8").split("=== ")
    written = sections[:1]
    for section, answer, mistake in zip(sections[1:], answers, read(path), strict=True):
        written.append(section[: len(section) - len(mistake.answer)] + answer)
    path.write_text("=== ".join(written), encoding="utf-8")
