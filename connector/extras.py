"""Imports of optional dependencies."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from locoia_pat.outcomes import invalid

if TYPE_CHECKING:
    from types import ModuleType


def import_extra(module: str, extra: str, *, otherwise: str = "") -> ModuleType:
    """Import *module*, which needs the optional dependencies of *extra*; *otherwise* is what helps without them.

    Raises:
        InvalidError: they are not installed; the error says how to install them.

    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        missing = error.name
    raise invalid(
        f"{missing} is not installed",
        hint=f"It comes with the extra {extra}.{otherwise and f' {otherwise}'}",
        next=f"pip install 'locoia-pat[{extra}]'",
    )
