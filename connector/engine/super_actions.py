"""Super actions: code that stands above the engine, handed to it by name.

The engine knows no token, so it imports none of them: the package's face and the command say where they are.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from locoia_pat.outcomes import invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from locoia_pat.outcomes import Result

_offered: dict[str, str] = {}


def offer(package: str, names: Iterable[str]) -> None:
    """Offer *names*, each the ``run`` of the module of that name in *package*; they are loaded when they are run."""
    _offered.update({name: f"{package}.{name}" for name in names})


def find(name: str) -> Callable[..., Result]:
    """What runs the super action *name*: it takes a connector, the inputs and the places for tokens.

    Raises:
        InvalidError: there is none.

    """
    if name not in _offered:
        raise invalid(f"this package has no super action {name}", field="super", hint=f"It has {', '.join(_offered)}.")
    run: Any = import_module(_offered[name]).run
    return run  # type: ignore[no-any-return]  # by agreement
