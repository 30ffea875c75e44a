"""Specs in their compiled form: JSON values that a run needs, made from the models, and read without them.

Pure.  The form of a model has all its keys, so a new key of the language is in it without being named here.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from locoia_pat.outcomes import invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import TypeIs

    from locoia_pat.spec.model import ActionSpec, SuperSpec


class CompiledPart:
    """A part of a compiled spec: the attributes of the model that it was made of."""

    def __init__(self, keys: Mapping[str, Any]) -> None:
        """Use *keys* as attributes."""
        self.__dict__.update(keys)

    def model_copy(self, *, update: Mapping[str, Any]) -> CompiledPart:
        """Return a copy with other values of some keys, as pydantic's models do."""
        return CompiledPart({**vars(self), **update})


class CompiledSpec(CompiledPart):
    """A compiled action, super action or connector."""

    templates: Any
    """Its templates, compiled to JSON values; None if it has none."""


def is_super(spec: ActionSpec | SuperSpec) -> TypeIs[SuperSpec]:
    """Return whether *spec* is a super action; it may be a model or compiled."""
    return hasattr(spec, "super_")


def require_request(spec: ActionSpec | SuperSpec) -> ActionSpec:
    """Return *spec*, which has a request of its own.

    Raises:
        InvalidError: it is a super action.

    """
    if is_super(spec):
        raise invalid(
            f"{spec.action} is a super action: it has no request of its own",
            field="action",
            hint=f"Show or run it; it runs other actions. {spec.summary}",
            next=f"locoia-pat show {spec.action}",
        )
    return spec


def to_form(value: Any) -> Any:
    """Return a model, or a value in one, as JSON values.

    Models, mappings and tuples become objects of one key, so that each is read back as what it was.

    Raises:
        TypeError: a value is of another type, or a key is not a string.

    """
    match value:
        case None | bool() | int() | float() | str():
            return value
        case list():
            return [to_form(item) for item in value]
        case tuple():
            return {"tuple": [to_form(item) for item in value]}
        case dict():
            if not all(isinstance(key, str) for key in value):
                raise TypeError("a key is not a string")
            return {"mapping": {key: to_form(item) for key, item in value.items()}}
    names = [*type(value).model_fields, *(name for owner in type(value).__mro__ for name in _computed(owner))]
    return {"part": {name: to_form(getattr(value, name)) for name in names}}


def _computed(owner: type) -> list[str]:
    """Return the properties that a model of ours computes of its keys; its document is not a part of the form."""
    computed = [name for name, value in vars(owner).items() if isinstance(value, property | cached_property)]
    return [name for name in computed if name != "document" and not name.startswith(("_", "model_"))]


def from_form(form: Any) -> Any:
    """Return what :func:`to_form` was given, with a :class:`CompiledPart` for each model."""
    match form:
        case {"part": keys}:
            return CompiledPart({name: from_form(item) for name, item in keys.items()})
        case {"mapping": keys}:
            return {key: from_form(item) for key, item in keys.items()}
        case {"tuple": items}:
            return tuple(from_form(item) for item in items)
        case list():
            return [from_form(item) for item in form]
        case _:
            return form


def compiled_spec(form: Mapping[str, Any]) -> CompiledSpec:
    """Return the spec of a compiled *form*, which has a ``spec`` and its ``templates``.

    Raises:
        TypeError: it is not one.
        KeyError: as above.

    """
    return CompiledSpec(vars(from_form(form["spec"])) | {"templates": form["templates"]})
