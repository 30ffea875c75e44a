"""What a Personal Access Token is: typed functions over the specs, and the API page's tables.

>>> from locoia_pat.actions import create_pat, list_pats, regenerate_pat

Names are loaded when they are first used (PEP 562), so importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from locoia_pat.actions.managed import ensure_pat, retire_pat, rotate_pat
    from locoia_pat.actions.models import ManagedToken, MintedToken, PersonalAccessToken
    from locoia_pat.actions.tokens import audit_pats, create_pat, list_pats, regenerate_pat, revoke_pat

_MODULES = {
    "ManagedToken": "models",
    "MintedToken": "models",
    "PersonalAccessToken": "models",
    "audit_pats": "tokens",
    "create_pat": "tokens",
    "ensure_pat": "managed",
    "list_pats": "tokens",
    "regenerate_pat": "tokens",
    "retire_pat": "managed",
    "revoke_pat": "tokens",
    "rotate_pat": "managed",
}

__all__ = [
    "ManagedToken",
    "MintedToken",
    "PersonalAccessToken",
    "audit_pats",
    "create_pat",
    "ensure_pat",
    "list_pats",
    "regenerate_pat",
    "retire_pat",
    "revoke_pat",
    "rotate_pat",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{_MODULES[name]}", __name__), name)
    return value
