"""Writers take turns: one at a time at a file, and one process at a time in a folder.

The lock is the folder's own (flock), so nothing is left behind in it.  A process takes it once for all of its threads
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
_SHARED = 1.0
"""Seconds after which no more threads join those that write in a folder."""


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """While it lasts, no other writer of ours works in *folder*.

    Raises:
        OSError: another one has been at work there all the time there was to wait.
    """
    taken = True
    with contextlib.ExitStack() as stack:
        # Windows has no such lock, some network folders neither, and a folder may be unreadable.
        with contextlib.suppress(ImportError, OSError):
            import fcntl  # noqa: PLC0415  # not everywhere

            descriptor = os.open(folder, os.O_RDONLY)
            stack.callback(os.close, descriptor)
            taken = _taken(lambda: fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB))
        if not taken:
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
