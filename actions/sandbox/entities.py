"""Connector Auths and Connectors: the only entities with documented paths, with scopes enforced.

Source: https://docs.locoia.com/api/create-connector-authentication.  It shows no answers: here they are the fields that
were given, without the secrets, and an ``id``; no field is required, others than the documented ones are ignored, and
``like`` is the only operator of a filter.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from locoia_pat.actions.sandbox.endpoint import permit
from locoia_pat.actions.sandbox.entity_store import CONNECTOR_FIELDS, EMPTY_AUTH
from locoia_pat.actions.sandbox.responses import Refusal, listed

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from locoia_pat.actions.sandbox.behaviour import Behaviour
    from locoia_pat.actions.sandbox.endpoint import Call, Endpoints
    from locoia_pat.actions.sandbox.token_store import Store

_AUTHS, _CONNECTORS = "Connector Auths", "Connectors"
_MAX_PATTERN = 255


class Entities:
    """What can be done to Connector Auths, and a look at the Connectors."""

    def __init__(self, store: Store, behaviour: Behaviour) -> None:
        self._auths = store.connector_auths
        self._connectors = store.connectors
        self._behaviour = behaviour

    def routes(self, endpoints: Endpoints) -> list[BaseRoute]:
        """Where they are found; lists with a slash at the end and without, as the documentation writes both."""
        found: list[BaseRoute] = []
        for slash in ("", "/"):
            auths, connectors = f"/v1/connector-auths{slash}", f"/v1/connectors{slash}"
            found += [
                Route(auths, endpoints.of(permit(_AUTHS, "create"), self._create), methods=["POST"]),
                Route(auths, endpoints.of(permit(_AUTHS, "read"), self._list), methods=["GET"]),
                Route(connectors, endpoints.of(permit(_CONNECTORS, "read"), self._list_connectors), methods=["GET"]),
            ]
        one = "/v1/connector-auths/{auth_id}"
        return [
            *found,
            Route(one, endpoints.of(permit(_AUTHS, "read"), self._find), methods=["GET"]),
            Route(one, endpoints.of(permit(_AUTHS, "update"), self._update), methods=["PUT"]),
            Route(one, endpoints.of(permit(_AUTHS, "delete"), self._delete), methods=["DELETE"]),
        ]

    def _create(self, call: Call) -> tuple[int, Any]:
        return self._behaviour.create_status, self._auths.create(call.caller.owner, _given(call.body))

    def _list(self, call: Call) -> tuple[int, Any]:
        return 200, listed(self._auths.owned_by(call.caller.owner), self._behaviour)

    def _find(self, call: Call) -> tuple[int, Any]:
        return 200, _there(self._auths.find(*_one(call)))

    def _update(self, call: Call) -> tuple[int, Any]:
        return 200, _there(self._auths.update(*_one(call), _given(call.body)))

    def _delete(self, call: Call) -> tuple[int, Any]:
        return self._behaviour.delete_status, _there(self._auths.delete(*_one(call)))

    def _list_connectors(self, call: Call) -> tuple[int, Any]:
        asked = call.request.query_params.get("filter")
        found = self._connectors.all() if asked is None else self._connectors.like(*_filter(asked))
        return 200, listed(found, self._behaviour)


def _one(call: Call) -> tuple[str, str]:
    return call.request.path_params["auth_id"], call.caller.owner


def _there(found: dict[str, Any] | None) -> dict[str, Any]:
    if found is None:
        raise Refusal(404, "not_found", "there is no such Connector Auth")
    return found


def _given(body: dict[str, Any]) -> dict[str, Any]:
    given = {name: body[name] for name in EMPTY_AUTH if name in body}
    for name, value in given.items():
        match name, value:
            case "user_input", dict():
                pass
            case "tags", list() if all(isinstance(tag, str) for tag in value):
                pass
            case (("user_input" | "tags"), _):
                kind = "an object" if name == "user_input" else "a list of texts"
                raise Refusal(422, "validation", f"{name} must be {kind}", name)
            case _, str() | None:
                pass
            case _:
                raise Refusal(422, "validation", f"{name} must be a text or null", name)
    return given


def _filter(text: str) -> tuple[str, str]:
    """Field and pattern of a filter such as ``name,like,"%ft%"``."""
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
    known = f"one of {', '.join(CONNECTOR_FIELDS)}; like; a pattern in double quotes"
    raise Refusal(422, "validation", f"a filter has three parts: {known}", "filter")
