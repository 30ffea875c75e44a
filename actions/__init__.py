"""What a Personal Access Token is: typed functions over the specs, and the API page's tables.

>>> from locoia_pat.actions import create_pat, list_pats, regenerate_pat
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from locoia_pat.actions.create_pat import create_pat
from locoia_pat.actions.list_pats import list_pats
from locoia_pat.actions.regenerate_pat import regenerate_pat

if TYPE_CHECKING:
    from locoia_pat.actions.audit_pats import audit_pats
    from locoia_pat.actions.ensure_pat import ensure_pat
    from locoia_pat.actions.models import ManagedToken, MintedToken, PersonalAccessToken
    from locoia_pat.actions.retire_pat import retire_pat
    from locoia_pat.actions.revoke_pat import revoke_pat
    from locoia_pat.actions.rotate_pat import rotate_pat

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

_MODELS = ("ManagedToken", "MintedToken", "PersonalAccessToken")


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{'models' if name in _MODELS else name}", __name__), name)
    globals()[name] = value  # an action has the name of its module, which an import would leave here
    return value
