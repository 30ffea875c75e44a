"""Files of Locoia's configuration, ours or anyone's, told apart: a Connector, an Action, or a part of one.

Pure.  The documentation shows parts by themselves (a header, a form, a pagination), and older pages show other shapes;
all of them are taken.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from locoia_pat.authoring.locoia import steps, unverified
from locoia_pat.authoring.locoia.vocabulary import AUTH_TYPES, CONNECTOR, FIELD_TYPES, HEADER, PAGINATION, SEARCH
from locoia_pat.messages import describe_value, join_names
from locoia_pat.outcomes import invalid

if TYPE_CHECKING:
    from collections.abc import Callable

Kind = Literal["connector", "action", "form", "header", "auth_config", "pagination_config", "search_config", "sidecar"]

_OURS = "locoia-pat "
_SIDECAR = f"{_OURS}sidecar "
_IS = "A file is a Connector or an Action of Locoia's, a part of one, or what locoia-pat export locoia wrote."
_CERTAIN = ({"contype"}, {"name", "base_domain"}, {"name", "auth_config"}, {"header", "auth_config"})
"""Keys that make an object a base connector, whatever else it has."""


_MAX_DEPTH = 32


@dataclass(frozen=True, slots=True)
class File:
    """One file: what it is, and its value in today's shape."""

    name: str
    kind: Kind
    value: dict[str, Any]


def read(text: str, name: str) -> File:
    """The JSON *text* of the file *name*.

    Raises:
        InvalidError: it is no JSON, nothing of Locoia's, or of a version that is not known.

    """
    try:
        value = json.loads(text.removeprefix("\ufeff"), object_pairs_hook=_once, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        place = f"{name}:{error.lineno}:{error.colno}"
        raise invalid(f"{place}: this is no JSON: {error.msg}", field="file", hint=_IS) from None
    except RecursionError:
        raise invalid(f"{name} is nested too deeply", field="file") from None
    except _OddError as error:
        raise invalid(f"{name}: {error}", field="file") from None
    if _is_deep(value):
        raise invalid(f"{name} is nested too deeply", field="file")
    if not isinstance(value, dict):
        raise invalid(f"{name} holds {describe_value(value)}, not an object", field="file", hint=_IS)
    kind, value = _told(value, name)
    return File(name, kind, _checked(value, kind, name))


def _keys(value: dict[str, Any]) -> str:
    return join_names(describe_value(key) for key in value)


def _told(value: dict[str, Any], name: str) -> tuple[Kind, dict[str, Any]]:
    if str(value.get("format", "")).startswith(_OURS):
        return _ours(value, name)
    if not value:
        raise invalid(f"{name} holds an empty object", field="file", hint=_IS)
    named = steps.normal(value)
    if "action_name" in named or {"ui_form_schema", "method"} <= named.keys():
        return "action", named
    if named.keys() == {"ui_form_schema"} and isinstance(named["ui_form_schema"], dict):
        return "form", named["ui_form_schema"]
    for kind, fits in _FITS.items():
        if fits(value):
            return kind, value
    if value.keys() <= {"auth_form", "config"}:
        return "auth_config", {"basic_auth": value}
    if _is_form(value, typed=False):
        return "form", value
    raise invalid(
        f"{name} is no Connector of Locoia's, no Action, and no part of one; its keys: {_keys(value)}",
        field="file",
        hint=_IS,
    )


def _ours(value: dict[str, Any], name: str) -> tuple[Kind, dict[str, Any]]:
    if value["format"] == steps.FORMAT:
        return "action", value
    if str(value["format"]).startswith(_SIDECAR):
        return "sidecar", value
    raise invalid(
        f"{name} has the format {describe_value(value['format'])}, which this version does not read",
        field="file",
        hint="Import it with the version of locoia-pat that wrote it, or a newer one.",
    )


def _is_form(value: dict[str, Any], *, typed: bool) -> bool:
    fields = value.values()
    if not all(isinstance(field, dict) and isinstance(field.get("type"), str) for field in fields):
        return False
    return all(field["type"] in FIELD_TYPES if typed else "title" in field for field in fields)


def _is_connector(value: dict[str, Any]) -> bool:
    return value.keys() <= CONNECTOR.keys() or any(keys <= value.keys() for keys in _CERTAIN)


def _is_auth(value: dict[str, Any]) -> bool:
    return value.keys() <= set(AUTH_TYPES) and all(isinstance(one, dict) for one in value.values())


_FITS: dict[Kind, Callable[[dict[str, Any]], bool]] = {
    "form": lambda value: _is_form(value, typed=True),
    "connector": _is_connector,
    "header": lambda value: value.keys() <= set(HEADER) and bool({"token_format", "token_prefix"} & value.keys()),
    "auth_config": _is_auth,
    "search_config": lambda value: "response_fields" in value and value.keys() <= set(SEARCH),
    "pagination_config": lambda value: (
        value.keys() <= set(PAGINATION) and bool({"query", "body", "header"} & value.keys())
    ),
}
"""How each kind is told, in this order."""


_SHAPES: dict[str, tuple[type, ...]] = {
    **{key: (str, type(None)) for key in ("name", "base_domain", "external_docs", "contype", "status")},
    **dict.fromkeys(("auth_config", "header", "pagination_config", "search_config"), (dict, type(None))),
    **{key: (str, type(None)) for key in ("action_name", "method", "short_description")},
    **dict.fromkeys(("ui_form_schema", unverified.KEY), (dict, type(None))),
}
"""What stands under keys that are looked into."""


def _checked(value: dict[str, Any], kind: Kind, name: str) -> dict[str, Any]:
    if kind not in ("connector", "action"):
        return value
    for key in _OBJECTS:
        if isinstance(value.get(key), str) and value[key]:
            value = {**value, key: _read_again(value[key], key, name)}
    form = value.get("ui_form_schema")
    if isinstance(form, dict) and form.keys() == {"ui_form_schema"}:
        value = {**value, **form}
    for key, shapes in _SHAPES.items():
        if key in value and not isinstance(value[key], shapes):
            what = "an object" if dict in shapes else "a text"
            raise invalid(f'{name}: "{key}" is {describe_value(value[key])}, and {what} in Locoia', field="file")
    return value


_OBJECTS = ("auth_config", "header", "pagination_config", "search_config", "ui_form_schema")
"""What a field of a dialog may hold as the text of its JSON."""


def _read_again(text: str, key: str, name: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except (json.JSONDecodeError, RecursionError, _OddError):
        raise invalid(f'{name}: "{key}" is a text, and no JSON', field="file") from None


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(_MAX_DEPTH):
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
    return bool(level)


class _OddError(Exception):
    """JSON that readers of JSON disagree about."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _OddError("an object has the same key twice")
    return found


def _no_number(word: str) -> Any:
    raise _OddError(f"{word} is no JSON")
