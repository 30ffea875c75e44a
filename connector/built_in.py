"""The code above the engine that specs and store references name.

The engine knows no token API, so it names this code as strings and imports it when it is first used.
"""

from __future__ import annotations

SUPER_ACTIONS = {
    "ensure_pat": "locoia_pat.actions.managed:run_ensure_pat",
    "rotate_pat": "locoia_pat.actions.managed:run_rotate_pat",
    "retire_pat": "locoia_pat.actions.managed:run_retire_pat",
    "revoke_pat": "locoia_pat.actions.tokens:run_revoke_pat",
    "audit_pats": "locoia_pat.actions.tokens:run_audit_pats",
}
"""By the name in a spec's ``super``: a function of a connector and checked inputs that returns a Result."""

PLATFORM_STORES = {
    "connector-auth": "locoia_pat.actions.connector_auth:open_store",
    "action": "locoia_pat.action_store:open_store",
}
"""By scheme: what opens a token store that is written through an API, by the actions of a connector."""

READABLE_PLATFORM_STORES = {"action"}
"""Those that need no connector that is in use, and may be readable."""
