"""How the inputs of an action changed: does it take all that it took?

Pure.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from locoia_pat.authoring.diff.change import told

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from locoia_pat.authoring.diff.change import ChangeClass
    from locoia_pat.spec.form import Input, InputType

_WIDER: dict[InputType, tuple[InputType, ...]] = {
    "email": ("text",),
    "select": ("text",),
    "date": ("text",),
    "datetime": ("text",),
}
"""What takes all that a type takes, and sends it as it did; ``json`` takes all but secrets."""

_TEXTS = ("title", "info", "placeholder", "rows", "regex_error_message", "covers", "remarks")
"""What is for people alone."""


def input_changes(
    old: Mapping[str, Input], new: Mapping[str, Input], at: str = ""
) -> Iterator[tuple[ChangeClass, str]]:
    """The changes between the inputs *old* and *new*, which stand inside of the input *at*."""
    for name, before in old.items():
        if name not in new:
            yield "breaking-input", f"the input {at}{name} is gone"
        else:
            yield from _changes(f"{at}{name}", before, new[name])
    for name, after in new.items():
        if name not in old:
            yield from _added(f"{at}{name}", after)


def _added(name: str, field: Input) -> Iterator[tuple[ChangeClass, str]]:
    if field.required:
        yield "breaking-input", f"the input {name} is new, and required"
    else:
        yield "looser-input", f"the input {name} is new"
    for secret in _secrets(name, field):
        yield "new-secret", f"the input {secret} asks for a secret"


def _secrets(name: str, field: Input) -> Iterator[str]:
    if field.type == "password":
        yield name
    for inner, child in (field.children or {}).items():
        yield from _secrets(f"{name}.{inner}", child)


def _changes(name: str, old: Input, new: Input) -> Iterator[tuple[ChangeClass, str]]:
    if old.type != new.type:
        yield from _type_changes(name, old, new)
    if old.multiple != new.multiple:
        yield "breaking-input", f"{name} takes {'a list' if new.multiple else 'one value, and no list'}"
    if old.required != new.required:
        kind: ChangeClass = "breaking-input" if new.required else "looser-input"
        yield kind, f"{name} is {'required' if new.required else 'not required any more'}"
    if _takes_null(old) != _takes_null(new):
        kind = "looser-input" if _takes_null(new) else "breaking-input"
        yield kind, f"{name} {'may be null' if _takes_null(new) else 'may not be null any more'}"
    if old.default != new.default and not (old.required or new.required):
        yield "breaking-input", f"{name}, left out, is {told(new.default)} instead of {told(old.default)}"
    if old.unit != new.unit:
        kind = "breaking-input" if old.unit and new.unit else "changed-text"
        yield kind, f"{name} counts {new.unit}" if new.unit else f"{name} does not say what it counts"
    yield from _limit_changes(name, old, new)
    yield from _option_changes(name, old, new)
    yield from _text_changes(name, old, new)
    if old.type == new.type == "nested_object":
        yield from input_changes(old.children or {}, new.children or {}, f"{name}.")


def _takes_null(field: Input) -> bool:
    """A form sends null for a field that was left empty, so what is not required may be null."""
    return field.nullable or not field.required


def _type_changes(name: str, old: Input, new: Input) -> Iterator[tuple[ChangeClass, str]]:
    wider = new.type in _WIDER.get(old.type, ()) or (new.type == "json" and old.type != "password")
    yield "looser-input" if wider else "breaking-input", f"{name} takes {new.type} instead of {old.type}"
    before, after = ({*_secrets(name, field)} for field in (old, new))
    for secret in sorted(after - before):
        yield "new-secret", f"the input {secret} asks for a secret"
    for secret in sorted(before - after):
        yield "exposed-secret", f"{secret} is not kept secret any more"


def _limit_changes(name: str, old: Input, new: Input) -> Iterator[tuple[ChangeClass, str]]:
    for words, before, after in (
        ("from", _or(old.min, -math.inf), _or(new.min, -math.inf)),
        ("up to", -_or(old.max, math.inf), -_or(new.max, math.inf)),
        ("of characters from", _or(old.min_length, 0), _or(new.min_length, 0)),
        ("of characters up to", -_or(old.max_length, math.inf), -_or(new.max_length, math.inf)),
    ):
        if before != after:
            limit = _number(abs(after) if words.endswith("up to") else after)
            kind: ChangeClass = "breaking-input" if after > before else "looser-input"
            yield kind, f"{name} takes {_AMOUNT[words]} {limit}"
    if old.pattern != new.pattern:
        kind = "breaking-input" if new.pattern is not None else "looser-input"
        yield kind, f"{name} {'takes what matches another pattern' if new.pattern else 'takes what matches no pattern'}"
    if old.step != new.step or not _same_grid(old, new):
        fits = new.step is None or (old.step is not None and _whole(old.step / new.step) and _same_grid(old, new))
        yield "looser-input" if fits else "breaking-input", f"{name} takes steps of {new.step or 'any size'}"


def _same_grid(old: Input, new: Input) -> bool:
    """Whether the steps of both, which are counted from the least number, meet."""
    return new.step is None or _whole((_or(old.min, 0) - _or(new.min, 0)) / new.step)


_AMOUNT = {
    "from": "numbers from",
    "up to": "numbers up to",
    "of characters from": "texts of at least so many characters:",
    "of characters up to": "texts of at most so many characters:",
}


def _or(limit: float | None, otherwise: float) -> float:
    return otherwise if limit is None else limit


def _number(limit: float) -> str:
    return f"{limit:g}" if math.isfinite(limit) else "any"


def _whole(number: float) -> bool:
    return abs(number - round(number)) < 1e-9


def _option_changes(name: str, old: Input, new: Input) -> Iterator[tuple[ChangeClass, str]]:
    if old.type != new.type:
        return
    before, after = old.enum or [], new.enum or []
    if old.allow_create != new.allow_create:
        kind: ChangeClass = "looser-input" if new.allow_create else "breaking-input"
        yield kind, f"{name} takes {'any option' if new.allow_create else 'no option but those it knows'}"
    for option in before:
        if option not in after:
            kind = "changed-text" if new.allow_create else "breaking-input"
            yield kind, f"{name} does not know {told(option)} any more"
    for option in after:
        if option not in before:
            yield "changed-text" if old.allow_create else "looser-input", f"{name} knows {told(option)}"
    if before != after and sorted(before) == sorted(after):
        yield "changed-text", f"{name} shows its options in another order"


def _text_changes(name: str, old: Input, new: Input) -> Iterator[tuple[ChangeClass, str]]:
    for key in _TEXTS:
        if getattr(old, key) != getattr(new, key):
            yield "changed-text", f"{name} has another {key.replace('_', ' ')}"
