"""An action's spec as the fields of a Locoia Action, and back.

Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from locoia_pat.authoring.locoia import connection, forms, unverified
from locoia_pat.authoring.locoia.bodies import Writer
from locoia_pat.authoring.locoia.structures import Unreadable, path, structure
from locoia_pat.authoring.locoia.vocabulary import DIALOG, label

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = "locoia-pat action 1"
SAID = ("format", "connector", "action_name", "short_description", "external_docs", "method", unverified.KEY)
"""The keys of an action's file that its spec says, or nobody."""
_PARTS = ("query", "headers", "form", "body")
_EFFECTS = {"GET": "read", "PUT": "update", "PATCH": "update", "DELETE": "delete"}
"""What a method does by its meaning (RFC 9110, 9.2); a POST may do anything."""


def action(spec: Mapping[str, Any], connector: str, rank: int) -> dict[str, Any]:
    """The file of *spec*: each field of the dialog, and apart from them what is not documented."""
    return {
        "format": FORMAT,
        **{key: default for key, (_, default) in DIALOG.items()},
        "connector": connector,
        "action_name": spec["action"],
        "order_rank": rank,
        "short_description": spec["summary"],
        "external_docs": spec.get("docs"),
        "method": spec["request"]["method"],
        "ui_form_schema": forms.schema(spec.get("inputs", {})),
        unverified.KEY: {"note": unverified.NOTE, **request(spec)},
    }


def request(spec: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """What *spec* sends, with Locoia's templates over inputs whose names follow *prefix*."""
    sent = spec["request"]
    writer = Writer(spec.get("inputs", {}), prefix)
    write = writer.sparse if sent.get("omit_null") else writer.json
    made: dict[str, Any] = {"endpoint": unverified.endpoint(writer.address(sent["path"]))}
    for part in _PARTS:
        if sent.get(part) not in (None, {}) or (part == "body" and sent.get(part) == {}):
            made[part] = write(sent[part]) if isinstance(sent[part], dict) else writer.json(sent[part])
    if (paged := pages(spec)) and connection.pagination(paged):
        made[unverified.RETRIEVE_ALL] = True
    return made


def pages(spec: Mapping[str, Any]) -> connection.Paged | None:
    """The pages of *spec*, and where its rows stand; None where it has none, or a damaged sidecar made them."""
    match spec:
        case {"pages": {"by": _} as paged, "reply": {"at": [str(at), *_]}}:
            return paged, at
        case {"pages": {"by": _} as paged, "reply": dict(reply)} if "at" not in reply:
            return paged, "$"
        case _:
            return None


Note = tuple[str, str]
"""A key of a spec, and what is to be known about it."""


def spec(given: Mapping[str, Any], pagination: Any) -> tuple[dict[str, Any], list[Note], list[Note]]:
    """What an action's file says of a spec; what is missing in it, and what was decided here.

    *pagination* is that of the connector.
    """
    name = connection.snake(_text(given, "action_name"))
    made: dict[str, Any] = {"spec": 1, "action": name, "title": name.replace("_", " ").title()}
    missing: list[Note] = []
    chosen: list[Note] = [("title", f'"{made["title"]}", as the Flow Builder shows the name')]
    if summary := _text(given, "short_description"):
        made["summary"] = summary
    else:
        missing.append(("summary", "one sentence on what it does"))
    if docs := _text(given, "external_docs"):
        made["docs"] = docs
    method = _text(given, "method").upper()
    if method in _EFFECTS:
        made["effect"] = _EFFECTS[method]
        chosen.append(("effect", f"{made['effect']}, as {method} has by its meaning"))
    else:
        missing.append(("effect", "read, create, rotate, update or delete: it decides what may be sent again"))
    fields = forms.inputs(given.get("ui_form_schema") or {})
    made |= {"inputs": fields} if fields else {}
    made["request"], unread = _request(given, method, fields)
    missing += unread
    found = unverified.request_of(dict(given))
    beside = given.get(unverified.KEY)
    whole = isinstance(beside, dict) and beside.get(unverified.RETRIEVE_ALL)
    if whole and (said := connection.pages(pagination)):
        made["pages"] = said
    elif pagination and method == "GET" and found:
        chosen.append(("pages", 'none: which Actions have "Retrieve all data" is not in their files'))
    missing.append(("reply", "which statuses are successes, and what an answer holds"))
    return made, missing, chosen


def _request(given: Mapping[str, Any], method: str, fields: Mapping[str, Any]) -> tuple[dict[str, Any], list[Note]]:
    found = unverified.request_of(dict(given))
    made: dict[str, Any] = {"method": method} if method else {}
    missing: list[Note] = [] if method else [("request.method", "a method, which only Actions without a request lack")]
    if "endpoint" in found:
        try:
            address, query = path(str(found["endpoint"]))
            made["path"] = unverified.path(address)
            made |= {"query": query} if query else {}
        except Unreadable as why:
            missing.append(("request.path", f"the endpoint cannot be said in a spec: {why}"))
    else:
        missing.append(("request.path", "where the request goes, below the base address"))
    for part in _PARTS:
        if part not in found or found[part] == "":
            continue
        try:
            value, sparse = structure(found[part], fields)
        except Unreadable as why:
            missing.append((f"request.{part}", f"it cannot be said in a spec: {why}"))
            continue
        made[part] = {**made.get(part, {}), **value} if isinstance(value, dict) else value
        made |= {"omit_null": True} if sparse else {}
    return made, missing


def normal(given: Mapping[str, Any]) -> dict[str, Any]:
    """An action's fields by our keys, whether they were called so or by their labels."""
    labels = {label(key): key for key in DIALOG}
    return {labels.get(key, key): value for key, value in given.items()}


def _text(given: Mapping[str, Any], key: str) -> str:
    value = given.get(key)
    return value.strip() if isinstance(value, str) else ""
