"""How actions and connectors changed.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from locoia_pat.authoring.diff.change import BUMPS, Change, told
from locoia_pat.authoring.diff.compare_inputs import input_changes
from locoia_pat.authoring.diff.compare_outputs import output_changes
from locoia_pat.authoring.packs.manifest import secret_inputs, variables
from locoia_pat.spec.model import ActionSpec, SuperSpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from locoia_pat.authoring.diff.change import ChangeClass
    from locoia_pat.spec.model import ConnectorSpec, Effect, Output

    Spec: TypeAlias = ActionSpec | SuperSpec


@dataclass(frozen=True, slots=True)
class Side:
    """One of two things that are compared."""

    connector: ConnectorSpec | None
    """None where it is the file of an action."""
    actions: Mapping[str, ActionSpec | SuperSpec]
    files: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    """Recipes and pages beside the specs."""
    is_file: bool = False
    """Whether it is one file, and not a whole connector."""


_FORCE: dict[Effect, int] = {"read": 0, "create": 1, "update": 2, "rotate": 3, "delete": 4}
"""What an effect can do to what is there already."""


def changes(old: Side, new: Side) -> list[Change]:
    """All changes between *old* and *new*, the gravest first."""
    found = list(_changes(old, new))
    order = list(BUMPS)
    return sorted(found, key=lambda change: (order.index(change.kind), change.action or "", change.message))


def _changes(old: Side, new: Side) -> Iterator[Change]:
    if old.connector and new.connector:
        yield from (Change(kind, None, words) for kind, words in _connector_changes(old.connector, new.connector))
    effects = {spec.effect for spec in old.actions.values()}
    for name, spec in new.actions.items():
        if name in old.actions:
            yield from _of(name, action_changes(old.actions[name], spec))
            continue
        yield Change("new-action", name, f"there is a new action, to {spec.effect}")
        if spec.effect not in effects and not old.is_file:
            yield Change("wider-effect", name, f"it is the first action to {spec.effect}")
        for secret in secret_inputs(spec.inputs):
            yield Change("new-secret", name, f"the input {secret} asks for a secret")
    for name in old.actions:
        if name not in new.actions:
            yield Change("removed-action", name, "there is no such action any more")
    for name in sorted({*old.files, *new.files}):
        if old.files.get(name) != new.files.get(name):
            state = "new" if name not in old.files else "changed" if name in new.files else "gone"
            yield Change("changed-files", None, f"{name} is {state}")


def _of(action: str, found: Iterator[tuple[ChangeClass, str]]) -> Iterator[Change]:
    return (Change(kind, action, words) for kind, words in found)


def action_changes(old: Spec, new: Spec) -> Iterator[tuple[ChangeClass, str]]:
    """The changes between two versions of one action."""
    if old.effect != new.effect:
        kind: ChangeClass = "wider-effect" if _FORCE[new.effect] > _FORCE[old.effect] else "narrower-effect"
        yield kind, f"its effect is {new.effect} instead of {old.effect}"
    yield from input_changes(old.inputs, new.inputs)
    yield from output_changes(_outputs(old), _outputs(new))
    for key in ("title", "summary", "docs"):
        if getattr(old, key) != getattr(new, key):
            yield "changed-text", f"it has another {key}"
    match old, new:
        case ActionSpec(), ActionSpec():
            yield from _request_changes(old, new)
            yield from _reply_changes(old, new)
            yield from _safety_changes(old, new)
            if old.examples != new.examples:
                yield "changed-examples", "its examples are others"
        case SuperSpec(), SuperSpec() if old.super_ == new.super_:
            pass
        case _:
            yield "changed-request", "it is run by something else"


def _outputs(spec: Spec) -> Mapping[str, Output]:
    return spec.output if isinstance(spec, SuperSpec) else spec.reply.output


def _request_changes(old: ActionSpec, new: ActionSpec) -> Iterator[tuple[ChangeClass, str]]:
    before, after = old.request, new.request
    if (before.method, before.path) != (after.method, after.path):
        yield "changed-request", f"it sends {after.method} {told(after.path)}"
    for key, words in (
        ("query", "another query"),
        ("headers", "other headers"),
        ("body", "another body"),
        ("form", "another form"),
        ("omit_null", "null otherwise"),
    ):
        if getattr(before, key) != getattr(after, key):
            yield "changed-request", f"it sends {words}"
    if old.pages != new.pages:
        kind: ChangeClass = "changed-request" if new.pages else "looser-output"
        yield kind, "it reads pages otherwise" if new.pages else "it reads the first page alone"


def _reply_changes(old: ActionSpec, new: ActionSpec) -> Iterator[tuple[ChangeClass, str]]:
    before, after = old.reply, new.reply
    if before.rows != after.rows:
        yield "looser-output", f"data holds {after.rows or 'no rows'} instead of {before.rows or 'no rows'}"
    if (before.at, {*before.ok}) != (after.at, {*after.ok}):
        yield "changed-reply", "it takes another answer for a success, or reads it elsewhere"
    if before.errors != after.errors:
        yield "changed-text", "it says something else about errors"


def _safety_changes(old: ActionSpec, new: ActionSpec) -> Iterator[tuple[ChangeClass, str]]:
    for key, lost, changed in (
        ("look", "it names no action that shows whether it happened", "it names another action that shows the outcome"),
        ("revoke", "a secret that no place takes stays in use", "it revokes a secret that no place takes otherwise"),
        ("replaces", "it names no row whose secret dies", "it names another row whose secret dies"),
    ):
        before, after = getattr(old, key), getattr(new, key)
        if before != after:
            yield ("changed-reply", changed) if after is not None else ("lost-safety", lost)


def _reach_changes(old: ConnectorSpec, new: ConnectorSpec) -> Iterator[tuple[ChangeClass, str]]:
    """What it reads, and where that may go."""
    for host in new.hosts:
        if host not in old.hosts:
            yield "new-host", f"the credential may go to {host}"
    for host in old.hosts:
        if host not in new.hosts:
            yield "removed-host", f"the credential does not go to {host} any more"
    before, after = variables(old), variables(new)
    for name in after:
        if name not in before:
            yield "new-secret", f"it reads the variable {name}"
    for name in before:
        if name not in after:
            yield "removed-variable", f"it does not read the variable {name} any more"


def _connector_changes(old: ConnectorSpec, new: ConnectorSpec) -> Iterator[tuple[ChangeClass, str]]:
    if old.connector != new.connector:
        yield "renamed-connector", f"it is called {new.connector} instead of {old.connector}"
    yield from _reach_changes(old, new)
    if old.base_url != new.base_url:
        yield "changed-request", f"its base address is {told(new.base_url)}"
    if old.check != new.check:
        yield "changed-reply", f"a credential is checked by {new.check or 'nothing'}"
    for key in ("header_key", "token_format", "encode", "token_prefix"):
        if getattr(old.auth, key) != getattr(new.auth, key):
            yield "changed-auth", f"the credential is sent by another {key}"
    if (old.title, old.docs, old.auth.info) != (new.title, new.docs, new.auth.info):
        yield "changed-text", "it has another title, address of documentation or line on credentials"
