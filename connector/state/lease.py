"""A lease: who works on a name, until when.

It has a deadline, so that a machine that went away does not hold it for ever; one whose process is gone from this
computer is free at once.  It is looked at again, and prolonged, before each step of the work.
"""

from __future__ import annotations

import os
import secrets
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from contextlib import AbstractContextManager

SECONDS = 300.0
"""How long a lease lasts from when it was last looked at, for who cannot see its process: longer than a step takes, but
for one that gives a token to many slow programs."""
_PAUSE = 0.05
_UNKNOWN = "?"
_DEAD = ("Z", "X")
"""States of a process that does nothing any more, though its parent has not looked (proc(5), /proc/pid/stat)."""


class Lease:
    """The lease of one name."""

    def __init__(
        self, connected: Callable[[], AbstractContextManager[sqlite3.Connection]], key: tuple[str, str]
    ) -> None:
        self._connected = connected
        self._key = key
        self._holder = f"{_host()}|{os.getpid()}|{_started(os.getpid())}|{secrets.token_hex(4)}"

    def take(self, wait: float) -> bool:
        """Take it, within *wait* seconds; whether that worked."""
        until = time.monotonic() + wait
        while not self._taken():
            if time.monotonic() >= until:
                return False
            time.sleep(_PAUSE)
        return True

    def _taken(self) -> bool:
        with self._connected() as database:
            database.execute("BEGIN IMMEDIATE")
            row = database.execute(
                "SELECT holder, deadline FROM leases WHERE api = ? AND name = ?", self._key
            ).fetchone()
            free = row is None or row[0] == self._holder or not is_held(*row)
            if free:
                values = (*self._key, self._holder, time.time() + SECONDS)
                database.execute("INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?)", values)
            database.execute("COMMIT")
        return free

    def hold(self) -> bool:
        """Prolong it; whether it is still ours."""
        with self._connected() as database:
            changed = database.execute(
                "UPDATE leases SET deadline = ? WHERE api = ? AND name = ? AND holder = ?",
                (time.time() + SECONDS, *self._key, self._holder),
            )
            return changed.rowcount == 1

    def give_back(self) -> None:
        """Let the next one take it."""
        with self._connected() as database:
            database.execute("DELETE FROM leases WHERE api = ? AND name = ? AND holder = ?", (*self._key, self._holder))


def is_held(holder: str, deadline: float) -> bool:
    """Whether *holder* still has a lease until *deadline*, in seconds since 1970.

    Of another process on this computer it is known: it has it while it lives, whatever becomes of the clock.
    """
    lives = _lives(holder)
    return deadline > time.time() if lives is None else lives


def is_gone(holder: str) -> bool:
    """Whether the process that holds a lease is known to be gone: it was on this computer, and is no more."""
    return _lives(holder) is False


def _lives(holder: str) -> bool | None:
    """Whether another process on this computer lives; None where that cannot be told, and for this one itself."""
    host, process, started, _ = holder.split("|")
    if host != _host() or started == _UNKNOWN or int(process) == os.getpid():
        return None
    return _started(int(process)) == started


def _host() -> str:
    """This computer since it was started, and on it the space in which numbers of processes mean something.

    A name is not enough, for computers that were cloned share it; and containers have spaces of their own.
    """
    boot, space = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")
    started = boot.read_text(encoding="ascii").strip() if boot.exists() else ""
    return f"{socket.gethostname()} {started} {space.readlink() if os.path.lexists(space) else ''}"


def _started(process: int) -> str:
    """When a process started, as the system counts it, for numbers are given again; ``?`` where none can be told."""
    try:
        told = Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return _UNKNOWN
    fields = told.rpartition(")")[2].split()
    return _UNKNOWN if fields[0] in _DEAD else fields[19]
