"""The fields of a Connector, an Action and a form that Locoia documents: their names and default values.

Each table names its page.  What no page documents is in :mod:`locoia_pat.authoring.locoia.unverified`.
"""

from __future__ import annotations

from typing import Any

CONNECTOR: dict[str, Any] = {
    "name": "",
    "contype": "",
    "status": "",
    "auth_config": {},
    "base_domain": "",
    "header": {},
    "url_token_extension": "",
    "search_config": None,
    "pagination_config": None,
    "external_schema_config": None,
    "image_url": "",
    "display_on_landing_pages": False,
    "internal_docs": None,
    "external_docs": None,
    "external_auth_docs": None,
    "external_swagger_docs": None,
    "short_description": None,
    "long_description": None,
    "con_arrow": None,
    "order_rank": 1,
    "tags": [],
}
"""The empty base connector of ``/connectors/building-connectors/base-connector-setup``."""

MAX_LENGTHS = {"short_description": 160, "long_description": 2000}
"""Maximum number of characters of a string in the base connector."""

HEADER = ("encode", "token_in_header", "content_type", "header_key", "token_format", "token_prefix")
"""The keys of ``header`` (same page): a template in two stages."""

PAGINATION = ("response_jsonpath", "query", "body", "header")
"""The keys of ``pagination_config`` (``/connectors/building-connectors/pagination-automation``)."""

DIALOG: dict[str, tuple[str, Any]] = {
    "id": ("ID", None),
    "connector": ("Connector", None),
    "action_name": ("Action Name", ""),
    "order_rank": ("Order Rank", 1),
    "status": ("Status", "active"),
    "short_description": ("Short Description", None),
    "tag": ("Tag", None),
    "internal_docs": ("Internal Docs", None),
    "external_docs": ("External Docs", None),
    "method": ("Method", ""),
    "ui_form_schema": ("UI Form Schema", {}),
    "pre_save_flow": ("Pre Save Flow", None),
    "on_delete_flow": ("On Delete Flow", None),
}
"""The fields of an Action's dialog (``/connectors/building-connectors/building-connector-actions``), by the keys that
our files use: label and default.  The keys that Locoia's API uses are not documented."""

READ_ONLY = ("id", "connector")
"""Fields of the dialog that Locoia fills in."""

DESCRIPTOR = (
    *("title", "type", "required", "default", "placeholder", "info", "minLength", "maxLength", "rows"),
    *("min", "max", "step", "enum", "multiple", "allowCreate", "children", "pattern", "regexErrorMessage"),
)
"""The keys of a form field (``/connectors/helpers/form-helper``); the last two are documented for ``auth_form``."""
