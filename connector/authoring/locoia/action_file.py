"""Convert the spec of an action to the fields of a Locoia Action."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from locoia_pat.authoring.locoia import base_connector, ui_form, unverified
from locoia_pat.authoring.locoia.body_writer import BodyWriter
from locoia_pat.authoring.locoia.documented_fields import DIALOG

if TYPE_CHECKING:
    from collections.abc import Mapping

FROM_SPEC = ("connector", "action_name", "short_description", "external_docs", "method", unverified.KEY)
"""The keys of an action's file whose values the spec gives."""
_PARTS = ("query", "headers", "form", "body")


def to_action(spec: Mapping[str, Any], connector: str, rank: int) -> dict[str, Any]:
    """Return the file of an action: each field of the dialog, and under ``unverified`` what is not documented.

    Args:
        spec: the value of the action's spec.
        connector: the name of the base connector.
        rank: the position of the action in the Flow Builder.

    """
    return {
        **{key: default for key, (_, default) in DIALOG.items()},
        "connector": connector,
        "action_name": spec["action"],
        "order_rank": rank,
        "short_description": spec["summary"],
        "external_docs": spec.get("docs"),
        "method": spec["request"]["method"],
        "ui_form_schema": ui_form.to_form(spec.get("inputs", {})),
        unverified.KEY: {"note": unverified.NOTE, **to_request(spec)},
    }


def to_request(spec: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the parts of the request of *spec* as Locoia's templates.

    Args:
        spec: the value of the action's spec.
        prefix: the text before the name of each input, such as the reference of a Form Helper step.

    """
    request = spec["request"]
    writer = BodyWriter(spec.get("inputs", {}), prefix)
    write = writer.to_sparse_json if request.get("omit_null") else writer.to_json
    parts: dict[str, Any] = {"endpoint": unverified.to_endpoint(writer.to_path(request["path"]))}
    for part in _PARTS:
        value = request.get(part)
        if value not in (None, {}) or (part == "body" and value == {}):
            parts[part] = write(value) if isinstance(value, dict) else writer.to_json(value)
    if (pages := pages_of(spec)) and base_connector.to_pagination(pages):
        parts[unverified.RETRIEVE_ALL] = True
    return parts


def pages_of(spec: Mapping[str, Any]) -> base_connector.Pages | None:
    """Return the ``pages`` of *spec* and the path of its rows, or None if it has no pages."""
    return (spec["pages"], spec["reply"].get("at", ["$"])[0]) if "pages" in spec else None
