"""What no readable page of Locoia's documentation says, and an Action cannot do without.

Pure, and the one place for it: whoever sees the real dialog changes this file.  What comes of it is marked *unverified*
wherever it is written.
"""

from __future__ import annotations

from typing import Any

KEY = "unverified"
"""The key of an action's file under which all of this stands."""

SLOTS = {"endpoint": "Endpoint", "query": "Query", "headers": "Headers", "body": "Body", "form": "Body"}
"""The parts of a request, and a likely label of the field for each."""

CALLED: dict[str, tuple[str, ...]] = {
    "endpoint": ("endpoint", "path", "url"),
    "query": ("query", "query_params", "params"),
    "headers": ("headers", "header"),
    "body": ("body", "body_template", "request_body"),
    "form": ("form",),
}
"""Keys under which a foreign action's file may hold them."""

RETRIEVE_ALL = "retrieve_all_data"
"""Whether the Action offers the documented switch "Retrieve all data"; how to say so is not documented."""

NOTE = (
    "Locoia's documentation shows no fields for the request of an Action. These are named by what they hold; look for "
    "the like in the dialog. That inputs are read there by their bare names, as in search and pagination, is likely."
)

MORE = """\
Likewise unverified are

- how an empty field of a form comes in: missing, `null` and an empty text are all taken for empty;
- whether Locoia quotes values in an endpoint as well: ids of letters, digits and hyphens are the same either way;
- what `jsonify` makes of a text or a number: JSON is assumed;
- how an Action says what is a success."""

REST_LABELS = {"method": "Method", "url": "URL", "query": "Query", "headers": "Headers", "body": "Body"}
"""Likely labels of the fields of a REST Helper step."""

IDENTIFIER_FIELD = "auth_details"
"""The field of ``auth_form`` that is likely read as ``{{identifier}}``: the other of the two that a Connector Auth has,
beside the ``auth_token`` that is read as ``{{token}}``."""

FORM = "form"
"""A reference for a Form Helper step, as in the documentation's own example; a step may be renamed to it."""


def endpoint(path: str) -> str:
    """The *path* as it follows a base domain that ends with a stroke.

    The documented pagination takes what stands before the first stroke of an ``endpoint`` for its first segment, so an
    endpoint begins with none.
    """
    return path.removeprefix("/")


def path(endpoint: str) -> str:
    """The path of an *endpoint*."""
    return "/" + endpoint.removeprefix("/")


def request_of(action: dict[str, Any]) -> dict[str, Any]:
    """The parts of the request in an *action* file, ours or another's, by our names."""
    inner = action.get(KEY)
    found = {**action, **inner} if isinstance(inner, dict) else action
    return {
        slot: next(found[key] for key in keys if found.get(key) is not None)
        for slot, keys in CALLED.items()
        if any(found.get(key) is not None for key in keys)
    }
