"""``connector.yaml`` as Locoia's base connector, and back; and what pages its actions have.

Pure.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

from locoia_pat.authoring.locoia import unverified
from locoia_pat.authoring.locoia.structures import Unreadable, structure
from locoia_pat.authoring.locoia.vocabulary import CONNECTOR

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SAID = ("name", "base_domain", "header", "external_docs")
"""The keys of a base connector that ``connector.yaml`` says."""
IN_HEADER = ("encode", "header_key", "token_format", "token_prefix")
"""Of a header; what else is in it stays with Locoia."""
_TYPE = "application/json"
_PAGE = re.compile(r"\{\{\s*page(\s*\+\s*1)?\s*\}\}")
_AUTH: dict[str, Any] = {
    "header_key": "Authorization",
    "token_format": "{{ token }}",
    "encode": False,
    "token_prefix": "Bearer {{ token_format }}",
}


def base(spec: Mapping[str, Any], pages: Iterable[Paged]) -> dict[str, Any]:
    """The base connector of *spec*, a ``connector.yaml``, whose actions have *pages*: every documented key."""
    auth = _AUTH | spec.get("auth", {})
    return CONNECTOR | {
        "name": spec["title"],
        "contype": "connector",
        "status": "draft",  # to be seen by those who try it, and nobody else, until they make it active
        "auth_config": {"basic_auth": {"auth_form": _auth_form(auth), "config": {}}},
        "base_domain": spec["base_url"].rstrip("/") + "/",
        "header": {
            "encode": auth["encode"],
            "token_in_header": True,
            "content_type": _TYPE,
            "header_key": auth["header_key"],
            "token_format": _tight(auth["token_format"]),
            "token_prefix": _tight(auth["token_prefix"]),
        },
        "pagination_config": _pagination(pages),
        "external_docs": spec.get("docs"),
    }


def _auth_form(auth: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The fields of a credential: ``basic_auth`` stands for Basic, Bearer and API keys alike."""
    token = {"name": "auth_token", "title": "Token", "type": "password", "required": True}
    if "info" in auth:
        token["info"] = auth["info"]
    if "identifier" not in auth["token_format"]:
        return [token]
    return [{"name": unverified.IDENTIFIER_FIELD, "title": "User name", "type": "text", "required": True}, token]


def _tight(template: str) -> str:
    """A template as the documentation writes it, without spaces in its braces."""
    return re.sub(r"\{\{ *(\w+) *\}\}", r"{{\1}}", template)


def _spaced(template: str) -> str:
    return re.sub(r"\{\{ *(\w+) *\}\}", r"{{ \1 }}", template)


def spec(given: Mapping[str, Any]) -> dict[str, Any]:
    """What a base connector, whole or in part, says of a ``connector.yaml``; what it cannot say is not there."""
    made: dict[str, Any] = {"spec": 1}
    title = _text(given, "name")
    if title:
        name = snake(title, humps=False)  # a brand such as HubSpot is one word
        made |= {"connector": name, "title": title, "env": {"token": f"{name.upper()}_TOKEN"}} if name else {}
    address = _text(given, "base_domain").rstrip("/")
    if "{" not in address and (host := _host(address)):
        made |= {"base_url": address, "hosts": [host]}
    if docs := _text(given, "external_docs"):
        made["docs"] = docs
    if auth := _auth(given):
        made["auth"] = auth
        if "identifier" in auth.get("token_format", "") and "env" in made:
            made["env"]["identifier"] = f"{made['connector'].upper()}_USER"
    return made


def _auth(given: Mapping[str, Any]) -> dict[str, Any]:
    header = given.get("header")
    found = header if isinstance(header, dict) else {}
    auth: dict[str, Any] = {
        key: _spaced(found[key])
        for key in ("header_key", "token_format", "token_prefix")
        if isinstance(found.get(key), str) and found[key]
    }
    if auth and found.get("encode") == "base64":
        auth["encode"] = found["encode"]
    for field in auth_fields(given.get("auth_config")):
        if field.get("name") == "auth_token" and isinstance(field.get("info"), str) and field["info"]:
            auth["info"] = field["info"]
    return auth


def auth_fields(config: Any) -> list[dict[str, Any]]:
    """The fields of an ``auth_config``: a list of them, or, on older pages, an object by name."""
    found: list[dict[str, Any]] = []
    for kind in (config if isinstance(config, dict) else {}).values():
        form = kind.get("auth_form") if isinstance(kind, dict) else None
        named = [{"name": name, **field} for name, field in form.items() if isinstance(field, dict)] if isinstance(
            form, dict
        ) else form  # fmt: skip
        found += [field for field in (named if isinstance(named, list) else []) if isinstance(field, dict)]
    return found


def current(config: Any) -> Any:
    """An ``auth_config`` whose forms are lists, as current pages have them."""
    if not isinstance(config, dict):
        return config
    return {
        kind: {**told, "auth_form": auth_fields({kind: told})}
        if isinstance(told, dict) and isinstance(told.get("auth_form"), dict)
        else told
        for kind, told in config.items()
    }


def current_search(config: Any) -> Any:
    """A ``search_config`` whose query is an object; on older pages it is a text that holds one."""
    if not isinstance(config, dict) or not isinstance(config.get("query"), str):
        return config
    try:
        query, _ = structure(config["query"], {})
    except Unreadable:
        return config
    return config | {"query": query}


Paged: TypeAlias = "tuple[Mapping[str, Any], str]"
"""The ``pages`` of a spec, and where its rows stand."""


def pagination(paged: Paged) -> dict[str, str] | None:
    """Locoia's pagination for one action's pages; None where its documentation shows no way to say them."""
    pages, at = paged
    if pages["by"] != "page" or "query" not in pages:
        return None
    number = "page" if pages.get("first") == 0 else "page + 1"
    return {
        "response_jsonpath": "$" if at == "$" else f"$.{at}",
        "query": f'{{"{pages["query"]}": {{{{ {number} }}}}}}',
    }


def _pagination(pages: Iterable[Paged]) -> dict[str, str] | None:
    """The one pagination of a connector: where its actions differ, there is none that is right for all."""
    found = [pagination(paged) for paged in pages]
    return found[0] if found and all(one == found[0] for one in found) else None


def pages(config: Any) -> dict[str, Any] | None:
    """The ``pages`` of a spec that a pagination says: page numbers in the query; None for any other."""
    query = config.get("query") if isinstance(config, dict) else None
    if query is None or config.get("body") or config.get("header"):
        return None
    try:
        said, _ = structure(query, {})
    except Unreadable:
        return None
    match said:
        case {**parts} if len(parts) == 1:
            ((name, value),) = parts.items()
            found = _PAGE.fullmatch(value) if isinstance(value, str) else None
            return ({"by": "page", "query": name} | ({} if found[1] else {"first": 0})) if found else None
        case _:
            return None


def snake(text: str, *, humps: bool = True) -> str:
    """*Text* as a name; empty where none is left of it.  With *humps*, each begins a word."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text) if humps else text
    words = re.sub(r"[^a-z0-9]+", "_", parted.lower()).strip("_")
    return re.sub(r"^[0-9_]+", "", words)[:64].strip("_")


def _text(given: Mapping[str, Any], key: str) -> str:
    value = given.get(key)
    return value.strip() if isinstance(value, str) else ""


def _host(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None
