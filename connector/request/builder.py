"""Build the request of an action: its templates are compiled once, and filled with inputs for each run.

Pure.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from locoia_pat.http.exchange_types import Request
from locoia_pat.messages import describe_value
from locoia_pat.outcomes import Finding, SpecError, invalid
from locoia_pat.request.template import compiler as template
from locoia_pat.secrets.secret import MASK, Secret, revealed
from locoia_pat.spec.input_types import INPUT_TYPES
from locoia_pat.spec.yaml import load

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from locoia_pat.spec.model import ActionSpec, Input
    from locoia_pat.spec.yaml import Document, Path

MAX_BODY = 4 * 1024 * 1024
"""The most characters of a body before it is encoded; each of its values counts as ``_VALUE_SIZE`` more."""
_MAX_URL = 16 * 1024
_MAX_HEADER = 8 * 1024
_VALUE_SIZE = 16

_PADDED = (
    "the spaces or line breaks around this expression would turn its value into a string: write it alone, on one line "
    """in quotes; to add a line break on purpose, write "{{ name ~ '\\n' }}\""""
)
_COMPILERS: dict[Path, Callable[[Any, Collection[str]], template.Template]] = {
    ("request", "path"): template.path,
    ("request", "query"): template.structure,
    ("request", "headers"): template.structure,
    ("request", "body"): template.structure,
    ("request", "form"): template.structure,
    ("revoke", "inputs"): template.structure,
}
"""The paths of templates in a spec, and how each is compiled."""

# RFC 9110, 5.5, without the bytes that servers read differently.
_HEADER = re.compile(r"[!-~](?:[ -~\t]*[!-~])?")


class RequestBuilder:
    """Builds the requests of one action."""

    def __init__(self, spec: ActionSpec) -> None:
        """Compile the templates of *spec*.

        Raises:
            SpecError: one is invalid, or uses an input where its values are not allowed.

        """
        self._spec = spec
        self._templates, findings = _compiled(spec.document)
        findings += () if findings else _invalid_uses(spec, self._templates)
        if findings:
            raise SpecError(findings)

    def request(self, inputs: Mapping[str, Any], base_url: str, limit: int = MAX_BODY) -> Request:
        """Return the request for checked *inputs*, whose body has at most *limit* characters.

        Raises:
            InvalidError: a value cannot be used where the spec puts it, or the request is too large.

        """
        spec = self._spec.request
        url = base_url + self._templates["request", "path"](inputs)
        if pairs := self._pairs("query", inputs):
            url += f"?{_encoded(pairs, _MAX_URL)}"
        if len(url) > _MAX_URL:
            raise invalid(f"the URL is longer than {_MAX_URL} characters")
        headers: dict[str, str | Secret] = {"accept": "application/json"}
        content: Secret | None = None
        if spec.body is not None:
            headers["content-type"] = "application/json"
            body = self._rendered("body", inputs)
            _check_size(body, limit)
            content = Secret(_JSON.encode(body))
        elif spec.form is not None:
            headers["content-type"] = "application/x-www-form-urlencoded"
            content = Secret(_encoded(self._pairs("form", inputs), limit))
        for name, value in self._pairs("headers", inputs):
            if not _is_header(revealed(value)):
                raise invalid(
                    "cannot be used in a header: it must be one line of printable ASCII",
                    field=self._field("headers", name) or f"header {name}",
                )
            headers[name.lower()] = Secret(revealed(value)) if self._secret(name, inputs) else value
        return Request(spec.method, url, tuple(headers.items()), content)

    def revoke_inputs(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return the inputs of the action that revokes the token of *data*.

        Raises:
            InvalidError: *data* lacks an output that they are built from.

        """
        template_ = self._templates["revoke", "inputs"]
        if any(data.get(use.name) is None or MASK in str(data[use.name]) for use in template_.uses):
            raise invalid("the response lacks an output that the revoke needs")
        inputs: dict[str, Any] = template_(data)
        return inputs

    def input_of(self, name: str) -> str | None:
        """Return the input that the key *name* of the body, the form or the query is built from, or None."""
        for key in ("body", "form", "query"):
            if ("request", key) in self._templates and (field := self._field(key, name)) is not None:
                return field
        return None

    def template_uses(self) -> Iterator[tuple[str, str, tuple[str, ...]]]:
        """Yield each part of the request that has a template: its location, the template, and the inputs it uses."""
        for slot, compiled in self._templates.items():
            uses: dict[Path, list[str]] = {}
            for use in compiled.uses if slot[0] == "request" else ():
                uses.setdefault(use.path, []).append(use.name)
            for path, names in uses.items():
                location = ".".join(map(str, (*slot[1:], *path)))
                yield location, _get(self._spec.document.value, (*slot, *path)), tuple(dict.fromkeys(names))

    def _rendered(self, key: str, inputs: Mapping[str, Any]) -> Any:
        value = self._templates["request", key](inputs)
        if self._spec.request.omit_null and isinstance(value, dict):
            return {name: item for name, item in value.items() if item is not None}
        return value

    def _pairs(self, key: str, inputs: Mapping[str, Any]) -> list[tuple[str, str | Secret]]:
        """Return the names and values of a query, of headers or of a form."""
        if ("request", key) not in self._templates:
            return []
        pairs: list[tuple[str, str | Secret]] = []
        for name, value in self._rendered(key, inputs).items():
            for item in value if isinstance(value, list) else [value]:
                match item:
                    case bool():
                        pairs.append((name, "true" if item else "false"))
                    case str() | int() | float():
                        pairs.append((name, str(item)))
                    case Secret() if key != "query":
                        pairs.append((name, item))
                    case _:
                        message = f"{describe_value(item)} cannot be used in the {key} as {name}"
                        raise invalid(message, field=self._field(key, name))
        return pairs

    def _secret(self, header: str, inputs: Mapping[str, Any]) -> bool:
        """Return whether *header* contains a secret input."""
        uses = self._templates["request", "headers"].uses
        return any(isinstance(inputs[use.name], Secret) for use in uses if use.path[:1] == (header,))

    def _field(self, key: str, name: str) -> str | None:
        uses = self._templates["request", key].uses
        return next((use.name for use in uses if use.path[:1] == (name,)), None)


def template_findings(text: str, file: str) -> list[Finding]:
    """Return the mistakes in the templates of a spec that need not be valid otherwise; none if it is not YAML."""
    try:
        return _compiled(load(text, file))[1]
    except SpecError:
        return []


def _compiled(source: Document) -> tuple[dict[Path, template.Template], list[Finding]]:
    if not isinstance(_get(source.value, ("inputs",)), dict | None):
        return {}, []  # the names that a template can use are unknown
    inputs = _keys(source.value, ("inputs",))
    outputs = _keys(source.value, ("reply", "output"))
    compiled: dict[Path, template.Template] = {}
    findings: list[Finding] = []
    for slot, make in _COMPILERS.items():
        value = _get(source.value, slot)
        if value is None or (slot == ("request", "path") and not isinstance(value, str)):
            continue
        names = inputs if slot[0] == "request" else outputs - _secret_outputs(source.value)
        try:
            compiled[slot] = make(value, names)
        except template.TemplateError as error:
            findings += template_findings_at(source, slot, error)
    return compiled, findings


def template_findings_at(source: Document, at: Path, error: template.TemplateError) -> list[Finding]:
    """Return the mistakes in the templates of the structure *at* a path of *source*."""
    return [source.finding(one.code, (*at, *one.path), one.message, offset=one.offset) for one in error.all]


def _invalid_uses(spec: ActionSpec, templates: Mapping[Path, template.Template]) -> list[Finding]:
    """Return the uses of inputs whose values are not allowed there, and the inputs that are not used."""
    at = spec.document.finding
    findings: list[Finding] = []
    unused = dict.fromkeys(spec.inputs)
    for slot, compiled in templates.items():
        padded = {use.path: use.offset for use in reversed(compiled.uses) if use.is_padded}
        findings += [at("template-type", (*slot, *path), _PADDED, offset=offset) for path, offset in padded.items()]
        for use in compiled.uses if slot[0] == "request" else ():
            unused.pop(use.name, None)
            field, path = spec.inputs[use.name], (*slot, *use.path)
            if _is_secret(field) and slot[1] in ("path", "query"):
                message = f'"{use.name}" is or contains a secret, and URLs are logged; send it in the body or a header'
                findings.append(at("secret-in-address", path, message, offset=use.offset))
            elif why := _why_not_allowed(use, field, slot[1], spec.request.omit_null):
                findings.append(at("template-type", path, f'"{use.name}" {why}', offset=use.offset))
    return [*findings, *(at("unused-input", ("inputs", name), _unused(name, spec), at_key=True) for name in unused)]


def _unused(name: str, spec: ActionSpec) -> str:
    """Return the message for an input without a template; in other languages a template has other braces."""
    text = repr(spec.request.model_dump(mode="json"))
    other = next((form for form in (f"${{{name}}}", f"{{{name}}}", f"${name}", f"<{name}>") if form in text), None)
    hint = f"; {other} is not a template, write {{{{ {name} }}}}" if other else ""
    return f"this input is not used in the request{hint}"


def _is_secret(field: Input) -> bool:
    return field.type == "password" or any(map(_is_secret, (field.children or {}).values()))


def _why_not_allowed(use: template.Use, field: Input, key: str | int, omit_null: bool) -> str | None:
    """Return why values of *field* cannot be used there, or None if they can, or if that depends on the value."""
    if use.position == "in expression" or (key == "body" and use.position == "alone"):
        return None
    alone = use.position == "alone" and key != "path"
    python_type = INPUT_TYPES[field.type].python_type
    if python_type is dict:
        return f"is an object, which cannot be used in the {key}"
    if (field.multiple or python_type is list) and not (alone and key in ("query", "form")):
        return f"is a list, which cannot be used in the {key}" + ("" if alone else " within a string")
    if (field.nullable or (not field.required and field.default is None)) and not (alone and omit_null):
        instead = "make it required" + (", or set omit_null: true to leave it out" if alone else ", or give a default")
        return f"may be null, which cannot be used here; {instead}"
    return None


def _is_header(value: str) -> bool:
    return len(value) <= _MAX_HEADER and _HEADER.fullmatch(value) is not None


def _encoded(pairs: list[tuple[str, str | Secret]], limit: int) -> str:
    if sum(len(name) + len(revealed(value)) for name, value in pairs) > limit:
        raise invalid(f"the request is larger than {limit} characters")
    try:
        return "&".join(f"{quote(name, safe='')}={quote(revealed(value), safe='')}" for name, value in pairs)
    except UnicodeEncodeError:
        pass
    raise invalid("a value has unpaired surrogates and cannot be URL-encoded")


def _check_size(value: Any, limit: int) -> None:
    """Refuse a *value* that is larger than *limit*, before it is serialized.

    Raises:
        InvalidError: it is too large.

    """
    left = limit
    stack = [value]
    while stack:
        match stack.pop():
            case str(text):
                left -= len(text)
            case list(items):
                stack += items
            case dict(mapping):
                stack += mapping.values()
                left -= sum(map(len, mapping))
            case _:
                pass
        left -= _VALUE_SIZE
        if left < 0:
            raise invalid(f"the request is larger than {limit} characters")


def _get(value: Any, path: Path) -> Any:
    for part in path:
        fits = isinstance(value, list) if isinstance(part, int) else isinstance(value, dict) and part in value
        if not fits:
            return None
        value = value[part]
    return value


def _keys(value: Any, path: Path) -> frozenset[str]:
    mapping = _get(value, path)
    return frozenset(mapping) if isinstance(mapping, dict) else frozenset()


def _secret_outputs(value: Any) -> frozenset[str]:
    outputs = _get(value, ("reply", "output"))
    return frozenset(name for name in _keys(value, ("reply", "output")) if _get(outputs[name], ("secret",)) is not None)


_JSON = json.JSONEncoder(allow_nan=False, default=revealed)
"""The value of a template is JSON or a secret; a secret is revealed here, into the request."""
