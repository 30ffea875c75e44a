"""Rules of ``connector.yaml``, and of what the files of a folder name in each other.

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
from locoia_pat.spec.action_rules import RESERVED_HEADERS
from locoia_pat.spec.row_mark import required_inputs
from locoia_pat.spec.value_rules import option_findings

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from locoia_pat.outcomes import Finding
    from locoia_pat.spec import yaml
    from locoia_pat.spec.model import ActionSpec, ConnectorSpec, Input

_MAX_VERSION = 30
_OWN_NAME, _OWN_HOST = "locoia", "api.locoia.com"
"""Locoia's credential belongs to its API, so a connector of that name cannot name another host."""


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
        yield from option_findings(spec.document, ("options", name), options)


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
