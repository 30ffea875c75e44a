"""Write the actions of a server of this package (``locoia-pat serve``) as Locoia's configuration.

Each action is then one POST to the server, so super actions are Actions like all others, and no token enters a flow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from locoia_pat.authoring.locoia import texts_of
from locoia_pat.authoring.locoia.base_connector import to_base_connector
from locoia_pat.authoring.locoia.extra_keys import merge, read_extra_keys
from locoia_pat.engine.checker import check_specs
from locoia_pat.http.url import validate_base_url
from locoia_pat.outcomes import SpecError, invalid
from locoia_pat.spec.description import STORE_FIELD, takes_stores
from locoia_pat.spec.model import ActionSpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from locoia_pat.spec.load import SpecFolder
    from locoia_pat.spec.model import SuperSpec

_KEY = "idempotency_key"
_KEY_FIELD = {
    "title": "Idempotency key",
    "type": "text",
    "info": "Different in each run, the same when Locoia retries the step: such as an ID from the trigger, and the "
    "step's name.",
    "required": True,
    "maxLength": 255,
}
_STORE = {
    "title": "Token store",
    "type": "text",
    "info": "Where the token is stored, such as connector-auth:ID. The server's key must allow it.",
    "required": True,
}
_OPENING = """\
## Who can do this

The right to create and edit Actions is granted for each Connector; seeing an Action does not include editing it.
Until you have it use `rest-helper/`: a step in a flow of your own needs no such right.
The Connector starts as a `draft`, which only you and Locoia's administrators can see.

## What the server does for these steps

The steps call `locoia-pat serve` at {url}, which runs the actions with its own credential.
So they have what a plain HTTP step lacks: inputs are checked before anything is sent, token stores are probed, names
are locked, and a journal finishes what was interrupted.

- **No token enters a flow run.** A token goes from the server to its token store, and the response names the store.
- **Automatic retries can stay on.** The status says what may be retried: 503 and 429 come with `Retry-After` and are
  retried by Locoia; 424 means that the outcome is unknown or the token was not stored, and is not retried.
- **Where an Action has an {key} field, give each run a value of its own.** Locoia then gets the first response again,
  instead of a second token. `ensure_pat` needs none.
- **Leave steps at "Terminate flow"**: with "Continue flow" a failure looks successful.
- **A key is not a token**: create one with `locoia-pat serve key new`, with the actions, names and stores that these
  flows need, and store it in the Connector Auth. Revoking it stops these flows only.
"""


def files(folder: SpecFolder, url: str) -> dict[str, str]:
    """Return the configuration of a server of *folder* at *url*: the text of each file by its path.

    Raises:
        InvalidError: a spec, ``locoia.json`` or *url* is invalid.

    """
    if findings := check_specs(folder):
        raise SpecError(findings)
    url = _validate_url(url)
    connector = _connector(folder, url)
    extra = read_extra_keys(folder)
    base = merge(to_base_connector(connector, []), extra.connector) | {"external_swagger_docs": f"{url}/openapi.json"}
    if folder.is_own:
        base["short_description"] = "Personal Access Tokens as steps: a server keeps them, and no flow run sees one."
    specs = {name: _spec(folder.spec(name)) for name in folder.names}
    opening = [_OPENING.format(url=url, key=_KEY)]
    return texts_of(connector, base, specs, extra, {}, opening=opening, warnings=_warnings)


def _validate_url(url: str) -> str:
    try:
        host = urlsplit(url.strip()).hostname
    except ValueError:
        raise invalid("is not a valid URL", field="served", hint="Give one such as https://flows.example.") from None
    return validate_base_url(url, [host] if host else [], source="served")


def _connector(folder: SpecFolder, url: str) -> dict[str, Any]:
    """Return the value of a ``connector.yaml`` for the server."""
    spec: Mapping[str, Any] = folder.connector.document.value
    info = "A key of the server, from locoia-pat serve key new; it is not a token of the API."
    served = {"title": f"{spec['title']} (served)", "base_url": url, "auth": {"info": info}}
    return {key: value for key, value in spec.items() if key not in ("auth", "options")} | served


def _spec(spec: ActionSpec | SuperSpec) -> dict[str, Any]:
    """Return the value of a spec whose request is the call of *spec* at the server."""
    value: Mapping[str, Any] = spec.document.value
    declared: Mapping[str, Any] = value.get("inputs", {})
    inputs = {name: _by_reference(field) for name, field in declared.items()}
    body: dict[str, Any] = {
        name: {"$ref": f"{{{{ {name} }}}}"} if field["type"] == "password" else f"{{{{ {name} }}}}"
        for name, field in declared.items()
    }
    if takes_stores(spec):
        inputs[STORE_FIELD], body[STORE_FIELD] = _STORE, f"{{{{ {STORE_FIELD} }}}}"
    headers = {}
    if needs_key(spec):
        inputs[_KEY], headers["Idempotency-Key"] = _KEY_FIELD, f"{{{{ {_KEY} }}}}"
    request = {"method": "POST", "path": f"/v1/actions/{spec.action}", "headers": headers, "body": body}
    kept = {key: value[key] for key in ("action", "title", "summary", "docs", "effect") if key in value}
    return kept | {"inputs": inputs, "request": request, "reply": {"output": {}}}


def needs_key(spec: ActionSpec | SuperSpec) -> bool:
    """Return whether a retry of *spec* without an idempotency key may do it twice."""
    return spec.effect == "rotate" or (spec.effect == "create" and isinstance(spec, ActionSpec))


def _by_reference(field: Mapping[str, Any]) -> dict[str, Any]:
    if field["type"] != "password":
        return dict(field)
    info = "Where the secret is stored, such as file:/PATH; never the secret itself. The server's key must allow it."
    return {**field, "type": "text", "title": f"{field['title']} (reference)", "info": info}


def _warnings(spec: Mapping[str, Any]) -> Iterator[str]:
    if _KEY in spec["inputs"]:
        yield f"**Give each run a value of its own in `{_KEY}`**: a retry with the same value gets the first response."
