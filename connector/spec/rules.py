"""The rules of the spec language that no single part of a spec can see.

Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from locoia_pat.http.url import is_loopback
from locoia_pat.messages import did_you_mean
from locoia_pat.spec.input_types import INPUT_TYPES, types_with_key
from locoia_pat.spec.pattern import part_names

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from locoia_pat.outcomes import Finding
    from locoia_pat.spec import yaml
    from locoia_pat.spec.model import ActionSpec, ConnectorSpec, Effect, Input, Method, Output, SuperSpec

# What a template reads as something else than a name.
_RESERVED = frozenset(["and", "else", "false", "if", "in", "is", "none", "not", "or", "self", "true"])

_METHODS: dict[Effect, tuple[Method, ...]] = {
    "read": ("GET", "POST"),  # a search may be a POST
    "create": ("POST", "PUT"),
    "rotate": ("POST", "PUT", "PATCH"),
    "update": ("POST", "PUT", "PATCH"),
    "delete": ("DELETE", "POST", "PUT", "PATCH"),
}
"""The methods that can have an effect, by the meaning HTTP gives them (RFC 9110, 9.2)."""

_TYPE_KEYS = sorted(frozenset[str]().union(*(info.keys for info in INPUT_TYPES.values())))
"""The keys of an input that only some types have."""

_OURS = frozenset(
    ["authorization", "connection", "content-length", "cookie", "expect", "host", "proxy-authorization", "te",
     "trailer", "transfer-encoding", "upgrade"]
)  # fmt: skip
"""Headers that the credential, the connection or the body decide."""

_MAX_INPUTS = 100

_OWN_NAME, _OWN_HOST = "locoia", "api.locoia.com"
"""Locoia's credential belongs to its API: a folder that calls itself Locoia may name no other host."""


def super_findings(spec: SuperSpec) -> Iterator[Finding]:
    """The mistakes in one super action."""
    yield from _value_findings(spec, ("output",), spec.output)


def _value_findings(
    spec: ActionSpec | SuperSpec, at_output: yaml.Path, outputs: Mapping[str, Output]
) -> Iterator[Finding]:
    """The mistakes in what an action takes and gives."""
    at = spec.document.finding
    if (count := _count(spec.inputs)) > _MAX_INPUTS:
        yield at(
            "yaml-limit", ("inputs",), f"an action has at most {_MAX_INPUTS} inputs, this has {count}", at_key=True
        )
    yield from _input_findings(spec, ("inputs",), spec.inputs)
    yield from _output_findings(spec, at_output, outputs)


def action_findings(spec: ActionSpec) -> Iterator[Finding]:
    """The mistakes in one action, its templates aside."""
    at = spec.document.finding
    yield from _effect_findings(spec)
    yield from _request_findings(spec)
    yield from _pages_findings(spec)
    yield from _value_findings(spec, ("reply", "output"), spec.reply.output)
    for name in spec.secrets[1:]:
        yield at("contradiction", ("reply", "output", name), "an action gives one secret", at_key=True)
    for name in spec.secrets[:1]:
        if spec.reply.rows or spec.effect == "read":
            message = "only an action that changes one row gives a secret"
            yield at("contradiction", ("reply", "output", name), message, at_key=True)


def _count(inputs: Mapping[str, Input]) -> int:
    return len(inputs) + sum(_count(field.children or {}) for field in inputs.values())


def connector_findings(spec: ConnectorSpec) -> Iterator[Finding]:
    """The mistakes in what a folder shares, its templates aside."""
    at = spec.document.finding
    parts = urlsplit(spec.base_url)
    if not is_loopback(parts.hostname):
        if parts.hostname not in spec.hosts:
            yield at("foreign-host", ("base_url",), f"{parts.hostname} is not among the hosts")
        if parts.scheme != "https":
            yield at("bad-value", ("base_url",), "a credential is sent by https alone; plain http is for this computer")
    if spec.auth.header_key.lower() in _OURS - {"authorization", "cookie", "proxy-authorization"} | {
        "accept",
        "content-type",
    }:
        message = f'"{spec.auth.header_key}" carries no credential: the connection or the body decide it'
        yield at("contradiction", ("auth", "header_key"), message)
    prefix = f"{spec.connector.upper()}_"
    for key in ("token", "base_url", "identifier"):
        name = getattr(spec.env, key)
        if name is not None and not name.startswith(prefix):
            message = f"a connector reads its own variables alone: {name} does not begin with {prefix}"
            yield at("foreign-variable", ("env", key), message)
    if spec.connector == _OWN_NAME:
        for index, host in enumerate(spec.hosts):
            if host != _OWN_HOST:
                message = f"Locoia's credential is for {_OWN_HOST} alone; another connector has another name"
                yield at("foreign-host", ("hosts", index), message)


def reference_findings(
    connector: ConnectorSpec, specs: Mapping[str, ActionSpec], names: Collection[str]
) -> Iterator[Finding]:
    """What does not fit between the files of a folder, whose actions are *names*; *specs* are those that are right."""
    yield from _named(connector, ("check",), connector.check, specs, names)
    for spec in specs.values():
        yield from header_findings(spec, connector)
        yield from _named(spec, ("verify_with",), spec.verify_with, specs, names)
        if spec.revoke is not None:
            yield from _named(spec, ("revoke", "action"), spec.revoke.action, specs, names)
            if (undo := specs.get(spec.revoke.action)) is not None:
                yield from _revoke_findings(spec, spec.revoke.inputs, undo)
        if spec.tag_input is not None and (look := specs.get(spec.verify_with or "")) is not None:
            yield from _seen_findings(spec, spec.tag_input, look)


def _seen_findings(spec: ActionSpec, mark: str, look: ActionSpec) -> Iterator[Finding]:
    """Whether the rows that *look* gives show the *mark*."""
    if look.reply.rows is None or mark not in look.reply.output:
        message = f'{look.action} gives no rows with the output "{mark}", in which a mark would show'
        yield spec.document.finding("unknown-reference", ("tag_input",), message)


def _revoke_findings(spec: ActionSpec, given: Collection[str], undo: ActionSpec) -> Iterator[Finding]:
    at = spec.document.finding
    for name in given:
        if name not in undo.inputs:
            message = f'{undo.action} has no input "{name}"{did_you_mean(name, undo.inputs)}'
            yield at("unknown-reference", ("revoke", "inputs", name), message, at_key=True)
    for name, field in undo.inputs.items():
        if field.required and name not in given:
            yield at("missing-key", ("revoke", "inputs"), f'{undo.action} needs the input "{name}"')


def header_findings(spec: ActionSpec, connector: ConnectorSpec) -> Iterator[Finding]:
    """Headers of an action that its connector's credential stands in."""
    for header in spec.request.headers:
        if header.lower() == connector.auth.header_key.lower():
            message = f'"{header}" is the header of the credential, which "auth" in connector.yaml makes'
            yield spec.document.finding("contradiction", ("request", "headers", header), message, at_key=True)


def _named(
    spec: ActionSpec | ConnectorSpec,
    path: yaml.Path,
    name: str | None,
    specs: Mapping[str, ActionSpec],
    names: Collection[str],
) -> Iterator[Finding]:
    """What is wrong with naming another action: all but "revoke" name a read."""
    if name is None:
        return
    if name not in names:
        message = f'there is no action "{name}" in this folder{did_you_mean(name, names)}'
        yield spec.document.finding("unknown-reference", path, message)
    elif path[0] != "revoke" and name in specs and specs[name].effect != "read":
        yield spec.document.finding("contradiction", path, f'"{name}" is no read; what is looked at must not change')


def _effect_findings(spec: ActionSpec) -> Iterator[Finding]:
    at = spec.document.finding
    method, methods = spec.request.method, _METHODS[spec.effect]
    if method not in methods:
        message = f"{method} cannot {spec.effect}; {' or '.join(methods)} can"
        yield at("effect-method", ("request", "method"), message)
    if spec.effect == "rotate" and spec.replaces is None:
        message = 'an action with effect: rotate says with "replaces" which input names the row'
        yield at("missing-key", (), message)
    if spec.replaces is not None:
        if spec.replaces not in spec.inputs:
            message = f'there is no input "{spec.replaces}"{did_you_mean(spec.replaces, spec.inputs)}'
            yield at("unknown-reference", ("replaces",), message)
        elif spec.effect != "rotate":
            yield at("contradiction", ("replaces",), 'only an action with effect: rotate has "replaces"', at_key=True)
    if spec.revoke is not None and not spec.secrets:
        yield at("contradiction", ("revoke",), "there is no secret to revoke in the output", at_key=True)
    if spec.verify_with is not None and spec.effect == "read":
        yield at("contradiction", ("verify_with",), "a read needs no other action to verify it", at_key=True)
    yield from _mark_findings(spec)


def _mark_findings(spec: ActionSpec) -> Iterator[Finding]:
    at = spec.document.finding
    if spec.tag_input is None:
        return
    if spec.tag_input not in spec.inputs:
        message = f'there is no input "{spec.tag_input}"{did_you_mean(spec.tag_input, spec.inputs)}'
        yield at("unknown-reference", ("tag_input",), message)
    elif spec.inputs[spec.tag_input].type != "text" or spec.inputs[spec.tag_input].multiple:
        yield at("contradiction", ("tag_input",), f'"{spec.tag_input}" is not a text input, so it cannot carry a mark')
    elif spec.effect != "create" or spec.verify_with is None or spec.revoke is None:
        message = '"tag_input" is for effect: create, and needs "verify_with" and "revoke" too'
        yield at("contradiction", ("tag_input",), message, at_key=True)


def _request_findings(spec: ActionSpec) -> Iterator[Finding]:
    at = spec.document.finding
    request = spec.request
    bodies = [key for key in ("body", "form") if getattr(request, key) is not None]
    for key in bodies[1:]:
        yield at("contradiction", ("request", key), 'a request has a "body" or a "form", not both', at_key=True)
    if bodies and request.method == "GET":
        yield at("contradiction", ("request", bodies[0]), "a GET has no body", at_key=True)
    if request.omit_null and not (request.query or request.headers or request.form or isinstance(request.body, dict)):
        yield at("contradiction", ("request", "omit_null"), "there are no keys to leave out", at_key=True)
    for name in request.headers:
        if name.lower() in _OURS:
            message = f'"{name}" is no header of an action: the credential, the connection or the body decide it'
            yield at("contradiction", ("request", "headers", name), message, at_key=True)


def _pages_findings(spec: ActionSpec) -> Iterator[Finding]:
    at, pages = spec.document.finding, spec.pages
    if pages is None:
        return
    if spec.effect != "read" or spec.reply.rows is None or spec.request.method != "GET":
        yield at("contradiction", ("pages",), "only a GET that reads rows has pages", at_key=True)
    needed = {"page": {"query"}, "offset": {"query"}, "cursor": {"query", "at"}, "link": set[str]()}[pages.by]
    allowed = needed | ({"first"} if pages.by == "page" else {"at"} if pages.by == "link" else set[str]())
    given = pages.model_fields_set - {"by", "max_pages"}
    for key in sorted(needed - given):
        yield at("missing-key", ("pages",), f'pages by {pages.by} need "{key}"')
    for key in sorted(given - allowed):
        yield at("contradiction", ("pages", key), f'pages by {pages.by} have no "{key}"', at_key=True)


def _input_findings(spec: ActionSpec | SuperSpec, path: yaml.Path, inputs: Mapping[str, Input]) -> Iterator[Finding]:
    for name, field in inputs.items():
        yield from _shape_findings(spec, (*path, name), field)
        yield from _limit_findings(spec, (*path, name), field)
        yield from _input_findings(spec, (*path, name, "children"), field.children or {})


def _shape_findings(spec: ActionSpec | SuperSpec, here: yaml.Path, field: Input) -> Iterator[Finding]:
    """What an input of its type must have, and must not."""
    at = spec.document.finding
    if here[-1] in _RESERVED:
        message = f'"{here[-1]}" means something in a template; choose another name'
        yield at("bad-name", here, message, at_key=True)
    if field.type == "select" and not field.enum:
        yield at("missing-key", here, 'a select needs "enum", the list of its options')
    if field.type == "nested_object" and not field.children:
        yield at("missing-key", here, 'a nested_object needs "children"')
    for key in _TYPE_KEYS:
        if (*here, key) in spec.document.keys and key not in INPUT_TYPES[field.type].keys:
            message = f'an input of type {field.type} cannot have "{key}"; only {" and ".join(types_with_key(key))} can'
            yield at("contradiction", (*here, key), message, at_key=True)
    for key in ("includes", "option_notes"):
        for option in getattr(field, key) or {}:
            if option not in (field.enum or ()):
                message = f'"{option}" is no option of "enum"{did_you_mean(option, field.enum or ())}'
                yield at("unknown-reference", (*here, key, option), message, at_key=True)


def _limit_findings(spec: ActionSpec | SuperSpec, here: yaml.Path, field: Input) -> Iterator[Finding]:
    """Limits and defaults that are against each other."""
    at = spec.document.finding
    if field.required and field.default is not None:
        yield at("contradiction", (*here, "default"), "an input that is required has no default", at_key=True)
    if field.min is not None and field.max is not None and field.min > field.max:
        yield at("contradiction", (*here, "max"), "max is less than min")
    if (field.min_length or 0) > (field.max_length if field.max_length is not None else field.min_length or 0):
        yield at("contradiction", (*here, "maxLength"), "maxLength is less than minLength")
    if field.regex_error_message is not None and field.pattern is None:
        yield at("missing-key", here, '"regexErrorMessage" needs "pattern"')


def _output_findings(spec: ActionSpec | SuperSpec, path: yaml.Path, outputs: Mapping[str, Output]) -> Iterator[Finding]:
    at = spec.document.finding
    times = [key for key, output in outputs.items() if output.type == "datetime"]
    for name, output in outputs.items():
        here = (*path, name)
        if output.fallback_input is not None and output.fallback_input not in spec.inputs:
            message = f'there is no input "{output.fallback_input}"{did_you_mean(output.fallback_input, spec.inputs)}'
            yield at("unknown-reference", (*here, "fallback_input"), message)
        if output.days_until is not None and (output.days_until not in times or output.type != "number"):
            message = f'there is no datetime output "{output.days_until}"{did_you_mean(output.days_until, times)}'
            yield at("unknown-reference", (*here, "days_until"), message)
        if output.last_word is not None and (
            output.multiple or sorted(part_names(output.last_word)) != sorted(output.children or ())
        ):
            yield at("contradiction", (*here, "last_word"), 'the names in braces must match the keys of "children"')
        if (output.type == "nested_object") != bool(output.children):
            yield at("contradiction", here, 'a nested_object, and only that, has "children"')
        if output.type == "datetime" and output.multiple:
            yield at("contradiction", (*here, "multiple"), "a datetime output is one time")
        if output.secret and (len(path) > 2 or output.type != "text" or output.multiple or output.store_with_token):
            message = "a secret is one text at the top of the output, and is kept without saying so"
            yield at("contradiction", here, message, at_key=True)
        yield from _output_findings(spec, (*here, "children"), output.children or {})
