"""What a Personal Access Token is: typed functions over the specs, and the API page's tables.

>>> from locoia_pat.actions import create_pat, list_pats, regenerate_pat

Names are loaded when they are first used (PEP 562), so importing the package costs nothing.
"""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from locoia_pat.actions.connector_auths import (
        create_connector_auth,
        delete_connector_auth,
        get_connector_auth,
        list_connector_auths,
        update_connector_auth,
    )
    from locoia_pat.actions.managed import ensure_pat, retire_pat, rotate_pat
    from locoia_pat.actions.models import ConnectorAuthEntry, ManagedToken, MintedToken, PersonalAccessToken
    from locoia_pat.actions.tokens import AuditFinding, audit_pats, create_pat, list_pats, regenerate_pat, revoke_pat

_MODULES = {
    "AuditFinding": "tokens",
    "ConnectorAuthEntry": "models",
    "ManagedToken": "models",
    "MintedToken": "models",
    "PersonalAccessToken": "models",
    "audit_pats": "tokens",
    "create_connector_auth": "connector_auths",
    "create_pat": "tokens",
    "delete_connector_auth": "connector_auths",
    "ensure_pat": "managed",
    "get_connector_auth": "connector_auths",
    "list_connector_auths": "connector_auths",
    "list_pats": "tokens",
    "regenerate_pat": "tokens",
    "retire_pat": "managed",
    "revoke_pat": "tokens",
    "rotate_pat": "managed",
    "update_connector_auth": "connector_auths",
}

__all__ = [
    "AuditFinding",
    "ConnectorAuthEntry",
    "ManagedToken",
    "MintedToken",
    "PersonalAccessToken",
    "audit_pats",
    "create_connector_auth",
    "create_pat",
    "delete_connector_auth",
    "ensure_pat",
    "get_connector_auth",
    "list_connector_auths",
    "list_pats",
    "regenerate_pat",
    "retire_pat",
    "revoke_pat",
    "rotate_pat",
    "update_connector_auth",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        if not name.startswith("_"):
            with suppress(ModuleNotFoundError):  # "from locoia_pat.actions import scopes" asks for the attribute first
                return import_module(f".{name}", __name__)
        from locoia_pat.messages import did_you_mean  # noqa: PLC0415  # for a mistake only
        from locoia_pat.spec.load import SpecFolder  # noqa: PLC0415  # as above

        instead = None if name.startswith("_") else SpecFolder().instead_of(name)
        hint = f". {instead}" if instead else did_you_mean(name, _MODULES)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}{hint}")
    value = globals()[name] = getattr(import_module(f".{_MODULES[name]}", __name__), name)
    return value
