"""Draft specs from the JSON that Locoia documents.

That is a base connector, complete or in part; its ``header`` or ``pagination_config``; and a UI Form Schema.  The JSON
of an Action is not documented, so what a spec needs beyond its inputs is listed as missing.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from locoia_pat.authoring.locoia import base_connector, ui_form
from locoia_pat.authoring.locoia.documented_fields import CONNECTOR, HEADER, PAGINATION
from locoia_pat.authoring.locoia.extra_keys import FILE
from locoia_pat.authoring.scaffold import schema_line
from locoia_pat.messages import describe_value, join_names, printable
from locoia_pat.outcomes import InvalidError, invalid
from locoia_pat.spec.json_text import describe_json_mistake, load_json
from locoia_pat.spec.load import CONNECTOR_FILE
from locoia_pat.spec.yaml import dump

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_READS = "FILE is a base connector, a header, a pagination or a UI Form Schema, as Locoia documents them."
_OBJECTS = ("auth_config", "header", "pagination_config")
_STRINGS = ("name", "base_domain", "external_docs")


@dataclass(frozen=True, slots=True)
class Note:
    """A remark on one key of one drafted file."""

    file: str
    key: str
    message: str


@dataclass(slots=True)
class Draft:
    """The result of an import."""

    texts: dict[str, str] = field(default_factory=dict)
    """The files of the folder of specs, by name."""
    name: str | None = None
    """The connector's name."""
    missing: list[Note] = field(default_factory=list)
    """What the specs need and the files do not say; to be filled in."""
    chosen: list[Note] = field(default_factory=list)
    """Values that were chosen; to be reviewed."""


def draft(texts: Mapping[str, str]) -> Draft:
    """Return the specs that the files *texts*, by path, give.

    Raises:
        InvalidError: a file is not JSON that Locoia documents, or two files contradict each other.

    """
    connector: dict[str, Any] | None = None
    forms: dict[str, dict[str, Any]] = {}
    for path, text in texts.items():
        value = _load(text, path)
        if _is_form(value):
            name = _action_name(path)
            if name in forms:
                raise invalid(f"{path}: there is another form for the action {name}", field="file")
            forms[name] = value
            continue
        connector = connector or {}
        for key, new in _connector_part(value, path).items():
            if connector.get(key, new) != new:
                raise invalid(f'{path}: another file has a different "{key}"', field="file")
            connector[key] = new
    result = Draft()
    try:
        if connector is None:
            result.missing.append(Note(CONNECTOR_FILE, "", "the base connector: name, URL and credential"))
        else:
            _add_connector(result, connector)
        for name, fields in sorted(forms.items()):
            _add_action(result, name, fields)
    except (ValueError, RecursionError):
        raise invalid(
            "a value cannot be written in a spec",
            field="file",
            hint="It is too large or nested too deeply, or has a number of more than 16 digits.",
        ) from None
    return result


def _load(text: str, path: str) -> dict[str, Any]:
    text = text.removeprefix("\ufeff")
    try:
        value = load_json(text)
    except InvalidError as error:
        raise invalid(f"{path}: {error.problem.message}", field="file", hint=error.problem.hint) from None
    except ValueError:
        raise invalid(f"{path} is not valid JSON: {describe_json_mistake(text)}", field="file") from None
    if not isinstance(value, dict) or not value:
        raise invalid(f"{path} does not hold a JSON object with keys", field="file", hint=_READS)
    inner = value.get("ui_form_schema")  # the outer key of older pages
    return inner if value.keys() == {"ui_form_schema"} and isinstance(inner, dict) and _is_form(inner) else value


def _is_form(value: Mapping[str, Any]) -> bool:
    return all(isinstance(each, dict) and isinstance(each.get("type"), str) for each in value.values())


def _action_name(path: str) -> str:
    stem = re.sub(r"\.json$", "", re.split(r"[/\\]", path)[-1])
    name = base_connector.snake_case(stem)
    if not _NAME.fullmatch(name) or f"{name}.yaml" == CONNECTOR_FILE:
        raise invalid(
            f"{path}: {describe_value(stem)} cannot be used as the name of an action",
            field="file",
            hint="The file of a form is named after its action, such as create_contact.json.",
        )
    return name


def _connector_part(value: dict[str, Any], path: str) -> dict[str, Any]:
    """Return what *value* says of the base connector, without empty keys."""
    if value.keys() <= set(HEADER):
        value = {"header": value}
    elif value.keys() <= set(PAGINATION) and value.keys() != {"header"}:
        value = {"pagination_config": value}
    elif unknown := value.keys() - CONNECTOR.keys():
        names = join_names(describe_value(key) for key in sorted(unknown))
        raise invalid(
            f"{path} is not JSON that Locoia documents; unknown keys: {names}",
            field="file",
            hint=_READS,
        )
    part = {key: inner for key, inner in value.items() if inner not in (None, "", {}, [])}
    for keys, kind, word in ((_OBJECTS, dict, "an object"), (_STRINGS, str, "a string")):
        for key in keys:
            if not isinstance(part.get(key, kind()), kind):
                raise invalid(f'{path}: "{key}" is not {word}', field="file")
    return part


def _add_connector(result: Draft, base: dict[str, Any]) -> None:
    spec = base_connector.to_connector_spec(base)
    result.name = spec.get("connector")
    missing = [Note(CONNECTOR_FILE, key, why) for key, why in _missing_in_connector(spec, base)]
    result.missing += missing
    if "connector" in spec:
        message = f"{spec['connector']}, with the variable {spec['env']['token']} for its credential"
        result.chosen += [
            Note(CONNECTOR_FILE, "connector", message),
            Note(CONNECTOR_FILE, "version", spec["version"]),
        ]
    if "hosts" in spec:
        result.chosen.append(Note(CONNECTOR_FILE, "hosts", f"the credential may be sent to {spec['hosts'][0]} only"))
    pages = base_connector.to_pages(base.get("pagination_config", {}))
    if pages:
        message = "not set: the files do not say which actions have pages. Add to those: pages: " + json.dumps(pages)
        result.chosen.append(Note(CONNECTOR_FILE, "pages", message))
    result.texts[CONNECTOR_FILE] = _yaml("connector", spec, missing)
    if extra := _extra_keys(base, spec):
        result.texts[FILE] = json.dumps({"connector": extra}, indent=2, ensure_ascii=False) + "\n"


def _missing_in_connector(spec: Mapping[str, Any], base: Mapping[str, Any]) -> list[tuple[str, str]]:
    missing = []
    if "connector" not in spec:
        missing.append(("connector", "a name in lower_snake_case, with title, version and env"))
    if "base_url" not in spec:
        domain = base.get("base_domain")
        given = f"; Locoia asks for a part of it, {' '.join(domain.split())}" if domain else ""
        missing.append(("base_url", f"the URL of the API, with its hosts{given}"))
    if "auth" not in spec:
        kinds = [kind for kind in base.get("auth_config", {}) if kind != "basic_auth"]
        if base.get("url_token_extension") or base.get("header", {}).get("token_in_header") is False:
            why = "; in Locoia it is part of the URL, which specs do not support"
        elif kinds:
            why = f"; credentials of the kind {', '.join(kinds)} are not supported"
        else:
            why = ""
        missing.append(("auth", f"the header that the credential is sent in{why}"))
    return missing


def _extra_keys(base: Mapping[str, Any], spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of *base* that *spec* cannot express, for ``locoia.json``."""
    exported = base_connector.to_base_connector({"title": "", "base_url": "", **spec}, [])
    header = {
        key: value
        for key, value in base.get("header", {}).items()
        if key not in base_connector.HEADER_FROM_SPEC and value != exported["header"].get(key)
    }
    extra = {
        key: value for key, value in base.items() if key not in base_connector.FROM_SPEC and value != exported.get(key)
    }
    return extra | ({"header": header} if header else {})


def _add_action(result: Draft, name: str, form: Mapping[str, Any]) -> None:
    spec = {
        "spec": 1,
        "action": name,
        "title": name.replace("_", " ").title(),
        "inputs": ui_form.to_inputs(form),
    }
    file = f"{name}.yaml"
    missing = [
        Note(file, "summary", "one sentence on what the action does"),
        Note(file, "effect", "read, create, rotate, update or delete; it decides what may be retried"),
        Note(file, "request", "method, path and body; Locoia's documentation does not show the JSON of an Action"),
        Note(file, "reply", "which statuses are successes, and what the response holds"),
    ]
    result.missing += missing
    result.chosen.append(Note(file, "title", f'"{spec["title"]}", as the Flow Builder shows the name'))
    result.texts[file] = _yaml("action", spec, missing)


def _yaml(kind: str, spec: dict[str, Any], missing: list[Note]) -> str:
    """Return the YAML of *spec*, with what it lacks in comments above it."""
    comments = [f"# missing: {printable(f'{note.key}: {note.message}')}\n" for note in missing]
    return schema_line(kind) + "".join(comments) + dump(spec)
