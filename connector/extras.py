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
        next=install_command(extra),
    )


def install_command(extra: str, *, upgrade: bool = False) -> str:
    """Return the command that installs *extra* from the source of this package: an index, a URL, a clone or a wheel."""
    import json  # noqa: PLC0415  # here and below: needed only when something is missing
    import shlex  # noqa: PLC0415
    from urllib.parse import unquote  # noqa: PLC0415

    origin = json.loads(_origin() or "{}")
    scheme, _, path = origin.get("url", "").partition("://")
    editable = "-e " if origin.get("dir_info", {}).get("editable") else ""
    if scheme == "file":
        source = f"{unquote(path)}[{extra}]"
    else:
        kind = origin.get("vcs_info", {}).get("vcs")
        source = f"locoia-pat[{extra}]" + (f" @ {f'{kind}+' if kind else ''}{origin['url']}" if scheme else "")
    return f"pip install {'--upgrade ' if upgrade else ''}{editable}{shlex.quote(source)}"


def _origin() -> str | None:
    """Return ``direct_url.json`` (PEP 610), the source of a package that was not installed from an index, or None."""
    from importlib import metadata  # noqa: PLC0415

    found = metadata.distributions(name="locoia-pat")  # in a clone, also the one that setuptools leaves there
    return next(filter(None, (each.read_text("direct_url.json") for each in found)), None)
