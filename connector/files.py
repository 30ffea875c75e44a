"""Files of the user: atomic writes, and the folders for state, data and configuration."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import stat
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from locoia_pat.messages import closest
from locoia_pat.outcomes import invalid

if TYPE_CHECKING:
    from collections.abc import Iterator

_TEMPORARY = re.compile(r"\.locoia-pat-[0-9a-f]{16}\.tmp")
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_unflushed: ContextVar[set[Path] | None] = ContextVar("_unflushed", default=None)
"""The folders that the caller flushes; None if each file is flushed with its folder."""


def similar_file(path: str | os.PathLike[str]) -> str:
    """Return ``; did you mean FILE?`` for a file that is named almost like *path*, which is missing, or nothing."""
    wanted = Path(path)
    try:
        names = [entry.name for entry in wanted.parent.iterdir()]
    except (OSError, ValueError):
        return ""
    close = [name for name in names if name.startswith(f"{wanted.name}.")]
    close = close or [name for name in names if Path(name).stem == wanted.stem and wanted.suffix]
    found = close[0] if len(close) == 1 else closest(wanted.name, names)
    return f"; did you mean {wanted.with_name(found)}?" if found else ""


def read_text(path: str | os.PathLike[str], *, field: str, most: int = -1) -> str:
    """Return the text of a file that the user named, or its first *most* characters.

    Raises:
        InvalidError: it cannot be read, or is not UTF-8 text; *field* says where it was named.

    """
    try:
        with Path(path).open(encoding="utf-8") as file:
            return file.read(most)
    except UnicodeDecodeError:
        raise invalid(f"{path} is not UTF-8 text", field=field) from None
    except OSError as error:
        reason = f"{(error.strerror or '').lower()}{similar_file(path)}"
        raise invalid(f"{path} cannot be read: {reason}", field=field) from None


@contextlib.contextmanager
def flushing_folders_later() -> Iterator[set[Path]]:
    """Let the caller flush the folders of the files that this thread writes in the meantime, many files at once.

    Until then a file survives the end of the process, and perhaps not a loss of power.

    Yields:
        The folders to give to :func:`sync_folder`; each write adds its own.

    """
    folders: set[Path] = set()
    token = _unflushed.set(folders)
    try:
        yield folders
    finally:
        _unflushed.reset(token)


def write_atomic(path: Path, data: bytes, *, mode: int = 0o600) -> os.stat_result | None:
    """Write *data* to *path*, so that a reader finds the old content or the new, and never a part of it.

    The new file has its *mode* from birth, is flushed to the disk, and takes the place of the old one by one rename.
    It keeps the owner of the old file, and its mode where that is stricter. A symbolic link is replaced, not followed.
    Writers of one file must hold a lock: they share a temporary file, so that the next one removes what a kill left.

    Returns:
        The status of the file that was replaced; None if there was none.

    Raises:
        OSError: the file was not written; the old content is intact. ``PermissionError`` if the old owner would lose
            access, which only that owner and root may change.

    """
    replaced = path.stat() if path.exists() else None
    name = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]
    temporary = path.parent / f".locoia-pat-{name}.tmp"
    try:
        descriptor = _create(temporary, mode)
        try:
            left = memoryview(data)
            while left:
                left = left[os.write(descriptor, left) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if replaced is not None:
            _take_over(temporary, replaced, mode)
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    if (folders := _unflushed.get()) is None:
        sync_folder(path.parent)
    else:
        folders.add(path.parent)
    return replaced


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files that killed writers left in *folder*; its writers must be locked out."""
    with contextlib.suppress(OSError):  # a folder that may be written but not listed, or that does not exist
        for file in folder.iterdir():
            if _TEMPORARY.fullmatch(file.name):
                file.unlink()


def is_disk_full(error: OSError) -> bool:
    """Return whether *error* says that no space is left, on the disk or of the user's quota."""
    return error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))


def sync_folder(folder: Path) -> None:
    """Flush renames in *folder* to the disk."""
    with contextlib.suppress(PermissionError):  # a folder that may be written but not listed; any folder on Windows
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def user_folder(kind: Literal["cache", "config", "data", "state"]) -> Path:
    """Return our folder for the user's files of that *kind*, which may not exist yet.

    On Linux it is ``~/.cache/locoia-pat``, ``~/.config/locoia-pat``, ``~/.local/share/locoia-pat`` or
    ``~/.local/state/locoia-pat``, or where ``XDG_CACHE_HOME``, ``XDG_CONFIG_HOME``, ``XDG_DATA_HOME`` and
    ``XDG_STATE_HOME`` say.
    """
    from platformdirs import PlatformDirs  # noqa: PLC0415  # not needed where the folder is named

    return Path(getattr(PlatformDirs("locoia-pat", appauthor=False), f"user_{kind}_dir"))


def _create(file: Path, mode: int) -> int:
    """Create *file*, in place of one that a killed process left behind."""
    try:
        return os.open(file, _CREATE, mode)
    except FileExistsError:
        file.unlink(missing_ok=True)
        return os.open(file, _CREATE, mode)


def _take_over(file: Path, replaced: os.stat_result, mode: int) -> None:
    """Give *file* the owner of the file it replaces, and a stricter mode if that had one."""
    if file.stat().st_uid != replaced.st_uid:
        os.chown(file, replaced.st_uid, replaced.st_gid)
    file.chmod(mode & stat.S_IMODE(replaced.st_mode))
