"""Write files into a folder: all of them or none, and never over a file that someone else wrote or changed.

An export leaves a manifest with the checksum of each file.  A later export of the same kind replaces the folder's
content, but only if every file in it is one of the manifest and unchanged.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from locoia_pat.messages import describe_value, join_names
from locoia_pat.outcomes import invalid
from locoia_pat.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping

MANIFEST = ".locoia-pat-export.json"
_OTHER_FOLDER = "Name another folder with --out."


def write_export(texts: Mapping[str, str], folder: Path, kind: str) -> list[Path]:
    """Write an export into a folder that is new, empty, or holds an unchanged export of the same kind.

    Args:
        texts: the text of each file, by its path below *folder*.
        folder: the folder.
        kind: the kind of the export.

    Returns:
        The paths of the files.

    Raises:
        InvalidError: the folder holds other files, or cannot be written; nothing was changed.

    """
    _check_unchanged(folder, kind)
    checksums = {path: _checksum(text.encode()) for path, text in sorted(texts.items())}
    manifest = {"export": kind, "by": f"locoia-pat {VERSION}", "files": checksums}
    _write({**texts, MANIFEST: json.dumps(manifest, indent=1) + "\n"}, folder, replace=True)
    return [folder / path for path in texts]


def write_new(texts: Mapping[str, str], folder: Path) -> list[Path]:
    """Write *texts* into *folder*, which must not hold any of the files yet; returns their paths.

    Raises:
        InvalidError: one of the files exists, or the folder cannot be written; nothing was changed.

    """
    for path in texts:
        if os.path.lexists(folder / path):
            raise invalid(f"{folder / path} already exists", field="out", hint=_OTHER_FOLDER)
    _write(texts, folder, replace=False)
    return [folder / path for path in texts]


def _write(texts: Mapping[str, str], folder: Path, *, replace: bool) -> None:
    """Write all files into a temporary folder, and only then move them into *folder*."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".new-", dir=folder) as temporary:
            staged = Path(temporary)
            for path, text in texts.items():
                (staged / path).parent.mkdir(parents=True, exist_ok=True)
                (staged / path).write_text(text, encoding="utf-8", newline="\n")
            replaced = staged / ".replaced"
            replaced.mkdir()
            for entry in [entry for entry in folder.iterdir() if entry.name != staged.name] if replace else []:
                entry.rename(replaced / entry.name)
            for entry in [entry for entry in staged.iterdir() if entry != replaced]:
                entry.rename(folder / entry.name)
    except OSError as error:
        raise invalid(f"{folder} cannot be written: {error.strerror}", field="out") from None


def _check_unchanged(folder: Path, kind: str) -> None:
    """Check that *folder* is new or empty, or holds what an export of *kind* wrote and nothing else."""
    files = [path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()]
    if not files:
        return
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        checksums, written_kind = dict(manifest["files"]), manifest["export"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        raise invalid(f"{folder} is not empty, and no export wrote it", field="out", hint=_OTHER_FOLDER) from None
    if written_kind != kind:
        shown = describe_value(written_kind)
        raise invalid(f"{folder} holds an export of the kind {shown}", field="out", hint=_OTHER_FOLDER)
    names = {path.relative_to(folder).as_posix(): path for path in files if path != folder / MANIFEST}
    changed = [
        name for name, path in names.items() if path.is_symlink() or checksums.get(name) != _checksum(path.read_bytes())
    ]
    if changed:
        raise invalid(
            f"{folder} has files that were changed or added since the last export: {join_names(sorted(changed))}",
            field="out",
            hint=f"They are not overwritten: move them away. Or: {_OTHER_FOLDER}",
        )


def _checksum(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
