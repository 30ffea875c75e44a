"""Writers take turns: one at a time at a file, and one process at a time in a folder.

The lock is the folder's own (flock), so nothing is left behind in it; where there is none, as on Windows and on some
network folders, it is a file that is made and removed.  A process takes it once for all of its threads
that write there, so that what they flush reaches the disk together, and lets it go after a second at the latest, for
others wait as well.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_PATIENCE = 10.0
"""Seconds to wait for another process, which needs some milliseconds."""
_MARK = ".locoia-pat.lock"
"""The file that stands for the lock of a folder that has none."""
_SHARED = 1.0
"""Seconds after which no more threads join those that write in a folder."""


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """While it lasts, no other writer of ours works in *folder*.

    Raises:
        OSError: another one has been at work there all the time there was to wait.
    """
    with contextlib.ExitStack() as stack:
        if not _locked(folder, stack):
            raise OSError(f"for {_PATIENCE:.0f} s another process has been writing in {folder}")
        yield


@contextlib.contextmanager
def turn(file: Path) -> Iterator[None]:
    """While it lasts, no other writer of ours works at *file*, and no other process in its folder.

    Raises:
        OSError: as for :func:`alone`.
    """
    with _known:
        own = _files.setdefault(file, _Own())
        shared = _folders.setdefault(file.parent, _Shared(file.parent))
    with own.lock, shared:
        yield


class _Own:
    """The turn at a file, among the threads of this process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


class _Shared:
    """The turn in a folder, taken once for all threads of this process that write there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._gate = threading.Condition()
        self._users = 0
        self._until = 0.0
        self._held = contextlib.ExitStack()

    def __enter__(self) -> None:
        with self._gate:
            while self._users and time.monotonic() > self._until:
                self._gate.wait()
            if not self._users:
                self._held.enter_context(alone(self._folder))
                self._until = time.monotonic() + _SHARED
            self._users += 1

    def __exit__(self, *_: object) -> None:
        with self._gate:
            self._users -= 1
            if not self._users:
                self._held.close()
                self._gate.notify_all()


_known = threading.Lock()
_files: WeakValueDictionary[Path, _Own] = WeakValueDictionary()
_folders: WeakValueDictionary[Path, _Shared] = WeakValueDictionary()
"""Those at which somebody works; no longer than that."""


def _locked(folder: Path, stack: contextlib.ExitStack) -> bool:
    """Lock *folder* itself; where that cannot be done, by a file in it that others find."""
    try:
        import fcntl  # noqa: PLC0415  # not on Windows

        descriptor = os.open(folder, os.O_RDONLY)
        stack.callback(os.close, descriptor)
        return _taken(lambda: fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB))
    except (ImportError, OSError):  # nor on some network folders; and a folder may be unreadable
        return _marked(folder / _MARK, stack)


def _marked(file: Path, stack: contextlib.ExitStack) -> bool:
    """Make *file*, which one process at a time can; one that has been there all the time is of one that was killed."""
    before = _identity(file)
    if _taken(lambda: _mark(file, stack)):
        return True
    if before is None or _identity(file) != before:
        return False
    with contextlib.suppress(OSError):
        file.unlink(missing_ok=True)
    return _taken(lambda: _mark(file, stack))


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        found = file.lstat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def _mark(file: Path, stack: contextlib.ExitStack) -> None:
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise BlockingIOError from None
    except OSError:
        return  # nothing can be written there, which is told by what is about to be
    stack.callback(file.unlink, missing_ok=True)
    os.close(descriptor)


def _taken(take: Callable[[], None]) -> bool:
    until = time.monotonic() + _PATIENCE
    pause = 0.001
    while time.monotonic() < until:
        try:
            take()
        except BlockingIOError:
            time.sleep(pause)
            pause = min(2 * pause, 0.02)
        else:
            return True
    return False
