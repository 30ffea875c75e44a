"""The files that a pack may hold: specs, recipes and pages, as text."""

from __future__ import annotations

import os
import re
import stat
from html import unescape
from typing import TYPE_CHECKING, NamedTuple

from locoia_pat.characters import describe_character, hidden_character
from locoia_pat.messages import describe_value
from locoia_pat.outcomes import SpecError, invalid
from locoia_pat.spec.located_model import refuse_hidden
from locoia_pat.spec.yaml import load

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

MANIFEST = "manifest.json"
MAX_FILES = 300
MAX_FILE_SIZE = 256 * 1024
"""Maximum size of a file in bytes."""
MAX_TOTAL_SIZE = 4 * 1024 * 1024
"""Maximum size of all files together in bytes."""

_ALLOWED = "connector.yaml, actions as *.yaml, recipes/*.md and *.yaml, docs/*.md, README.md, CHANGELOG.md, LICENSE"
_NAMES = re.compile(
    r"[a-z][a-z0-9_]{0,63}\.yaml"
    r"|recipes/[A-Za-z0-9][A-Za-z0-9_.-]{0,99}\.(?:md|yaml)"
    r"|docs/[A-Za-z0-9][A-Za-z0-9_.-]{0,99}\.md"
    r"|README\.md|CHANGELOG\.md|LICENSE(?:\.md|\.txt)?"
)
_FOLDERS = ("", "recipes", "docs")
_IGNORED = re.compile(r"\..*|__pycache__|(?:action|connector|super)\.schema\.json|manifest\.json")
"""Files that are often next to specs and are left out without a message: hidden files, and the schemas for editors."""
# Windows takes these names as devices, with any extension.
_DEVICES = re.compile(r"(?i)(?:con|prn|aux|nul|com[0-9]|lpt[0-9])")


class CollectedFiles(NamedTuple):
    """The files of a folder that go into a pack."""

    files: dict[str, bytes]
    left_out: tuple[str, ...]
    """Names of files that a pack cannot hold."""


def collect_files(folder: Path) -> CollectedFiles:
    r"""Return the files of *folder* that a pack may hold, with ``\n`` as line end.

    Raises:
        InvalidError: one is a link or not a regular file, or cannot be read.

    """
    files: dict[str, bytes] = {}
    left_out: list[str] = []
    try:
        for name, entry in _entries(folder):
            if not _NAMES.fullmatch(name):
                left_out += [] if _IGNORED.fullmatch(entry.name) else [name]
            elif not stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode):
                raise invalid(f"{name} is a link, or not a regular file", field="path")
            else:
                with open(entry.path, "rb") as file:  # noqa: PTH123  # an entry is no Path
                    files[name] = file.read(MAX_FILE_SIZE + 1).replace(b"\r\n", b"\n")
    except OSError as error:
        raise invalid(f"{error.filename or folder} cannot be read: {error.strerror}", field="path") from None
    return CollectedFiles(files, tuple(left_out))


def _entries(folder: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield the entries of *folder* and of the folders of a pack, sorted, each with its name in a pack."""
    for inner in _FOLDERS:
        path = folder / inner
        if inner and (path.is_symlink() or not path.is_dir()):
            continue
        with os.scandir(path) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                name = f"{inner}/{entry.name}" if inner else entry.name
                if name not in _FOLDERS or entry.is_symlink() or not entry.is_dir():
                    yield name, entry


def check_content(files: Mapping[str, bytes]) -> None:
    """Check that a pack may hold *files*.

    Raises:
        InvalidError: it may not; the message names the first file and the reason.

    """
    if len(files) > MAX_FILES:
        raise invalid(f"has {len(files)} files; a pack has at most {MAX_FILES}", field="pack")
    if sum(map(len, files.values())) > MAX_TOTAL_SIZE:
        raise invalid(f"has more than {MAX_TOTAL_SIZE} bytes", field="pack")
    names: dict[str, str] = {}
    for name, data in files.items():
        if not _NAMES.fullmatch(name):
            raise invalid(
                f"holds {describe_value(name)}, which a pack may not hold",
                field="pack",
                hint=f"A pack holds {_ALLOWED}.",
            )
        if _DEVICES.fullmatch(name.rpartition("/")[2].partition(".")[0]):
            raise invalid(f"holds {name}, which is a device on Windows", field="pack", hint="Rename the file.")
        if (other := names.setdefault(name.casefold(), name)) != name:
            raise invalid(f"holds {other} and {name}, which are one file on some computers", field="pack")
        if reason := _why_refused(name, data):
            raise invalid(f"holds {name}, which {reason}", field="pack")


def _why_refused(name: str, data: bytes) -> str | None:
    if len(data) > MAX_FILE_SIZE:
        return f"has more than {MAX_FILE_SIZE} bytes"
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return "is not UTF-8 text"
    if hidden := hidden_character(text, allowed="\n\t"):
        line = text.count("\n", 0, text.index(hidden)) + 1
        return f"has an invisible character in line {line} (U+{ord(hidden):04X})"
    if not name.endswith(".yaml") and (hidden := hidden_character(unescape(text), allowed="\n\t\r")):
        return f"has an invisible character, written as an entity ({describe_character(hidden)})"
    if text.startswith("#!"):
        return "begins as a program does"
    if name.startswith("recipes/") and name.endswith(".yaml"):
        try:
            refuse_hidden(load(text, name))
        except SpecError as error:
            first = error.findings[0]
            return f"cannot be read, line {first.line}: {first.message}"
    return None
