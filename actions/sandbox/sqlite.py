"""The sandbox's embedded SQLite file: opened for its owner alone, one statement at a time."""

from __future__ import annotations

import sqlite3
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class Database:
    """One SQLite file, or one in memory.  Safe to share between threads."""

    def __init__(self, path: Path | None, schema: Sequence[str]) -> None:
        self._lock = threading.Lock()
        try:
            self._connection = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
        except sqlite3.Error as error:
            raise OSError(f"{path} cannot be opened: {error}") from None
        try:
            if path is not None:
                path.chmod(0o600)
                self._connection.execute("PRAGMA journal_mode=WAL")
            for statement in schema:
                self._connection.execute(statement)
        except sqlite3.Error as error:
            self._connection.close()
            raise OSError(f"{path} cannot be opened: {error}") from None

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def rows(self, statement: str, *values: str | bytes | bool | None) -> list[tuple[Any, ...]]:
        """What one statement gives: all that is done together is one, so nothing comes in between."""
        with self._lock:
            return self._connection.execute(statement, values).fetchall()
