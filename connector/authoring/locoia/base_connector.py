"""Convert ``connector.yaml`` to Locoia's base connector, and back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

from locoia_pat.authoring.locoia import unverified
from locoia_pat.authoring.locoia.documented_fields import CONNECTOR

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FROM_SPEC = ("name", "base_domain", "header", "external_docs")
"""The keys of a base connector whose values ``connector.yaml`` gives."""
HEADER_FROM_SPEC = ("encode", "header_key", "token_format", "token_prefix")
"""The keys of ``header`` whose values ``connector.yaml`` gives."""
_DEFAULT_AUTH: dict[str, Any] = {
    "header_key": "Authorization",
    "token_format": "{{ token }}",
    "encode": False,
    "token_prefix": "Bearer {{ token_format }}",
}
_PAGE_QUERY = re.compile(r'\s*\{\s*"([^"\\{}]+)"\s*:\s*("?)\{\{\s*page(\s*\+\s*1)?\s*\}\}\2\s*\}\s*')

Pages: TypeAlias = "tuple[Mapping[str, Any], str]"
"""The ``pages`` of a spec, and the path of its rows in the response."""


def to_base_connector(connector: Mapping[str, Any], pages: Iterable[Pages]) -> dict[str, Any]:
    """Return the base connector of *connector*, with every documented key.

    Args:
        connector: the value of ``connector.yaml``.
        pages: the pagination of each action that has one.

    """
    auth = _DEFAULT_AUTH | connector.get("auth", {})
    return CONNECTOR | {
        "name": connector["title"],
        "contype": "connector",
        "status": "draft",  # visible to its creator and Locoia's administrators, until someone makes it active
        "auth_config": {"basic_auth": {"auth_form": _auth_form(auth), "config": {}}},
        "base_domain": connector["base_url"].rstrip("/") + "/",
        "header": {
            "encode": auth["encode"],
            "token_in_header": True,
            "content_type": "application/json",
            "header_key": auth["header_key"],
            "token_format": _respace(auth["token_format"], ""),
            "token_prefix": _respace(auth["token_prefix"], ""),
        },
        "pagination_config": _shared_pagination(pages),
        "external_docs": connector.get("docs"),
    }


def _auth_form(auth: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the fields of a credential: ``basic_auth`` covers Basic, Bearer and API keys."""
    token = {"name": "auth_token", "title": "Token", "type": "password", "required": True}
    if "info" in auth:
        token["info"] = auth["info"]
    if "identifier" not in auth["token_format"]:
        return [token]
    return [{"name": unverified.IDENTIFIER_FIELD, "title": "User name", "type": "text", "required": True}, token]


def _respace(template: str, space: str) -> str:
    """Return *template* with *space* inside its braces: none in Locoia's documentation, one in our specs."""
    return re.sub(r"\{\{ *(\w+) *\}\}", rf"{{{{{space}\1{space}}}}}", template)


def to_pagination(pages: Pages) -> dict[str, str] | None:
    """Return Locoia's pagination for the pages of one action, or None if no page documents that kind."""
    spec, rows_at = pages
    if spec["by"] != "page" or "query" not in spec:
        return None
    number = "page" if spec.get("first") == 0 else "page + 1"
    return {
        "response_jsonpath": "$" if rows_at == "$" else f"$.{rows_at}",
        "query": f'{{"{spec["query"]}": {{{{ {number} }}}}}}',
    }


def _shared_pagination(pages: Iterable[Pages]) -> dict[str, str] | None:
    """Return the pagination of a connector; None if its actions need different ones, as a Connector has one."""
    paginations = [to_pagination(each) for each in pages]
    first = paginations[0] if paginations else None
    return first if all(pagination == first for pagination in paginations) else None


def to_pages(pagination: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the ``pages`` of a spec that a *pagination* means: page numbers in the query; None for any other."""
    query = pagination.get("query")
    match = _PAGE_QUERY.fullmatch(query) if isinstance(query, str) else None
    if match is None or pagination.get("body") or pagination.get("header"):
        return None
    return {"by": "page", "query": match[1]} | ({} if match[3] else {"first": 0})


def to_connector_spec(base: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of ``connector.yaml`` that a *base* connector, complete or in part, gives."""
    spec: dict[str, Any] = {"spec": 1}
    title = (base.get("name") or "").strip()
    name = snake_case(title)
    if name:
        spec |= {"connector": name, "title": title, "version": "0.1.0", "env": {"token": f"{name.upper()}_TOKEN"}}
    url = (base.get("base_domain") or "").strip().rstrip("/")
    if "{" not in url and (host := _host(url)):
        spec |= {"base_url": url, "hosts": [host]}
    if base.get("external_docs"):
        spec["docs"] = base["external_docs"]
    if auth := _auth(base):
        spec["auth"] = auth
        if "identifier" in auth.get("token_format", "") and name:
            spec["env"]["identifier"] = f"{name.upper()}_USER"
    return spec


def _auth(base: Mapping[str, Any]) -> dict[str, Any]:
    header = base.get("header") or {}
    auth: dict[str, Any] = {
        key: _respace(header[key], " ")
        for key in ("header_key", "token_format", "token_prefix")
        if isinstance(header.get(key), str) and header[key]
    }
    if auth and header.get("encode") == "base64":
        auth["encode"] = "base64"
    match base.get("auth_config"):
        case {"basic_auth": {"auth_form": list(form)}} if auth:
            for field in form:
                match field:
                    case {"name": "auth_token", "info": str(info)} if info:
                        auth["info"] = info
    return auth


def snake_case(text: str) -> str:
    """Return *text* as a name in lower_snake_case; empty if nothing is left of it."""
    name = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
    return re.sub(r"^[0-9_]+", "", name)[:64].strip("_")


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
