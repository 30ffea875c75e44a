"""The inputs of an action: descriptors of Locoia's UI Form Schema.

Pure.  The vocabulary is Locoia's (https://docs.locoia.com/connectors/helpers/form-helper); what is ours beside it is
``nullable``, ``unit``, ``covers``, ``remarks`` and the type ``json``.
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
    """What all parts of a spec are: closed, frozen, and read without guessing."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Input(Model):
    """One input of an action: a descriptor of Locoia's UI Form Schema."""

    title: Line
    type: InputType
    required: bool = False
    nullable: bool = False
    """Ours: ``null`` is a value that means something, and must be said aloud."""
    unit: Literal["days", "hours"] | None = None
    """Ours: what a number counts; a date given instead is answered with the number it stands for."""
    default: Any = None
    placeholder: str | None = None
    info: str | None = None
    min_length: int | None = Field(None, alias="minLength", ge=0)
    max_length: int | None = Field(None, alias="maxLength", ge=0)
    rows: int | None = None
    pattern: Annotated[str, Field(max_length=200)] | None = None
    """A regular expression, as ``/…/`` or without the strokes; its engine takes linear time and has no look-around."""
    regex_error_message: Line | None = Field(None, alias="regexErrorMessage")
    min: int | float | None = None
    max: int | float | None = None
    step: Annotated[int | float, Field(gt=0)] | None = None
    enum: list[str] | None = None
    multiple: bool = False
    allow_create: bool = Field(False, alias="allowCreate")
    covers: dict[str, list[str]] | None = None
    """Ours: options that include others; naming both is a warning."""
    remarks: dict[str, Line] | None = None
    """Ours: what to know about an option; it comes as a warning where the option is used."""
    children: dict[Name, Input] | None = None


def form(inputs: Mapping[str, Input]) -> dict[str, Any]:
    """*Inputs* as Locoia's UI Form Schema, without the keys that are ours."""
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
