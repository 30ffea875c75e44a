"""Recipes: what a folder of specs has in ``recipes/`` beside them, each a page and an Arazzo document."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from locoia_pat.spec.load import SpecFolder

FOLDER = "recipes"
ARAZZO = ".arazzo.yaml"
PAGE = ".md"


def texts(folder: SpecFolder, suffix: str) -> dict[str, str]:
    """The recipes of *folder* that end with *suffix*, by their path below it; none where it has none.

    Raises:
        InvalidError: one cannot be read.

    """
    place = folder.folder / FOLDER
    names = sorted(entry.name for entry in place.iterdir() if entry.name.endswith(suffix)) if place.is_dir() else []
    return {f"{FOLDER}/{name}": folder.text(f"{FOLDER}/{name}")[0] for name in names}
