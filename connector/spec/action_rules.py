"""Rules of an action that no single part of its spec can see: its effect, its request and its responses.

Pure.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from locoia_pat.messages import did_you_mean
from locoia_pat.spec.row_mark import MARK_LENGTH
from locoia_pat.spec.value_rules import unknown_input, value_findings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from locoia_pat.outcomes import Finding
    from locoia_pat.spec import yaml
    from locoia_pat.spec.model import ActionSpec, Effect, Input, Method, Output, PageKind, SuperSpec

_METHODS: dict[Effect, tuple[Method, ...]] = {
    "read": ("GET", "POST"),  # a search may be a POST
    "create": ("POST", "PUT"),
    "rotate": ("POST", "PUT", "PATCH"),
    "update": ("POST", "PUT", "PATCH"),
    "delete": ("DELETE", "POST", "PUT", "PATCH"),
}
"""The methods that can have an effect, by the meaning HTTP gives them (RFC 9110, 9.2)."""
RESERVED_HEADERS = frozenset(
    ["authorization", "connection", "content-length", "cookie", "expect", "host", "proxy-authorization", "te",
     "trailer", "transfer-encoding", "upgrade"]
)  # fmt: skip
"""Headers that are set by the credential, the connection or the body."""


def is_status(key: str) -> bool:
    """Return whether a *key* of ``codes`` or ``errors`` is a status, and not a code of the API."""
    return re.fullmatch("[45][0-9][0-9]", key) is not None


def super_findings(spec: SuperSpec) -> Iterator[Finding]:
    """Yield the mistakes in one super action."""
    yield from value_findings(spec, ("output",), spec.output)


def action_findings(spec: ActionSpec) -> Iterator[Finding]:
    """Yield the mistakes in one action, without those in its templates."""
    at = spec.document.finding
    yield from _effect_findings(spec)
    yield from _request_findings(spec)
    yield from _pages_findings(spec)
    yield from _poll_findings(spec)
    yield from _judgement_findings(spec)
    yield from _keyed_rows_findings(spec)
    yield from value_findings(spec, ("reply", "output"), spec.reply.output)
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
            yield unknown_input(spec, ("replaces",), spec.replaces)
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


def _tag_findings(spec: ActionSpec) -> Iterator[Finding]:
    at = spec.document.finding
    if spec.tag_input is None:
        return
    if spec.tag_input not in spec.inputs:
        yield unknown_input(spec, ("tag_input",), spec.tag_input)
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
        yield unknown_input(spec, (*path, "input"), file.input)
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
