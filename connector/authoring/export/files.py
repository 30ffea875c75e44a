"""Files into a folder: all of them or none, and never over what somebody else wrote.

A folder that an export filled says so in a file of its own, with a checksum of each: so a later export of the same kind
replaces what the first one wrote, takes away what is no longer there, and touches nothing that was changed by hand.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from locoia_pat.messages import join_names
from locoia_pat.outcomes import invalid
from locoia_pat.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MANIFEST = ".locoia-pat-export.json"
_V = 1


def export(texts: Mapping[str, str], folder: Path, kind: str) -> list[Path]:
    """Write *texts*, an export of *kind*, into *folder*: a new or empty one, or one that such an export filled.

    Raises:
        InvalidError: something else stands there, or it cannot be written; nothing was changed then.

    """
    earlier = _earlier(folder, kind)
    changed = [path for path, digest in earlier.items() if _digest_of(folder / path) not in (digest, None)]
    taken = [path for path in texts if path not in earlier and _exists(folder / path)]
    if changed or taken:
        raise invalid(
            f"{folder} has files that the last export did not leave so: {join_names([*changed, *taken])}",
            field="out",
            hint="They are not overwritten: move them away, or name another folder with --out.",
        )
    written = place({**texts, MANIFEST: _manifest(texts, kind)}, folder)
    for path in earlier.keys() - texts.keys():
        with suppress(OSError):  # one that stays is none of this export's, and harms nothing
            (folder / path).unlink()
    return [path for path in written if path.name != MANIFEST]


def new(texts: Mapping[str, str], folder: Path) -> list[Path]:
    """Write *texts* into *folder*, where none of them may stand yet.

    Raises:
        InvalidError: one stands there, or the folder cannot be written; nothing was changed then.

    """
    for path in texts:
        if _exists(folder / path):
            raise invalid(f"{folder / path} is there already", field="out", hint="Name another folder with --out.")
    return place(texts, folder)


def place(texts: Mapping[str, str], folder: Path) -> list[Path]:
    """Write *texts* into *folder*, over what is there: each is written whole beside its place before the first moves.

    Raises:
        InvalidError: the folder cannot be written; nothing was changed then.

    """
    staged: dict[Path, Path] = {}
    made: list[Path] = []
    try:
        for path in texts:
            if (folder / path).is_dir():
                raise IsADirectoryError(None, "a folder stands in the place of a file")
        for path, text in texts.items():
            target = folder / path
            made += _folders(target.parent)
            staged[target] = target.with_name(f".{target.name}.{os.getpid()}.new")
            staged[target].write_text(text, encoding="utf-8", newline="\n")
        for target, fresh in staged.items():
            fresh.replace(target)
    except OSError as error:
        _undo(staged.values(), made)
        raise invalid(f"{folder} cannot be written: {error.strerror}", field="out") from None
    return list(staged)


def _folders(folder: Path) -> list[Path]:
    """Make *folder*; gives those that were made, the innermost last."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()][::-1]
    folder.mkdir(parents=True, exist_ok=True)
    return missing


def _undo(staged: Iterable[Path], made: Iterable[Path]) -> None:
    for path in staged:
        with suppress(OSError):
            path.unlink()
    for path in reversed(list(made)):
        with suppress(OSError):
            path.rmdir()


def _earlier(folder: Path, kind: str) -> dict[str, str]:
    """What an earlier export of *kind* wrote into *folder*; nothing where there was none."""
    try:
        names = {entry.name for entry in folder.iterdir()}
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise invalid(f"{folder} is no folder to write to: {error.strerror}", field="out") from None
    if not names:
        return {}
    found = _read(folder / MANIFEST)
    if found is None or found.get("export") != kind:
        was = f" of the kind {found['export']}" if found else ""
        told = f"holds an export{was}" if found else "is not empty, and no export filled it"
        raise invalid(f"{folder} {told}", field="out", hint="Name another folder with --out.")
    files: dict[str, str] = found["files"]
    return files


def _read(manifest: Path) -> dict[str, Any] | None:
    """A manifest of ours; None where there is none."""
    try:
        found = json.loads(manifest.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or found.get("v") != _V or not isinstance(found.get("export"), str):
        return None
    files = found.get("files")
    safe = isinstance(files, dict) and all(_is_inside(path) and isinstance(d, str) for path, d in files.items())
    return found if safe else None


def _is_inside(path: str) -> bool:
    parts = Path(path)
    return not parts.is_absolute() and ".." not in parts.parts


def _manifest(texts: Mapping[str, str], kind: str) -> str:
    files = {path: hashlib.sha256(text.encode()).hexdigest() for path, text in sorted(texts.items())}
    told = {"v": _V, "export": kind, "by": f"locoia-pat {VERSION}", "files": files}
    return json.dumps(told, indent=1) + "\n"


def _digest_of(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def _exists(path: Path) -> bool:
    return os.path.lexists(path)
