"""New folders of specs: a connector to start from, or copies of existing actions."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from locoia_pat.authoring.export.export_folder import write_new
from locoia_pat.authoring.spec_schema import FILES
from locoia_pat.messages import describe_value
from locoia_pat.outcomes import invalid
from locoia_pat.spec.load import CONNECTOR_FILE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from locoia_pat.spec.load import SpecFolder

_AUTHORIZATION = "  header_key: Authorization\n"
AUTHS = {
    "bearer": _AUTHORIZATION + '  token_format: "{{ token }}"\n  token_prefix: "Bearer {{ token_format }}"\n',
    "header": '  header_key: X-API-Key\n  token_format: "{{ token }}"\n  token_prefix: "{{ token_format }}"\n',
    "basic": _AUTHORIZATION
    + '  token_format: "{{ identifier }}:{{ token }}"\n  encode: base64\n  token_prefix: "Basic {{ token_format }}"\n',
}
"""How a credential is sent, with the keys that Locoia documents."""

TEMPLATES = files("locoia_pat.authoring") / "templates"
"""A folder of specs that are valid as they are."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


def new_connector(name: str, base_url: str | None, auth: str) -> dict[str, str]:
    """Return the files of a new connector, which lists and creates keys until it is changed.

    Args:
        name: the connector's name, in lower_snake_case.
        base_url: the URL of the API; by default one of an example host.
        auth: a key of :data:`AUTHS`.

    Raises:
        InvalidError: the name or the URL is invalid.

    """
    if not _NAME.fullmatch(name):
        raise invalid(
            f"{describe_value(name)} is not a valid name", field="name", hint="Use lower_snake_case, such as acme_crm."
        )
    url = base_url or f"https://api.{name.replace('_', '-')}.example/v1"
    host = urlsplit(url).hostname if re.fullmatch(r"https?://[!-~]+", url) else None
    if host is None:
        raise invalid("not an http or https URL", field="base_url", hint="Give one such as https://api.example.com/v1.")
    variable = name.upper()
    env = f"token: {variable}_TOKEN, base_url: {variable}_BASE_URL"
    env += f", identifier: {variable}_USER" if auth == "basic" else ""
    texts = {file.name: file.read_text(encoding="utf-8") for file in TEMPLATES.iterdir()}
    connector = texts.pop(CONNECTOR_FILE).partition("auth:\n")[0]
    for old, new in (
        ("connector: acme", f"connector: {name}"),
        ("title: Acme", f"title: {name.replace('_', ' ').capitalize()}"),
        ("env: {token: ACME_TOKEN, base_url: ACME_BASE_URL}", f"env: {{{env}}}"),
        ("hosts: [api.acme.example]", f"hosts: [{host}]"),
        ("base_url: https://api.acme.example/v1", f"base_url: {url}"),
    ):
        connector = connector.replace(old, new)
    return {CONNECTOR_FILE: f"{connector}auth:\n{AUTHS[auth]}", **dict(sorted(texts.items()))}


def eject_action(folder: SpecFolder, action: str) -> dict[str, str]:
    """Return the files of *action*, of the actions that it names, and of their connector.

    Raises:
        InvalidError: there is no such action, or a spec is invalid.

    """
    texts: dict[str, str] = {}
    names = [action, *filter(None, [folder.connector.check])]
    while names:
        name = names.pop()
        if f"{name}.yaml" not in texts:
            spec = folder.action(name)
            texts[f"{name}.yaml"] = _with_schema_line(spec.document.text, "action")
            names += filter(
                None,
                [spec.verify_with, spec.create_with, spec.delete_with, spec.revoke.action if spec.revoke else None],
            )
    connector = _with_schema_line(folder.connector.document.text, "connector")
    return {CONNECTOR_FILE: connector, **dict(sorted(texts.items()))}


def schema_line(kind: str) -> str:
    """Return the first line of a spec, by which an editor finds the schema: *kind* is ``action`` or ``connector``."""
    return f"# yaml-language-server: $schema={kind}.schema.json\n"


def _with_schema_line(text: str, kind: str) -> str:
    return text if text.startswith("# yaml-language-server") else schema_line(kind) + text


def write_specs(texts: Mapping[str, str], folder: Path) -> list[Path]:
    """Write specs into *folder*, with the JSON Schemas that editors use for them; returns the paths of the specs.

    Raises:
        InvalidError: one of the specs exists already, or the folder cannot be written.

    """
    schemas = {file: (files("locoia_pat.specs") / file).read_text(encoding="utf-8") for file in FILES}
    missing = {file: text for file, text in schemas.items() if not (folder / file).exists()}
    write_new({**texts, **missing}, folder)
    return [folder / file for file in texts]
