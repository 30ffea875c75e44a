"""Extras: what is installed beside the core, and how to install what is not."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from locoia_pat.outcomes import invalid

if TYPE_CHECKING:
    from types import ModuleType


def import_extra(module: str, extra: str) -> ModuleType:
    """The *module* of ours that needs what *extra* installs.

    Raises:
        InvalidError: it is not installed; the error says the line that installs it.

    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        missing = error.name
    raise invalid(
        f"{missing} is not installed",
        hint=f"It comes with the extra {extra}.",
        next=f"pip install 'locoia-pat[{extra}]'",
    )
