"""What Locoia's documentation says a Connector, an Action and a form are made of: names and empty values.

Pure.  Each table names its page; what no page says is in ``unverified``.
"""

from __future__ import annotations

from typing import Any

DOCS = "https://docs.locoia.com"

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
"""The base connector, as its empty template stands on ``/connectors/building-connectors/base-connector-setup``."""

MOST = {"short_description": 160, "long_description": 2000}
"""Characters that a text of the base connector may have."""

HEADER = ("encode", "token_in_header", "content_type", "header_key", "token_format", "token_prefix")
"""The keys of ``header`` (same page): a template in two stages."""

AUTH_TYPES = ("basic_auth", "oauth2", "refreshable_token", "username_password")
"""The keys of ``auth_config`` (``/connectors/authentication``); ``basic_auth`` covers Basic, Bearer and API keys."""

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
our files give them: their labels and what they hold by default.  The API's own keys for them are not documented."""

READ_ONLY = ("id", "connector")
"""What the dialog shows and Locoia fills in."""

FIELD_TYPES = (
    *("text", "email", "password", "number", "date", "daterange", "datetime"),
    *("select", "switch", "nested_object"),
)
"""The types of a form's field (``/connectors/helpers/form-helper``)."""

DESCRIPTOR = (
    *("title", "type", "required", "default", "placeholder", "info", "minLength", "maxLength", "rows"),
    *("min", "max", "step", "enum", "multiple", "allowCreate", "children", "pattern", "regexErrorMessage"),
)
"""The keys of a form's field; the last two are shown for ``auth_form`` alone."""

SEARCH = ("response_fields", "endpoint", "query", "body", "type", "when")
PAGINATION = ("response_jsonpath", "query", "body", "header")
"""The keys of ``search_config`` and ``pagination_config`` (``/connectors/building-connectors``)."""


def label(key: str) -> str:
    """What the dialog calls *key*."""
    return DIALOG[key][0]
