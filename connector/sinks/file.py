"""``file:PATH``: our record in a file that only its owner can read.

Every write is a new file, 0600 from birth, written whole, flushed to disk and put in place by one rename, so a reader
finds the old record or the new one, and nothing in between.  Writers take turns by a lock on the folder.  Symbolic
links are not written through.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import invalid
from ..secret import Secret
from .record import Key, Record, parse
from .sink import Credential

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .sink import Entry

_MAX_BYTES = 1024 * 1024
_PATIENCE = 10.0
"""Seconds to wait for another writer, who needs some milliseconds."""


class FileSink:
    """A token file."""

    def __init__(self, path: str, key: Key = "current", *, field: str = "token_to") -> None:
        """The file at *path*, of whose record *key* is read; *field* names the input in errors.

        Raises:
            InvalidError: the path leads nowhere: a user or a working folder that does not exist.
        """
        self._key: Key = key
        self._field = field
        try:
            self.path = Path(os.path.abspath(Path(path).expanduser()))  # noqa: PTH100  # resolve() would follow links
        except (RuntimeError, OSError, ValueError):
            raise invalid("this path leads nowhere", field=field, hint="Write it out, beginning with /.") from None

    @property
    def ref(self) -> str:
        """The file as an absolute REF."""
        return f"file:{self.path}#current"

    def read(self) -> Credential:
        """The token under the REF's key.

        Raises:
            InvalidError: the file holds none.
        """
        record = _tried(self._record)
        if not isinstance(record, Record):
            raise invalid(f"{self.path} cannot be read: {_words(record)}", field=self._field)
        entry = record.at(self._key)
        if entry is None:
            raise invalid(f"{self.path} holds no {self._key} token", field=self._field)
        return Credential(entry.token, record.api)

    def probe(self) -> Entry | None:
        """Write what stands there once more, in the very way a token will be written.

        Raises:
            InvalidError: that does not work; nothing is changed.
        """
        if self._key != "current":
            raise invalid(f"a new token becomes #current, not #{self._key}", field=self._field)
        if self.path.is_symlink():
            raise invalid(f"{self.path} is a symbolic link", field=self._field, hint="Name the file that it points to.")
        record = _tried(self._rewritten)
        if isinstance(record, Record):
            return record.current
        raise invalid(
            f"{self.path} cannot take a token: {_words(record)}",
            field=self._field,
            hint="Name a file in a folder that exists and that you may write to."
            if isinstance(record, OSError)
            else "Name a file of its own for the token.",
        )

    def store(self, entry: Entry, *, api: str, dead: str | None = None) -> tuple[str, ...]:
        """Make *entry* the current token, and read it back.

        Raises:
            OSError: the file does not hold it now.
        """
        with _alone(self.path.parent):
            try:
                record = self._record()
            except (FileNotFoundError, ValueError):
                record = Record()
            self._put(record.promote(entry, api=api, dead=dead))
        return tuple(self._warnings())

    def record(self) -> Record:
        """All that stands there; an empty record where nothing does.

        Raises:
            OSError, ValueError: it cannot be read, or is no record.
        """
        with contextlib.suppress(FileNotFoundError):
            return self._record()
        return Record()

    def keep(self, record: Record) -> tuple[str, ...]:
        """Put *record* in the place of all that stands there, and read it back.

        Raises:
            OSError: the file does not hold it now.
        """
        with _alone(self.path.parent):
            self._put(record)
        return tuple(self._warnings())

    def _put(self, record: Record) -> None:
        self._write(record.to_text())
        if parse(self._text() or Secret("")) != record:
            raise OSError("the file holds something else than what was written")

    def remove(self) -> bool:
        """Take the file away, with all it holds; whether there was one.

        Raises:
            InvalidError: it cannot be taken away.
        """
        try:
            self.path.unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise invalid(f"{self.path} cannot be removed: {_words(error)}", field=self._field) from None
        return True

    def _rewritten(self) -> Record:
        with _alone(self.path.parent):
            text = self._text()
            record = parse(text) if text else Record()
            self._write(text or record.to_text())
            if text is None:
                self.path.unlink()
            return record

    def _record(self) -> Record:
        text = self._text()
        if text is None:
            raise FileNotFoundError(2, "there is no such file")
        return parse(text)

    def _text(self) -> Secret | None:
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)  # a pipe must not wait
        try:
            with open(os.open(self.path, flags), "rb") as file:  # noqa: PTH123  # a descriptor is no path
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise OSError("it is no regular file")
                text = Secret(file.read(_MAX_BYTES + 1).decode("utf-8", "surrogateescape"))
        except FileNotFoundError:
            return None
        if len(text.reveal()) > _MAX_BYTES:
            raise ValueError(f"it has more than {_MAX_BYTES} bytes")
        if any("\udc80" <= c <= "\udcff" for c in text.reveal()):
            raise ValueError("it is no text")
        return text

    def _write(self, text: Secret) -> None:
        before = self.path.stat() if self.path.exists() else None
        # One name for each file, so that what a killed process left behind is cleared away by the next.
        name = hashlib.sha256(os.fsencode(self.path.name)).hexdigest()[:16]
        temporary = self.path.with_name(f".locoia-pat-{name}.tmp")
        temporary.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
        descriptor = os.open(temporary, flags, 0o600)
        try:
            with open(descriptor, "wb") as file:  # noqa: PTH123  # a descriptor is no path
                file.write(text.reveal().encode())
                file.flush()
                os.fsync(file.fileno())
            _keep_owner(temporary, before)
            temporary.replace(self.path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync(self.path.parent)

    def _warnings(self) -> Iterator[str]:
        """What the owner should know; it must not fail, for the token is stored."""
        with contextlib.suppress(OSError):
            mode = stat.S_IMODE(self.path.stat().st_mode)
            yield from [_OPEN.format(self.path, mode)] if mode & 0o077 else []
            yield from [_UNIGNORED.format(self.path)] if _unignored(self.path) else []


_FOR_GIT = ("PATH", "HOME", "XDG_CONFIG_HOME", "USERPROFILE", "SYSTEMROOT", "TMPDIR", "TEMP")
"""A checkout may have Git start programs of its own, so it gets no variable that may hold a secret."""
_OPEN = "{} can be read by others (mode {:04o}): its file system keeps no modes, as on Windows"
_UNIGNORED = "{} stands in a Git checkout and is not known to be ignored; add it to .gitignore"


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """While it lasts, no other writer of ours works in *folder*."""
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


def _taken(take: Callable[[], None]) -> bool:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        try:
            take()
        except BlockingIOError:
            time.sleep(0.02)
        else:
            return True
    return False


def _keep_owner(file: Path, before: os.stat_result | None) -> None:
    """Give *file* the owner it had *before*, who could not read it otherwise, and a stricter mode if it had one.

    Raises:
        PermissionError: only that owner, or root, may do so.
    """
    if before is None:
        return
    if file.stat().st_uid != before.st_uid:
        os.chown(file, before.st_uid, before.st_gid)
    file.chmod(0o600 & before.st_mode)


def _sync(folder: Path) -> None:
    with contextlib.suppress(PermissionError):  # a folder that may be written but not listed; any on Windows
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _unignored(path: Path) -> bool:
    """Whether *path* stands in a Git checkout that is not known to ignore it."""
    place = path.parent.resolve() / path.name
    if not any(os.path.lexists(folder / ".git") for folder in place.parents):
        return False
    variables = {name: os.environ[name] for name in _FOR_GIT if name in os.environ}
    try:
        answer = subprocess.run(  # noqa: S603  # no shell, and the path follows "--"
            ["git", "-C", str(place.parent), "check-ignore", "--quiet", "--", str(place)],  # noqa: S607  # the user's
            check=False,
            capture_output=True,
            timeout=10,
            env=variables,
        )
    except (OSError, subprocess.TimeoutExpired):
        return True
    return answer.returncode != 0


def _tried(work: Callable[[], Record]) -> Record | Exception:
    """What *work* gives, or its error; raised from within another, its frames would show their variables."""
    try:
        return work()
    except (OSError, ValueError) as error:
        return error.with_traceback(None)


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error)
