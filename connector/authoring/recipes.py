"""Recipes: pages and Arazzo documents in the folder ``recipes/`` next to specs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from locoia_pat.spec.load import SpecFolder

FOLDER = "recipes"
ARAZZO = ".arazzo.yaml"
PAGE = ".md"


def texts(folder: SpecFolder, suffix: str) -> dict[str, str]:
    """Return the recipes of *folder* whose names end with *suffix*, by their path below it.

    Raises:
        InvalidError: a recipe cannot be read.

    """
    path = folder.folder / FOLDER
    names = sorted(entry.name for entry in path.iterdir() if entry.name.endswith(suffix)) if path.is_dir() else []
    return {f"{FOLDER}/{name}": folder.text(f"{FOLDER}/{name}")[0] for name in names}


def names(folder: SpecFolder) -> list[str]:
    """Return the names of the recipes of *folder* that can be run."""
    return [path.removeprefix(f"{FOLDER}/").removesuffix(ARAZZO) for path in texts(folder, ARAZZO)]
