"""The scopes of the API page, as data.

Source: https://docs.locoia.com/api/authentication-with-our-api, "Scopes".
"""

from __future__ import annotations

NAMES = ("automation", "company", "connector_auth", "connectors", "dashboard", "embed")

EXTENSIONS = ("manage", "view")
"""``manage`` is create, read and update; ``view`` is read; a scope without extension is all four."""

WEBHOOK_RUN = ("automation:webhook_run", "webhook_run")
"""Triggers webhook flows.  The page prints the extension without a colon and without an example, so both are known."""

ALL = (*(f"{name}{extension}" for name in NAMES for extension in ("", *(f":{e}" for e in EXTENSIONS))), *WEBHOOK_RUN)
