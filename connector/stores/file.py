"""``file:PATH``, ``text:PATH`` and ``env-file:PATH#NAME``: a file that only its owner can read.

The first holds our record, the second the bare token, the third one variable among others.
Every write is a new file, 0600 from birth, written whole, flushed to disk and put in place by one rename, so a reader
finds the old record or the new one, and nothing in between.  Writers take turns.  Symbolic links are not written
through.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
import subprocess
import time
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from locoia_pat.outcomes import invalid
from locoia_pat.secrets.secret import Secret
from locoia_pat.stores.formats import Bare, Variable
from locoia_pat.stores.lock import turn
from locoia_pat.stores.record import Key, Record
from locoia_pat.stores.record_store import Place

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from locoia_pat.stores.formats import Form

_MAX_BYTES = 1024 * 1024
_NO_TEXT = re.compile("[\udc80-\udcff]")
"""What bytes that are no UTF-8 become."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
_PROOF = 1.0
"""Seconds for which a folder that took a file is proven to take another: many tokens at once need no try for each."""
_proven: dict[Path, float] = {}
"""Folders, and until when they are."""


class FileSink(Place):
    """A token file."""

    what = "file"
    elsewhere = "Name a file in a folder that exists and that you may write to."

    def __init__(self, path: str, key: Key = "current", *, form: Form | None = None, field: str = "token_to") -> None:
        """The file at *path*, of whose record *key* is read; *field* names the input in errors.

        Raises:
            InvalidError: the path leads nowhere: a user or a working folder that does not exist.
        """
        super().__init__(key, form=form, field=field)
        self._was: int | None = None
        """The mode of a file that others could read."""
        try:
            self.path = Path(os.path.abspath(Path(path).expanduser()))  # noqa: PTH100  # resolve() would follow links
        except (RuntimeError, OSError, ValueError):
            raise invalid("this path leads nowhere", field=field, hint="Write it out, beginning with /.") from None

    @property
    def ref(self) -> str:
        """The file as an absolute REF."""
        return f"file:{self.path}#current"

    @property
    def where(self) -> str:
        """The path."""
        return str(self.path)

    def _check(self) -> None:
        if self.path.is_symlink():
            raise invalid(f"{self.path} is a symbolic link", field=self._field, hint="Name the file that it points to.")

    def _alone(self) -> AbstractContextManager[None]:
        return turn(self.path)

    def _remove(self) -> bool:
        there = os.path.lexists(self.path)
        self.path.unlink(missing_ok=True)
        return there

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
        if _NO_TEXT.search(text.reveal()):
            raise ValueError("it is no text")
        return text

    def _rewritten(self) -> Record:
        folder = self.path.parent
        proven = _proven.get(folder, 0.0) > time.monotonic() and folder.is_dir()
        return Record() if proven and self._text() is None else super()._rewritten()

    def _write(self, text: Secret) -> None:
        folder = self.path.parent
        before = self.path.stat() if self.path.exists() else None
        if before is not None and before.st_mode & 0o077:
            self._was = stat.S_IMODE(before.st_mode)
        # One name for each file, so that what a killed process left behind is cleared away by the next.
        name = hashlib.sha256(os.fsencode(self.path.name)).hexdigest()[:16]
        temporary = folder / f".locoia-pat-{name}.tmp"
        try:
            with open(_opened(temporary), "wb") as file:  # a descriptor is no path
                file.write(text.reveal().encode())
                file.flush()
                os.fsync(file.fileno())
            _keep_owner(temporary, before)
            temporary.replace(self.path)
        except BaseException:
            _proven.pop(folder, None)
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        sync(folder)
        _proven[folder] = time.monotonic() + _PROOF

    def _warnings(self) -> Iterator[str]:
        """What the owner should know; it must not fail, for the token is stored."""
        with contextlib.suppress(OSError):
            mode = stat.S_IMODE(self.path.stat().st_mode)
            yield from [_CLOSED.format(self.path, self._was, mode)] if self._was and not mode & 0o077 else []
            yield from [_OPEN.format(self.path, mode)] if mode & 0o077 else []
            yield from [_UNIGNORED.format(self.path)] if _unignored(self.path) else []


_FOR_GIT = ("PATH", "HOME", "XDG_CONFIG_HOME", "USERPROFILE", "SYSTEMROOT", "TMPDIR", "TEMP")
"""A checkout may have Git start programs of its own, so it gets no variable that may hold a secret."""
_OPEN = "{} can be read by others (mode {:04o}): its file system keeps no modes, as on Windows"
_CLOSED = "{} was readable by others (mode {:04o}), and is its owner's alone now (mode {:04o})"
_UNIGNORED = "{} stands in a Git checkout and is not known to be ignored; add it to .gitignore"


def _opened(file: Path) -> int:
    """A new *file* that only its owner can read, in place of one that a killed process left behind."""
    try:
        return os.open(file, _NEW, 0o600)
    except FileExistsError:
        file.unlink(missing_ok=True)
        return os.open(file, _NEW, 0o600)


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


def sync(folder: Path) -> None:
    """Have what was renamed in *folder* on the disk."""
    with contextlib.suppress(PermissionError):  # a folder that may be written but not listed; any on Windows
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@lru_cache(maxsize=256)
def _checkout(folder: Path) -> tuple[Path, bool]:
    """*Folder* without links, and whether it is a Git checkout's."""
    real = folder.resolve()
    return real, any(os.path.lexists(parent / ".git") for parent in (real, *real.parents))


def _unignored(path: Path) -> bool:
    """Whether *path* stands in a Git checkout that is not known to ignore it."""
    folder, checkout = _checkout(path.parent)
    if not checkout:
        return False
    place = folder / path.name
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


class TextSink(FileSink):
    """A file that holds the bare token, for programs that read it so."""

    def __init__(self, path: str, *, field: str = "token_to") -> None:
        """The file at *path*."""
        super().__init__(path, form=Bare(), field=field)

    @property
    def ref(self) -> str:
        """The file as an absolute REF."""
        return f"text:{self.path}"


class EnvFileSink(FileSink):
    """One variable of a file such as ``.env``."""

    def __init__(self, place: str, *, field: str = "token_to") -> None:
        """The variable of *place*, written ``PATH#NAME``.

        Raises:
            InvalidError: no variable is named.
        """
        path, _, name = place.rpartition("#")
        if not path or not _NAME.fullmatch(name):
            raise invalid("a variable of a file is env-file:PATH#NAME", field=field)
        super().__init__(path, form=Variable(name), field=field)
        self._name = name

    @property
    def ref(self) -> str:
        """The variable as an absolute REF."""
        return f"env-file:{self.path}#{self._name}"

    def remove(self) -> bool:
        """Empty the variable; whether it held a token.

        Raises:
            InvalidError: that does not work.
        """
        there = self._tried(self.record, "cannot be read").current is not None
        if there:
            self._tried(lambda: self.keep(Record()), "cannot be written")
        return there
