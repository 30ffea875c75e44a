"""New folders of specs: one to begin with, or copies of actions there are."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from locoia_pat.authoring.spec_schema import FILES
from locoia_pat.messages import describe_value
from locoia_pat.outcomes import invalid
from locoia_pat.spec.load import CONNECTOR_FILE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from locoia_pat.spec.load import SpecFolder

AUTHS = {
    "bearer": """\
auth:
  header_key: Authorization
  token_format: "{{ token }}"
  token_prefix: "Bearer {{ token_format }}\"""",
    "header": """\
auth:
  header_key: X-API-Key
  token_format: "{{ token }}"
  token_prefix: "{{ token_format }}\"""",
    "basic": """\
auth:
  header_key: Authorization
  token_format: "{{ identifier }}:{{ token }}"
  encode: base64
  token_prefix: "Basic {{ token_format }}\"""",
}
"""How a credential is sent, as Locoia's documentation spells it."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_HEAD = "# yaml-language-server: $schema={}\n"

_CONNECTOR = """\
spec: 1
connector: {name}
title: {title}
version: 0.1.0
base_url: {base_url}
hosts: [{host}]                # the only hosts that ever see the credential
env: {{{env}}}
check: list_keys               # the read that shows whether a credential is accepted
{auth}
"""

_LIST = """\
spec: 1
action: list_keys
title: List keys
summary: List the keys there are, without their secrets.
effect: read
inputs:
  owner: {title: Owner, type: text, info: Only the keys of this owner., maxLength: 100}
request:
  method: GET
  path: /keys
  query:
    owner: "{{ owner }}"
    limit: 50
  omit_null: true              # without an owner, that part of the query is left out
pages: {by: cursor, query: after, at: next}
reply:
  ok: [200]
  at: [keys]                   # where the rows stand in the answer
  rows: keys                   # what data calls them
  output:
    id: {title: ID, type: text}
    name: {title: Name, type: text}
    created: {title: Created, type: datetime, from: created_at}
examples:
  - name: two pages
    inputs: {owner: ann}
    request: {method: GET, path: /keys, query: {owner: ann, limit: "50"}}
    reply:
      status: 200
      body: {keys: [{id: k1, name: CI, created_at: "2026-01-01T00:00:00Z"}], next: c2}
    pages:
      - status: 200
        body: {keys: [{id: k2, name: CD, created_at: "2026-01-02T00:00:00Z"}], next: null}
    result:
      outcome: done
      data:
        keys:
          - {id: k1, name: CI, created: "2026-01-01T00:00:00Z"}
          - {id: k2, name: CD, created: "2026-01-02T00:00:00Z"}
  - name: all keys, of which there are none
    request: {method: GET, path: /keys, query: {limit: "50"}}
    reply: {status: 200, body: {keys: []}}
    result: {outcome: done, data: {keys: []}}
"""

_CREATE = """\
spec: 1
action: create_key
title: Create key
summary: Create a key; its secret is shown once.
effect: create
look: list_keys                # where to look when it is not known whether it happened
inputs:
  name: {title: Name, type: text, required: true, minLength: 1, maxLength: 100}
  days: {title: Expires after (days), type: number, unit: days, min: 1, step: 1, required: true, nullable: true}
request:
  method: POST
  path: /keys
  body:
    name: "{{ name }}"
    expires_in: "{{ days }}"   # alone, an expression keeps its type: a number, or null
    label: "made for {{ name }}"
reply:
  ok: [201]
  output:
    id: {title: ID, type: text, keep: true}
    secret: {title: Secret, type: text, secret: once}
    expires: {title: Expires, type: datetime, nullable: true, from: expires_at, keep: true}
  errors:
    409: There is a key of that name; choose another.
examples:
  - name: a key that never expires
    inputs: {name: CI, days: null}
    request: {method: POST, path: /keys, body: {name: CI, expires_in: null, label: made for CI}}
    reply: {status: 201, body: {id: k1, secret: fake-secret-0123456789, expires_at: null}}
    result: {outcome: done, data: {id: k1, expires: null}}
  - name: a name that is taken
    inputs: {name: CD, days: 30}
    request: {method: POST, path: /keys, body: {name: CD, expires_in: 30, label: made for CD}}
    reply: {status: 409, body: {message: name is taken}}
    result: {outcome: refused, code: conflict}
"""


def connector(name: str, base_url: str | None, auth: str) -> dict[str, str]:
    """The files of a new connector *name*: one that lists and creates keys, to be changed.

    Raises:
        InvalidError: the name or the address is none.

    """
    if not _NAME.fullmatch(name):
        raise invalid(
            f"{describe_value(name)} is no name", field="name", hint="A name is lower_snake_case, such as acme_crm."
        )
    address = base_url or f"https://api.{name.replace('_', '-')}.example/v1"
    host = urlsplit(address).hostname if re.fullmatch(r"https?://[!-~]+", address) else None
    if host is None:
        raise invalid("is no http address", field="base_url", hint="Give one such as https://api.example.com/v1.")
    upper = name.upper()
    env = f"token: {upper}_TOKEN, base_url: {upper}_BASE_URL"
    env += f", identifier: {upper}_USER" if auth == "basic" else ""
    title = name.replace("_", " ").capitalize()
    filled = _CONNECTOR.format(name=name, title=title, base_url=address, host=host, env=env, auth=AUTHS[auth])
    return {CONNECTOR_FILE: filled, "create_key.yaml": _CREATE, "list_keys.yaml": _LIST}


def ejected(folder: SpecFolder, action: str) -> dict[str, str]:
    """The files of *action*, of those it names, and of what they share.

    Raises:
        InvalidError: there is none of that name, or a spec is wrong.

    """
    wanted, found = [action], dict[str, str]()
    wanted += [folder.connector.check] if folder.connector.check else []
    while wanted:
        name = wanted.pop()
        if f"{name}.yaml" in found:
            continue
        spec = folder.action(name)
        found[f"{name}.yaml"] = _without_head(spec.document.text)
        wanted += [other for other in (spec.look, spec.revoke and spec.revoke.action) if other]
    return {CONNECTOR_FILE: _without_head(folder.connector.document.text), **dict(sorted(found.items()))}


def write(texts: Mapping[str, str], folder: Path) -> list[Path]:
    """Write *texts*, and the schemas that they point to, into *folder*, where none of the specs may stand yet.

    Raises:
        InvalidError: one stands there, or the folder cannot be written.

    """
    taken = [file for file in texts if (folder / file).exists()]
    if taken:
        raise invalid(f"{folder / taken[0]} is there already", field="out", hint="Name another folder with --out.")
    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in schemas().items():
            (folder / file).write_text(text, encoding="utf-8")
        for file, text in texts.items():
            schema = "connector.schema.json" if file == CONNECTOR_FILE else "action.schema.json"
            written.append(folder / file)
            written[-1].write_text(_HEAD.format(schema) + text, encoding="utf-8")
    except OSError as error:
        raise invalid(f"{folder} cannot be written: {error.strerror}", field="out") from None
    return written


def schemas() -> dict[str, str]:
    """The JSON Schemas that stand beside specs, for editors."""
    return {file: (files("locoia_pat.specs") / file).read_text(encoding="utf-8") for file in FILES}


def _without_head(text: str) -> str:
    return text.split("\n", 1)[1] if text.startswith("# yaml-language-server") else text
