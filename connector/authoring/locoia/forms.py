"""Inputs of a spec as a UI Form Schema, and back.

Pure.  A form cannot say that ``null`` is a value: such an input is not required there, and its field left empty.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from locoia_pat.authoring.locoia.vocabulary import DESCRIPTOR

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_ROWS = 6
"""Lines of a field that takes JSON."""
_FREE = {"type": "select", "enum": [], "multiple": True, "allowCreate": True}
"""A list of texts: forms have ``multiple`` for a select alone, whose options the user may type."""
_OF_TEXT = ("minLength", "maxLength", "rows", "pattern", "regexErrorMessage")


def schema(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """*Inputs*, as they stand in a spec, as a UI Form Schema of documented keys alone."""
    return {name: _descriptor(field) for name, field in inputs.items()}


def _descriptor(field: Mapping[str, Any]) -> dict[str, Any]:
    made = {key: field[key] for key in DESCRIPTOR if key in field}
    if field.get("nullable"):
        made.pop("required", None)
    if field["type"] == "json":
        made |= {"type": "text", "rows": field.get("rows", _ROWS)}
        made.pop("default", None)
    if is_list(field) and field["type"] in ("text", "email"):
        made = {key: value for key, value in made.items() if key not in _OF_TEXT} | _FREE
    if "children" in made:
        made["children"] = schema(made["children"])
    return made


def inputs(form: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs that a UI Form Schema declares, as they stand in a spec.

    What is no descriptor comes as it is, for the checker to tell.
    """
    return {name: _input(field) if isinstance(field, dict) else field for name, field in form.items()}


def _input(field: Mapping[str, Any]) -> dict[str, Any]:
    made = {key: field[key] for key in DESCRIPTOR if field.get(key) not in (None, "")}
    if made.get("type") == "select" and not made.get("enum") and made.get("multiple") and made.get("allowCreate"):
        made = {key: value for key, value in made.items() if key not in _FREE} | {"type": "text", "multiple": True}
    if made.get("required"):
        made.pop("default", None)  # what must be given has none here
    if isinstance(made.get("children"), dict):
        made["children"] = inputs(made["children"])
    return made


def is_list(field: Mapping[str, Any]) -> bool:
    """Whether a value of *field* is a list of such values."""
    return bool(field.get("multiple"))


def is_empty(field: Mapping[str, Any]) -> bool:
    """Whether *field* may be left empty in a form."""
    return not field.get("required") or bool(field.get("nullable"))


def remarks(form: Mapping[str, Any], at: str = "") -> Iterator[str]:
    """What a form's pages do not show, where *form* uses it nevertheless."""
    for name, field in form.items():
        if "pattern" in field:
            yield f"`pattern` of `{at}{name}` is documented for the forms of credentials alone *(unverified)*"
        if field.get("multiple") and field["type"] != "select":
            yield f"`multiple` of `{at}{name}` is documented for a `select` alone *(unverified)*"
        yield from remarks(field.get("children", {}), f"{at}{name}.")
