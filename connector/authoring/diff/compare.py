"""The changes between two versions of specs, each with its class.

The tables below say which class the change of a key has if the key is added, removed, or gets another value.
Functions judge the few keys whose values have an order, such as limits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from pydantic import BaseModel

from locoia_pat.authoring.packs.manifest import secret_inputs, variables
from locoia_pat.messages import printable
from locoia_pat.spec.input_types import INPUT_TYPES
from locoia_pat.spec.model import ActionSpec, SuperSpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from locoia_pat.authoring.diff.spec_set import SpecSet
    from locoia_pat.authoring.semver import Bump
    from locoia_pat.spec.model import ConnectorSpec, Input, Output

    Spec: TypeAlias = ActionSpec | SuperSpec

ChangeClass = Literal[
    "new-host",
    "new-secret",
    "wider-effect",
    "exposed-secret",
    "changed-auth",
    "renamed-connector",
    "removed-host",
    "removed-variable",
    "removed-action",
    "breaking-input",
    "weakened-output",
    "removed-safeguard",
    "new-action",
    "relaxed-input",
    "strengthened-output",
    "narrower-effect",
    "changed-request",
    "changed-response",
    "changed-text",
    "changed-examples",
    "changed-files",
]
"""The closed list of classes of changes, the most important first; ``docs/packs.md`` explains each."""

MINOR: frozenset[ChangeClass] = frozenset(
    {"new-action", "relaxed-input", "strengthened-output", "narrower-effect", "changed-request", "changed-response"}
)
PATCH: frozenset[ChangeClass] = frozenset({"changed-text", "changed-examples", "changed-files"})
"""Classes that raise only the minor or the patch number of the version.

Any other change is breaking: a flow that worked may stop working, or an action does more than was accepted.
"""


@dataclass(frozen=True, slots=True)
class Change:
    """One change."""

    kind: ChangeClass
    action: str | None
    """The action that changed; None if it is the connector."""
    message: str
    """What changed, in words."""

    @property
    def bump(self) -> Bump:
        """The part of the version that the change raises."""
        return "minor" if self.kind in MINOR else "patch" if self.kind in PATCH else "major"

    @property
    def is_breaking(self) -> bool:
        """Whether a flow may stop working, or an action does more than was accepted."""
        return self.bump == "major"

    def to_dict(self) -> dict[str, Any]:
        """Return the change as JSON values."""
        return {"class": self.kind, "bump": self.bump, "action": self.action, "message": self.message}


Found: TypeAlias = "Iterator[tuple[ChangeClass, str]]"
Rule: TypeAlias = tuple[ChangeClass, ChangeClass, ChangeClass]
"""The class of a change that adds a key, removes it, or gives it another value."""


def _any_change(kind: ChangeClass) -> Rule:
    """Return the rule that gives every change the same class."""
    return (kind, kind, kind)


_TEXT: Rule = _any_change("changed-text")
_REQUEST: Rule = _any_change("changed-request")
_RESPONSE: Rule = _any_change("changed-response")
_AUTH: Rule = _any_change("changed-auth")
_BREAKING_INPUT: Rule = _any_change("breaking-input")
_WEAKENED_OUTPUT: Rule = _any_change("weakened-output")
_SAFEGUARD: Rule = ("changed-response", "removed-safeguard", "changed-response")

_CONNECTOR_RULES: dict[str, Rule] = {
    "connector": _any_change("renamed-connector"),
    "base_url": _REQUEST,
    "base_urls": _REQUEST,
    "check": _RESPONSE,
    "headers": _REQUEST,
    **{f"auth.{key}": _AUTH for key in ("header_key", "token_format", "encode", "token_prefix", "exchange")},
    **dict.fromkeys(("title", "docs", "auth.info"), _TEXT),
}
_ACTION_RULES: dict[str, Rule] = dict.fromkeys(("title", "summary", "docs"), _TEXT)
_REQUEST_ACTION_RULES: dict[str, Rule] = {
    "auth": _AUTH,
    **{
        f"request.{key}": _REQUEST
        for key in (
            "method",
            "base_url",
            "path",
            "query",
            "headers",
            "body",
            "form",
            "file",
            "omit_null",
            "idempotency_key",
        )
    },
    "repeatable": _REQUEST,
    "reply.codes": _RESPONSE,
    "reply.code_at": _RESPONSE,
    "reply.error_at": _TEXT,
    **dict.fromkeys(("pages", "poll"), ("changed-request", "weakened-output", "changed-request")),
    "reply.rows": _WEAKENED_OUTPUT,
    "reply.rows_by_key": _RESPONSE,
    "reply.at": _RESPONSE,
    "reply.errors": _TEXT,
    **dict.fromkeys(("verify_with", "create_with", "delete_with", "revoke", "replaces"), _SAFEGUARD),
    "examples": _any_change("changed-examples"),
}
_INPUT_RULES: dict[str, Rule] = {
    "multiple": _BREAKING_INPUT,
    "required": ("breaking-input", "relaxed-input", "breaking-input"),
    "unit": ("changed-text", "changed-text", "breaking-input"),
    "pattern": ("breaking-input", "relaxed-input", "breaking-input"),
    "allow_create": ("relaxed-input", "breaking-input", "breaking-input"),
    **dict.fromkeys(
        ("title", "info", "null_title", "placeholder", "rows", "regex_error_message", "includes", "option_notes"), _TEXT
    ),
}
_OUTPUT_RULES: dict[str, Rule] = {
    "type": _WEAKENED_OUTPUT,
    "multiple": _WEAKENED_OUTPUT,
    "nullable": ("weakened-output", "strengthened-output", "weakened-output"),
    "secret": ("new-secret", "exposed-secret", "new-secret"),
    "store_with_token": ("strengthened-output", "weakened-output", "weakened-output"),
    "required": ("changed-response", "weakened-output", "changed-response"),
    "sources": _RESPONSE,
    "header": _RESPONSE,
    **dict.fromkeys(("from_input", "days_until", "requested_by"), _RESPONSE),
    "fallback_input": ("changed-response", "weakened-output", "changed-response"),
    "title": _TEXT,
}
_EFFECTS = ("read", "create", "update", "rotate", "delete")
"""Effects, by what they can do to existing rows."""
_MAX_LENGTH = 80


def find_changes(old: SpecSet, new: SpecSet) -> list[Change]:
    """Return all changes from *old* to *new*, the most important first."""
    changes = list(_compare_action_sets(old, new))
    if old.connector and new.connector:
        changes += [Change(kind, None, message) for kind, message in _compare_connectors(old.connector, new.connector)]
    for name in old.files.keys() | new.files.keys():
        if old.files.get(name) != new.files.get(name):
            state = "added" if name not in old.files else "changed" if name in new.files else "removed"
            changes.append(Change("changed-files", None, f"{name} {state}"))
    order = get_args(ChangeClass)
    return sorted(changes, key=lambda change: (order.index(change.kind), change.action or "", change.message))


def _compare_action_sets(old: SpecSet, new: SpecSet) -> Iterator[Change]:
    effects = {spec.effect for spec in old.actions.values()}
    for name, spec in new.actions.items():
        if name in old.actions:
            for kind, message in _compare_actions(old.actions[name], spec):
                yield Change(kind, name, message)
            continue
        yield Change("new-action", name, f"new action with effect {spec.effect}")
        if spec.effect not in effects and not old.is_file:
            yield Change("wider-effect", name, f"first action with effect {spec.effect}")
        for secret in secret_inputs(spec.inputs):
            yield Change("new-secret", name, f"input {secret}: asks for a secret")
    for name in old.actions.keys() - new.actions.keys():
        yield Change("removed-action", name, "removed")


def _compare_connectors(old: ConnectorSpec, new: ConnectorSpec) -> Found:
    yield from _compare_keys(old, new, _CONNECTOR_RULES)
    yield from _compare_names("host", old.hosts, new.hosts, "new-host", "removed-host")
    yield from _compare_names("variable", variables(old), variables(new), "new-secret", "removed-variable")


def _compare_names(label: str, old: list[str], new: list[str], added: ChangeClass, removed: ChangeClass) -> Found:
    for value in new:
        if value not in old:
            yield added, f"{label} {value} added"
    for value in old:
        if value not in new:
            yield removed, f"{label} {value} removed"


def _compare_actions(old: Spec, new: Spec) -> Found:
    if old.effect != new.effect:
        wider = _EFFECTS.index(new.effect) > _EFFECTS.index(old.effect)
        yield "wider-effect" if wider else "narrower-effect", f"effect changed from {old.effect} to {new.effect}"
    yield from _compare_keys(old, new, _ACTION_RULES)
    yield from _compare_inputs(old.inputs, new.inputs)
    yield from _compare_secret_inputs(old.inputs, new.inputs)
    yield from _compare_outputs(_outputs(old), _outputs(new))
    match old, new:
        case ActionSpec(), ActionSpec():
            yield from _compare_keys(old, new, _REQUEST_ACTION_RULES)
            if {*old.reply.ok} != {*new.reply.ok}:
                yield "changed-response", f"reply.ok changed from {_show(old.reply.ok)} to {_show(new.reply.ok)}"
        case SuperSpec(), SuperSpec() if old.super_ == new.super_:
            pass
        case _:
            yield "changed-request", "super changed"


def _outputs(spec: Spec) -> Mapping[str, Output]:
    return spec.output if isinstance(spec, SuperSpec) else spec.reply.output


def _compare_keys(old: BaseModel, new: BaseModel, rules: Mapping[str, Rule], label: str = "") -> Found:
    """Compare the keys of *rules* in two models; a dotted key is one of a model inside."""
    for key, rule in rules.items():
        before, after = attrgetter(key)(old), attrgetter(key)(new)
        if before != after:
            state = 0 if _is_absent(before) else 1 if _is_absent(after) else 2
            yield rule[state], f"{label}{_key_in_yaml(old, key)} {_describe(before, after)}"


def _is_absent(value: Any) -> bool:
    return value is None or value is False or value in ({}, [])


def _key_in_yaml(model: BaseModel, key: str) -> str:
    """Return *key* as a spec writes it."""
    name, dot, rest = key.partition(".")
    inner = getattr(model, name)
    return (type(model).model_fields[name].alias or name) + (f".{_key_in_yaml(inner, rest)}" if dot else "")


def _describe(old: Any, new: Any) -> str:
    old, new = (", ".join(value) or None if _is_list_of_strings(value) else value for value in (old, new))
    if any(isinstance(value, dict | list | BaseModel) for value in (old, new)):
        return "added" if _is_absent(old) else "removed" if _is_absent(new) else "changed"
    return f"changed from {_show(old)} to {_show(new)}"


def _is_list_of_strings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _show(value: object) -> str:
    """Return *value* as a message shows it: on one line, cut if it is long."""
    text = "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    text = printable(text)
    return text if len(text) <= _MAX_LENGTH else f"{text[: _MAX_LENGTH - 1]}…"


def _compare_outputs(old: Mapping[str, Output], new: Mapping[str, Output], prefix: str = "") -> Found:
    for name, before in old.items():
        label, after = f"output {prefix}{name}: ", new.get(name)
        if after is None:
            yield "weakened-output", f"{label}removed"
            continue
        yield from _compare_keys(before, after, _OUTPUT_RULES, label)
        if before.type == after.type == "nested_object":
            yield from _compare_outputs(before.children or {}, after.children or {}, f"{prefix}{name}.")
    for name, after in new.items():
        if name not in old:
            yield "strengthened-output", f"output {prefix}{name}: added"
            if after.secret:
                yield "new-secret", f"output {prefix}{name}: a secret that is shown once and needs a token store"


def _compare_secret_inputs(old: Mapping[str, Input], new: Mapping[str, Input]) -> Found:
    before, after = {*secret_inputs(old)}, {*secret_inputs(new)}
    for name in after - before:
        yield "new-secret", f"input {name}: asks for a secret"
    for name in before - after:
        if _is_taken(name, new):
            yield "exposed-secret", f"input {name}: no longer secret"


def _is_taken(name: str, inputs: Mapping[str, Input]) -> bool:
    """Return whether *inputs* take a value under the dotted *name*."""
    first, dot, rest = name.partition(".")
    field = inputs.get(first)
    if field is None:
        return False
    return not dot or field.type != "nested_object" or _is_taken(rest, field.children or {})


def _compare_inputs(old: Mapping[str, Input], new: Mapping[str, Input], prefix: str = "") -> Found:
    for name, before in old.items():
        label, after = f"input {prefix}{name}: ", new.get(name)
        if after is None:
            yield "breaking-input", f"{label}removed"
            continue
        yield from _compare_keys(before, after, _INPUT_RULES, label)
        for kind, message in _compare_values(before, after):
            yield kind, label + message
        if before.type == after.type == "nested_object":
            yield from _compare_inputs(before.children or {}, after.children or {}, f"{prefix}{name}.")
    for name, after in new.items():
        if name not in old:
            added: ChangeClass = "breaking-input" if after.required else "relaxed-input"
            yield added, f"input {prefix}{name}: added{', required' if after.required else ''}"


def _compare_values(old: Input, new: Input) -> Found:
    """Compare the values that an input takes."""
    if old.type != new.type:
        wider = new.type in INPUT_TYPES[old.type].also_accepted_by
        yield _input_class(relaxed=wider), f"type changed from {old.type} to {new.type}"
    else:
        yield from _compare_options(old, new)
    takes_null = new.nullable or not new.required  # a form sends null for a field that is left empty
    if (old.nullable or not old.required) != takes_null:
        yield _input_class(relaxed=takes_null), f"null is {'now' if takes_null else 'no longer'} allowed"
    if old.default != new.default and not (old.required or new.required):
        yield "breaking-input", f"default {_describe(old.default, new.default)}"
    for key, unlimited in (("min", -math.inf), ("max", math.inf), ("min_length", 0), ("max_length", math.inf)):
        before, after = getattr(old, key), getattr(new, key)
        if (lower := _or(before, unlimited)) != (higher := _or(after, unlimited)):
            relaxed = higher > lower if key.startswith("max") else higher < lower
            yield _input_class(relaxed=relaxed), f"{_key_in_yaml(old, key)} {_describe(before, after)}"
    if old.step != new.step or not _same_grid(old, new):
        fits = old.step is not None and new.step is not None and _is_whole(old.step / new.step) and _same_grid(old, new)
        yield _input_class(relaxed=fits or new.step is None), f"step {_describe(old.step, new.step)}"


def _input_class(*, relaxed: bool) -> ChangeClass:
    return "relaxed-input" if relaxed else "breaking-input"


def _compare_options(old: Input, new: Input) -> Found:
    before, after = old.enum or [], new.enum or []
    for option in before:
        if option not in after:
            yield "changed-text" if new.allow_create else "breaking-input", f"option {_show(option)} removed"
    for option in after:
        if option not in before:
            yield "changed-text" if old.allow_create else "relaxed-input", f"option {_show(option)} added"
    if before != after and sorted(before) == sorted(after):
        yield "changed-text", "order of options changed"


def _same_grid(old: Input, new: Input) -> bool:
    """Return whether the steps of both, which are counted from the minimum, meet."""
    return new.step is None or _is_whole((_or(old.min, 0) - _or(new.min, 0)) / new.step)


def _or(limit: float | None, default: float) -> float:
    return default if limit is None else limit


def _is_whole(number: float) -> bool:
    return abs(number - round(number)) < 1e-9
