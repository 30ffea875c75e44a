"""Draft a connector from an OpenAPI document, and list what a person must decide."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from locoia_pat.authoring.openapi_document import NotDraftedError, OpenApiDocument, mapping, sequence
from locoia_pat.authoring.openapi_fields import input_of, is_secret, line_of, name_of, outputs_of, title_of
from locoia_pat.authoring.openapi_files import find_file
from locoia_pat.authoring.scaffold import new_connector, schema_line
from locoia_pat.engine.checker import check_specs
from locoia_pat.messages import describe_value, did_you_mean
from locoia_pat.outcomes import invalid
from locoia_pat.spec.action_rules import RESERVED_HEADERS
from locoia_pat.spec.load import CONNECTOR_FILE, SpecFolder
from locoia_pat.spec.yaml import dump

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from locoia_pat.authoring.openapi_document import Operation
    from locoia_pat.authoring.openapi_files import FileBody

MAX_OPERATIONS = 300
_MAX_INPUTS = 60
_EFFECTS = {"GET": "read", "POST": "create", "PUT": "update", "PATCH": "update", "DELETE": "delete"}
_JSON = re.compile(r"application/([\w.+-]+\+)?json($|;)", re.IGNORECASE)
_FORM = "application/x-www-form-urlencoded"
_OWN_HEADERS = RESERVED_HEADERS | {"accept", "content-type"}
_OWNER = re.compile(r"(?i)/(me|self|user|account|profile|whoami|current[-_]?user)$")
"""Paths of reads that show the owner of a credential."""
_OBJECTS = ("json", "nested_object")
_HEADER = re.compile(r"[A-Za-z0-9-]{1,100}")
_PAGES = ("page", "page_number", "pageNumber")
_OFFSETS = ("offset", "skip", "start")
_CURSORS = ("cursor", "after", "page_token", "pageToken", "next_token", "starting_after", "continuation_token")
_NEXT_CURSORS = ("next_cursor", "nextCursor", "next_page_token", "nextPageToken", "next_token", "cursor", "next")
_NEXT_URLS = ("next", "links.next", "_links.next.href", "next_url", "nextLink", "@odata.nextLink", "meta.next")


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person must decide before a draft is used, or why an operation was not drafted."""

    file: str
    """The file of the draft, or the operation."""
    message: str


@dataclass(slots=True)
class OpenApiDraft:
    """Drafted specs, which pass ``check``."""

    texts: dict[str, str] = field(default_factory=dict[str, str])
    """The files, by name."""
    decide: list[Decision] = field(default_factory=list[Decision])
    skipped: list[Decision] = field(default_factory=list[Decision])


def draft_connector(
    name: str, document: OpenApiDocument, selected: Sequence[str] = (), base_url: str | None = None
) -> OpenApiDraft:
    """Return the specs that *document* gives.

    Args:
        name: the connector's name.
        document: the document.
        selected: the operations, by id or by ``METHOD /path``; ``*`` matches any characters; by default all.
        base_url: the base URL, by default that of the document.

    Raises:
        InvalidError: the name, the URL or the document is not valid, or there is no such operation.

    """
    operations = _chosen(document, selected)
    draft = OpenApiDraft()
    checks: list[str] = []
    for operation in operations:
        action = name_of(operation.id, {*(file.removesuffix(".yaml") for file in draft.texts), "connector"})
        document.begin()
        try:
            spec, decide = _ActionDraft(document, operation, action).build()
            text = schema_line("action") + _decisions(decide) + dump(spec)
        except (NotDraftedError, ValueError) as error:
            reason = str(error) if isinstance(error, NotDraftedError) else "a spec cannot hold its texts or numbers"
            draft.skipped.append(Decision(operation.id, reason))
            continue
        draft.texts[f"{action}.yaml"] = text
        draft.decide += [Decision(f"{action}.yaml", message) for message in decide]
        if _OWNER.search(operation.path) and spec["effect"] == "read" and not _required(spec):
            checks.append(action)
    draft.texts[CONNECTOR_FILE], _ = _connector(name, document, base_url, None)
    _drop_invalid(draft)
    check = next((action for action in checks if f"{action}.yaml" in draft.texts), None)
    draft.texts[CONNECTOR_FILE], decide = _connector(name, document, base_url, check)
    draft.decide += [Decision(CONNECTOR_FILE, message) for message in decide]
    if draft.texts.keys() == {CONNECTOR_FILE}:
        raise invalid("no operation could be drafted", field="from", hint=_reasons(draft.skipped))
    return draft


def _chosen(document: OpenApiDocument, selected: Sequence[str]) -> list[Operation]:
    try:
        operations = list(document.operations())
    except NotDraftedError as error:
        raise invalid(f"a path cannot be read: {error}", field="from") from None
    for pattern in selected:
        if not any(operation.matches(pattern) for operation in operations):
            names = {name for each in operations for name in (each.id, f"{each.method} {each.path}")}
            message = f"there is no operation {describe_value(pattern)}{did_you_mean(pattern, sorted(names))}"
            raise invalid(message, field="operation", hint="Give an operationId, or a method and a path: 'GET /keys'.")
    chosen = [each for each in operations if not selected or any(map(each.matches, selected))]
    if len(chosen) > MAX_OPERATIONS:
        hint = "Choose with --operation, which may repeat: --operation 'apps/*' --operation 'GET /user'."
        raise invalid(f"{len(chosen)} operations are too many; at most {MAX_OPERATIONS}", field="operation", hint=hint)
    return chosen


def _required(spec: dict[str, Any]) -> bool:
    return any(each.get("required") for each in spec.get("inputs", {}).values())


def _reasons(skipped: list[Decision]) -> str | None:
    return "; ".join(f"{each.file}: {each.message}" for each in skipped[:3]) or None


class _ActionDraft:
    """One action, while it is drafted."""

    def __init__(self, document: OpenApiDocument, operation: Operation, action: str) -> None:
        self._document = document
        self._operation = operation
        self._action = action
        self._effect = _EFFECTS[operation.method]
        self._inputs: dict[str, dict[str, Any]] = {}
        self._query: dict[str, str] = {}
        self._headers: dict[str, str] = {}
        self._decide: list[str] = []

    def build(self) -> tuple[dict[str, Any], list[str]]:
        """Return the spec, and what a person must decide."""
        value = self._operation.value
        if self._effect != "read":
            method, effect = self._operation.method, self._effect
            hint = " (a search is a read, a new secret for a row a rotate)" if method == "POST" else ""
            self._decide.append(f"effect: {method} is taken as {effect}{hint}; it decides what is retried")
        if value.get("security") == []:
            self._decide.append("the API needs no credential here, but it is sent")
        path = self._parameters()
        content = self._content()
        reply, pages = self._reply()
        request: dict[str, Any] = {"method": self._operation.method, "path": path}
        request |= {"query": self._query} if self._query else {}
        request |= {"headers": self._headers} if self._headers else {}
        request |= content
        if not all(each.get("required") for each in self._inputs.values()) and _has_keys(request):
            request["omit_null"] = True
            if any(each.get("nullable") for each in self._inputs.values()):
                self._decide.append("omit_null leaves out null, which is a value of one of the inputs")
        summary = line_of(value.get("summary")) or line_of(value.get("description")) or f"{title_of(self._action)}."
        docs = mapping(value.get("externalDocs")).get("url")
        spec = {
            "spec": 1,
            "action": self._action,
            "title": title_of(self._action),
            "summary": summary,
            **({"docs": docs} if isinstance(docs, str) and re.fullmatch(r"https?://[!-~]{1,300}", docs) else {}),
            "effect": self._effect,
            **({"inputs": self._inputs} if self._inputs else {}),
            "request": request,
            **({"pages": pages} if pages else {}),
            "reply": reply,
        }
        return spec, [line_of(message, 500) or "" for message in self._decide]

    def _add_input(self, key: str, schema: object, *, required: bool, info: object = None, in_url: bool = False) -> str:
        """Add an input for *key*, and return the template of its value."""
        name = name_of(key, self._inputs)
        described = input_of(self._document, key, schema, required=required, info=info)
        if is_secret(key) or described["type"] == "password":
            if in_url:
                described["type"] = "text"
                self._decide.append(f"input {name}: looks like a secret, and would be in the URL, which is logged")
            elif described["type"] in ("text", "password"):
                described = {
                    key: described[key] for key in described if key not in ("minLength", "maxLength", "pattern")
                }
                described["type"] = "password"
                self._decide.append(f"input {name}: taken as a secret, which is given by the reference of its store")
            else:
                self._decide.append(f"input {name}: looks like a secret, but is not treated as one")
        if described["type"] == "json" and not in_url:
            self._decide.append(f"input {name}: any JSON is accepted; describe it with another type if you can")
        self._inputs[name] = described
        return f"{{{{ {name} }}}}"

    def _parameters(self) -> str:
        """Add the parameters of the path, query and headers; return the path."""
        path = self._operation.path
        given: dict[tuple[str, str], dict[str, Any]] = {}
        for each in [*self._operation.shared, *sequence(self._operation.value.get("parameters"))]:
            parameter = self._document.resolve(each)
            given[str(parameter.get("in")), str(parameter.get("name"))] = parameter
        for (place, key), parameter in given.items():
            if place == "path" and f"{{{key}}}" in path:
                path = path.replace(f"{{{key}}}", self._add_path_input(key, parameter))
            elif place == "query":
                self._add_query(key, parameter)
            elif place == "header" and key.lower() not in _OWN_HEADERS:
                self._add_header(key, parameter)
            elif place == "cookie":
                self._decide.append(f"cookie {key}: cookies are not sent")
        if left := re.findall(r"\{([^{} ]+)\}", path):
            for key in left:
                path = path.replace(f"{{{key}}}", self._add_input(key, {"type": "string"}, required=True, in_url=True))
            self._decide.append(f"path: {', '.join(left)} is not described, and taken as text")
        return path

    def _add_path_input(self, key: str, parameter: dict[str, Any]) -> str:
        schema = parameter.get("schema")
        template = self._add_input(key, schema, required=True, info=parameter.get("description"), in_url=True)
        described = self._inputs[name_of_template(template)]
        described.pop("nullable", None)
        if described["type"] in _OBJECTS or described.pop("multiple", False):
            described["type"] = "text"
            described.pop("children", None)
        return template

    def _add_header(self, key: str, parameter: dict[str, Any]) -> None:
        schema, required = parameter.get("schema"), parameter.get("required") is True
        described = input_of(self._document, key, schema, required=required)
        if described["type"] in _OBJECTS or "multiple" in described or not _HEADER.fullmatch(key):
            self._decide.append(f"header {key}: its name or its value cannot be sent, so it was left out")
        else:
            self._headers[key] = self._add_input(key, schema, required=required, info=parameter.get("description"))

    def _add_query(self, key: str, parameter: dict[str, Any]) -> None:
        required, info = parameter.get("required") is True, parameter.get("description")
        described = input_of(self._document, key, parameter.get("schema"), required=required)
        if described["type"] in _OBJECTS:
            word = "needs" if required else "can take"
            self._decide.append(f"query {key}: {word} an object, which cannot be sent, so it was left out")
            return
        template = self._add_input(key, parameter.get("schema"), required=required, info=info, in_url=True)
        if described.get("multiple") and parameter.get("explode") is False:
            name = name_of_template(template)
            if described["type"] != "number":
                template = f"{{{{ {name}|join(',') if {name} else none }}}}"
            else:
                self._decide.append(f"query {key}: the API wants the numbers in one value, joined by commas")
        self._query[key] = template

    def _content(self) -> dict[str, Any]:
        """Return the body or the form."""
        body = self._document.resolve(self._operation.value.get("requestBody"))
        kinds = mapping(body.get("content"))
        if not kinds or self._operation.method == "GET":
            return {}
        kind = next((kind for kind in kinds if _JSON.match(kind)), None) or next((k for k in kinds if k == _FORM), None)
        needed = body.get("required") is True
        if kind is None:
            return self._file(find_file(self._document, kinds, required=needed))
        schema = self._document.schema(mapping(kinds[kind]).get("schema"))
        properties = self._properties(schema)
        if kind == _FORM:
            return {"form": self._keys(properties, schema, flat=True)}
        if not properties or len(properties) > _MAX_INPUTS:
            document = mapping(kinds[kind]).get("schema")
            return {"body": self._add_input("body", document, required=needed, info=body.get("description"))}
        return {"body": self._keys(properties, schema)}

    def _file(self, found: FileBody) -> dict[str, Any]:
        """Return the file and the form of a body."""
        name = name_of(found.name, self._inputs)
        info = f"Path of the file. {found.info or ''}".strip()
        self._inputs[name] = {"title": title_of(found.name), "type": "text", "info": info, "required": True}
        self._decide += found.decide
        form = self._keys(self._properties(found.form), found.form, flat=True)
        return {**({"form": form} if form else {}), "file": {"input": name, **found.file}}

    def _properties(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Return the properties of an object that a request has."""
        properties = mapping(schema.get("properties")) if schema.get("type") == "object" else {}
        return {key: inner for key, inner in properties.items() if not _is_read_only(self._document, inner)}

    def _keys(self, properties: dict[str, Any], schema: dict[str, Any], *, flat: bool = False) -> dict[str, str]:
        keys = {}
        for key, inner in properties.items():
            required = key in sequence(schema.get("required"))
            if flat and input_of(self._document, key, inner, required=False)["type"] in _OBJECTS:
                self._decide.append(f"form {key}: an object cannot be sent in a form, so it was left out")
            else:
                keys[key] = self._add_input(key, inner, required=required)
        return keys

    def _reply(self) -> tuple[dict[str, Any], dict[str, Any] | None]:
        """Return what a response means, and how a read gets the next page."""
        responses = {str(status): each for status, each in mapping(self._operation.value.get("responses")).items()}
        statuses = sorted(int(status) for status in responses if re.fullmatch("2[0-9][0-9]", status))
        if not statuses:
            self._decide.append("reply: the document names no status of success, so 200 is taken")
        chosen = next((responses[key] for key in [*map(str, statuses), "2XX", "default"] if key in responses), None)
        success = self._document.resolve(chosen)
        contents = mapping(success.get("content"))
        kind = next((kind for kind in contents if _JSON.match(kind)), None)
        if contents and kind is None:
            raise NotDraftedError(f"its response is {line_of(next(iter(contents)))}, not JSON")
        schema = self._document.schema(mapping(contents.get(kind or "")).get("schema"))
        reply: dict[str, Any] = {"ok": statuses or [200]}
        errors = {
            status: line
            for status, each in responses.items()
            if re.fullmatch("[45][0-9][0-9]", status)
            and (line := line_of(self._document.resolve(each).get("description")))
        }
        more = {"errors": errors} if errors else {}
        at, rows = self._find_rows(schema)
        if rows is not None and self._effect == "read":
            reply |= {"at": [at], "rows": name_of(at if at != "$" else "rows"), "output": self._outputs(rows, True)}
            return reply | more, self._pages(schema, mapping(success.get("headers")))
        return reply | {"output": self._outputs(schema, False)} | more, None

    def _find_rows(self, schema: dict[str, Any]) -> tuple[str, dict[str, Any] | None]:
        """Return where the rows are, and their schema."""
        candidates = {"$": schema}
        if schema.get("type") == "object":
            candidates |= {
                key: self._document.schema(inner)
                for key, inner in mapping(schema.get("properties")).items()
                if re.fullmatch(r"[A-Za-z0-9_-]+", key)
            }
        lists = {}
        for key, inner in candidates.items():
            item = self._document.schema(inner.get("items")) if inner.get("type") == "array" else {}
            if item.get("type") == "object":
                lists[key] = item
        return next(iter(lists.items())) if len(lists) == 1 else ("$", None)

    def _outputs(self, schema: dict[str, Any], in_rows: bool) -> dict[str, Any]:
        outputs = outputs_of(self._document, schema)
        secrets = [name for name, each in outputs.items() if is_secret(str(each.get("from", name)))]
        shown_once = [name for name in secrets if outputs[name]["type"] == "text" and "multiple" not in outputs[name]]
        if len(shown_once) == 1 and not in_rows and self._effect == "create":
            name = shown_once[0]
            kept = {key: value for key, value in outputs[name].items() if key != "nullable"}
            outputs[name] = {**kept, "secret": "once"}
            secrets.remove(name)
            self._decide.append(f"output {name}: taken as a secret that is shown once; add revoke, and verify_with")
        elif len(shown_once) > 1 and not in_rows and self._effect == "create":
            paths = ", ".join(str(outputs[name].get("from", name)) for name in shown_once)
            self._decide.append(f"output: if these are names of one secret, declare it once, with from: [{paths}]")
        for name in secrets:
            del outputs[name]
            self._decide.append(f"output {name}: looks like a secret, and was left out")
        if schema and not outputs:
            self._decide.append("output: the document does not describe the response as an object, so nothing is read")
        return outputs

    def _pages(self, schema: dict[str, Any], headers: dict[str, Any]) -> dict[str, Any] | None:
        pages = self._find_pages(schema, {name.lower() for name in headers})
        if pages is None:
            self._decide.append("pages: the document does not say how to get the next page, if there is one")
            return None
        if (key := pages.get("query")) is not None:
            name = name_of_template(self._query.pop(key))
            del self._inputs[name]
        self._decide.append(f"pages: by {pages['by']}, as the names in the document suggest")
        return pages

    def _find_pages(self, schema: dict[str, Any], headers: set[str]) -> dict[str, Any] | None:
        if "link" in headers:
            return {"by": "link"}
        strings = {path for path in (*_NEXT_URLS, *_NEXT_CURSORS) if self._is_string(schema, path)}
        cursor = next((key for key in _CURSORS if key in self._query), None)
        at = next((path for path in _NEXT_CURSORS if path in strings), None)
        if cursor and at:
            return {"by": "cursor", "query": cursor, "at": at}
        if (at := next((path for path in _NEXT_URLS if path in strings), None)) is not None:
            return {"by": "link", "at": at}
        for kind, keys in (("page", _PAGES), ("offset", _OFFSETS)):
            if (key := next((key for key in keys if key in self._query), None)) is not None:
                return {"by": kind, "query": key}
        return None

    def _is_string(self, schema: dict[str, Any], path: str) -> bool:
        properties = mapping(schema.get("properties"))
        key, _, rest = (path, "", "") if path in properties else path.partition(".")
        inner = self._document.schema(properties.get(key))
        return self._is_string(inner, rest) if rest else inner.get("type") == "string"


def name_of_template(template: str) -> str:
    """Return the name of the input that a lone *template* is."""
    return str(re.findall(r"[a-z0-9_]+", template)[0])


def _has_keys(request: dict[str, Any]) -> bool:
    body = request.get("body")
    return bool(request.get("query") or request.get("headers") or request.get("form") or isinstance(body, dict))


def _is_read_only(document: OpenApiDocument, schema: object) -> bool:
    return document.schema(schema).get("readOnly") is True


def _connector(name: str, document: OpenApiDocument, base_url: str | None, check: str | None) -> tuple[str, list[str]]:
    """Return the text of ``connector.yaml``, and what a person must decide."""
    decide: list[str] = []
    url = base_url or _server_url(document, decide.append)
    kind, header = _auth(document, decide.append)
    text = new_connector(name, url, kind)[CONNECTOR_FILE].replace("X-API-Key", header)
    text = re.sub(r"(?m)^check: \S+( *#.*)\n", rf"check: {check}\1\n" if check else "", text)
    title = line_of(mapping(document.value.get("info")).get("title"), 100)
    if title is not None:
        text = re.sub(r"(?m)^title: .*\n", lambda _: dump({"title": title}), text)
    decide.append(
        f"check: {check} is taken" if check else "check: name the read that shows whether a credential is accepted"
    )
    return text.replace("\n", f"\n{_decisions(decide)}", 1), decide


def _server_url(document: OpenApiDocument, decide: Callable[[str], None]) -> str | None:
    server = mapping(next(iter(sequence(document.value.get("servers"))), None))
    url = str(server.get("url", ""))
    for key, variable in mapping(server.get("variables")).items():
        url = url.replace(f"{{{key}}}", str(mapping(variable).get("default", "")))
        decide(f"base_url: {line_of(key)} is {line_of(str(mapping(variable).get('default', '')))} here")
    url = url.rstrip("/")
    if not re.match(r"https?://[A-Za-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9._~-]+)*$", url):
        decide("base_url and hosts: the document does not name a server; give it with --base-url")
        return None
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1"):
        decide("base_url: the document says http, and a credential is sent by https only")
        url = f"https{url.removeprefix('http')}"
    return url.replace(parts.netloc, parts.netloc.lower(), 1)


def _auth(document: OpenApiDocument, decide: Callable[[str], None]) -> tuple[str, str]:
    """Return a key of :data:`scaffold.AUTHS`, and the header of a key."""
    schemes = mapping(mapping(document.value.get("components")).get("securitySchemes"))
    required = [name for each in sequence(document.value.get("security")) for name in mapping(each)]
    for name in [*required, *schemes]:
        try:
            scheme = document.resolve(schemes.get(name))
        except NotDraftedError:
            continue
        kind, form = scheme.get("type"), str(scheme.get("scheme", "")).lower()
        if kind == "http" and form in ("bearer", "basic"):
            return form, ""
        header = str(scheme.get("name"))
        if kind == "apiKey" and scheme.get("in") == "header" and _HEADER.fullmatch(header):
            decide(f"auth: the key is sent as it is in {header}; some APIs want a word before it")
            return "header", header
        if kind in ("oauth2", "openIdConnect"):
            decide("auth: the API uses OAuth; a token that you have is sent as a bearer token")
            return "bearer", ""
    decide("auth: the document names no supported way, so a bearer token is sent")
    return "bearer", ""


def _decisions(decide: list[str]) -> str:
    return "".join(f"# decide: {message}\n" for message in decide)


def _drop_invalid(draft: OpenApiDraft) -> None:
    """Leave out the actions that ``check`` refuses, and say why.

    Raises:
        InvalidError: it refuses the connector itself.

    """
    with TemporaryDirectory() as folder:
        for file, text in draft.texts.items():
            (Path(folder) / file).write_text(text, encoding="utf-8")
        refused = {Path(finding.file).name: finding.message for finding in reversed(check_specs(SpecFolder(folder)))}
    for file, message in refused.items():
        if file == CONNECTOR_FILE:
            raise invalid(f"the connector cannot be drafted: {message}", field="from", hint="Use --base-url.")
        del draft.texts[file]
        draft.skipped.append(Decision(file.removesuffix(".yaml"), message))
    draft.decide = [each for each in draft.decide if each.file in draft.texts]
