"""Inspect a state folder: nothing is created or upgraded."""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from locoia_pat.state.database import FILE, decode, state_folder
from locoia_pat.state.journal import State
from locoia_pat.state.lease import LeaseInfo, held_leases
from locoia_pat.state.sealed import unseal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class StateReport:
    """What is in a state folder."""

    folder: Path
    exists: bool = False
    trouble: str | None = None
    """Why it cannot be used, or None."""
    open_to_others: tuple[tuple[Path, int], ...] = ()
    """The paths that users other than the owner may read or enter, with their modes."""
    names: tuple[tuple[str, str, Mapping[str, Any]], ...] = ()
    """The journal entries, with their API and name."""
    damaged: tuple[tuple[str, str, str], ...] = ()
    """The API and name of each entry that cannot be used, and why."""
    leases: tuple[LeaseInfo, ...] = ()
    """The leases that are held now."""


def inspect_state(folder: str | os.PathLike[str] | None = None) -> StateReport:
    """Return what is in *folder*, by default the folder that :class:`State` would use."""
    path = state_folder(folder)
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return _absent(path)
    except OSError as error:
        return StateReport(path, trouble=error.strerror or str(error))
    if not path.is_dir() or not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        return StateReport(path, exists=True, trouble="it is not a folder that you may read and write")
    file = path / FILE
    if not file.exists():
        return StateReport(path, exists=True, open_to_others=tuple(_open_to_others(path)))
    try:
        return _read(path, file)
    except (sqlite3.Error, OSError, ValueError) as error:
        open_to_others = tuple(_open_to_others(path, file))
        return StateReport(path, exists=True, trouble=str(error), open_to_others=open_to_others)


def _absent(folder: Path) -> StateReport:
    parent = next(parent for parent in folder.parents if parent.exists())
    usable = parent.is_dir() and os.access(parent, os.W_OK | os.X_OK)
    return StateReport(folder, trouble=None if usable else f"it does not exist, and {parent} is not writable")


def _read(folder: Path, file: Path) -> StateReport:
    # Without a log no process writes, and reading leaves no files behind (https://www.sqlite.org/wal.html).
    mode = "mode=ro" if file.with_name(f"{FILE}-wal").exists() else "immutable=1"
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?{mode}", uri=True, timeout=5)) as database:
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if version > len(State.schemas):
            raise ValueError(f"version {version} of locoia-pat's state is newer than this program")
        database.text_factory = decode
        rows = database.execute("SELECT api, name, entry FROM names ORDER BY api, name").fetchall()
    names: list[tuple[str, str, Mapping[str, Any]]] = []
    damaged: list[tuple[str, str, str]] = []
    for api, name, text in rows:
        try:
            names.append((api, name, unseal((api, name), text)))
        except ValueError as error:
            damaged.append((api, name, str(error)))
    return StateReport(
        folder,
        exists=True,
        open_to_others=tuple(_open_to_others(folder, file)),
        names=tuple(names),
        damaged=tuple(damaged),
        leases=tuple(held_leases(folder)),
    )


def _open_to_others(*paths: Path) -> Iterator[tuple[Path, int]]:
    """Yield those of *paths* that users other than the owner may use; on Windows modes say nothing."""
    for path in paths if os.name == "posix" else ():
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            yield path, mode
