"""An OpenAPI document of version 3.0 or 3.1: its operations, and its schemas with what they refer to.

References are followed within the document only, and each operation may follow a limited number of them: an untrusted
document may refer to itself, or expand to a very large one.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from locoia_pat.messages import describe_value
from locoia_pat.outcomes import invalid
from locoia_pat.spec.yaml import load_any

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_CHARACTERS = 32 * 1024 * 1024
"""The most characters of a document; GitHub's has 13 million."""
_MAX_STEPS = 5_000
"""The most references and schemas that one operation may use."""
_MAX_DEPTH = 12
_METHODS = ("get", "post", "put", "patch", "delete")
_SCHEMAS = ("allOf", "anyOf", "oneOf")


class NotDraftedError(Exception):
    """A spec cannot be drafted from a part of a document; the message says why."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a document."""

    method: str
    path: str
    value: dict[str, Any]
    shared: list[Any]
    """The parameters that all operations of the path have."""

    @property
    def id(self) -> str:
        """The ``operationId``, else the method and the path."""
        given = self.value.get("operationId")
        return given if isinstance(given, str) and given else f"{self.method} {self.path}"

    def matches(self, pattern: str) -> bool:
        """Return whether *pattern* is for its id, or for its method and path."""
        return any(fnmatchcase(name, pattern) for name in (self.id, f"{self.method} {self.path}"))


class OpenApiDocument:
    """An untrusted document: any part of it may be missing, or of another type than it should be."""

    def __init__(self, text: str, source: str) -> None:
        """Read the *text* of the file *source*.

        Raises:
            InvalidError: it is not an OpenAPI document of version 3.0 or 3.1, in JSON or YAML.

        """
        if len(text) > MAX_CHARACTERS:
            raise invalid(f"{source} has more than {MAX_CHARACTERS} characters", field="from")
        try:
            value = json.loads(text) if text.lstrip("\ufeff \t\r\n").startswith("{") else load_any(text)
        except (ValueError, RecursionError):
            raise invalid(f"{source} is not valid JSON or YAML", field="from") from None
        self.value: dict[str, Any] = value if isinstance(value, dict) else {}
        version = str(self.value.get("openapi", self.value.get("swagger", "")))
        if not re.match(r"3\.[01](\.|$)", version):
            what = f"of version {describe_value(version)}" if version else "without a version"
            hint = "Convert it first: many tools read Swagger 2.0 and write OpenAPI 3.0." if version == "2.0" else None
            raise invalid(
                f"{source} is not an OpenAPI document of version 3.0 or 3.1, but {what}", field="from", hint=hint
            )
        self._steps = 0

    def operations(self) -> Iterator[Operation]:
        """Yield the operations in the order of the document.

        Raises:
            NotDraftedError: a path refers to another document, or to itself.

        """
        for path, item in mapping(self.value.get("paths")).items():
            self._steps = 0
            resolved = self.resolve(item)
            for method in _METHODS:
                if isinstance(operation := resolved.get(method), dict):
                    yield Operation(method.upper(), str(path), operation, sequence(resolved.get("parameters")))

    def begin(self) -> None:
        """Begin another operation, which has a number of steps of its own."""
        self._steps = 0

    def resolve(self, value: object) -> dict[str, Any]:
        """Return the object *value*, or the one that it refers to; anything else is an empty object.

        Raises:
            NotDraftedError: it refers to another document, to nothing, or to itself.

        """
        while isinstance(value, dict) and isinstance(ref := value.get("$ref"), str):
            self._step()
            if not ref.startswith("#/"):
                raise NotDraftedError(f"{_shown(ref)} is in another document, which is not read")
            value = self.value
            for key in ref[2:].split("/"):
                name = unquote(key).replace("~1", "/").replace("~0", "~")
                inner = value.get(name) if isinstance(value, dict) else None
                if isinstance(value, list) and name.isdecimal():
                    inner = dict(enumerate(value)).get(int(name))
                if inner is None:
                    raise NotDraftedError(f"{_shown(ref)} refers to nothing")
                value = inner
        return mapping(value)

    def schema(self, value: object, depth: int = 0) -> dict[str, Any]:
        """Return a schema in one piece: what it refers to, with its parts merged, and null as ``nullable``.

        What allows several forms, or is nested too deeply, has no ``type``.

        Raises:
            NotDraftedError: it refers to another document, to nothing or to itself, or it is too large.

        """
        self._step()
        if depth > _MAX_DEPTH:
            return {}
        found = self.resolve(value)
        merged = {key: inner for key, inner in found.items() if key not in _SCHEMAS}
        for part in sequence(found.get("allOf")):
            merged = _merge(merged, self.schema(part, depth + 1))
        for key in ("anyOf", "oneOf"):
            forms = [self.schema(part, depth + 1) for part in sequence(found.get(key))]
            others = [form for form in forms if form.get("type") != "null"]
            if len(others) < len(forms):
                merged["nullable"] = True
            if len(others) == 1:
                merged = _merge(merged, others[0])
            elif others:
                merged.pop("type", None)
        if isinstance(types := merged.get("type"), list):
            others = [kind for kind in types if kind != "null"]
            merged["nullable"] = merged.get("nullable") is True or len(others) < len(types)
            merged["type"] = others[0] if len(others) == 1 else None
        elif "type" not in merged and "properties" in merged:
            merged["type"] = "object"
        return merged

    def _step(self) -> None:
        self._steps += 1
        if self._steps > _MAX_STEPS:
            raise NotDraftedError("it refers to itself, or to too many schemas")


def _shown(ref: str) -> str:
    return "".join(character for character in ref[:100] if character.isprintable())


def _merge(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    merged = second | {key: value for key, value in first.items() if value is not None}
    merged["properties"] = mapping(second.get("properties")) | mapping(first.get("properties"))
    merged["required"] = [*sequence(second.get("required")), *sequence(first.get("required"))]
    return {key: value for key, value in merged.items() if value not in ({}, [])}


def mapping(value: object) -> dict[str, Any]:
    """Return *value* if it is an object, else an empty one; the keys of YAML may be numbers."""
    return {str(key): inner for key, inner in value.items()} if isinstance(value, dict) else {}


def sequence(value: object) -> list[Any]:
    """Return *value* if it is a list, else an empty one."""
    return value if isinstance(value, list) else []
