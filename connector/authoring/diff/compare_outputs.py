"""How the outputs of an action changed: does it give all that it gave?

Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from locoia_pat.authoring.diff.change import ChangeClass
    from locoia_pat.spec.model import Output


def output_changes(
    old: Mapping[str, Output], new: Mapping[str, Output], at: str = ""
) -> Iterator[tuple[ChangeClass, str]]:
    """The changes between the outputs *old* and *new*, which stand inside of the output *at*."""
    for name, before in old.items():
        if name not in new:
            yield "looser-output", f"the output {at}{name} is gone"
        else:
            yield from _changes(f"{at}{name}", before, new[name])
    for name, after in new.items():
        if name not in old:
            yield "firmer-output", f"the output {at}{name} is new"
            if after.secret:
                yield "new-secret", f"{at}{name} is a secret that is shown once, and needs a place"


def _changes(name: str, old: Output, new: Output) -> Iterator[tuple[ChangeClass, str]]:
    if (old.type, old.multiple) != (new.type, new.multiple):
        kinds = [f"a list of {output.type}" if output.multiple else output.type for output in (old, new)]
        yield "looser-output", f"{name} is {kinds[1]} instead of {kinds[0]}"
    if old.nullable != new.nullable:
        kind: ChangeClass = "looser-output" if new.nullable else "firmer-output"
        yield kind, f"{name} {'may be null' if new.nullable else 'is never null'}"
    if old.secret != new.secret:
        told: tuple[ChangeClass, str] = (
            ("new-secret", f"{name} is a secret that is shown once, and needs a place")
            if new.secret
            else ("exposed-secret", f"{name} is not kept secret any more, but stands in data")
        )
        yield told
    if old.keep != new.keep:
        kind = "firmer-output" if new.keep else "looser-output"
        yield kind, f"{name} is {'' if new.keep else 'not '}stored beside the secret"
    for key, words in (("source", "is read elsewhere"), ("days_until", "is counted otherwise")):
        if getattr(old, key) != getattr(new, key):
            yield "changed-reply", f"{name} {words}"
    if old.or_input != new.or_input:
        kind = "changed-reply" if new.or_input else "looser-output"
        yield kind, f"{name} is {new.or_input or 'nothing'} where the answer leaves it out"
    if old.title != new.title:
        yield "changed-text", f"{name} has another title"
    if old.type == new.type == "nested_object":
        yield from output_changes(old.children or {}, new.children or {}, f"{name}.")
