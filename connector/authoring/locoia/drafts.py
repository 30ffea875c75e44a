"""Drafts of specs: what they lack, what was chosen for them, and what they cannot say.

Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from locoia_pat.authoring.locoia import connection, steps, unverified
from locoia_pat.authoring.locoia.patch import beyond
from locoia_pat.authoring.locoia.platform import text as platform_text
from locoia_pat.authoring.locoia.vocabulary import READ_ONLY
from locoia_pat.spec.load import CONNECTOR_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic import BaseModel

ONLY_OURS = (
    "what specs alone say: what an answer means, the effect, limits such as nullable and unit, covers and remarks of "
    "options, examples, and super actions"
)


def lacking(given: Mapping[str, Any], made: Mapping[str, Any]) -> Iterator[steps.Note]:
    """What *made*, a ``connector.yaml``, lacks, where *given* is what Locoia has."""
    if "connector" not in made:
        yield "connector", "a name in lower_snake_case, with title and env beside it"
    if "base_url" not in made:
        address = given.get("base_domain") or ""
        if "{" in address:
            yield "base_url", f"one address, with its hosts: Locoia asks for a part of it, {' '.join(address.split())}"
        else:
            yield "base_url", "the address of the API, with its hosts"
    if "auth" not in made:
        yield "auth", _auth(given)
    if "version" not in made:
        yield "version", "the version of this connector, such as 1.0.0"


def _auth(given: Mapping[str, Any]) -> str:
    kinds = [kind for kind in given.get("auth_config") or {} if kind != "basic_auth"]
    if given.get("url_token_extension") or (given.get("header") or {}).get("token_in_header") is False:
        return (
            "a header for the credential: in Locoia it stands in the address, where it can be read, and here it cannot"
        )
    if kinds:
        return f"a header for a token: in Locoia credentials are of the kind {', '.join(kinds)}, which is not done here"
    return "the header that a credential is sent in"


def chosen(made: Mapping[str, Any]) -> Iterator[steps.Note]:
    """What was decided in *made*, a ``connector.yaml``."""
    yield "version", made["version"]
    if "connector" in made:
        yield "connector", f"{made['connector']}, with the variable {made['env']['token']} for its credential"
    if "hosts" in made:
        yield "hosts", f"{made['hosts'][0]} alone may see the credential"


def has(value: Any, key: str) -> bool:
    """Whether *value* has something under the dotted *key*."""
    for part in key.split("."):
        if not isinstance(value, dict) or part not in value:
            return False
        value = value[part]
    return True


def ordered(value: Mapping[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    """*Value* with its keys in the order of the language, as people write them."""
    known = [info.alias or name for name, info in model.model_fields.items()]
    head = ["action", "title", "summary", "docs", "effect", "super", "replaces", "look", "revoke"]
    first = [*known[:1], *(key for key in head if key in known), *known]
    return {key: value[key] for key in dict.fromkeys([*first, *value]) if key in value}


def platform(connector: Mapping[str, Any], actions: Mapping[str, Any], values: Mapping[str, Any]) -> str:
    """The text of ``locoia.json``: what Locoia has of *connector* and *actions* and the specs *values* cannot say."""
    spec = {"title": "", "base_url": ""} | values.get(CONNECTOR_FILE, {})
    requests = {name: values[f"{name}.yaml"] for name in actions}
    paged = [found for one in requests.values() if has(one, "reply.at") and (found := steps.pages(one))]
    more = beyond(connector, connection.base(spec, paged)) if connector else {}
    header = {key: value for key, value in more.get("header", {}).items() if key not in connection.IN_HEADER}
    kept = {key: value for key, value in more.items() if key not in connection.SAID} | (
        {"header": header} if header else {}
    )
    ranks = {name: rank for rank, name in enumerate(sorted(requests), 1)}
    return platform_text(kept, {name: _more(actions[name], requests[name], ranks[name]) for name in requests})


def _more(given: Mapping[str, Any], spec: Mapping[str, Any], rank: int) -> dict[str, Any]:
    inputs = _shaped(spec.get("inputs", {}))
    plain = {"action": "", "summary": "", "inputs": inputs, "request": {"method": "", "path": "/"}}
    made = steps.action(plain, "", rank)
    said = {*steps.SAID, *READ_ONLY[1:], *(key for keys in unverified.CALLED.values() for key in keys)}
    return {key: value for key, value in beyond(given, made).items() if key not in said}


def _shaped(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The *inputs* of a draft that a form can be made of."""
    return {name: field for name, field in inputs.items() if isinstance(field, dict) and "type" in field}
