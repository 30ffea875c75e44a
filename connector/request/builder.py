"""Build the request of an action: its compiled templates are filled with inputs for each run.

Pure.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from locoia_pat.http.exchange_types import Request, Upload
from locoia_pat.http.percent_encoding import encode_pair
from locoia_pat.messages import describe_value
from locoia_pat.outcomes import invalid
from locoia_pat.request.template.evaluate import Template
from locoia_pat.secrets.secret import MASK, Secret, revealed
from locoia_pat.spec.compiled_form import CompiledSpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from locoia_pat.spec.model import ActionSpec, FileSpec

IDENTIFIER = "identifier"
"""The name that a request has for the identifier of the connector, unless an input has it."""
MAX_BODY = 4 * 1024 * 1024
"""The most characters of a body before it is encoded; each of its values counts as ``_VALUE_SIZE`` more."""
MULTIPART = "multipart/form-data"
_MAX_URL = 16 * 1024
_MAX_HEADER = 8 * 1024
_VALUE_SIZE = 16

# RFC 9110, 5.5, without the bytes that servers read differently.
_HEADER = re.compile(r"[!-~](?:[ -~\t]*[!-~])?")


class RequestBuilder:
    """Builds the requests of one action."""

    def __init__(self, spec: ActionSpec) -> None:
        """Use the templates of *spec*, which are compiled now unless it is a compiled spec.

        Raises:
            SpecError: one is invalid, or uses an input where its values are not allowed.

        """
        self._spec = spec
        self.compiled: dict[str, Any]
        """Its templates as JSON values."""
        if isinstance(spec, CompiledSpec):
            self.compiled = spec.templates
        else:
            from locoia_pat.request.request_compiler import compile_request  # noqa: PLC0415  # Jinja and YAML

            self.compiled = compile_request(spec)
        self._templates = {
            (str(section), str(key)): Template.from_data(node, uses)
            for section, key, node, uses in self.compiled["slots"]
        }

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
        upload: Upload | None = None
        if spec.body is not None:
            headers["content-type"] = "application/json"
            body = self._rendered("body", inputs)
            _check_size(body, limit)
            content = Secret(_JSON.encode(body))
        elif spec.file is not None:
            upload = self._upload(spec.file, inputs, limit)
            headers["content-type"] = upload.content_type if upload.part is None else MULTIPART
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
        return Request(spec.method, url, tuple(headers.items()), content, upload)

    def _upload(self, file: FileSpec, inputs: Mapping[str, Any], limit: int) -> Upload:
        """Return the file that is sent, which is read later."""
        path: str = inputs[file.input]
        fields = self._pairs("form", inputs)
        _encoded(fields, limit)  # it refuses what is too large or cannot be encoded
        name = file.name or re.split(r"[/\\]", path)[-1]
        return Upload(path, file.input, file.content_type, name, file.part, tuple(fields))

    def revoke_inputs(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return the inputs of the action that revokes the token of *data*, which may have the token itself.

        Raises:
            InvalidError: *data* lacks an output that they are built from.

        """
        template_ = self._templates["revoke", "inputs"]
        values = [data.get(use.name) for use in template_.uses]
        if any(value is None or (not isinstance(value, Secret) and MASK in str(value)) for value in values):
            raise invalid("the response lacks an output that the revoke needs")
        inputs: dict[str, Any] = template_(data)
        return inputs

    def poll_path(self, values: Mapping[str, Any]) -> str:
        """Return the path of ``poll`` for the inputs, and the ``id`` in the response.

        Raises:
            InvalidError: a value does not fit into a path.

        """
        path: str = self._templates["poll", "path"](values)
        return path

    def input_of(self, name: str) -> str | None:
        """Return the input that the key *name* of the body, the form or the query is built from, or None."""
        for key in ("body", "form", "query"):
            if ("request", key) in self._templates and (field := self._field(key, name)) is not None:
                return field
        return None

    def template_uses(self) -> Iterator[tuple[str, str, tuple[str, ...]]]:
        """Yield each part of the request that has a template: its location, the template, and the inputs it uses."""
        for location, source, names in self.compiled["parts"]:
            yield location, source, tuple(names)

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
            for field, item in _flattened(name, value) if key == "form" else _repeated(name, value):
                match item:
                    case bool():
                        pairs.append((field, "true" if item else "false"))
                    case str() | int() | float():
                        pairs.append((field, str(item)))
                    case Secret() if key != "query":
                        pairs.append((field, item))
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


def _repeated(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield *name* with each item of a list, or with *value*."""
    yield from ((name, item) for item in value) if isinstance(value, list) else ((name, value),)


def _flattened(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a form: as :func:`_repeated`, with the keys of an object in brackets behind *name*."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _flattened(f"{name}[{key}]", item)
    else:
        yield from _repeated(name, value)


def _is_header(value: str) -> bool:
    return len(value) <= _MAX_HEADER and _HEADER.fullmatch(value) is not None


def _encoded(pairs: list[tuple[str, str | Secret]], limit: int) -> str:
    if sum(len(name) + len(revealed(value)) for name, value in pairs) > limit:
        raise invalid(f"the request is larger than {limit} characters")
    try:
        return "&".join(encode_pair(name, revealed(value)) for name, value in pairs)
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


_JSON = json.JSONEncoder(allow_nan=False, default=revealed)
"""The value of a template is JSON or a secret; a secret is revealed here, into the request."""
