"""Connector Auths and Connectors: the only entities with documented paths, with scopes enforced.

Source: https://docs.locoia.com/api/create-connector-authentication.  It shows no responses: here they are the fields
that were sent, without the secrets, and an ``id``.  No field is required, undocumented fields are ignored, and ``like``
is the only operator of a filter.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from locoia_pat.actions.sandbox.endpoints import new_endpoint, require_scope
from locoia_pat.actions.sandbox.responses import ApiError, wrap_list
from locoia_pat.actions.sandbox.sandbox_store import CONNECTOR_FIELDS, EMPTY_AUTH

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from locoia_pat.actions.sandbox.behaviour import Behaviour
    from locoia_pat.actions.sandbox.endpoints import Call
    from locoia_pat.actions.sandbox.sandbox_store import SandboxStore

_AUTHS, _CONNECTORS = "Connector Auths", "Connectors"
_MAX_PATTERN = 255


class EntityEndpoints:
    """Create, read, update and delete Connector Auths; list Connectors."""

    def __init__(self, store: SandboxStore, behaviour: Behaviour) -> None:
        self._store = store
        self._auths = store.connector_auths
        self._behaviour = behaviour

    def routes(self) -> list[BaseRoute]:
        """Return the routes; lists with and without a trailing slash, as the documentation writes both."""
        auths, connectors = "/v1/connector-auths", "/v1/connectors"
        table = [
            *[("POST", f"{auths}{slash}", _AUTHS, "create", self._create) for slash in ("", "/")],
            *[("GET", f"{auths}{slash}", _AUTHS, "read", self._list) for slash in ("", "/")],
            *[("GET", f"{connectors}{slash}", _CONNECTORS, "read", self._list_connectors) for slash in ("", "/")],
            ("GET", f"{auths}/{{auth_id}}", _AUTHS, "read", self._get),
            ("PUT", f"{auths}/{{auth_id}}", _AUTHS, "update", self._update),
            ("DELETE", f"{auths}/{{auth_id}}", _AUTHS, "delete", self._delete),
        ]
        endpoint = partial(new_endpoint, self._store, self._behaviour)
        return [
            Route(path, endpoint(require_scope(entity, operation), handle), methods=[method])
            for method, path, entity, operation, handle in table
        ]

    def _create(self, call: Call) -> tuple[int, Any]:
        return self._behaviour.create_status, self._auths.create(call.caller.owner, _documented_fields(call.body))

    def _list(self, call: Call) -> tuple[int, Any]:
        return 200, wrap_list(self._auths.owned_by(call.caller.owner), self._behaviour)

    def _get(self, call: Call) -> tuple[int, Any]:
        return 200, _require(self._auths.get(*_key(call)))

    def _update(self, call: Call) -> tuple[int, Any]:
        return 200, _require(self._auths.update(*_key(call), _documented_fields(call.body)))

    def _delete(self, call: Call) -> tuple[int, Any]:
        return self._behaviour.delete_status, _require(self._auths.delete(*_key(call)))

    def _list_connectors(self, call: Call) -> tuple[int, Any]:
        text = call.request.query_params.get("filter")
        matching = None if text is None else _parse_filter(text)
        return 200, wrap_list(self._store.connectors(matching), self._behaviour)


def _key(call: Call) -> tuple[str, str]:
    return call.request.path_params["auth_id"], call.caller.owner


def _require(auth: dict[str, Any] | None) -> dict[str, Any]:
    if auth is None:
        raise ApiError(404, "not_found", "no such Connector Auth")
    return auth


def _documented_fields(body: dict[str, Any]) -> dict[str, Any]:
    values = {name: body[name] for name in EMPTY_AUTH if name in body}
    for name, value in values.items():
        match name, value:
            case "user_input", dict():
                pass
            case "tags", list() if all(isinstance(tag, str) for tag in value):
                pass
            case (("user_input" | "tags"), _):
                kind = "an object" if name == "user_input" else "a list of strings"
                raise ApiError(422, "validation", f"{name} must be {kind}", name)
            case _, str() | None:
                pass
            case _:
                raise ApiError(422, "validation", f"{name} must be a string or null", name)
    return values


def _parse_filter(text: str) -> tuple[str, str]:
    """Return field and pattern of a filter such as ``name,like,"%ft%"``."""
    field, _, rest = text.partition(",")
    operator, _, quoted = rest.partition(",")
    try:
        pattern = json.loads(quoted)
    except (ValueError, RecursionError):
        pattern = None
    if (
        field in CONNECTOR_FIELDS
        and operator == "like"
        and isinstance(pattern, str)
        and len(pattern) <= _MAX_PATTERN
        and pattern.isprintable()
    ):
        return field, pattern
    allowed = f"one of {', '.join(CONNECTOR_FIELDS)}; like; a pattern in double quotes"
    raise ApiError(422, "validation", f"a filter has three parts: {allowed}", "filter")
