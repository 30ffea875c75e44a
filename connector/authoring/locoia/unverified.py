"""What an Action needs and no page of Locoia's documentation shows.

All of it is in this module: once the real dialog is known, change it here.  It is marked *unverified* wherever it is
written.
"""

from __future__ import annotations

KEY = "unverified"
"""The key of an action's file that holds all of this."""

SLOTS = {"endpoint": "Endpoint", "query": "Query", "headers": "Headers", "body": "Body", "form": "Body"}
"""The parts of a request, and a likely label of the field for each."""

RETRIEVE_ALL = "retrieve_all_data"
"""Whether the Action offers the documented switch "Retrieve all data"; how to say so is not documented."""

NOTE = (
    "Locoia's documentation shows no fields for the request of an Action. These are named by what they hold; look for "
    "similar fields in the dialog. It is likely that inputs are read there by their bare names, as in search and "
    "pagination."
)

MORE = """\
Also unverified:

- how an empty field of a form is passed on: a missing value, `null` and an empty string are all taken as empty;
- whether Locoia quotes values in an endpoint as well: ids of letters, digits and hyphens are the same either way;
- what `jsonify` makes of a string or a number: JSON is assumed;
- how an Action declares which responses are successes."""

REST_LABELS = {
    "method": "Method",
    "url": "URL",
    "query": "Query",
    "headers": "Headers",
    "body": "Body",
    "form": "Body",
}
"""Likely labels of the fields of a REST Helper step."""

IDENTIFIER_FIELD = "auth_details"
"""The field of ``auth_form`` that is likely read as ``{{identifier}}``: a Connector Auth has two fields, and the other,
``auth_token``, is read as ``{{token}}``."""

FORM = "form"
"""A reference for a Form Helper step, as in the documentation's own example; a step may be renamed to it."""


def to_endpoint(path: str) -> str:
    """Return *path* as it is appended to a base domain that ends with a slash.

    The documented pagination takes the text before the first slash of an ``endpoint`` as its first segment, so an
    endpoint does not begin with a slash.
    """
    return path.removeprefix("/")
