"""Locks for token files: one writer at a time for a file, and one process at a time for its folder.

The lock is the folder's own (flock), so that nothing is left behind among the tokens: filelock's ``FileLock`` keeps a
lock file for ever, and cannot lock a folder. Where a folder has no such lock, as on Windows and on some network file
systems, it is filelock's ``SoftFileLock``: a file with the process that holds it, which is removed at the end.
A process locks a folder once for all of its threads that write there, so that their files reach the disk together, and
releases it after a second at the latest, because other processes wait.
Who locks a folder that someone else has changed also removes the temporary files that a killed writer left in it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from locoia_pat.files import remove_leftovers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_TIMEOUT = 10.0
"""Seconds to wait for another process, which needs some milliseconds."""
_LOCK_FILE = ".locoia-pat.lock"
"""The lock of a folder that has none of its own."""
_LONGEST_HOLD = 60.0
"""Seconds after which a lock file without the start of its process may be of a process that no longer runs."""
_LONGEST_PAUSE = 0.02
"""Seconds between two attempts."""
_MAX_SHARED = 1.0
"""Seconds after which no more threads share a lock."""


class FolderBusyError(OSError):
    """A folder stayed locked for as long as we wait."""


@contextlib.contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Lock *folder* against our other writers, in this process and in others.

    Raises:
        FolderBusyError: it stayed locked for as long as we wait.
    """
    with contextlib.ExitStack() as stack:
        if not _lock(folder, stack):
            raise FolderBusyError(f"another process has been writing in {folder} for {_TIMEOUT:.0f} s")
        if _changed_at.get(folder) != _modified_at(folder):
            remove_leftovers(folder)
        try:
            yield
        finally:
            _changed_at[folder] = _modified_at(folder)


@contextlib.contextmanager
def lock_file(file: Path) -> Iterator[None]:
    """Lock *file* against our other writers in this process, and its folder against other processes.

    Raises:
        OSError: as for :func:`lock_folder`.
    """
    with _registry:
        own = _files.setdefault(file, threading.Lock())
        shared = _folders.setdefault(file.parent, _SharedFolderLock(file.parent))
    with own, shared:
        yield


class _SharedFolderLock:
    """The lock of one folder, taken once for all threads of this process that write there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._changed = threading.Condition()
        self._users = 0
        self._shared_until = 0.0
        self._held = contextlib.ExitStack()

    def __enter__(self) -> None:
        with self._changed:
            while self._users and time.monotonic() > self._shared_until:
                self._changed.wait()
            if not self._users:
                self._held.enter_context(lock_folder(self._folder))
                self._shared_until = time.monotonic() + _MAX_SHARED
            self._users += 1

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._users -= 1
            if not self._users:
                self._held.close()
                self._changed.notify_all()


_changed_at: dict[Path, int | None] = {}
"""When each folder that this process has locked was last changed, as far as it saw; to list a large folder is slow."""
_registry = threading.Lock()
_files: WeakValueDictionary[Path, threading.Lock] = WeakValueDictionary()
_folders: WeakValueDictionary[Path, _SharedFolderLock] = WeakValueDictionary()
"""The locks in use; each is removed after its last use."""


def _lock(folder: Path, stack: contextlib.ExitStack) -> bool:
    """Lock *folder* itself or, where that is impossible, by a file in it; return whether that worked in time."""
    try:
        import fcntl  # noqa: PLC0415  # not on Windows

        descriptor = os.open(folder, os.O_RDONLY)
        stack.callback(os.close, descriptor)
        return _retry(lambda: fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB))
    except (ImportError, OSError):  # nor on some network file systems; and a folder may be unreadable
        return _lock_by_file(folder, stack)


def _retry(acquire: Callable[[], None]) -> bool:
    """Call *acquire* until it does not raise ``BlockingIOError``, or until the time-out."""
    deadline = time.monotonic() + _TIMEOUT
    pause = 0.001
    while time.monotonic() < deadline:
        try:
            acquire()
        except BlockingIOError:
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        else:
            return True
    return False


def _lock_by_file(folder: Path, stack: contextlib.ExitStack) -> bool:
    """Lock *folder* by a file in it.

    The file of a process of the same host that was killed is taken over at once: filelock compares the process id and,
    where the system tells it, the time at which the process began, so that an id in use again is no obstacle.  A file
    that does not change while we wait, of no running process of this host, was left by a process of another host, or by
    one killed before it wrote its id into the file; it is removed.
    """
    from filelock import SoftFileLock  # noqa: PLC0415  # most folders have a lock of their own

    file = folder / _LOCK_FILE
    lock = SoftFileLock(file, _TIMEOUT, mode=0o600, thread_local=False, poll_interval=_LONGEST_PAUSE)

    def acquire() -> bool:
        try:
            if folder.is_dir():  # or filelock would create it
                stack.enter_context(lock.acquire())
        except TimeoutError:
            return False
        except OSError:  # the folder cannot be written, which the write itself will report
            pass
        return True

    before = _identity(file)
    if acquire():
        return True
    if before is None or _identity(file) != before or is_held_here(file):
        return False
    lock.break_lock()
    return acquire()


def is_held_here(file: Path) -> bool:
    """Return whether a running process of this host holds the lock *file*, which filelock did not take over.

    Without the time at which the process began, as on systems that do not tell it, its id may be in use again: such a
    file counts as held only while it is new, for no writer needs long.
    """
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        age = time.time() - file.stat().st_mtime
    except OSError:
        return False
    has_start = len(lines) > 2 and lines[2].strip() != ""  # id, host, start
    return len(lines) > 1 and socket.gethostname() in lines[1] and (has_start or age < _LONGEST_HOLD)


def _modified_at(folder: Path) -> int | None:
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return None


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        status = file.lstat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns
