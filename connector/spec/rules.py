"""The rules of the spec language that no single part of a spec can see.

Pure.
"""

from __future__ import annotations

import re
from functools import reduce
from operator import getitem
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from locoia_pat.http.url import is_loopback
from locoia_pat.messages import did_you_mean
from locoia_pat.secrets.detect import is_secret_name
from locoia_pat.spec.input_types import INPUT_TYPES, types_with_key
from locoia_pat.spec.pattern import part_names
from locoia_pat.spec.row_mark import MARK_LENGTH, required_inputs

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from locoia_pat.outcomes import Finding
    from locoia_pat.spec import yaml
    from locoia_pat.spec.model import (
        ActionSpec,
        ConnectorSpec,
        Effect,
        Input,
        Method,
        OptionList,
        Output,
        PageKind,
        SuperSpec,
    )

# Words that a template does not read as names.
RESERVED_NAMES = frozenset(["and", "else", "false", "if", "in", "is", "none", "not", "or", "self", "true"])

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

RESERVED_HEADERS = frozenset(
    ["authorization", "connection", "content-length", "cookie", "expect", "host", "proxy-authorization", "te",
     "trailer", "transfer-encoding", "upgrade"]
)  # fmt: skip
"""Headers that are set by the credential, the connection or the body."""

_MAX_INPUTS = 100
_MAX_VERSION = 30

_OWN_NAME, _OWN_HOST = "locoia", "api.locoia.com"
"""Locoia's credential belongs to its API, so a connector of that name cannot name another host."""


def is_status(key: str) -> bool:
    """Return whether a *key* of ``codes`` or ``errors`` is a status, and not a code of the API."""
    return re.fullmatch("[45][0-9][0-9]", key) is not None


def super_findings(spec: SuperSpec) -> Iterator[Finding]:
    """Yield the mistakes in one super action."""
    yield from _value_findings(spec, ("output",), spec.output)


def _value_findings(
    spec: ActionSpec | SuperSpec, at_output: yaml.Path, outputs: Mapping[str, Output]
) -> Iterator[Finding]:
    """Yield the mistakes in the inputs and outputs of an action."""
    at = spec.document.finding
    if (count := _count(spec.inputs)) > _MAX_INPUTS:
        yield at(
            "yaml-limit", ("inputs",), f"an action has at most {_MAX_INPUTS} inputs; this one has {count}", at_key=True
        )
    yield from _input_findings(spec, ("inputs",), spec.inputs)
    yield from _output_findings(spec, at_output, outputs)


def action_findings(spec: ActionSpec) -> Iterator[Finding]:
    """Yield the mistakes in one action, without those in its templates."""
    at = spec.document.finding
    yield from _effect_findings(spec)
    yield from _request_findings(spec)
    yield from _pages_findings(spec)
    yield from _poll_findings(spec)
    yield from _judgement_findings(spec)
    yield from _keyed_rows_findings(spec)
    yield from _value_findings(spec, ("reply", "output"), spec.reply.output)
    for name in spec.secrets[1:]:
        yield at("contradiction", ("reply", "output", name), "an action can have only one secret output", at_key=True)
    for name, output in spec.reply.output.items():
        stored = output.is_stored_secret
        if output.secret and ((spec.effect == "read") != stored or (spec.reply.rows and not stored)):
            message = "only an action that changes one row can have a secret output"
            message += '; a read needs "secret: stored"' if not stored else ' with "secret: once"'
            yield at("contradiction", ("reply", "output", name), message, at_key=True)
    yield from _hidden_findings(spec, ("reply", "output"), spec.reply.output)
    for required in spec.required_outputs if spec.secrets else ():
        message = "an action with a secret output cannot have a required one: the secret of a success would be lost"
        yield at("contradiction", ("reply", "output", required, "required"), message, at_key=True)


def _hidden_findings(spec: ActionSpec, at_output: yaml.Path, outputs: Mapping[str, Output]) -> Iterator[Finding]:
    """Yield the outputs that would be strings under the key of a secret, and so are always null."""
    for name, output in outputs.items():
        yield from _hidden_findings(spec, (*at_output, name, "children"), output.children or {})
        is_string = output.is_in_body and output.type in ("text", "datetime")
        if output.secret or not is_string or name == spec.reply.rows_by_key:
            continue
        for index, source in enumerate(output.sources or [name]):
            key = source.rpartition(".")[2]
            if key in spec.secret_keys:
                message = f'each string under the key "{key}" is a secret here, and this output is shown'
                path = (*at_output, name, "from", index) if output.sources else (*at_output, name)
                yield spec.document.finding("contradiction", path, message, at_key=not output.sources)


def _count(inputs: Mapping[str, Input]) -> int:
    return len(inputs) + sum(_count(field.children or {}) for field in inputs.values())


def connector_findings(spec: ConnectorSpec) -> Iterator[Finding]:
    """Yield the mistakes in ``connector.yaml``, without those in its templates."""
    at = spec.document.finding
    yield from _host_findings(spec)
    if len(spec.version) > _MAX_VERSION:
        yield at("bad-value", ("version",), f"a version has at most {_MAX_VERSION} characters")
    if spec.auth.header_key.lower() in RESERVED_HEADERS - {"authorization", "cookie", "proxy-authorization"} | {
        "accept",
        "content-type",
    }:
        message = f'the header "{spec.auth.header_key}" cannot carry a credential: the connection or the body sets it'
        yield at("contradiction", ("auth", "header_key"), message)
    yield from _exchange_findings(spec)
    for name in spec.headers:
        if name.lower() in RESERVED_HEADERS | {"content-type", spec.auth.header_key.lower()}:
            message = (
                f'the connector cannot set the header "{name}": the credential, the connection or the body sets it'
            )
            yield at("contradiction", ("headers", name), message, at_key=True)
    prefix = f"{spec.connector.upper()}_"
    for key in ("token", "base_url", "identifier"):
        name = getattr(spec.env, key)
        if name is not None and not name.startswith(prefix):
            message = f"{name} does not begin with {prefix}: a connector can read only its own variables"
            yield at("foreign-variable", ("env", key), message)
    for name, options in spec.options.items():
        yield from _option_findings(spec.document, ("options", name), options)


def _exchange_findings(spec: ConnectorSpec) -> Iterator[Finding]:
    """Yield what is wrong about the exchange of the credential, besides its templates."""
    at, exchange, path = spec.document.finding, spec.auth.exchange, ("auth", "exchange")
    if exchange is None:
        return
    if (name := exchange.base_url) is not None and name not in spec.base_urls:
        message = f'"base_urls" has no "{name}"{did_you_mean(name, spec.base_urls)}'
        yield at("unknown-reference", (*path, "base_url"), message)
    if exchange.body is not None and exchange.form is not None:
        yield at("contradiction", (*path, "form"), 'a request has a "body" or a "form", not both', at_key=True)
    if exchange.basic and spec.env.identifier is None:
        yield at("missing-key", ("env",), '"basic: true" needs "identifier" in "env"')
    if not exchange.basic and exchange.body is None and exchange.form is None:
        yield at("missing-key", path, 'an exchange needs a "body" or a "form" with the credential, or "basic: true"')


def _host_findings(spec: ConnectorSpec) -> Iterator[Finding]:
    at = spec.document.finding
    yield from _base_url_findings(spec, ("base_url",), spec.base_url)
    for name, url in spec.base_urls.items():
        yield from _base_url_findings(spec, ("base_urls", name), url)
    for index, host in enumerate(spec.hosts):
        yield from _spelling_findings(spec, ("hosts", index), host)
    if spec.connector == _OWN_NAME:
        for index, host in enumerate(spec.hosts):
            if host != _OWN_HOST:
                message = f'the connector "{_OWN_NAME}" can have no host but {_OWN_HOST}; choose another name'
                yield at("foreign-host", ("hosts", index), message)


def _base_url_findings(spec: ConnectorSpec, path: yaml.Path, url: str) -> Iterator[Finding]:
    """Yield what is wrong with one of the base URLs."""
    at, parts = spec.document.finding, urlsplit(url)
    try:
        usable = parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        yield at("bad-value", path, "a port is a number from 1 to 65535")
    yield from _spelling_findings(spec, path, parts.hostname or "")
    if not is_loopback(parts.hostname):
        if parts.hostname not in spec.hosts:
            yield at("foreign-host", path, f'the host {parts.hostname} is not in "hosts"')
        if parts.scheme != "https":
            yield at("bad-value", path, "use https: plain http is allowed for localhost only")


def _spelling_findings(spec: ConnectorSpec, path: yaml.Path, host: str) -> Iterator[Finding]:
    """Yield that a host only looks like another, if it has letters beyond ASCII, however they are written."""
    if any(label.startswith("xn--") for label in host.split(".")):
        message = "a host must be in ASCII letters: one with others can look like the host of someone else"
        yield spec.document.finding("foreign-host", path, message)


def reference_findings(
    connector: ConnectorSpec, specs: Mapping[str, ActionSpec], names: Collection[str]
) -> Iterator[Finding]:
    """Yield the references between the files of a folder that are wrong.

    Args:
        connector: the connector.
        specs: the valid actions, by name.
        names: the names of all actions, invalid ones included.

    """
    yield from _action_reference_findings(connector, ("check",), connector.check, specs, names)
    if (checker := specs.get(connector.check or "")) is not None and checker.auth == "none":
        message = f'"check" needs an action that sends the credential; "{connector.check}" has auth: none'
        yield connector.document.finding("contradiction", ("check",), message)
    for spec in specs.values():
        yield from header_findings(spec, connector)
        yield from identifier_findings(spec, connector)
        yield from _action_reference_findings(spec, ("verify_with",), spec.verify_with, specs, names)
        yield from _action_reference_findings(spec, ("create_with",), spec.create_with, specs, names)
        yield from _action_reference_findings(spec, ("delete_with",), spec.delete_with, specs, names)
        if spec.revoke is not None:
            yield from _action_reference_findings(spec, ("revoke", "action"), spec.revoke.action, specs, names)
            if (revoker := specs.get(spec.revoke.action)) is not None:
                yield from _revoke_findings(spec, spec.revoke.inputs, revoker)
        if spec.tag_input is not None and (verifier := specs.get(spec.verify_with or "")) is not None:
            yield from _tag_reference_findings(spec, spec.tag_input, verifier)


def _tag_reference_findings(spec: ActionSpec, tag_input: str, verifier: ActionSpec) -> Iterator[Finding]:
    """Yield why a row cannot be found among those of *verifier*, the action in ``verify_with``, by its *tag_input*."""
    if verifier.reply.rows is None or tag_input not in verifier.reply.output:
        message = f'the rows of {verifier.action} have no output "{tag_input}", so a tag cannot be found there'
        yield spec.document.finding("unknown-reference", ("tag_input",), message)
    elif (required := required_inputs(verifier)) and not (spec.revoke and spec.revoke.from_row):
        message = f'{verifier.action} requires "{required[0]}", so a bulk run cannot list all rows with it'
        yield spec.document.finding("contradiction", ("tag_input",), message)
    elif lacking := [name for name in required if name == tag_input or not _is_always_given(spec.inputs.get(name))]:
        why = (
            "which carries the mark"
            if lacking[0] == tag_input
            else "which is not a required input of this action, or a secret"
        )
        message = f'{verifier.action} requires "{lacking[0]}", {why}'
        yield spec.document.finding("contradiction", ("verify_with",), message)
    elif (field := verifier.reply.output[tag_input]).type != "text" or field.multiple or field.secret:
        message = f'"{tag_input}" in the rows of {verifier.action} is not of the type text, or does not show a tag'
        yield spec.document.finding("contradiction", ("tag_input",), message)
    shown = verifier.reply.output if verifier.reply.rows else {}
    for index, name in enumerate(spec.revoke.from_row if spec.revoke else ()):
        path = ("revoke", "from_row", index)
        if name not in shown:
            message = f'the rows of {verifier.action} have no output "{name}"{did_you_mean(name, shown)}'
            yield spec.document.finding("unknown-reference", path, message)
        elif shown[name].secret or shown[name].multiple or shown[name].type not in ("text", "number"):
            message = f'"{name}" identifies the row, so its type is text or number, and it is no secret and no list'
            yield spec.document.finding("contradiction", path, message)


def _is_always_given(field: Input | None) -> bool:
    return field is not None and field.type != "password" and (field.required or field.default is not None)


def _revoke_findings(spec: ActionSpec, given: Mapping[str, Any], revoker: ActionSpec) -> Iterator[Finding]:
    at = spec.document.finding
    for name, value in given.items():
        if name not in revoker.inputs:
            message = f'{revoker.action} has no input "{name}"{did_you_mean(name, revoker.inputs)}'
            yield at("unknown-reference", ("revoke", "inputs", name), message, at_key=True)
        elif (revoker.inputs[name].type == "password") != (str(value).strip("{} ") in spec.secrets):
            message = f'a secret output, and only that, is given to an input of type password; see "{name}"'
            yield at("contradiction", ("revoke", "inputs", name), message)
    for name, field in revoker.inputs.items():
        if field.required and name not in given:
            yield at("missing-key", ("revoke", "inputs"), f'{revoker.action} requires the input "{name}"')


def header_findings(spec: ActionSpec, connector: ConnectorSpec) -> Iterator[Finding]:
    """Yield the headers of an action that would replace the credential, and a base URL that the connector lacks."""
    if (name := spec.request.base_url) is not None and name not in connector.base_urls:
        message = f'"base_urls" in connector.yaml has no "{name}"{did_you_mean(name, connector.base_urls)}'
        yield spec.document.finding("unknown-reference", ("request", "base_url"), message)
    for header in spec.request.headers if spec.auth is None else ():
        if header.lower() == connector.auth.header_key.lower():
            message = f'"{header}" is the header of the credential, which "auth" in connector.yaml sets'
            yield spec.document.finding("contradiction", ("request", "headers", header), message, at_key=True)


def identifier_findings(spec: ActionSpec, connector: ConnectorSpec) -> Iterator[Finding]:
    """Yield the parts of an action that use the identifier of a connector that has none."""
    if connector.env.identifier is not None or "identifier" in spec.inputs:
        return
    for path in spec.document.values:
        if path[:1] in (("request",), ("poll",)):
            part = reduce(getitem, path, spec.document.value)
            if isinstance(part, str) and re.search(r"\{\{[^}]*\bidentifier\b", part):
                message = '"identifier" in a template is neither an input nor under "env" in connector.yaml'
                yield spec.document.finding("unknown-name", path, message)


_NEEDED: dict[str | int, str] = {"create_with": "create", "delete_with": "delete"}
"""The effect of the action that a key names, if it is not a read."""


def _action_reference_findings(
    spec: ActionSpec | ConnectorSpec,
    path: yaml.Path,
    name: str | None,
    specs: Mapping[str, ActionSpec],
    names: Collection[str],
) -> Iterator[Finding]:
    """Yield a finding if *name*, the action at *path*, does not exist or has another effect than it needs."""
    if name is None:
        return
    if name not in names:
        message = f'there is no action "{name}" in this folder{did_you_mean(name, names)}'
        yield spec.document.finding("unknown-reference", path, message)
    elif path[0] != "revoke" and name in specs and specs[name].effect != (needed := _NEEDED.get(path[0], "read")):
        message = f'"{path[0]}" needs an action with effect: {needed}; "{name}" has effect: {specs[name].effect}'
        yield spec.document.finding("contradiction", path, message)


def _effect_findings(spec: ActionSpec) -> Iterator[Finding]:
    at = spec.document.finding
    method, methods = spec.request.method, _METHODS[spec.effect]
    if method not in methods:
        message = f"an action with effect: {spec.effect} cannot use {method}; use {' or '.join(methods)}"
        yield at("effect-method", ("request", "method"), message)
    if spec.effect == "rotate" and spec.replaces is None:
        message = 'an action with effect: rotate needs "replaces": the input that has the id of the row'
        yield at("missing-key", (), message)
    if spec.replaces is not None:
        if spec.replaces not in spec.inputs:
            yield _unknown_input(spec, ("replaces",), spec.replaces)
        elif (field := spec.inputs[spec.replaces]).type not in ("text", "select", "number") or field.multiple:
            message = (
                f'"replaces" must name the id of a row, which is shown and compared: "{spec.replaces}" is '
                f"{'a list' if field.multiple else f'of type {field.type}'}; name an input of type text"
            )
            yield at("contradiction", ("replaces",), message)
        elif spec.effect != "rotate":
            yield at("contradiction", ("replaces",), '"replaces" is allowed with effect: rotate only', at_key=True)
    if spec.revoke is not None and not spec.secrets:
        yield at("contradiction", ("revoke",), '"revoke" needs a secret output; there is none', at_key=True)
    yield from _from_row_findings(spec)
    if spec.verify_with is not None and spec.effect == "read":
        yield at("contradiction", ("verify_with",), '"verify_with" is not allowed with effect: read', at_key=True)
    yield from _store_findings(spec)
    yield from _tag_findings(spec)


def _store_findings(spec: ActionSpec) -> Iterator[Finding]:
    """Yield what is wrong about the keys for ``action:`` token stores."""
    for key, name, effects in (
        ("create_with", spec.create_with, ["update"]),
        ("delete_with", spec.delete_with, ["create", "update"]),
    ):
        if name is not None and spec.effect not in effects:
            message = f'"{key}" is allowed with effect: {" or ".join(effects)} only'
            yield spec.document.finding("contradiction", (key,), message, at_key=True)


def _unknown_input(spec: ActionSpec | SuperSpec, path: yaml.Path, name: str) -> Finding:
    return spec.document.finding("unknown-reference", path, f'unknown input "{name}"{did_you_mean(name, spec.inputs)}')


def _tag_findings(spec: ActionSpec) -> Iterator[Finding]:
    at = spec.document.finding
    if spec.tag_input is None:
        return
    if spec.tag_input not in spec.inputs:
        yield _unknown_input(spec, ("tag_input",), spec.tag_input)
    elif spec.inputs[spec.tag_input].type != "text" or spec.inputs[spec.tag_input].multiple:
        yield at(
            "contradiction",
            ("tag_input",),
            f'"{spec.tag_input}" is not an input of type text, so it cannot carry a tag',
        )
    elif spec.effect != "create" or spec.verify_with is None or spec.revoke is None:
        message = '"tag_input" is allowed with effect: create, "verify_with" and "revoke" only'
        yield at("contradiction", ("tag_input",), message, at_key=True)
    elif spec.revoke.from_row:
        yield from _marked_findings(spec, spec.tag_input, spec.inputs[spec.tag_input])


def _from_row_findings(spec: ActionSpec) -> Iterator[Finding]:
    """Yield why a revoke cannot take outputs from the row of its token, if it does."""
    names, path = spec.revoke.from_row if spec.revoke is not None else [], ("revoke", "from_row")
    if names and spec.tag_input is None:
        message = '"from_row" needs "tag_input": the row is found by the mark that is sent there'
        yield spec.document.finding("missing-key", path, message, at_key=True)
    for index, name in enumerate(names):
        if name in names[:index]:
            yield spec.document.finding("contradiction", (*path, index), f'"{name}" is in the list twice')
        if name in spec.secrets:
            message = f'"{name}" is the secret, which no row shows: its action has it from the response'
            yield spec.document.finding("contradiction", (*path, index), message)


def _marked_findings(spec: ActionSpec, name: str, field: Input) -> Iterator[Finding]:
    """Yield why the input *name* cannot carry a mark in each create."""
    at, path = spec.document.finding, ("inputs", name)
    if field.max_length is not None and field.max_length <= MARK_LENGTH:
        message = f'the mark of "from_row" has {MARK_LENGTH} characters, so "{name}" must be allowed more'
        yield at("contradiction", (*path, "maxLength"), message)
    if field.pattern is not None:
        message = f'a "pattern" may refuse the mark that "from_row" adds to "{name}"; remove it'
        yield at("contradiction", (*path, "pattern"), message, at_key=True)
    if field.required and field.nullable:
        message = f'null has a meaning in "{name}", so there "from_row" has nothing to add its mark to'
        yield at("contradiction", (*path, "nullable"), message, at_key=True)


def _request_findings(spec: ActionSpec) -> Iterator[Finding]:
    at = spec.document.finding
    request = spec.request
    bodies = [key for key in ("body", "form") if getattr(request, key) is not None]
    for key in bodies[1:]:
        yield at("contradiction", ("request", key), 'a request has a "body" or a "form", not both', at_key=True)
    if bodies and request.method == "GET":
        yield at("contradiction", ("request", bodies[0]), f'a GET cannot have a "{bodies[0]}"', at_key=True)
    yield from _file_findings(spec)
    yield from _repeat_findings(spec)
    if request.omit_null and not (request.query or request.headers or request.form or isinstance(request.body, dict)):
        yield at("contradiction", ("request", "omit_null"), "there are no keys to omit", at_key=True)
    for name in request.headers:
        if name.lower() in RESERVED_HEADERS - {"authorization"}:  # "auth" of the connector may use another header
            message = f'an action cannot set the header "{name}": the credential, the connection or the body sets it'
            yield at("contradiction", ("request", "headers", name), message, at_key=True)


def _file_findings(spec: ActionSpec) -> Iterator[Finding]:
    """Yield what is wrong about the file that a request sends."""
    at, request, path = spec.document.finding, spec.request, ("request", "file")
    if (file := request.file) is None:
        return
    field = spec.inputs.get(file.input)
    if field is None:
        yield _unknown_input(spec, (*path, "input"), file.input)
    elif field.type != "text" or not field.required or field.nullable or field.multiple:
        message = f'"{file.input}" is the path of a file, which only the caller gives: a required text, and not a list'
        yield at("contradiction", (*path, "input"), message)
    if request.method == "GET" or request.body is not None:
        yield at("contradiction", path, 'a GET, or a request with a "body", cannot have a "file"', at_key=True)
    if request.form is not None and file.part is None:
        yield at("missing-key", path, 'a "file" in a "form" needs "part", the name of its part')
    if file.name is not None and file.part is None:
        yield at("contradiction", (*path, "name"), '"name" needs "part": a body has no name', at_key=True)
    for name in request.headers:
        if name.lower() == "content-type":
            message = '"content_type" of the file says what it is'
            yield at("contradiction", ("request", "headers", name), message, at_key=True)


def _repeat_findings(spec: ActionSpec) -> Iterator[Finding]:
    """Yield what is wrong about the keys that say whether a request may be sent twice, and about the codes."""
    at, request = spec.document.finding, spec.request
    if spec.repeatable is False and (spec.effect == "read" or request.method not in ("PUT", "DELETE")):
        message = '"repeatable: false" is for an effect by PUT or DELETE: others are not sent twice'
        yield at("contradiction", ("repeatable",), message, at_key=True)
    if (key := request.idempotency_key) is not None:
        path = ("request", "idempotency_key")
        if spec.effect == "read" or request.method in ("PUT", "DELETE"):
            message = '"idempotency_key" is for an effect by POST or PATCH: others are sent twice without it'
            yield at("contradiction", path, message, at_key=True)
        if key.lower() in RESERVED_HEADERS | {"accept", "content-type", *map(str.lower, request.headers)}:
            yield at("contradiction", path, f'the header "{key}" has another meaning or value')


def _judgement_findings(spec: ActionSpec) -> Iterator[Finding]:
    """Yield what is wrong about the keys that say which response is a success, and what another one means."""
    at, reply = spec.document.finding, spec.reply
    for status in filter(is_status, reply.codes):
        if status.startswith("5") or status == "408":
            message = f"a {status} may have had its effect, so it has no code of a refusal"
            yield at("contradiction", ("reply", "codes", status), message, at_key=True)
    own = [(key, word) for key in ("codes", "errors") for word in getattr(reply, key) if not is_status(word)]
    if reply.code_at is None:
        for key, word in own:
            message = f'"{word}" is no status from 400 to 599, and a code of the API needs "code_at"'
            yield at("missing-key", ("reply", key, word), message, at_key=True)
    elif not own:
        message = '"code_at" needs a code of the API in "codes" or "errors"'
        yield at("contradiction", ("reply", "code_at"), message, at_key=True)
    for path, condition in (reply.ok_when or {}).items():
        if bool(condition.is_) == bool(condition.not_):
            yield at("contradiction", ("reply", "ok_when", path), 'a condition has either "is" or "not", with a value')


_PAGE_KEYS: dict[PageKind, frozenset[str]] = {
    "page": frozenset(["query", "body", "first", "more_at", "total_at", "pages_at", "page_size", "end_status"]),
    "offset": frozenset(["query", "body", "more_at", "total_at", "limit_at", "page_size", "end_status"]),
    "cursor": frozenset(["query", "body", "at", "header", "last_row", "more_at"]),
    "link": frozenset(["at", "relative_to", "more_at"]),
}
"""The keys that each kind of pages can have, besides ``by`` and ``max_pages``."""
_ONE_OF = {"page": (("query", "body"),), "offset": (("query", "body"),), "link": ()} | {
    "cursor": (("query", "body"), ("at", "header", "last_row"))
}
"""The keys of which each kind needs exactly one."""


def _pages_findings(spec: ActionSpec) -> Iterator[Finding]:
    at, pages = spec.document.finding, spec.pages
    if pages is None:
        return
    method = "POST" if pages.body else "GET"
    if spec.effect != "read" or spec.reply.rows is None or spec.request.method != method:
        message = f'only a {method} with effect: read and "rows" can have {"such " if pages.body else ""}"pages"'
        yield at("contradiction", ("pages",), message, at_key=True)
    elif pages.body is not None and not isinstance(spec.request.body, dict):
        message = 'the page is put into the "body" of the request, which must be an object; {} is one'
        yield at("contradiction", ("pages", "body"), message, at_key=True)
    given = pages.model_fields_set - {"by", "max_pages"}
    for keys in _ONE_OF[pages.by]:
        chosen = [key for key in keys if key in given]
        if not chosen:
            names = " or ".join(f'"{key}"' for key in keys)
            yield at("missing-key", ("pages",), f"pages by {pages.by} need {names}")
        for key in chosen[1:]:
            yield at("contradiction", ("pages", key), f'"{chosen[0]}" and "{key}" exclude each other', at_key=True)
    for key in sorted(given - _PAGE_KEYS[pages.by]):
        yield at("contradiction", ("pages", key), f'pages by {pages.by} cannot have "{key}"', at_key=True)


def _poll_findings(spec: ActionSpec) -> Iterator[Finding]:
    """Yield what is wrong about ``poll``, besides its template."""
    at, poll = spec.document.finding, spec.poll
    if poll is None:
        return
    if spec.pages is not None:
        yield at("contradiction", ("poll",), '"pages" and "poll" exclude each other', at_key=True)
    if poll.at is not None and poll.header is not None:
        yield at("contradiction", ("poll", "header"), '"at" and "header" exclude each other', at_key=True)
    if poll.path is not None:
        if poll.at is None and poll.header is None:
            yield at("missing-key", ("poll",), '"path" needs "at" or "header": where its id is in the response')
        if not re.search(r"\{\{[^}]*\bid\b", poll.path):
            yield at("contradiction", ("poll", "path"), '"path" needs "{{ id }}", the value in the response')
        if "id" in spec.inputs:
            message = 'in "poll.path", id is the value in the response; give the input another name'
            yield at("contradiction", ("inputs", "id"), message, at_key=True)
    for path, values in poll.pending_when.items():
        if values == []:
            yield at("bad-value", ("poll", "pending_when", path), "a list of at least 1")


def _input_findings(spec: ActionSpec | SuperSpec, path: yaml.Path, inputs: Mapping[str, Input]) -> Iterator[Finding]:
    for name, field in inputs.items():
        yield from _shape_findings(spec, (*path, name), field)
        yield from _limit_findings(spec, (*path, name), field)
        yield from _input_findings(spec, (*path, name, "children"), field.children or {})


def _shape_findings(spec: ActionSpec | SuperSpec, path: yaml.Path, field: Input) -> Iterator[Finding]:
    """Yield what an input of its type must have and does not, or must not have and does."""
    at = spec.document.finding
    if path[-1] in RESERVED_NAMES:
        message = f'"{path[-1]}" has a meaning in templates; choose another name'
        yield at("bad-name", path, message, at_key=True)
    if field.options is not None and field.type == "select":  # a list that exists has been inserted
        if (*path, "enum") in spec.document.keys or field.includes or field.option_notes:
            message = '"options" replaces "enum", "includes" and "option_notes"; remove either'
            yield at("contradiction", (*path, "options"), message, at_key=True)
        else:
            message = f'"options" in connector.yaml has no list "{field.options}"'
            yield at("unknown-reference", (*path, "options"), message)
    elif field.type == "select" and not field.enum:
        yield at("missing-key", path, 'a select needs "enum", the list of its options')
    if field.type == "nested_object" and not field.children:
        yield at("missing-key", path, 'a nested_object needs "children"')
    for key in _TYPE_KEYS:
        if (*path, key) in spec.document.keys and key not in INPUT_TYPES[field.type].keys:
            message = f'an input of type {field.type} cannot have "{key}"; only {" and ".join(types_with_key(key))} can'
            yield at("contradiction", (*path, key), message, at_key=True)
    if field.null_title is not None and not (field.required and field.nullable):
        message = '"null_title" is for an input that is required and nullable'
        yield at("contradiction", (*path, "null_title"), message, at_key=True)
    if field.options is None:
        yield from _option_findings(spec.document, path, field)


def _option_findings(document: yaml.Document, path: yaml.Path, options: Input | OptionList) -> Iterator[Finding]:
    """Yield the keys of "includes" and "option_notes" that are not options."""
    for key in ("includes", "option_notes"):
        for option in getattr(options, key) or {}:
            if option not in (options.enum or ()):
                message = f'"{option}" is not an option in "enum"{did_you_mean(option, options.enum or ())}'
                yield document.finding("unknown-reference", (*path, key, option), message, at_key=True)


def _limit_findings(spec: ActionSpec | SuperSpec, path: yaml.Path, field: Input) -> Iterator[Finding]:
    """Yield limits and defaults that contradict each other."""
    at = spec.document.finding
    if field.required and field.default is not None:
        yield at("contradiction", (*path, "default"), "a required input cannot have a default", at_key=True)
    if field.min is not None and field.max is not None and field.min > field.max:
        yield at("contradiction", (*path, "max"), "max is less than min")
    if (field.min_length or 0) > (field.max_length if field.max_length is not None else field.min_length or 0):
        yield at("contradiction", (*path, "maxLength"), "maxLength is less than minLength")
    if field.regex_error_message is not None and field.pattern is None:
        yield at("missing-key", path, '"regexErrorMessage" needs "pattern"')


def _output_findings(
    spec: ActionSpec | SuperSpec, outputs_path: yaml.Path, outputs: Mapping[str, Output]
) -> Iterator[Finding]:
    at = spec.document.finding
    times = [key for key, output in outputs.items() if output.type == "datetime"]
    for name, output in outputs.items():
        path = (*outputs_path, name)
        if output.fallback_input is not None and output.fallback_input not in spec.inputs:
            yield _unknown_input(spec, (*path, "fallback_input"), output.fallback_input)
        elif output.fallback_input is not None and spec.inputs[output.fallback_input].type == "password":
            message = f'"{output.fallback_input}" is a secret input, and an output is shown; name another input'
            yield at("contradiction", (*path, "fallback_input"), message)
        if output.days_until is not None and (output.days_until not in times or output.type != "number"):
            message = f'there is no datetime output "{output.days_until}"{did_you_mean(output.days_until, times)}'
            yield at("unknown-reference", (*path, "days_until"), message)
        if output.last_word is not None and (
            output.multiple or sorted(part_names(output.last_word)) != sorted(output.children or ())
        ):
            yield at("contradiction", (*path, "last_word"), 'the names in braces must match the keys of "children"')
        if (output.type == "nested_object") != bool(output.children):
            yield at(
                "contradiction",
                path,
                'an output needs "children" if its type is nested_object, and cannot have them otherwise',
            )
        yield from _requested_findings(spec, path, output)
        yield from _required_findings(spec.document, path, output)
        yield from _header_findings(spec, path, output)
        yield from _from_input_findings(spec, path, output)
        yield from _source_findings(spec.document, path, output)
        if output.type == "datetime" and output.multiple:
            yield at("contradiction", (*path, "multiple"), 'an output of type datetime cannot be "multiple"')
        if output.secret and (
            len(outputs_path) > 2 or output.type != "text" or output.multiple or output.store_with_token
        ):
            message = 'a secret must be a top-level output of type text, without "multiple" or "store_with_token"'
            yield at("contradiction", path, message, at_key=True)
        yield from _output_findings(spec, (*path, "children"), output.children or {})


def _is_top_level(path: yaml.Path) -> bool:
    """Return whether *path* is that of an output itself, and not of one inside another."""
    return len(path) == len(("reply", "output", "name"))


def _requested_findings(spec: ActionSpec | SuperSpec, path: yaml.Path, output: Output) -> Iterator[Finding]:
    """Yield why the input that an output names cannot have asked for its time, if it names one."""
    if (name := output.requested_by) is None:
        return
    at, field = spec.document.finding, spec.inputs.get(name)
    if field is None:
        yield _unknown_input(spec, (*path, "requested_by"), name)
    elif field.multiple or not (field.unit or field.type == "datetime"):
        message = f'"{name}" asks for no time: it needs a "unit" or the type datetime'
        yield at("contradiction", (*path, "requested_by"), message)
    if output.type != "datetime" or spec.effect == "read" or not _is_top_level(path):
        message = '"requested_by" is for a top-level datetime output of an action that changes something'
        yield at("contradiction", (*path, "requested_by"), message, at_key=True)


def _required_findings(document: yaml.Document, path: yaml.Path, output: Output) -> Iterator[Finding]:
    """Yield why an output cannot be required, if it is."""
    if not output.required:
        return
    if not _is_top_level(path):
        message = 'only a top-level output of a reply can be "required"'
        yield document.finding("contradiction", (*path, "required"), message, at_key=True)
    for key in ("nullable", "fallback_input", "days_until"):
        if getattr(output, key):
            message = f'"required" and "{key}" exclude each other'
            yield document.finding("contradiction", (*path, key), message, at_key=True)


def _header_findings(spec: ActionSpec | SuperSpec, path: yaml.Path, output: Output) -> Iterator[Finding]:
    """Yield why an output cannot be read from a header, if it is."""
    if output.header is None:
        return
    at = spec.document.finding
    reply = getattr(spec, "reply", None)
    if reply is None or reply.rows or not _is_top_level(path):
        message = 'only a top-level output of a reply without "rows" can have a "header"'
        yield at("contradiction", (*path, "header"), message, at_key=True)
    if output.secret is None and is_secret_name(output.header):
        yield at("contradiction", (*path, "header"), f'"{output.header}" holds a secret, and an output is shown')
    if output.type not in ("text", "number", "datetime") and output.last_word is None:
        message = f"a header holds the types text, number and datetime, and not {output.type}"
        yield at("contradiction", (*path, "type"), message)
    for key in ("multiple", "sources", "days_until"):
        if getattr(output, key):
            name = "from" if key == "sources" else key
            message = f'"header" and "{name}" exclude each other'
            yield at("contradiction", (*path, name), message, at_key=True)


_OUTPUT_TYPES = {
    "text": ("text", "datetime", "json"),
    "select": ("text", "datetime", "json"),
    "number": ("number", "text", "datetime", "json"),
    "switch": ("switch", "json"),
}
"""The types of an output that the value of an input of each type can have."""


def _from_input_findings(spec: ActionSpec | SuperSpec, path: yaml.Path, output: Output) -> Iterator[Finding]:
    """Yield why an output cannot be the value of an input, if it is."""
    if (name := output.from_input) is None:
        return
    at, declared = spec.document.finding, spec.inputs.get(name)
    if declared is None:
        yield _unknown_input(spec, (*path, "from_input"), name)
    elif declared.multiple or (types := _OUTPUT_TYPES.get(declared.type)) is None:
        message = f'"{name}" is a secret, a list or an object, so it cannot be an output'
        yield at("contradiction", (*path, "from_input"), message)
    elif output.type not in types:
        message = f'"{name}" is of type {declared.type}, so the output cannot be of type {output.type}'
        yield at("contradiction", (*path, "type"), f"{message}: use {' or '.join(types)}")
    if not hasattr(spec, "reply") or not _is_top_level(path):
        message = 'only a top-level output of a reply can have "from_input"'
        yield at("contradiction", (*path, "from_input"), message, at_key=True)
    for key in ("secret", "multiple", "sources", "header", "days_until", "last_word", "fallback_input"):
        if getattr(output, key):
            key_name = "from" if key == "sources" else key
            message = f'"from_input" and "{key_name}" exclude each other'
            yield at("contradiction", (*path, key_name), message, at_key=True)


def _keyed_rows_findings(spec: ActionSpec) -> Iterator[Finding]:
    """Yield why the key of a row cannot be that output."""
    at, reply = spec.document.finding, spec.reply
    if (name := reply.rows_by_key) is None:
        return
    if reply.rows is None:
        yield at("missing-key", ("reply", "rows_by_key"), '"rows_by_key" needs "rows"', at_key=True)
    if (output := reply.output.get(name)) is None:
        message = f'there is no output "{name}"{did_you_mean(name, reply.output)}'
        yield at("unknown-reference", ("reply", "rows_by_key"), message)
    elif output.type != "text" or output.multiple or output.sources:
        message = f'"{name}" is the key of a row, so it needs the type text, without "multiple" and "from"'
        yield at("contradiction", ("reply", "output", name), message, at_key=True)


def _source_findings(document: yaml.Document, path: yaml.Path, output: Output) -> Iterator[Finding]:
    """Yield the paths of an output that read what it cannot be, or that are never read."""
    for index, source in enumerate(output.sources):
        at = (*path, "from", index)  # if it is a single one, the position is that of "from"
        if "[]" in source and not output.multiple:
            yield document.finding("contradiction", at, '"[]" reads all items of a list; add "multiple: true"')
        if output.secret and source.endswith("]"):
            yield document.finding("contradiction", at, "a secret needs a key: it is known by that")
        if source in output.sources[:index]:
            yield document.finding("contradiction", at, f'"{source}" is in the list twice')
        elif "$" in output.sources[:index]:
            yield document.finding("contradiction", at, f'"{source}" is never read: "$" before it is always there')
