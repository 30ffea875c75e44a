"""``file:PATH``, ``text:PATH`` and ``env-file:PATH#NAME``: files that only their owner can read.

The first holds a token record, the second the bare token, the third one variable among others.
Every write is atomic and 0600 from birth (:func:`locoia_pat.files.write_atomic`), writers lock each other out, and
nothing is written through a symbolic link.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import subprocess
import time
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from locoia_pat.files import write_atomic
from locoia_pat.outcomes import invalid
from locoia_pat.secrets.secret import Secret
from locoia_pat.stores.formats import EnvVariable, PlainText
from locoia_pat.stores.lock import lock_file
from locoia_pat.stores.record import Key, Record
from locoia_pat.stores.record_store import RecordStore
from locoia_pat.stores.token_text import decode_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from locoia_pat.stores.formats import RecordFormat

_MAX_BYTES = 1024 * 1024
_LEAST_BYTES = 64 * 1024
"""Bytes to read of a file whose size is not known, as under /proc."""
_NOT_UTF8 = re.compile("[\udc80-\udcff]")
"""What ``surrogateescape`` makes of bytes that are not UTF-8."""
_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PROBE_LIFETIME = 1.0
"""Seconds for which a folder that took a file counts as probed: a bulk run need not probe it for each token."""
_probed_until: dict[Path, float] = {}
"""Probed folders, and until when they count as that."""


class FileStore(RecordStore):
    """A token file."""

    noun = "file"
    write_hint = "Name a file in a folder that exists and that you may write to."
    _decode = staticmethod(decode_text)

    def __init__(
        self, path: str, key: Key = "current", *, form: RecordFormat | None = None, field: str = "token_to"
    ) -> None:
        """Open the file at *path*; see :class:`RecordStore`.

        Raises:
            InvalidError: the path is under the home of an unknown user, or the working folder does not exist.
        """
        super().__init__(key, form=form, field=field)
        self._open_mode: int | None = None
        """The mode of a file that others could read, before it was replaced."""
        self._mode = 0
        """The mode of the file when it was last read."""
        try:
            expanded = Path(path).expanduser() if path.startswith("~") else path
            self.path = Path(os.path.abspath(expanded))  # noqa: PTH100  # resolve() would follow links
        except (RuntimeError, OSError, ValueError):
            raise invalid("this path cannot be resolved", field=field, hint="Use a path that begins with /.") from None
        self.ref = f"file:{self.path}#current"

    @property
    def label(self) -> str:
        """The path."""
        return str(self.path)

    def _check(self) -> None:
        if self.path.is_symlink():
            raise invalid(f"{self.path} is a symbolic link", field=self._field, hint="Name the file that it points to.")

    def check(self) -> None:
        """Check that the folder exists and may be written to; nothing is written.

        Raises:
            InvalidError: the file cannot be written.
        """
        super().check()
        self._translate_errors(self._check_folder, "is not writable")

    def _check_folder(self) -> None:
        folder = self.path.parent
        if not os.access(folder, os.W_OK | os.X_OK):
            code = errno.EACCES if folder.is_dir() else errno.ENOENT
            raise OSError(code, os.strerror(code))

    def _lock(self) -> AbstractContextManager[None]:
        return lock_file(self.path)

    def _delete(self) -> bool:
        existed = os.path.lexists(self.path)
        self.path.unlink(missing_ok=True)
        return existed

    def _load(self) -> Secret | None:
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)  # opening a pipe must not wait
        try:
            with open(os.open(self.path, flags), "rb", buffering=0) as file:  # noqa: PTH123  # a descriptor is not a path
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode):
                    raise OSError("it is not a regular file")
                text = self._decode(file.read(min(max(status.st_size, _LEAST_BYTES), _MAX_BYTES)))
                too_long = file.read(1) != b""
        except FileNotFoundError:
            return None
        self._mode = stat.S_IMODE(status.st_mode)
        if too_long:
            raise ValueError(f"it has more than {_MAX_BYTES} bytes")
        if _NOT_UTF8.search(text.reveal()):
            raise ValueError("it is not UTF-8 text")
        return text

    def _rewrite(self) -> Record:
        folder = self.path.parent
        probed = _probed_until.get(folder, 0.0) > time.monotonic() and folder.is_dir()
        return Record() if probed and self._load() is None else super()._rewrite()

    def _save(self, text: Secret) -> None:
        folder = self.path.parent
        try:
            replaced = write_atomic(self.path, text.reveal().encode())
        except BaseException:
            _probed_until.pop(folder, None)
            raise
        _probed_until[folder] = time.monotonic() + _PROBE_LIFETIME
        if replaced is not None and replaced.st_mode & 0o077:
            self._open_mode = stat.S_IMODE(replaced.st_mode)

    def _warnings(self) -> Iterator[str]:
        mode = self._mode
        if self._open_mode and not mode & 0o077:
            yield (
                f"{self.path} was readable by others (mode {self._open_mode:04o}); "
                f"now only its owner can read it (mode {mode:04o})"
            )
        if mode & 0o077:
            yield f"{self.path} can be read by others (mode {mode:04o}): its file system has no modes, as on Windows"
        with contextlib.suppress(OSError):  # the token is stored
            if _is_unignored(self.path):
                yield f"{self.path} is in a Git checkout and not known to be ignored; add it to .gitignore"


class TextFileStore(FileStore):
    """A file that holds the bare token."""

    def __init__(self, path: str, *, field: str = "token_to") -> None:
        """Open the file at *path*."""
        super().__init__(path, form=PlainText(), field=field)
        self.ref = f"text:{self.path}"


class EnvFileStore(FileStore):
    """One variable of a file such as ``.env``."""

    @staticmethod
    def _decode(raw: bytes) -> Secret:
        return Secret(raw.decode("utf-8", "surrogateescape"))  # with a byte order mark, which other readers see

    def __init__(self, place: str, *, field: str = "token_to") -> None:
        """Open the variable of *place*, written ``PATH#NAME``.

        Raises:
            InvalidError: no variable is named.
        """
        path, _, name = place.rpartition("#")
        if not path or not _VARIABLE_NAME.fullmatch(name):
            hint = "For example env-file:.env#CI_TOKEN."
            raise invalid("expected env-file:PATH#NAME, with the name of a variable", field=field, hint=hint)
        super().__init__(path, form=EnvVariable(name), field=field)
        self.ref = f"env-file:{self.path}#{name}"

    def remove(self) -> bool:
        """Empty the variable, and return whether it held a token.

        Raises:
            InvalidError: the file cannot be read or written.
        """
        holds_token = self._translate_errors(self._holds_token, "cannot be read")
        if holds_token:
            self._translate_errors(lambda: self.write_record(Record()), "cannot be written")
        return holds_token

    def _holds_token(self) -> bool:
        with self._lock():
            return self.record().current is not None


_GIT_VARIABLES = ("PATH", "HOME", "XDG_CONFIG_HOME", "USERPROFILE", "SYSTEMROOT", "TMPDIR", "TEMP")
"""All that Git gets: a checkout may have Git start programs of its own, which must not see a secret."""


@lru_cache(maxsize=256)
def _find_checkout(folder: Path) -> tuple[Path, bool]:
    """Return *folder* without links, and whether it is in a Git checkout."""
    real = folder.resolve()
    return real, any(os.path.lexists(parent / ".git") for parent in (real, *real.parents))


def _is_unignored(path: Path) -> bool:
    """Return whether *path* is in a Git checkout that is not known to ignore it."""
    folder, in_checkout = _find_checkout(path.parent)
    if not in_checkout:
        return False
    file = folder / path.name
    variables = {name: os.environ[name] for name in _GIT_VARIABLES if name in os.environ}
    try:
        done = subprocess.run(  # noqa: S603  # no shell, and the path follows "--"
            ["git", "-C", str(file.parent), "check-ignore", "--quiet", "--", str(file)],  # noqa: S607  # the user's
            check=False,
            capture_output=True,
            timeout=10,
            env=variables,
        )
    except (OSError, subprocess.TimeoutExpired):
        return True
    return done.returncode != 0
