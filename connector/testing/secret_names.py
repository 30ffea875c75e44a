"""Names of the parts of a recorded exchange, and which of them are names of secrets.

Both scrubbing and linting use these rules.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import unquote_plus

from locoia_pat.engine.action import CompiledAction
from locoia_pat.secrets.detect import find_random_runs, find_secrets, is_ambiguous_name, is_secret_name
from locoia_pat.secrets.secret import MASK
from locoia_pat.spec.model import ActionSpec

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from locoia_pat.spec.load import SpecFolder

MIN_SEARCHED_LENGTH = 8
"""Minimum length of a secret to be searched for inside other strings; a shorter one must be the whole string."""
FAKE = re.compile(r"fake-secret-\d{4}")
_MAX_PLACEHOLDER_LENGTH = 64
_PLACEHOLDER = re.compile(
    r"(?i)(?:(?:bearer|basic|token)\s+)?(?:"
    r"fake[-_ ][\w-]*"
    r"|(?:dummy|example|sample|test|redacted|filtered|masked|hidden|scrubbed|placeholder|your|my|the)"
    r"(?:[-_ ]?(?:api|access|auth|client|bearer|personal))*"
    r"(?:[-_ ]?(?:token|secret|key|value|credential|password|pat))?"
    r"|x{3,}|\*{3,}|\.{3,}|<[^<>]{0,60}>|\[(?:redacted|filtered|masked|hidden|removed)\]|\{\{?[^{}]{0,60}\}\}?"
    r"|\$\{?[A-Z_]+\}?|" + MASK + r"|)"
)
"""What people write in place of a secret."""

_COOKIE = re.compile(r"(?i)(?:^|;)\s*(?!path=|domain=|expires=|max-age=|samesite=)[^=;]+=([^;\s]{8,})")


@dataclass(frozen=True, slots=True)
class SecretNames:
    """The names that specs mark as secret, and the credential headers they send."""

    names: frozenset[str] = frozenset()
    headers: frozenset[str] = frozenset()
    """Names of credential headers, in lower case; such a header is kept, with a fake."""
    harmless: frozenset[str] = frozenset()
    """Names of strings that are not secrets, whatever they look like."""

    @classmethod
    def from_specs(cls, folder: SpecFolder, harmless: Collection[str] = ()) -> Self:
        """Return the names of all actions in *folder*.

        Raises:
            InvalidError: a spec is invalid.

        """
        names: set[str] = set()
        headers = {folder.connector.auth.header_key.lower()}
        for spec in map(folder.spec, folder.names):
            if not isinstance(spec, ActionSpec):
                continue
            names |= {*spec.secret_keys}
            secret = {name for name, field in spec.inputs.items() if field.type == "password"}
            for slot, _, inputs in CompiledAction(spec).template_uses() if secret else ():
                if secret & {*inputs}:
                    part, _, name = slot.rpartition(".")
                    names.add(name)
                    if part == "headers":
                        headers.add(name.lower())
        return cls(frozenset(names), frozenset(headers), frozenset(harmless))

    def is_secret(self, name: str, parents: Sequence[str], text: str) -> bool:
        """Return whether *text* is a secret, judged by its *name* and the names of its *parents*."""
        if name in self.harmless:
            return False
        if name in self.names or is_secret_name(name, parents):
            return True
        return is_ambiguous_name(name) and bool(find_secrets(text))


def is_fake(text: str) -> bool:
    """Return whether *text* is one of our own fakes, with or without an auth scheme before it."""
    return FAKE.fullmatch(text.rpartition(" ")[2]) is not None or text.lower().startswith("fake-") or text in ("", MASK)


def is_placeholder(text: str) -> bool:
    """Return whether *text* is a placeholder for a secret, whoever wrote it."""
    if is_fake(text):
        return True
    return (
        len(text) <= _MAX_PLACEHOLDER_LENGTH
        and _PLACEHOLDER.fullmatch(text) is not None
        and not any(find_random_runs(text))
    )


def is_cookie(header: str) -> bool:
    """Return whether the header of that name holds cookies."""
    return header.lower() in ("cookie", "set-cookie")


def cookie_values(value: str) -> list[str]:
    """Return the values of the cookies in a header, without their attributes."""
    return _COOKIE.findall(value)


def query_pairs(text: str) -> list[tuple[str, str]]:
    """Return the names and values in the queries and fragments of the URLs in *text*."""
    return [(match[1], unquote_plus(match[2])) for match in re.finditer(r"[?&#]([\w.\[\]-]+)=([^&#\s<>\"']*)", text)]


def iter_strings(value: object, names: tuple[str, ...] = (), depth: int = 64) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield each string of a JSON *value* with the names it is under, and each key without names.

    JSON inside a string is read as well, and ``{"name": "API_TOKEN", "value": …}`` is read as a name and its value.
    """
    match value:
        case str():
            inner = as_json(value) if depth else None
            yield names, value
            if inner is not None:
                yield from iter_strings(inner, names, depth - 1)
        case list() if depth:
            for item in value:
                yield from iter_strings(item, names, depth - 1)
        case dict() if depth:
            label = next((value[key] for key in ("name", "key") if isinstance(value.get(key), str)), None)
            for key, item in value.items():
                yield (), key
                name = label if key == "value" and label else key
                yield from iter_strings(item, (*names, name), depth - 1)
        case _:
            return


def is_form(text: str) -> bool:
    """Return whether *text* may be URL-encoded form data."""
    return "=" in text and re.search(r"[\s<>]", text) is None


def as_json(text: Any) -> Any:
    """Return the list or object that *text* is as JSON; None if it is not, or has a key twice."""
    try:
        value = (
            json.loads(text, object_pairs_hook=_unique_keys) if text[:1] in ("{", "[") or text[:1].isspace() else None
        )
    except (TypeError, ValueError, RecursionError):
        return None
    return value if isinstance(value, list | dict) else None


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("an object has the same key twice")
    return value
