"""The words of docs/glossary.md hold: no banned phrase in help, messages, docstrings, comments and pages."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest

import locoia_pat
from locoia_pat import actions
from locoia_pat.cli import group
from tests.support.cells import cell

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
GLOSSARY = ROOT / "docs" / "glossary.md"
CODE = sorted({path for package in (locoia_pat, actions) for path in Path(package.__path__[0]).rglob("*.py")})
PAGES = sorted(
    [
        *(ROOT / "docs").rglob("*.md"),
        ROOT / "README.md",
        *(ROOT / "specs").rglob("*.yaml"),
        *(ROOT / "specs").rglob("*.md"),
    ]
)


def banned_phrases() -> list[str]:
    """The phrases in the last column of the glossary's table."""
    rows = [line.strip("|").split("|") for line in GLOSSARY.read_text().splitlines() if line.startswith("| ")]
    assert all(len(row) == 3 for row in rows)
    return [phrase for row in rows for phrase in re.findall(r"`([^`]+)`", row[2])]


BANNED = banned_phrases()


def pattern(phrase: str) -> re.Pattern[str]:
    """Whole words, the first one capitalized or not, with any white space between them."""
    first, rest = phrase[0], phrase[1:].split(" ")
    words = r"\s+".join(map(re.escape, rest))
    return re.compile(rf"(?<![\w-])[{first.lower()}{first.upper()}]{words}(?![\w-])")


ANY_BANNED = re.compile("|".join(pattern(phrase).pattern for phrase in BANNED))


def findings(text: str, where: str, line: int = 1) -> list[str]:
    """Each banned phrase in *text* with its file and line; *text* begins at *line*."""
    return [
        f"{where}:{line + text.count(chr(10), 0, match.start())}: {' '.join(match[0].split())}"
        for match in ANY_BANNED.finditer(text)
    ]


def prose_of(source: str) -> Iterator[tuple[int, str]]:
    """The strings and the comments of a module, with their lines."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def helps(command: click.Command, name: str) -> Iterator[tuple[str, str]]:
    """The help of a command and of those below it."""
    # A command keeps the help option of its first context, so this one has the names that the program gives it.
    context = click.Context(command, info_name=name, **group.context_settings)
    yield name, command.get_help(context)
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            below: Any = command.get_command(context, child)
            yield from helps(below, f"{name} {child}")


def test_no_help_uses_a_banned_phrase() -> None:
    pages = dict(helps(group, "locoia-pat"))
    assert "locoia-pat run" in pages
    assert "locoia-pat fleet apply" in pages
    assert [finding for name, text in pages.items() for finding in findings(text, name)] == []


def uses(path: Path) -> list[str]:
    """The banned phrases in a file: of a module, in its strings and comments."""
    where = str(path)
    parts = prose_of(path.read_text()) if path.suffix == ".py" else [(1, path.read_text())]
    return [finding for line, text in parts for finding in findings(text, where, line)]


@pytest.mark.parametrize("paths", [CODE, PAGES], ids=["strings and comments", "pages"])
def test_nothing_that_is_written_uses_a_banned_phrase(paths: list[Path]) -> None:
    checked = [path for path in paths if path != GLOSSARY]
    assert checked
    found = [finding for path in checked for finding in uses(path)]
    assert found == [], "\n".join(found)


def test_each_banned_phrase_is_found_wherever_it_is_put() -> None:
    for phrase in BANNED:
        with cell(phrase):
            _require_found(phrase)


def _require_found(phrase: str) -> None:
    split = phrase.replace(" ", "\n    ", 1)
    for word in (phrase, phrase[0].upper() + phrase[1:], split):
        assert findings(f"one\ntwo {word} three", "a") == [f"a:2: {' '.join(word.split())}"]
        module = f'def f(x):\n    """Do it.\n\n    It {word} there."""\n    raise invalid(f"{{x}} {word}, {{x}}")'
        if word == split:
            module = f'def f(x):\n    """Do it.\n\n    It {word} there."""'
        hits = [one for line, text in prose_of(module) for one in findings(text, "m.py", line)]
        assert len(hits) == module.count(word)
        assert hits[0].startswith("m.py:4: ")
    assert findings(f"x{phrase} {phrase}s-like x-{phrase}", "a") == []
    assert len([one for line, text in prose_of(f"x = 1  # it {phrase}") for one in findings(text, "m.py", line)]) == 1
