"""Inspect a state: nothing is created or upgraded."""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from locoia_pat.extras import import_extra
from locoia_pat.outcomes import ConnectorError
from locoia_pat.state.database import FILE, SQLITE_SCHEMAS, FileDocument, decode, state_folder, state_location
from locoia_pat.state.home import copy_problem, saved_home
from locoia_pat.state.lease import LeaseInfo, held_file_leases
from locoia_pat.state.sealed import unseal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from locoia_pat.outcomes import Problem
    from locoia_pat.state.database import Document, StateDatabase

_SELECT_NAMES = "SELECT api, name, entry FROM names ORDER BY api, name"


@dataclass(frozen=True, slots=True)
class StateReport:
    """What is in a state."""

    folder: Path
    """The folder of files that stay on this machine: the state folder, or the user's next to a database."""
    label: str
    """The state folder, or the database, for messages."""
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
    copied: Problem | None = None
    """What is wrong if the folder is a copy of one that was last used elsewhere, or None."""
    database: StateDatabase | None = None
    """The database, if it is not a file in the folder."""

    def document(self, name: str) -> Document:
        """Return the document *name* of this state."""
        return FileDocument(self.folder / name) if self.database is None else self.database.document(name)


def inspect_state(location: str | os.PathLike[str] | None = None) -> StateReport:
    """Return what is in the state at *location*, by default the one that ``State`` would use."""
    found = state_location(location)
    return _inspect_database(found) if isinstance(found, str) else _inspect_folder(found)


def _inspect_database(url: str) -> StateReport:
    folder, label = state_folder(url), "PostgreSQL"
    try:
        database = import_extra("locoia_pat.state.postgres", "postgres").PostgresDatabase(url, create=False)
        label = database.label
        if not database.version:
            return StateReport(folder, label, database=database)
        with database.connected() as session:
            rows = session.execute(_SELECT_NAMES).fetchall()
        names, damaged = _unsealed(rows)
        leases = tuple(database.held_leases())
    except (ConnectorError, OSError) as error:
        return StateReport(folder, label, exists=True, trouble=str(error))
    return StateReport(folder, label, exists=True, names=names, damaged=damaged, leases=leases, database=database)


def _inspect_folder(path: Path) -> StateReport:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return _absent(path)
    except OSError as error:
        return StateReport(path, str(path), trouble=error.strerror or str(error))
    if not path.is_dir() or not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        return StateReport(path, str(path), exists=True, trouble="it is not a folder that you may read and write")
    file = path / FILE
    if not file.exists():
        return StateReport(path, str(path), exists=True, open_to_others=tuple(_open_to_others(path)))
    try:
        return _read(path, file)
    except (sqlite3.Error, OSError, ValueError) as error:
        open_to_others = tuple(_open_to_others(path, file))
        return StateReport(path, str(path), exists=True, trouble=str(error), open_to_others=open_to_others)


def _absent(folder: Path) -> StateReport:
    parent = next(parent for parent in folder.parents if parent.exists())
    usable = parent.is_dir() and os.access(parent, os.W_OK | os.X_OK)
    trouble = None if usable else f"it does not exist, and {parent} is not writable"
    return StateReport(folder, str(folder), trouble=trouble)


def _read(folder: Path, file: Path) -> StateReport:
    # Without a log no process writes, and reading leaves no files behind (https://www.sqlite.org/wal.html).
    mode = "mode=ro" if file.with_name(f"{FILE}-wal").exists() else "immutable=1"
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?{mode}", uri=True, timeout=5)) as database:
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if version > len(SQLITE_SCHEMAS):
            raise ValueError(f"version {version} of locoia-pat's state is newer than this program")
        database.text_factory = decode
        rows = database.execute(_SELECT_NAMES).fetchall()
        meta = dict(database.execute("SELECT key, value FROM meta").fetchall())
    if "moved" in meta:
        raise ValueError(f"it was moved to {meta['moved']}")
    names, damaged = _unsealed(rows)
    return StateReport(
        folder,
        str(folder),
        exists=True,
        open_to_others=tuple(_open_to_others(folder, file)),
        names=names,
        damaged=damaged,
        leases=tuple(held_file_leases(folder)),
        copied=copy_problem(folder, saved_home(meta.get("home"))),
    )


def _unsealed(
    rows: Sequence[tuple[str, str, str]],
) -> tuple[tuple[tuple[str, str, Mapping[str, Any]], ...], tuple[tuple[str, str, str], ...]]:
    """Return the intact and the damaged rows of the table of names."""
    names: list[tuple[str, str, Mapping[str, Any]]] = []
    damaged: list[tuple[str, str, str]] = []
    for api, name, text in rows:
        try:
            names.append((api, name, unseal((api, name), text)))
        except ValueError as error:
            damaged.append((api, name, str(error)))
    return tuple(names), tuple(damaged)


def _open_to_others(*paths: Path) -> Iterator[tuple[Path, int]]:
    """Yield those of *paths* that users other than the owner may use; on Windows modes say nothing."""
    for path in paths if os.name == "posix" else ():
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            yield path, mode
