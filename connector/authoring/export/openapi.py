"""The API that a connector calls, as OpenAPI 3.1: what the connector sends, and the answers that it reads.

Where two actions send the same method to the same path, their operation is one, which takes what either sends.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from locoia_pat.authoring import recipes
from locoia_pat.authoring.export.openapi_requests import sent
from locoia_pat.authoring.export.openapi_responses import SHARED, payload, responses
from locoia_pat.http.retry import describe_policy
from locoia_pat.spec.model import ActionSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locoia_pat.authoring.export.openapi_requests import Sent
    from locoia_pat.authoring.export.schemas import Schema
    from locoia_pat.spec.load import SpecFolder
    from locoia_pat.spec.model import ConnectorSpec

FILE = "openapi.json"

_ABOUT = (
    "Written by locoia-pat from the specs of this connector: what it sends, and the answers that it reads. "
    "What the API's documentation leaves open is said where it is."
)


def files(folder: SpecFolder) -> dict[str, str]:
    """``openapi.json``, and the Arazzo documents of *folder*'s recipes beside it, for that is where they look for it.

    Raises:
        InvalidError: a spec is wrong, or a recipe cannot be read.

    """
    text = json.dumps(document(folder), indent=2, ensure_ascii=False) + "\n"
    beside = recipes.texts(folder, recipes.ARAZZO)
    return {FILE: text, **{path.removeprefix(f"{recipes.FOLDER}/"): recipe for path, recipe in beside.items()}}


def document(folder: SpecFolder) -> Schema:
    """The OpenAPI document; super actions send nothing of their own, and are not in it."""
    connector = folder.connector
    actions = [spec for spec in map(folder.spec, folder.names) if isinstance(spec, ActionSpec)]
    return {
        "openapi": "3.1.0",
        "info": {"title": connector.title, "version": connector.version, "description": _ABOUT},
        **_docs(connector.docs),
        "servers": [{"url": connector.base_url.rstrip("/")}],
        "security": [{"credential": []}],
        "paths": _paths(actions),
        "components": {
            "schemas": {**{spec.action: payload(spec) for spec in actions if spec.reply.output}, **SHARED},
            "securitySchemes": {"credential": _security(connector)},
        },
    }


def _docs(address: str | None) -> Schema:
    return {"externalDocs": {"url": address}} if address else {}


def _security(connector: ConnectorSpec) -> Schema:
    auth = connector.auth
    told = {"description": auth.info} if auth.info else {}
    scheme, _, rest = auth.token_prefix.partition(" ")
    known = {("Bearer", False): "bearer", ("Basic", "base64"): "basic"}.get((scheme, auth.encode))
    plain = auth.header_key.lower() == "authorization" and re.fullmatch(r"\{\{\s*token_format\s*\}\}", rest)
    if known and plain:
        return {"type": "http", "scheme": known, **told}
    return {"type": "apiKey", "in": "header", "name": auth.header_key, **told}


def _paths(actions: list[ActionSpec]) -> dict[str, Schema]:
    paths: dict[str, Schema] = {}
    for spec in actions:
        request = sent(spec)
        path, operation = _as_known(paths, request, _operation(spec, request))
        methods = paths.setdefault(path, {})
        method = spec.request.method.lower()
        methods[method] = _both(methods[method], operation) if method in methods else operation
    return paths


def _operation(spec: ActionSpec, request: Sent) -> Schema:
    again = describe_policy(spec.effect, spec.request.method)
    return {
        "operationId": spec.action,
        "summary": spec.title,
        "description": f"{spec.summary}\n\nEffect: {spec.effect}. Tried again by the connector: {again}.",
        **_docs(spec.docs),
        **({"parameters": request.parameters} if request.parameters else {}),
        **({"requestBody": request.body} if request.body else {}),
        "responses": responses(spec),
    }


_NAMES = re.compile(r"\{([^{}]*)\}")


def _as_known(paths: dict[str, Schema], request: Sent, operation: Schema) -> tuple[str, Schema]:
    """The path as it stands in *paths* already, where another action calls its parameters otherwise."""
    shape = _NAMES.sub("{}", request.path)
    known = next((path for path in paths if _NAMES.sub("{}", path) == shape), request.path)
    names = dict(zip(_NAMES.findall(request.path), _NAMES.findall(known), strict=True))
    parameters = [
        {**parameter, "name": names[parameter["name"]]} if parameter["in"] == "path" else parameter
        for parameter in request.parameters
    ]
    return known, operation | ({"parameters": parameters} if parameters else {})


def _both(one: Schema, other: Schema) -> Schema:
    """One operation that takes what either takes, and answers what either answers."""
    parameters = list(_parameters(one.get("parameters", []), other.get("parameters", [])))
    bodies = [operation["requestBody"] for operation in (one, other) if "requestBody" in operation]
    return {
        **one,
        "summary": f"{one['summary']} / {other['summary']}",
        "description": f"{one['description']}\n\nAlso {other['operationId']}: {other['description']}",
        **({"parameters": parameters} if parameters else {}),
        **({"requestBody": {**_merged(bodies), "required": len(bodies) == 2}} if bodies else {}),
        "responses": {
            status: _merged([part["responses"][status] for part in (one, other) if status in part["responses"]])
            for status in sorted({*one["responses"], *other["responses"]})
        },
    }


def _parameters(one: list[Schema], other: list[Schema]) -> Iterator[Schema]:
    theirs = {(parameter["in"], parameter["name"]): parameter for parameter in other}
    for parameter in one:
        also = theirs.pop((parameter["in"], parameter["name"]), None)
        if also is None:
            yield {**parameter, "required": False}
        else:
            schema = _any_of([parameter["schema"], also["schema"]])
            yield {**parameter, "required": parameter["required"] and also["required"], "schema": schema}
    yield from ({**parameter, "required": False} for parameter in theirs.values())


def _merged(parts: list[Schema]) -> Schema:
    """Bodies or responses as one: each kind of content takes any of their schemas."""
    kinds = dict.fromkeys(kind for part in parts for kind in part.get("content", {}))
    contents = {kind: [part["content"][kind] for part in parts if kind in part.get("content", {})] for kind in kinds}
    merged: Schema = dict(parts[0])
    descriptions = dict.fromkeys(part["description"] for part in parts if "description" in part)
    if descriptions:
        merged["description"] = " / ".join(descriptions)
    if contents:
        merged["content"] = {kind: _content(found) for kind, found in contents.items()}
    return merged


def _content(found: list[Schema]) -> Schema:
    examples = {name: example for content in found for name, example in content.get("examples", {}).items()}
    schemas = [content.get("schema", {}) for content in found]
    return {"schema": _any_of(schemas)} | ({"examples": examples} if examples else {})


def _any_of(schemas: list[Any]) -> Schema:
    different = [schema for index, schema in enumerate(schemas) if schema not in schemas[:index]]
    only: Schema = different[0]
    return only if len(different) == 1 else {"anyOf": different}
