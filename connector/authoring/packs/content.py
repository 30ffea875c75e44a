"""What a pack may hold: specs, recipes and pages, as text.  All else is no part of one.

Pure but for :func:`gathered`, which reads a folder.
"""

from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING, NamedTuple

from locoia_pat.messages import describe_value
from locoia_pat.outcomes import SpecError, invalid
from locoia_pat.spec.yaml import read

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

MANIFEST = "manifest.json"
MAX_FILES = 300
MAX_FILE = 256 * 1024
"""Bytes that a file may have."""
MAX_ALL = 4 * 1024 * 1024
"""Bytes that all files may have together."""

HOLDS = "connector.yaml, actions as *.yaml, recipes/*.md and *.yaml, docs/*.md, README.md, CHANGELOG.md, LICENSE"
"""What a pack holds, in words."""

_NAMES = re.compile(
    r"[a-z][a-z0-9_]{0,63}\.yaml"
    r"|recipes/[A-Za-z0-9][A-Za-z0-9_.-]{0,99}\.(?:md|yaml)"
    r"|docs/[A-Za-z0-9][A-Za-z0-9_.-]{0,99}\.md"
    r"|README\.md|CHANGELOG\.md|LICENSE(?:\.md|\.txt)?"
)
_FOLDERS = ("", "recipes", "docs")
_SILENT = re.compile(r"\..*|__pycache__|(?:action|connector|super)\.schema\.json")
"""What stands beside specs as a matter of course: hidden files, and the schemas for editors."""
# Windows takes these for devices, whatever ending they have.
_DEVICES = re.compile(r"(?i)(?:con|prn|aux|nul|com[0-9]|lpt[0-9])")
# Controls, and marks that turn the direction of writing, so that a text reads otherwise than it is.
_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")


class Gathered(NamedTuple):
    """What a folder gives to a pack."""

    files: dict[str, bytes]
    left_out: tuple[str, ...]
    """What stands there and is no part of a pack."""


def gathered(folder: Path) -> Gathered:
    """The files of a pack that *folder* holds, with lines that end as everywhere.

    Raises:
        InvalidError: one is a link or no file, or cannot be read.

    """
    files: dict[str, bytes] = {}
    left_out: list[str] = []
    try:
        for name, entry in _entries(folder):
            if not _NAMES.fullmatch(name):
                left_out += [] if _SILENT.fullmatch(entry.name) or entry.name == MANIFEST else [name]
            elif not stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode):
                raise invalid(f"{name} is a link, or no file", field="path", hint="A pack holds files alone.")
            else:
                with open(entry.path, "rb") as file:  # noqa: PTH123  # an entry is no Path
                    files[name] = file.read(MAX_FILE + 1).replace(b"\r\n", b"\n")
    except OSError as error:
        raise invalid(f"{error.filename or folder} cannot be read: {error.strerror}", field="path") from None
    return Gathered(files, tuple(left_out))


def _entries(folder: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """What stands in *folder* and in the folders of a pack, sorted, each with its name in a pack."""
    for inner in _FOLDERS:
        place = folder / inner
        if inner and (place.is_symlink() or not place.is_dir()):
            continue
        with os.scandir(place) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                name = f"{inner}/{entry.name}" if inner else entry.name
                if name not in _FOLDERS or entry.is_symlink() or not entry.is_dir():
                    yield name, entry


def refuse(files: Mapping[str, bytes]) -> None:
    """Refuse *files* that are no content of a pack.

    Raises:
        InvalidError: for the first of them; it says why.

    """
    if len(files) > MAX_FILES:
        raise invalid(f"has {len(files)} files, and a pack at most {MAX_FILES}", field="pack")
    if sum(map(len, files.values())) > MAX_ALL:
        raise invalid(f"has more than {MAX_ALL} bytes", field="pack")
    seen: dict[str, str] = {}
    for name, data in files.items():
        if not _NAMES.fullmatch(name):
            raise invalid(
                f"holds {describe_value(name)}, which is no part of a pack", field="pack", hint=f"It holds {HOLDS}."
            )
        if _DEVICES.fullmatch(name.rpartition("/")[2].partition(".")[0]):
            raise invalid(f"holds {name}, which is a device on Windows", field="pack", hint="Give it another name.")
        if (other := seen.setdefault(name.casefold(), name)) != name:
            raise invalid(f"holds {other} and {name}, which are one file on some computers", field="pack")
        if why := _mistake(name, data):
            raise invalid(f"holds {name}, which {why}", field="pack")


def _mistake(name: str, data: bytes) -> str | None:
    """What is wrong with the text of a file; None where nothing is."""
    if len(data) > MAX_FILE:
        return f"has more than {MAX_FILE} bytes"
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return "is no UTF-8 text"
    if found := _HIDDEN.search(text):
        line = text.count("\n", 0, found.start()) + 1
        return f"has a character in line {line} that nobody sees (U+{ord(found[0]):04X})"
    if text.startswith("#!"):
        return "begins as a program does, and a pack holds none"
    if name.startswith("recipes/") and name.endswith(".yaml"):
        try:
            read(text, name)
        except SpecError as error:
            first = error.findings[0]
            return f"cannot be read, line {first.line}: {first.message}"
    return None
