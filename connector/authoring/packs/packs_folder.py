"""The folder of the installed packs, without loading what reads it."""

from __future__ import annotations

import os
from pathlib import Path

from locoia_pat.files import user_folder
from locoia_pat.outcomes import invalid

FOLDER_VARIABLE = "LOCOIA_PAT_PACKS"
LOCK_FILE = "lock.json"


def packs_folder(folder: str | os.PathLike[str] | None = None) -> Path:
    """Return *folder*, by default that of ``LOCOIA_PAT_PACKS``, else a folder in the user's data folder.

    Raises:
        InvalidError: the path is invalid.
    """
    try:
        return Path(folder or os.environ.get(FOLDER_VARIABLE) or user_folder("data") / "packs").expanduser().absolute()
    except (RuntimeError, OSError):
        raise invalid(
            "the folder of packs is not a valid path", field="packs", hint=f"Set {FOLDER_VARIABLE}."
        ) from None
