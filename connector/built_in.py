"""The code above the engine that specs and store references name.

The engine knows no token API, so it names this code as strings and imports it when it is first used.
"""

from __future__ import annotations

SUPER_ACTIONS = {
    "ensure_pat": "locoia_pat.actions.ensure_pat:run",
    "rotate_pat": "locoia_pat.actions.rotate_pat:run",
    "retire_pat": "locoia_pat.actions.retire_pat:run",
    "revoke_pat": "locoia_pat.actions.revoke_pat:run",
    "audit_pats": "locoia_pat.actions.audit_pats:run",
}
"""By the name in a spec's ``super``: a function of a connector and checked inputs that returns a Result."""

PLATFORM_STORES = {"connector-auth": "locoia_pat.actions.connector_auth:open_sink"}
"""By scheme: what opens a token store that is an entity of the platform and is written through its API."""
