"""The inputs of an action, in the vocabulary of Locoia's UI Form Schema.

Pure.  Source: https://docs.locoia.com/connectors/helpers/form-helper.  Our own additions are ``nullable``, ``unit``,
``covers``, ``remarks`` and the type ``json``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from collections.abc import Mapping

InputType = Literal[
    "text", "email", "password", "number", "date", "daterange", "datetime", "select", "switch", "nested_object", "json"
]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Line = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]


class Model(BaseModel):
    """The base of all parts of a spec: no unknown keys, immutable, no conversion of types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Input(Model):
    """One input of an action: a descriptor of Locoia's UI Form Schema."""

    title: Line
    type: InputType
    required: bool = False
    nullable: bool = False
    """Ours: ``null`` is a value with a meaning, and must be given explicitly."""
    unit: Literal["days", "hours"] | None = None
    """Ours: the unit of a number; a date given instead gets an error with the number it corresponds to."""
    default: Any = None
    placeholder: str | None = None
    info: str | None = None
    min_length: int | None = Field(None, alias="minLength", ge=0)
    max_length: int | None = Field(None, alias="maxLength", ge=0)
    rows: int | None = None
    pattern: Annotated[str, Field(max_length=200)] | None = None
    """A regular expression, with or without slashes around it; the engine is linear and has no look-around."""
    regex_error_message: Line | None = Field(None, alias="regexErrorMessage")
    min: int | float | None = None
    max: int | float | None = None
    step: Annotated[int | float, Field(gt=0)] | None = None
    enum: list[str] | None = None
    multiple: bool = False
    allow_create: bool = Field(False, alias="allowCreate")
    covers: dict[str, list[str]] | None = None
    """Ours: options that include other options; giving both is a warning."""
    remarks: dict[str, Line] | None = None
    """Ours: notes on options; each is a warning when its option is used."""
    children: dict[Name, Input] | None = None


def form(inputs: Mapping[str, Input]) -> dict[str, Any]:
    """Return *inputs* as Locoia's UI Form Schema, without our own keys."""
    return {
        name: field.model_dump(
            by_alias=True,
            exclude_none=True,
            exclude_defaults=True,
            exclude={"nullable", "unit", "covers", "remarks", "children"},
        )
        | ({"children": form(field.children)} if field.children else {})
        for name, field in inputs.items()
    }
