"""A lease: which process or thread works on a name.

In a state folder it is a lock of the operating system on a file, so it is free as soon as its process ends, however
that ends.  A note next to the lock file says who holds it; nothing depends on the note.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from filelock import FileLock

FOLDER = "locks"
"""The folder of lock files, in the state folder.  Removing a file that is locked would let a second process in."""


class LeaseInfo(NamedTuple):
    """A lease that is held, by its note."""

    api: str
    name: str
    process: str
    """The id and the host of the process."""
    since: str
    """RFC 3339, UTC."""


class LeaseLostError(OSError):
    """The lease has passed to another process, so nothing more may be written or sent under it."""


class Lease(Protocol):
    """The lease of one name."""

    def acquire(self, wait: float) -> bool:
        """Acquire the lease.

        Args:
            wait: seconds to wait for another holder.

        Returns:
            Whether it is held now; False if another process or thread held it all the time.

        Raises:
            OSError: it cannot be known who holds it.

        """
        ...

    def check(self) -> None:
        """Check that the lease is still held, before an effect that cannot be undone.

        Raises:
            LeaseLostError: it passed to another process.
            OSError: it cannot be known who holds it.

        """
        ...

    def release(self) -> None:
        """Release the lease; does nothing if it is not held."""
        ...

    def describe_holder(self) -> str:
        """Return who holds the lease, for messages."""
        ...


class FileLease:
    """The lease of one name in a state folder."""

    def __init__(self, state_folder: Path, api: str, name: str) -> None:
        """Prepare the lease of *name* at *api*; nothing is created or locked yet."""
        self._api, self._name = api, name
        self._path = state_folder / FOLDER / f"{lease_key(api, name)}.lock"
        self._lock: FileLock | None = None

    def acquire(self, wait: float) -> bool:
        """Acquire the lease.

        Args:
            wait: seconds to wait for another holder.

        Returns:
            Whether it is held now; False if another process or thread held it all the time.

        Raises:
            OSError: the lock file cannot be used.

        """
        self._path.parent.mkdir(mode=0o700, exist_ok=True)
        self._lock = self._lock or _file_lock(self._path)
        try:
            self._lock.acquire(timeout=max(0.0, wait))  # a negative value would wait without end
        except TimeoutError:
            return False
        with suppress(OSError):
            _note_path(self._path).touch(mode=0o600)
            _note_path(self._path).write_text(lease_note(self._api, self._name), encoding="utf-8")
        return True

    def check(self) -> None:
        """Do nothing: the system's lock is held until it is released."""

    def release(self) -> None:
        """Release the lease; does nothing if it is not held."""
        if self._lock is not None and self._lock.is_locked:
            with suppress(OSError):
                _note_path(self._path).unlink(missing_ok=True)
            self._lock.release(force=True)

    def describe_holder(self) -> str:
        """Return who holds the lease, for messages."""
        return describe_lease(_read_note(self._path))


def lease_key(api: str, name: str) -> str:
    """Return 32 characters that identify *name* at *api* and show nothing of them."""
    return hashlib.sha256(f"{api}\n{name}".encode(errors="surrogatepass")).hexdigest()[:32]


def lease_note(api: str, name: str) -> str:
    """Return the note of a lease that this process acquires now: ASCII that :func:`parse_lease_note` reads."""
    now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    process = f"process {os.getpid()} on {socket.gethostname()}"
    return json.dumps({"api": api, "name": name, "process": process, "since": now})


def parse_lease_note(text: str) -> LeaseInfo | None:
    """Return what a note says, or None if it cannot be read."""
    try:
        return LeaseInfo(**json.loads(text))
    except (ValueError, TypeError):
        return None


def describe_lease(info: LeaseInfo | None) -> str:
    """Return who holds a lease, for messages."""
    return f"{info.process}, since {info.since}" if info else "another process"


def held_file_leases(state_folder: Path) -> Iterator[LeaseInfo]:
    """Yield the leases of *state_folder* that are held now.  To find out, each free lock is held for a moment."""
    for path in sorted((state_folder / FOLDER).glob("*.lock")):
        info = _read_note(path)
        if info is not None and _is_locked(path):
            yield info


def _is_locked(path: Path) -> bool:
    try:
        with _file_lock(path).acquire(timeout=0):
            return False
    except OSError:  # a TimeoutError is one: another process holds it
        return True


def _file_lock(path: Path) -> FileLock:
    from filelock import FileLock  # noqa: PLC0415  # only a run that changes something needs it

    # A soft lock would outlive a killed process, so a file system without locks is refused instead.
    return FileLock(path, mode=0o600, thread_local=False, fallback_to_soft=False)


def _note_path(path: Path) -> Path:
    return path.with_suffix(".json")


def _read_note(path: Path) -> LeaseInfo | None:
    try:
        return parse_lease_note(_note_path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # not there, or just being written
        return None
