"""Standard output and standard error of the command: writing to them never raises.

A reader that went away or a full disk must not change what a run did, so an error is kept for the end of the command.
Characters that the encoding lacks, and unpaired surrogates, are written as escapes.

The command loads this module before anything else, so it needs little itself.
"""

from __future__ import annotations

import errno
import io
import os
import select
import stat
import sys
from contextlib import suppress

from locoia_pat.interrupts import signals

TYPE_CHECKING = False  # as in typing, which takes longer to load than this module
if TYPE_CHECKING:
    from typing import Any, TextIO

_PIECE = 4096
"""What a pipe takes at once, or says that it is full (``PIPE_BUF``)."""
_GLANCE = 250
"""Milliseconds after which a write that waits looks whether a signal has waited for too long."""
_CLOSED = OSError(errno.EBADF, "it is closed")


class GuardedStream(io.RawIOBase):
    """Writes to a file descriptor until that fails, then drops what it gets."""

    def __init__(self, raw: Any, descriptor: int) -> None:
        """Write to *raw*, the unbuffered stream of *descriptor*; None if it is closed."""
        self.error: OSError | None = None if raw is not None else _CLOSED
        """What a write failed with."""
        self._raw: Any = raw
        self._descriptor = descriptor

    def fileno(self) -> int:
        """Return the file descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Return whether a person reads it."""
        return self.error is None and os.isatty(self._descriptor)

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, data: Any) -> int:
        """Write some of *data*, or drop all of it; return how much."""
        view = memoryview(data)
        if self.error is None:
            try:
                self._wait()
                return self._raw.write(view[:_PIECE]) or 0  # None if another writer was faster
            except OSError as error:
                self.error = error
        return len(view)

    def _wait(self) -> None:
        """Wait until something can be written, but not for ever once a signal has arrived."""
        with suppress(AttributeError):  # Windows has no poll, and a write waits by itself
            poll = select.poll()
            poll.register(self._descriptor, select.POLLOUT)
            while not poll.poll(_GLANCE):
                if signals.overdue:
                    raise TimeoutError(errno.ETIMEDOUT, "nothing reads it")

    def probe(self) -> None:
        """Find out whether it can be written, as far as that shows without writing.

        Raises:
            OSError: it is closed, on a full disk, or its reader is gone.

        """
        if self.error is not None:
            raise self.error
        os.write(self._descriptor, b"")  # fails where it is open for reading only, and on /dev/full
        with suppress(AttributeError):  # not on Windows
            poll = select.poll()
            poll.register(self._descriptor, select.POLLOUT)
            if any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0)):
                raise BrokenPipeError(errno.EPIPE, "its reader is gone")
        info = os.fstat(self._descriptor)
        if stat.S_ISREG(info.st_mode):
            _probe_file(self._descriptor, info.st_size)


def _probe_file(descriptor: int, size: int) -> None:
    with suppress(AttributeError, ImportError):  # not on Windows
        import resource  # noqa: PLC0415  # only here

        volume = os.fstatvfs(descriptor)
        free = volume.f_bfree if os.geteuid() == 0 else volume.f_bavail
        limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
        is_full = volume.f_blocks and not free
        for number, is_so in (
            (errno.ENOSPC, is_full),
            (errno.EFBIG, limit != resource.RLIM_INFINITY and size >= limit),
        ):
            if is_so:
                raise OSError(number, os.strerror(number))


def guard_standard_streams() -> None:
    """Have standard output and standard error never raise; closed ones, and a closed standard input, are plugged."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number, so that no other file gets it
    sys.stdout, sys.stderr = _guarded(sys.stdout, 1), _guarded(sys.stderr, 2)
    sys.stdin = sys.stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  # as Python opens it


def _guarded(stream: TextIO | None, descriptor: int) -> TextIO:
    buffer: Any = getattr(stream, "buffer", None)
    guarded = GuardedStream(getattr(buffer, "raw", buffer), descriptor)
    return io.TextIOWrapper(
        io.BufferedWriter(guarded),
        encoding=getattr(stream, "encoding", None) or "utf-8",
        errors="backslashreplace",
        line_buffering=guarded.isatty() or descriptor == 2,
    )


def guarded_output() -> GuardedStream | None:
    """Return what guards standard output; None where the command runs in a program with streams of its own."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return raw if isinstance(raw, GuardedStream) else None
