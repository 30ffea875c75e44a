"""A state folder, looked at: nothing is made, brought up to date or locked."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from locoia_pat.state.journal import FILE, State, place
from locoia_pat.state.lease import is_gone, is_held

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Held:
    """A lease that somebody holds."""

    api: str
    name: str
    process: str
    """The host and the number of the process."""
    until: float
    """Seconds since 1970."""
    gone: bool
    """Whether the process is known to be gone, so that the lease is free."""


@dataclass(frozen=True, slots=True)
class Look:
    """What stands in a state folder."""

    folder: Path
    exists: bool = False
    trouble: str | None = None
    """Why it cannot be used."""
    open: tuple[tuple[Path, int], ...] = ()
    """What others than the owner may read or enter, with its mode."""
    names: tuple[tuple[str, str, Mapping[str, Any]], ...] = ()
    """Of each API and name, what the journal holds."""
    leases: tuple[Held, ...] = ()


def look(folder: str | os.PathLike[str] | None = None) -> Look:
    """What stands in *folder*, by default where :class:`State` would be."""
    where = place(folder)
    try:
        where.stat()
    except (FileNotFoundError, NotADirectoryError):
        return _absent(where)
    except OSError as error:
        return Look(where, trouble=error.strerror or str(error))
    if not where.is_dir() or not os.access(where, os.R_OK | os.W_OK | os.X_OK):
        return Look(where, exists=True, trouble="it is no folder that may be read and written")
    file = where / FILE
    if not file.exists():
        return Look(where, exists=True, open=tuple(_open(where)))
    try:
        return _read(where, file)
    except (sqlite3.Error, OSError, ValueError) as error:
        return Look(where, exists=True, trouble=str(error), open=tuple(_open(where, file)))


def _absent(where: Path) -> Look:
    parent = next(parent for parent in where.parents if parent.exists())
    usable = parent.is_dir() and os.access(parent, os.W_OK | os.X_OK)
    return Look(where, trouble=None if usable else f"it is not there, and {parent} cannot be written")


def _read(where: Path, file: Path) -> Look:
    # Without a log beside it nobody writes, and reading leaves nothing behind (https://www.sqlite.org/wal.html).
    mode = "mode=ro" if file.with_name(f"{FILE}-wal").exists() else "immutable=1"
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?{mode}", uri=True, timeout=5)) as database:
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if version > len(State.steps):
            raise ValueError(f"version {version} of locoia-pat's state is newer than this program")
        names = database.execute("SELECT api, name, managed FROM names ORDER BY api, name").fetchall()
        leases = database.execute("SELECT api, name, holder, deadline FROM leases ORDER BY api, name").fetchall()
    return Look(
        where,
        exists=True,
        open=tuple(_open(where, file)),
        names=tuple((api, name, json.loads(managed)) for api, name, managed in names),
        leases=tuple(_held(*lease) for lease in leases if lease[3] > time.time() or is_held(*lease[2:])),
    )


def _held(api: str, name: str, holder: str, deadline: float) -> Held:
    host, process, *_ = holder.split("|")
    return Held(api, name, f"{process} on {host.split()[0]}", deadline, is_gone(holder))


def _open(*paths: Path) -> Iterator[tuple[Path, int]]:
    """Those of *paths* that others than their owner may use; on Windows modes tell nothing."""
    for path in paths if os.name == "posix" else ():
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            yield path, mode
