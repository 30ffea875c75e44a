"""Items of a bulk run, their results, and the token stores they name."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from string import Formatter
from typing import TYPE_CHECKING, Any

from locoia_pat import limits
from locoia_pat.messages import describe_value
from locoia_pat.outcomes import invalid
from locoia_pat.secrets.secret import MASK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from locoia_pat.bulk.bulk_journal import ItemKey, ItemState
    from locoia_pat.outcomes import Problem, Result
    from locoia_pat.state.journal import State

STORE_FIELD = "token_to"
"""The field of an item that names the stores for its token."""
_MAX_PART_BYTES = 200
"""Bytes that one field may add to a store reference: file systems allow 255 in a name."""


@dataclass(frozen=True, slots=True)
class Item:
    """One item as it was given."""

    number: int
    """Counts from 1; the line number where the item comes from a file."""
    fields: Mapping[str, Any]
    problem: Problem | None = None
    """Why the item cannot be run, if it could not be read."""
    parse: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None
    """Turns the fields into inputs when the item is run; None where they are inputs already."""
    offset: int = 0
    """Bytes of the source that were read up to and including this item."""


@dataclass(frozen=True, slots=True)
class ItemResult:
    """The result of one item."""

    number: int
    result: Result
    earlier: bool = False
    """Whether an earlier run finished the item, so that the result comes from the journal."""
    offset: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the envelope of the result, with the item's number as ``line``."""
        version, *rest = self.result.to_dict().items()
        earlier = {"earlier": True} if self.earlier else {}
        return dict([version, ("line", self.number), *rest]) | earlier


@dataclass(slots=True)
class Task:
    """One item on its way through a bulk run, from reading to result."""

    index: int
    """Counts from 0, in the order of the items."""
    item: Item
    stores: tuple[str, ...] = ()
    """References of the stores for its token."""
    key: ItemKey | None = None
    """Identifies the item in the journal."""
    mark: str | None = None
    """The mark that is added to its note."""
    before: ItemState | None = None
    """What an earlier run left unfinished, to be settled first."""
    warnings: tuple[str, ...] = ()
    result: Result | None = None
    earlier: bool = False
    """Whether the result comes from the journal."""
    keep_record: bool = False
    """Whether the journal keeps what it says of the item."""
    released: bool = False
    """Whether ``before`` was settled, so that the item may run."""
    may_appear_late: bool = False
    """Whether an earlier request may still create a row."""
    unflushed: frozenset[Path] = frozenset()
    """The folders of its tokens that are still to be flushed to the disk."""
    error: BaseException | None = None
    """A bug that ended it."""


@dataclass(frozen=True, slots=True)
class JournalOptions:
    """How a bulk run is journalled."""

    name: str
    """Identifies the run: the same name resumes it."""
    state: State | None = None
    """The state that keeps the journal; the user's own by default."""
    restart: bool = False
    """Whether to forget what earlier runs of this name did."""
    retry_unknown: bool = False
    """Whether to run items again whose outcome in an earlier run is unknown."""


@dataclass(frozen=True, slots=True)
class BulkOptions:
    """The options of ``Connector.run_many``, which documents them."""

    token_to: str | None = None
    replace: bool = False
    wait: float = 60.0
    concurrency: int = 8
    ordered: bool = False
    max_failures: int | None = None
    rate: float | None = None
    journal: str | JournalOptions | None = None

    def check(self) -> None:
        """Check that the numbers are in range.

        Raises:
            InvalidError: a number is too small or too large.

        """
        limits.CONCURRENCY.check("concurrency", self.concurrency)
        limits.WAIT.check("wait", self.wait)
        if self.max_failures is not None:
            limits.MAX_FAILURES.check("max_failures", self.max_failures)
        if self.rate is not None:
            limits.RATE.check("rate", self.rate)


class StoreTemplate:
    """A store reference with fields of the item in it, such as ``file:out/{name}.json``."""

    def __init__(self, text: object) -> None:
        """Parse *text*; ``{{`` and ``}}`` are literal braces.

        Raises:
            InvalidError: it is not a string, a brace is unbalanced, or something other than a field name is between
                two of them.

        """
        if not isinstance(text, str) or not text:
            raise invalid(
                f"{describe_value(text)} is not a reference of a token store",
                field=STORE_FIELD,
                hint="Give one reference for all items, such as file:out/{name}.json, or leave it out.",
            )
        try:
            parts = [(literal, name, form or conversion) for literal, name, form, conversion in Formatter().parse(text)]
        except ValueError:
            parts = [("", "", None)]
        if any(name is not None and (not name.isidentifier() or extra) for _, name, extra in parts):
            raise invalid(
                "invalid token store template: only the name of a field may be between braces",
                field=STORE_FIELD,
                hint="Example: file:out/{name}.json. Write {{ and }} for literal braces.",
            )
        self._parts = [(literal, name) for literal, name, _ in parts]
        self.fields = frozenset(name for _, name in self._parts if name is not None)
        """The field names in the template."""

    def render(self, fields: Mapping[str, Any]) -> str:
        """Return the store reference for an item with these *fields*.

        Raises:
            InvalidError: a field is missing, or its value is not allowed in a store reference.

        """
        return "".join(
            literal + ("" if name is None else _safe_part(name, fields.get(name))) for literal, name in self._parts
        )


def _safe_part(name: str, value: object) -> str:
    """Return *value* as a part of a store reference, if it can neither leave its folder nor add syntax."""
    if value is None or value == "":
        raise invalid("is missing, and the token store is named after it", field=name)
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not text or text.startswith(".") or any(c in "/\\#:" or not c.isprintable() for c in text):
        raise invalid(
            f"{describe_value(value)} is not allowed in the name of a token store",
            field=name,
            hint='Use a string without "/", "\\", ":" and "#" that does not begin with a dot.',
        )
    if len(text.encode("utf-8", "replace")) > _MAX_PART_BYTES:
        message = f"is longer than {_MAX_PART_BYTES} bytes, and the token store is named after it"
        raise invalid(message, field=name)
    return text


def number_items(items: Iterable[Mapping[str, Any] | Item]) -> Iterator[Item]:
    """Yield *items* as :class:`Item`; plain inputs are numbered from 1."""
    for number, item in enumerate(items, 1):
        yield item if isinstance(item, Item) else Item(number, item)


def stores_of(item: Item, template: StoreTemplate | None, *, is_input: bool) -> tuple[str, ...]:
    """Return the store references for the token of *item*: those it names, else the one from the *template*.

    Args:
        item: the item.
        template: the template for items that name no store.
        is_input: whether ``token_to`` is an input of the action, so that it names no store.

    Raises:
        InvalidError: ``token_to`` is not a store reference or a list of them, or the template does not fit.

    """
    given = None if is_input else item.fields.get(STORE_FIELD)
    match given:
        case None | "" | []:
            return (template.render(item.fields),) if template else ()
        case str():
            return (given,)
        case list() | tuple() if all(isinstance(ref, str) for ref in given):
            return tuple(given)
        case _:
            raise invalid(f"expected a token store or a list of them, got {describe_value(given)}", field=STORE_FIELD)


def item_digest(item: Item, refs: Iterable[str]) -> bytes:
    """Return a digest of everything the item asks for, secrets left out: equal items have equal digests."""
    fields = sorted(((str(name), value) for name, value in item.fields.items()), key=lambda field: field[0])
    asked = json.dumps([fields, list(refs)], default=lambda _: MASK)
    return hashlib.blake2b(asked.encode(), digest_size=16).digest()
