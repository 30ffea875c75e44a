"""Files as the bytes of a zip archive, and back; the entries are stored, in one form only.

The same files give the same bytes everywhere.  The bytes that are read must be exactly those that would be written, so
nothing can hide in an archive: not between its entries, in their headers, or after its end.
"""

from __future__ import annotations

import io
import re
import stat
import zipfile
from typing import TYPE_CHECKING

from locoia_pat.authoring.packs.content import MANIFEST, MAX_FILE_SIZE, MAX_FILES, MAX_TOTAL_SIZE
from locoia_pat.messages import describe_value
from locoia_pat.outcomes import InvalidError, invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_ARCHIVE_SIZE = MAX_TOTAL_SIZE + MAX_FILE_SIZE + 512 * (MAX_FILES + 1)
"""Maximum size of an archive in bytes: its files, its manifest, and the headers of all."""
_ENCRYPTED = 0x1 | 0x40
_UNIX = 3
_DATE = (1980, 1, 1, 0, 0, 0)
"""The earliest date of the zip format; the date of an archive is no part of its content."""
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}(?:/[A-Za-z0-9_.-]{1,100}){0,3}")


def write_archive(files: Mapping[str, bytes]) -> bytes:
    """Return *files* as an archive: the manifest first, then the others by name."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files, key=lambda name: (name != MANIFEST, name)):
            entry = zipfile.ZipInfo(name, _DATE)
            entry.create_system = _UNIX
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            archive.writestr(entry, files[name])
    return target.getvalue()


def folder_in_memory(files: Mapping[str, bytes], name: str) -> zipfile.Path:
    """Return *files* as a folder that specs can be read from; messages call it *name*."""
    archive = zipfile.ZipFile(io.BytesIO(write_archive(files)))
    archive.filename = name
    return zipfile.Path(archive)


def read_archive(data: bytes) -> dict[str, bytes]:
    """Return the files of the archive *data*.

    Raises:
        InvalidError: it is not an archive that :func:`write_archive` writes.

    """
    if len(data) > MAX_ARCHIVE_SIZE:
        raise invalid(f"has more than {MAX_ARCHIVE_SIZE} bytes", field="pack")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            _check_entries(entries, len(data))
            files = {entry.filename: archive.read(entry) for entry in entries}
    except InvalidError:
        raise
    except Exception as error:  # noqa: BLE001  # zipfile raises many kinds of errors on bytes that are no archive
        raise invalid(f"is not a complete zip archive: {_reason(error)}", field="pack") from None
    if write_archive(files) != data:
        raise invalid(
            "holds something besides its files, or is not written as packs are",
            field="pack",
            hint="Packs are written by locoia-pat pack build.",
        )
    return files


def _check_entries(entries: list[zipfile.ZipInfo], size: int) -> None:
    """Check the *entries* of an archive of *size* bytes before any of them is read."""
    if len(entries) > MAX_FILES + 1:
        raise invalid(f"has {len(entries)} files; a pack has at most {MAX_FILES}", field="pack")
    names: dict[str, str] = {}
    for entry in entries:
        name = entry.orig_filename  # as it is in the archive; entry.filename is cut at a zero byte
        if not _NAME.fullmatch(name) or {"..", "."} & {*name.split("/")}:
            shown = describe_value(name) if name.isprintable() else f"of {len(name)} characters, some not printable"
            raise invalid(f"holds a file with an invalid name: {shown}", field="pack")
        if (other := names.get(name.casefold())) is not None:
            both = f"{name} twice" if other == name else f"{other} and {name}, which are one file on some computers"
            raise invalid(f"holds {both}", field="pack")
        names[name.casefold()] = name
        if reason := _why_refused(entry):
            raise invalid(f"holds {name}, which {reason}", field="pack")
    if sum(entry.file_size for entry in entries) > size:
        raise invalid("declares files that are larger than the archive", field="pack")


def _why_refused(entry: zipfile.ZipInfo) -> str | None:
    mode = entry.external_attr >> 16
    if entry.flag_bits & _ENCRYPTED:
        return "is encrypted"
    if stat.S_ISLNK(mode):
        return "is a link"
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return "is not a regular file"
    if mode & 0o111:
        return "is marked as executable"
    if entry.compress_type != zipfile.ZIP_STORED:
        return "is compressed; the files of a pack are stored uncompressed"
    if max(entry.file_size, entry.compress_size) > MAX_FILE_SIZE:
        return f"has more than {MAX_FILE_SIZE} bytes"
    return None


def _reason(error: Exception) -> str:
    message = str(error)
    return message if message.isascii() and message.isprintable() and len(message) <= 100 else type(error).__name__
