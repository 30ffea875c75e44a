"""Convert the inputs of a spec to a UI Form Schema, and back.

A form cannot say that ``null`` is a value.  An input that must be given and may be null has a switch of its own for it,
so that a field which was left empty by mistake never means ``null``, such as a token that never expires.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from locoia_pat.authoring.locoia.documented_fields import DESCRIPTOR
from locoia_pat.spec.input_types import INPUT_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_JSON_ROWS = 6
"""Lines of a field that takes JSON."""
_FREE_LIST = {"type": "select", "enum": [], "multiple": True, "allowCreate": True}
"""A list of strings: only a ``select`` has ``multiple``, and ``allowCreate`` lets the user type its options."""
_TEXT_KEYS = ("minLength", "maxLength", "rows", "pattern", "regexErrorMessage")


def to_form(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the UI Form Schema of the *inputs* of a spec; it has documented keys only."""
    form: dict[str, Any] = {}
    for name, field in inputs.items():
        form[name] = _to_descriptor(field)
        if (switch := null_switch(name, inputs)) is not None:
            title = field.get("null_title", f"No value for: {field['title']}")
            info = f"Replaces the value of {name}, which is then not used."
            form[switch] = {"title": title, "type": "switch", "info": info, "default": False}
    return form


def null_switch(name: str, inputs: Mapping[str, Any]) -> str | None:
    """Return the name of the switch that says ``null`` for the input *name*, or None if it needs none."""
    field = inputs[name]
    if not (field.get("required") and field.get("nullable")):
        return None
    switch = f"no_{name}"
    while switch in inputs:
        switch = f"no_{switch}"
    return switch


def _to_descriptor(field: Mapping[str, Any]) -> dict[str, Any]:
    descriptor = {key: field[key] for key in DESCRIPTOR if key in field}
    if (form_type := INPUT_TYPES[field["type"]].form_type) is not None:
        descriptor |= {"type": form_type, "rows": field.get("rows", _JSON_ROWS)}
        descriptor.pop("default", None)
    if field.get("multiple") and field["type"] in ("text", "email"):
        descriptor = {key: value for key, value in descriptor.items() if key not in _TEXT_KEYS} | _FREE_LIST
    if "children" in descriptor:
        descriptor["children"] = {key: _to_descriptor(child) for key, child in field["children"].items()}
    return descriptor


def to_inputs(form: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs of a spec that a UI Form Schema declares; invalid values are left for the checker to report."""
    return {name: _to_input(field) if isinstance(field, dict) else field for name, field in form.items()}


def _to_input(descriptor: Mapping[str, Any]) -> dict[str, Any]:
    field = {key: descriptor[key] for key in DESCRIPTOR if descriptor.get(key) not in (None, "")}
    if field.get("type") == "select" and not field.get("enum") and field.get("multiple") and field.get("allowCreate"):
        field = {key: value for key, value in field.items() if key not in _FREE_LIST}
        field |= {"type": "text", "multiple": True}
    if field.get("required"):
        field.pop("default", None)  # in a spec, a required input has no default
    if isinstance(field.get("children"), dict):
        field["children"] = to_inputs(field["children"])
    return field


def may_be_empty(field: Mapping[str, Any]) -> bool:
    """Return whether *field* may be left empty in a form."""
    return not field.get("required")


def undocumented_uses(form: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield a remark on each key that *form* uses in a way no page of Locoia's documentation shows."""
    for name, field in form.items():
        if "pattern" in field:
            yield f"`pattern` of `{prefix}{name}` is documented for the forms of credentials only *(unverified)*"
        if field.get("multiple") and field["type"] != "select":
            yield f"`multiple` of `{prefix}{name}` is documented for a `select` only *(unverified)*"
        yield from undocumented_uses(field.get("children", {}), f"{prefix}{name}.")
