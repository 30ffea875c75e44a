"""``locoia.json`` next to the specs: Locoia's settings that specs cannot express, such as a logo or tags."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from locoia_pat.authoring.locoia import action_file, base_connector
from locoia_pat.messages import describe_value, did_you_mean
from locoia_pat.outcomes import invalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from locoia_pat.spec.load import SpecFolder

FILE = "locoia.json"


class ExtraKeys(BaseModel):
    """The content of ``locoia.json``."""

    model_config = ConfigDict(extra="forbid", strict=True)

    connector: dict[str, Any] = {}
    """Keys of the base connector."""
    actions: dict[str, dict[str, Any]] = {}
    """Keys of each Action's file, by the action's name."""


def read_extra_keys(folder: SpecFolder) -> ExtraKeys:
    """Return the content of the ``locoia.json`` of *folder*; nothing if there is none.

    Raises:
        InvalidError: the file is invalid, or has a key whose value the specs give.

    """
    if FILE not in [entry.name for entry in folder.folder.iterdir()]:
        return ExtraKeys()
    text, file = folder.text(FILE)
    try:
        extra = ExtraKeys.model_validate(json.loads(text))
    except (ValueError, RecursionError):  # pydantic's error is a ValueError
        raise invalid(
            f'{file} is invalid: expected a JSON object with "connector", an object, and "actions", an object with an '
            "object for each action",
            field="specs",
        ) from None
    for name, keys in extra.actions.items():
        if name not in folder.names:
            raise invalid(
                f"{file} names {describe_value(name)}, but there is no such action{did_you_mean(name, folder.names)}",
                field="specs",
            )
        _reject_spec_keys(file, keys, action_file.FROM_SPEC)
    header = extra.connector.get("header", {})
    if not isinstance(header, dict):
        raise invalid(f'{file}: "header" is not an object', field="specs")
    _reject_spec_keys(file, header, base_connector.HEADER_FROM_SPEC)
    _reject_spec_keys(file, extra.connector.keys() - {"header"}, base_connector.FROM_SPEC)
    return extra


def _reject_spec_keys(file: str, keys: Iterable[str], from_spec: tuple[str, ...]) -> None:
    for key in from_spec:
        if key in keys:
            raise invalid(f'{file} sets "{key}", whose value comes from the specs', field="specs")


def merge(value: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return *value* with *extra* merged into its objects."""
    return {
        **value,
        **{
            key: merge(value[key], inner) if isinstance(inner, dict) and isinstance(value.get(key), dict) else inner
            for key, inner in extra.items()
        },
    }
