"""The file that an operation of an OpenAPI document is sent: as its body, or as a part of its form."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from locoia_pat.authoring.openapi_document import NotDraftedError, mapping, sequence
from locoia_pat.authoring.openapi_fields import line_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locoia_pat.authoring.openapi_document import OpenApiDocument

_MULTIPART = "multipart/form-data"
_ANY = "application/octet-stream"
"""The content type of a file of which nothing else is known; specs need not name it."""
_CONTENT_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*")


@dataclass(slots=True)
class FileBody:
    """A body with a file."""

    name: str
    """A name for the input with its path."""
    file: dict[str, Any]
    """The keys of ``file`` in a request, without the input."""
    info: str | None = None
    form: dict[str, Any] = field(default_factory=dict[str, Any])
    """The schema of the form, without its files."""
    decide: list[str] = field(default_factory=list[str])
    """What a person must decide."""


def find_file(document: OpenApiDocument, kinds: dict[str, Any], *, required: bool) -> FileBody:
    """Return the body of the first of *kinds*, the content of a request by its type, that has a file.

    Raises:
        NotDraftedError: none has a file that a spec can send.

    """
    if _MULTIPART in kinds:
        return _form_with_file(document, mapping(kinds[_MULTIPART]))
    for kind, content in kinds.items():
        schema = document.schema(mapping(content).get("schema"))
        if schema.get("type") in (None, "string") and "properties" not in schema:
            found = FileBody("file", _typed(kind), line_of(schema.get("description")))
            if not _CONTENT_TYPE.fullmatch(kind):
                found.decide.append(f"file: the document allows {line_of(kind)}, and {_ANY} is sent")
            if not required:
                found.decide.append("file: the document does not require it, and a spec does")
            return found
    raise NotDraftedError(f"its body is {line_of(next(iter(kinds)))}, neither JSON nor a form nor a file")


def _form_with_file(document: OpenApiDocument, content: dict[str, Any]) -> FileBody:
    schema = document.schema(content.get("schema"))
    parts = mapping(schema.get("properties"))
    needed = sequence(schema.get("required"))
    files = {key: several for key, part in parts.items() if (several := _takes_files(document, part)) is not None}
    if not files:
        raise NotDraftedError(f"its body is {_MULTIPART}, and the document names no file in it")
    chosen, *others = sorted(files, key=lambda key: key not in needed)
    if any(key in needed for key in others):
        raise NotDraftedError(f"it needs several files: {_shown([chosen, *others])}")
    kind = str(mapping(mapping(content.get("encoding")).get(chosen)).get("contentType", _ANY)).partition(",")[0]
    form = {**schema, "properties": {key: part for key, part in parts.items() if key not in files}}
    info = line_of(document.schema(parts[chosen]).get("description"))
    found = FileBody(chosen, {"part": chosen, **_typed(kind)}, info, form)
    if others:
        found.decide.append(f"file {chosen}: one file can be sent, so {_shown(others)} was left out")
    if files[chosen]:
        found.decide.append(f"file {chosen}: the API takes several, and one is sent")
    if chosen not in needed:
        found.decide.append(f"file {chosen}: the document does not require it, and a spec does")
    return found


def _takes_files(document: OpenApiDocument, part: object) -> bool | None:
    """Return whether *part* of a form takes several files, or None if it takes none."""
    schema = document.schema(part)
    if schema.get("type") == "array":
        return True if _takes_files(document, schema.get("items")) is False else None
    is_file = schema.get("format") == "binary" or ("contentMediaType" in schema and "contentEncoding" not in schema)
    return False if is_file and schema.get("type") in (None, "string") else None


def _typed(kind: str) -> dict[str, str]:
    kind = kind.strip()
    return {"content_type": kind} if kind != _ANY and _CONTENT_TYPE.fullmatch(kind) else {}


def _shown(names: Sequence[str]) -> str:
    return str(line_of(", ".join(names)))
