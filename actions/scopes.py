"""The scopes of the API page as data, and what they allow.

Source: https://docs.locoia.com/api/authentication-with-our-api, "Scopes".  A scope never gives more than what the user
who created the token has access to.

>>> narrowest("Connector Auths", "read")
('connector_auth:view',)
"""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

from locoia_pat.messages import describe_value, did_you_mean
from locoia_pat.outcomes import invalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

NAMES = ("automation", "company", "connector_auth", "connectors", "dashboard", "embed")

EXTENSIONS = ("manage", "view")
"""``manage`` is create, read and update; ``view`` is read; a scope without extension is all four."""

WEBHOOK_RUN = ("automation:webhook_run", "webhook_run")
"""Triggers webhook flows.  The page prints the extension without a colon and gives no example: both spellings count."""

ALL = (*(f"{name}{extension}" for name in NAMES for extension in ("", *(f":{e}" for e in EXTENSIONS))), *WEBHOOK_RUN)

WEBHOOK_FLOWS = "Webhook Flows"
"""What the webhook extension triggers.  The page does not say whether plain ``automation`` does so too; here it does
not, so that no one drops a scope that may be needed."""

ENTITIES = {
    "automation": (
        "Flows",
        "Flow Runs",
        "Flow Run Steps",
        "Run Flows",
        "Connector Auths",
        "Env Variables",
        "File Uploads",
    ),
    "company": ("Env Variables", "File Uploads", "Teams", "Users"),
    "connector_auth": ("Connector Auths",),
    "connectors": ("Connectors", "Connector Actions"),
    "dashboard": ("Dashboards", "Data Sources", "Forecasts", "Insights", "Transforms"),
    "embed": ("Embeds",),
}
"""The entities that each scope name covers."""

READ_ONLY = {"automation": ("Connector Auths", "Env Variables", "File Uploads")}
"""Entities that a token can only read, whatever the extension."""

OPERATIONS = {
    "": ("create", "read", "update", "delete"),
    "manage": ("create", "read", "update"),
    "view": ("read",),
    "webhook_run": ("trigger",),
}
"""The operations that each extension allows."""

ALL_ENTITIES = (*dict.fromkeys(entity for entities in ENTITIES.values() for entity in entities), WEBHOOK_FLOWS)
ALL_OPERATIONS = (*OPERATIONS[""], *OPERATIONS["webhook_run"])


def _table(scope: str) -> dict[str, tuple[str, ...]]:
    """Return the operations that *scope* allows on each entity."""
    if scope in WEBHOOK_RUN:
        return {WEBHOOK_FLOWS: OPERATIONS["webhook_run"]}
    name, _, extension = scope.partition(":")
    fixed = READ_ONLY.get(name, ())
    return {entity: OPERATIONS["view" if entity in fixed else extension] for entity in ENTITIES[name]}


_TABLES = {scope: _table(scope) for scope in ALL}
_GRANTS = {
    scope: frozenset((entity, operation) for entity, operations in table.items() for operation in operations)
    for scope, table in _TABLES.items()
}
_NOTHING: frozenset[tuple[str, str]] = frozenset()


def allows(scope: str, entity: str, operation: str) -> bool:
    """Whether a token with *scope* may do *operation* on *entity*; an unknown scope allows nothing.

    Raises:
        InvalidError: the API page has no such entity or operation.

    """
    _require("entity", entity, ALL_ENTITIES)
    _require("operation", operation, ALL_OPERATIONS)
    return (entity, operation) in _GRANTS.get(scope, _NOTHING)


def narrowest(entity: str, operation: str) -> tuple[str, ...]:
    """Return the narrowest scopes that allow *operation* on *entity*: those that include no other one that does.

    Raises:
        InvalidError: the API page has no such entity or operation.

    """
    enough = [scope for scope in ALL if allows(scope, entity, operation)]
    return tuple(scope for scope in enough if not any(_GRANTS[other] < _GRANTS[scope] for other in enough))


def includes(wider: str, narrower: str) -> bool:
    """Whether *wider* allows all that *narrower* does; an unknown scope includes none and is included in none."""
    grants = _GRANTS.get(narrower, _NOTHING)
    return bool(grants) and grants <= _GRANTS.get(wider, _NOTHING)


def redundant(scopes: Sequence[str]) -> list[tuple[str, str]]:
    """Return the pairs of *scopes*, wider and narrower, whose narrower one adds nothing.

    The two spellings of the webhook extension are not a pair: which of them the API accepts is not documented.
    """
    pairs = permutations(dict.fromkeys(scopes), 2)
    return [(wider, narrower) for wider, narrower in pairs if includes(wider, narrower) and narrower not in WEBHOOK_RUN]


def sentence(scope: str) -> str:
    """Describe in a sentence what a token with *scope* can do.

    Raises:
        InvalidError: the API page has no such scope.

    """
    return f"A token with {scope} can {describe([scope])}, as far as the user who created it can."


def describe(scopes: Sequence[str]) -> str:
    """Describe what a token with *scopes* can do, as the end of "it can".

    Raises:
        InvalidError: the API page has no such scope.

    """
    granted: dict[str, set[str]] = {}
    for scope in scopes:
        _require("scope", scope, ALL)
        for entity, operations in _TABLES[scope].items():
            granted.setdefault(entity, set()).update(operations)
    entities: dict[tuple[str, ...], list[str]] = {}
    for entity, allowed in granted.items():
        entities.setdefault(tuple(each for each in ALL_OPERATIONS if each in allowed), []).append(entity)
    return ", and ".join(f"{_and(operations)} {_and(names)}" for operations, names in entities.items())


def _and(items: Sequence[str]) -> str:
    *most, last = items
    return f"{', '.join(most)} and {last}" if most else last


def _require(field: str, value: str, allowed: Iterable[str]) -> None:
    if value not in allowed:
        raise invalid(
            f"{describe_value(value)} is not on the API page{did_you_mean(value, allowed)}",
            field=field,
            hint=f"Choose one of {', '.join(allowed)}.",
        )
