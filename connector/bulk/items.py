"""What a bulk run is made of: items in, results out, and the place of each item's token."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from string import Formatter
from typing import TYPE_CHECKING, Any

from locoia_pat.messages import describe_value
from locoia_pat.outcomes import invalid
from locoia_pat.secrets.secret import MASK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from locoia_pat.outcomes import Problem, Result
    from locoia_pat.state.journal import State

PLACE = "token_to"
"""The field of an item that names the place of its token."""
_NAME_BYTES = 200
"""Bytes that a part of a file's name may have."""


@dataclass(frozen=True, slots=True)
class Item:
    """One item as it was given."""

    number: int
    """From 1; in a file its line."""
    fields: Mapping[str, Any]
    problem: Problem | None = None
    """Why it is none: it could not be read."""
    read: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None
    """Makes inputs of the fields, where they are not the inputs already; called when the item is run."""
    position: int = 0
    """How far the source was read with it, in bytes."""


@dataclass(frozen=True, slots=True)
class ItemResult:
    """How one item ended."""

    number: int
    """That of its item."""
    result: Result
    earlier: bool = False
    """Whether an earlier run did it, of which the journal tells."""
    position: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The envelope of its result, with ``line`` for the number."""
        version, *rest = self.result.to_dict().items()
        earlier = {"earlier": True} if self.earlier else {}
        return dict([version, ("line", self.number), *rest]) | earlier


@dataclass(frozen=True, slots=True)
class Journal:
    """How a run is journalled."""

    name: str
    """By which the same run is known again."""
    state: State | None = None
    """Where; by default the user's state."""
    anew: bool = False
    """Whether to forget what an earlier run of that name did."""
    repeat_unknown: bool = False
    """Whether items are run again of which nobody can tell whether an earlier run did them."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How a bulk is run."""

    token_to: str | None = None
    replace: bool = False
    wait: float = 60.0
    width: int = 8
    in_order: bool = False
    max_failures: int | None = None
    rate: float | None = None
    journal: str | Journal | None = None

    def check(self) -> None:
        """Refuse what makes no sense.

        Raises:
            InvalidError: a number is too small or too large.

        """
        for name, value, least, most in (
            ("width", self.width, 1, MAX_WIDTH),
            ("max_failures", self.max_failures, 1, None),
            ("rate", self.rate, 0.001, None),
        ):
            if value is not None and (value < least or (most is not None and value > most)):
                allowed = f"{least} to {most}" if most else f"{least} or more"
                raise invalid(f"{describe_value(value)} is not allowed", field=name, hint=f"Allowed: {allowed}.")


MAX_WIDTH = 100


class PlaceTemplate:
    """A place with fields of the item in it, such as ``file:out/{name}.json``."""

    def __init__(self, text: str) -> None:
        """Read *text*; ``{{`` and ``}}`` are braces.

        Raises:
            InvalidError: it is no template: a brace alone, or more than a name between two of them.

        """
        try:
            parts = [(literal, name, form or conversion) for literal, name, form, conversion in Formatter().parse(text)]
        except ValueError:
            parts = [("", "", None)]
        if any(name is not None and (not name.isidentifier() or more) for _, name, more in parts):
            raise invalid(
                "this is no place with fields: between braces stands the name of a field",
                field=PLACE,
                hint="Write file:out/{name}.json, for example; {{ and }} are braces.",
            )
        self._parts = [(literal, name) for literal, name, _ in parts]
        self.fields = frozenset(name for _, name in self._parts if name is not None)
        """The names in it."""

    def of(self, fields: Mapping[str, Any]) -> str:
        """The place of the item with these *fields*.

        Raises:
            InvalidError: one of them is missing, or its value cannot be a part of a place.

        """
        return "".join(
            literal + ("" if name is None else _part(name, fields.get(name))) for literal, name in self._parts
        )


def _part(name: str, value: object) -> str:
    """*Value* as a part of a place, that leads nowhere else and means nothing else there."""
    if value is None or value == "":
        raise invalid("is missing, and the place of the token is made of it", field=name)
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not text or text.startswith(".") or any(c in "/\\#:" or not c.isprintable() for c in text):
        raise invalid(
            f"{describe_value(value)} cannot be a part of a place",
            field=name,
            hint='It is a text without "/", "\\", ":" and "#", and does not begin with a dot.',
        )
    if len(text.encode("utf-8", "replace")) > _NAME_BYTES:
        raise invalid(f"is longer than {_NAME_BYTES} bytes, and the place of the token is made of it", field=name)
    return text


def numbered(items: Iterable[Mapping[str, Any] | Item]) -> Iterator[Item]:
    """*Items*, of which those that are inputs alone are numbered from 1."""
    for number, item in enumerate(items, 1):
        yield item if isinstance(item, Item) else Item(number, item)


def places_of(item: Item, template: PlaceTemplate | None, *, own: bool) -> tuple[str, ...]:
    """The places for the token of *item*: those that it names, else the one the *template* makes.

    *own* says whether ``token_to`` is an input of the action, so that it names no place.

    Raises:
        InvalidError: it names something else than places, or the template does not fit.

    """
    given = None if own else item.fields.get(PLACE)
    match given:
        case None | "" | []:
            return (template.of(item.fields),) if template else ()
        case str():
            return (given,)
        case list() | tuple() if all(isinstance(place, str) for place in given):
            return tuple(given)
        case _:
            raise invalid(f"is {describe_value(given)}, where a place or a list of places is due", field=PLACE)


def digest(item: Item, places: Iterable[str]) -> bytes:
    """What tells an item again: all that it asks.  A secret does not count."""
    fields = sorted(((str(name), value) for name, value in item.fields.items()), key=lambda field: field[0])
    asked = json.dumps([fields, list(places)], default=lambda _: MASK)
    return hashlib.blake2b(asked.encode(), digest_size=16).digest()
