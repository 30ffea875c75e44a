"""Results that a command could not print, because its standard output failed: JSON lines in the state folder."""

from __future__ import annotations

import datetime as dt
import json
import os
from typing import TYPE_CHECKING, Any

from locoia_pat.state.database import state_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_FILE = "unprinted.jsonl"


def save_unprinted(envelopes: Iterable[Mapping[str, Any]]) -> Path:
    """Append *envelopes*, which hold no token, to the file of the user's state folder, and return its path.

    Raises:
        OSError: it cannot be written.

    """
    folder = state_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / _FILE
    at = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    lines = "".join(f"{json.dumps({'at': at, **envelope})}\n" for envelope in envelopes)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0), 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123  # it is open already
        file.write(lines)
    return path


def last_unprinted(folder: Path) -> tuple[Path, list[dict[str, Any]]]:
    """Return the path of the file in *folder*, and its results, oldest first; lines that are not JSON are left out."""
    path = folder / _FILE
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return path, []
    return path, [envelope for line in lines if isinstance(envelope := _parse(line), dict)]


def _parse(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None
