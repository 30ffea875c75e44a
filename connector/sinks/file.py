"""``file:PATH``: our record in a file that only its owner can read.

Every write is a new file, 0600 from birth, written whole, flushed to disk and put in place by one rename, so a reader
finds the old record or the new one, and nothing in between.  Symbolic links are not written through.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import invalid
from ..secret import Secret
from .record import Key, Record, parse

if TYPE_CHECKING:
    from .sink import Entry

_MAX_BYTES = 1024 * 1024


class FileSink:
    """A token file."""

    def __init__(self, path: str, key: str = "current") -> None:
        self.path = Path(os.path.abspath(Path(path).expanduser()))  # noqa: PTH100  # resolve() would follow links
        self._key: Key = key  # type: ignore[assignment]  # one of three, by the REF's reader

    @property
    def ref(self) -> str:
        """The file as an absolute REF."""
        return f"file:{self.path}#current"

    def read(self) -> Secret:
        """The token under the REF's key.

        Raises:
            InvalidError: the file holds none.
        """
        try:
            entry: Entry | None = getattr(self._record(), self._key)
        except (OSError, ValueError) as error:
            raise invalid(f"{self.path} cannot be read: {_words(error)}", field="auth") from None
        if entry is None:
            raise invalid(f"{self.path} holds no {self._key} token", field="auth")
        return entry.token

    def probe(self) -> Entry | None:
        """Write what stands there once more, in the very way a token will be written.

        Raises:
            InvalidError: that does not work; nothing is changed.
        """
        if self._key != "current":
            raise invalid(f"a new token becomes #current, not #{self._key}", field="token_to")
        try:
            if self.path.is_symlink():
                raise invalid(
                    f"{self.path} is a symbolic link", field="token_to", hint="Name the file that it points to."
                )
            text = self._text()
            record = parse(text) if text else Record()
            self._write(text or record.to_text())
            if text is None:
                self.path.unlink()
        except (OSError, ValueError) as error:
            raise invalid(
                f"{self.path} cannot take a token: {_words(error)}",
                field="token_to",
                hint="Name a file in a folder that exists and that you may write to.",
            ) from None
        return record.current

    def store(self, entry: Entry, *, api: str, keep_previous: bool) -> tuple[str, ...]:
        """Make *entry* the current token, and read it back.

        Raises:
            OSError: the file does not hold it now.
        """
        try:
            record = self._record()
        except (FileNotFoundError, ValueError):
            record = Record()
        self._write(record.promote(entry, api=api, keep_previous=keep_previous).to_text())
        stored = self._record().current
        if stored is None or stored.token != entry.token:
            raise OSError("the file holds something else than what was written")
        return tuple(self._warnings())

    def _record(self) -> Record:
        text = self._text()
        if text is None:
            raise FileNotFoundError(2, "there is no such file")
        return parse(text)

    def _text(self) -> Secret | None:
        try:
            with self.path.open("rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise OSError("it is no regular file")
                return Secret(file.read(_MAX_BYTES).decode())
        except FileNotFoundError:
            return None
        except UnicodeDecodeError:
            raise ValueError("it is no text") from None

    def _write(self, text: Secret) -> None:
        mode = 0o600
        with contextlib.suppress(FileNotFoundError):
            mode &= self.path.stat().st_mode  # a stricter mode stays
        temporary = self.path.with_name(f".{self.path.name[:200]}.{secrets.token_hex(8)}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
        descriptor = os.open(temporary, flags, 0o600)
        try:
            with open(descriptor, "wb") as file:  # noqa: PTH123  # a descriptor is no path
                file.write(text.reveal().encode())
                file.flush()
                os.fsync(file.fileno())
            temporary.chmod(mode)
            temporary.replace(self.path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(self.path.parent)

    def _warnings(self) -> list[str]:
        warnings = []
        if os.name == "nt":
            warnings.append(f"{self.path} is as readable as its folder: this system knows no file modes")
        if _unignored(self.path):
            warnings.append(f"{self.path} stands in a Git checkout and is not ignored; add it to .gitignore")
        return warnings


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return  # a folder cannot be opened there
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unignored(path: Path) -> bool:
    """Whether *path* stands in a Git checkout that would take it into a commit."""
    if not any((folder / ".git").exists() for folder in path.parents):
        return False
    try:
        answer = subprocess.run(  # noqa: S603  # no shell, and the path follows "--"
            ["git", "-C", str(path.parent), "check-ignore", "--quiet", "--", str(path)],  # noqa: S607  # the user's git
            check=False,
            capture_output=True,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return True
    return answer.returncode == 1


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error)
