"""Files as the bytes of an archive, and back: a zip whose entries are stored, in one form only.

Pure.  The same files are the same bytes everywhere.  What is read must be the very bytes that would be written, so
nothing can hide in an archive: not between its entries, not in their heads, not behind its end.
"""

from __future__ import annotations

import io
import re
import stat
import zipfile
from typing import TYPE_CHECKING

from locoia_pat.authoring.packs.content import MANIFEST, MAX_ALL, MAX_FILE, MAX_FILES
from locoia_pat.messages import describe_value
from locoia_pat.outcomes import InvalidError, invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_ARCHIVE = MAX_ALL + MAX_FILE + 512 * (MAX_FILES + 1)
"""Bytes that an archive may have: its files, its manifest, and the heads of all."""
_ENCRYPTED = 0x1 | 0x40
_UNIX = 3
_WHEN = (1980, 1, 1, 0, 0, 0)
"""The first day that a zip can tell, for the day of an archive is no part of what it is."""
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}(?:/[A-Za-z0-9_.-]{1,100}){0,3}")


def packed(files: Mapping[str, bytes]) -> bytes:
    """*Files* as an archive: the manifest first, then the others by their names."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files, key=lambda name: (name != MANIFEST, name)):
            entry = zipfile.ZipInfo(name, _WHEN)
            entry.create_system = _UNIX
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            archive.writestr(entry, files[name])
    return target.getvalue()


def unpacked(data: bytes) -> dict[str, bytes]:
    """The files of the archive *data*.

    Raises:
        InvalidError: it is no archive, or another one than :func:`packed` makes.

    """
    if len(data) > MAX_ARCHIVE:
        raise invalid(f"has more than {MAX_ARCHIVE} bytes", field="pack")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            _refuse(entries, len(data))
            files = {entry.filename: archive.read(entry) for entry in entries}
    except InvalidError:
        raise
    except Exception as error:  # noqa: BLE001  # zipfile has many ways to say that bytes are no archive
        raise invalid(f"is no whole zip archive: {_words(error)}", field="pack") from None
    if packed(files) != data:
        raise invalid(
            "holds something beside its files, or is not written as packs are",
            field="pack",
            hint="locoia-pat pack build writes one.",
        )
    return files


def _refuse(entries: list[zipfile.ZipInfo], size: int) -> None:
    """Refuse *entries* that cannot be those of a pack, before one of them is read."""
    if len(entries) > MAX_FILES + 1:
        raise invalid(f"has {len(entries)} files, and a pack at most {MAX_FILES}", field="pack")
    seen: dict[str, str] = {}
    for entry in entries:
        name = entry.orig_filename  # as it stands there; the other is cut at a zero byte
        if not _NAME.fullmatch(name) or {"..", "."} & {*name.split("/")}:
            raise invalid(f"holds a file called {_plain(name)}, which is no name within a pack", field="pack")
        if (other := seen.get(name.casefold())) is not None:
            told = f"{name} twice" if other == name else f"{other} and {name}, which are one file on some computers"
            raise invalid(f"holds {told}", field="pack")
        seen[name.casefold()] = name
        if why := _mistake(entry):
            raise invalid(f"holds {name}, which {why}", field="pack")
    if sum(entry.file_size for entry in entries) > size:
        raise invalid("says that its files are larger than all of it", field="pack")


def _mistake(entry: zipfile.ZipInfo) -> str | None:
    mode = entry.external_attr >> 16
    if entry.flag_bits & _ENCRYPTED:
        return "is encrypted"
    if stat.S_ISLNK(mode):
        return "is a link"
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return "is no file"
    if mode & 0o111:
        return "is marked as a program, and a pack holds none"
    if entry.compress_type != zipfile.ZIP_STORED:
        return "is compressed; in a pack files stand as they are"
    if max(entry.file_size, entry.compress_size) > MAX_FILE:
        return f"has more than {MAX_FILE} bytes"
    return None


def _plain(name: str) -> str:
    return describe_value(name) if name.isprintable() else f"by {len(name)} characters, not all of which can be seen"


def _words(error: Exception) -> str:
    words = str(error)
    return words if words.isascii() and words.isprintable() and len(words) <= 100 else type(error).__name__
