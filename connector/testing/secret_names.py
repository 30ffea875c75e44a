"""What the parts of a recorded exchange are called, and which of their names are those of secrets.

Pure.  Both the scrubbing and the lint read by these rules.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import unquote_plus

from locoia_pat.engine.action import CompiledAction
from locoia_pat.secrets.detect import named_secret, random_runs, suspects, weakly_named
from locoia_pat.secrets.secret import MASK
from locoia_pat.spec.model import ActionSpec

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from locoia_pat.spec.load import SpecFolder

FOLLOWED = 8
"""Characters from which a secret is looked for inside of other texts; a shorter one is a text of its own."""
FAKE = re.compile(r"fake-secret-\d{4}")
_LONGEST = 64
_PLACEHOLDER = re.compile(
    r"(?i)(?:(?:bearer|basic|token)\s+)?(?:"
    r"fake[-_ ][\w-]*"
    r"|(?:dummy|example|sample|test|redacted|filtered|masked|hidden|scrubbed|placeholder|your|my|the)"
    r"(?:[-_ ]?(?:api|access|auth|client|bearer|personal))*"
    r"(?:[-_ ]?(?:token|secret|key|value|credential|password|pat))?"
    r"|x{3,}|\*{3,}|\.{3,}|<[^<>]{0,60}>|\[(?:redacted|filtered|masked|hidden|removed)\]|\{\{?[^{}]{0,60}\}\}?"
    r"|\$\{?[A-Z_]+\}?|" + MASK + r"|)"
)
"""What people write where a secret was, or where one would stand."""

_COOKIE = re.compile(r"(?i)(?:^|;)\s*(?!path=|domain=|expires=|max-age=|samesite=)[^=;]+=([^;\s]{8,})")


@dataclass(frozen=True, slots=True)
class SecretNames:
    """The names under which specs say that a text is secret, and the headers they send."""

    names: frozenset[str] = frozenset()
    headers: frozenset[str] = frozenset()
    """Credential headers, by lower-case name: kept, with a fake."""
    harmless: frozenset[str] = frozenset()
    """Names whose texts are no secrets, whatever they look like."""

    @classmethod
    def of(cls, folder: SpecFolder, harmless: Collection[str] = ()) -> Self:
        """The rules of all actions in *folder*.

        Raises:
            InvalidError: a spec is wrong.

        """
        names: set[str] = set()
        headers = {folder.connector.auth.header_key.lower()}
        for spec in map(folder.spec, folder.names):
            if not isinstance(spec, ActionSpec):
                continue
            names |= {*spec.sealed}
            secret = {name for name, field in spec.inputs.items() if field.type == "password"}
            for place, _, inputs in CompiledAction(spec).template_uses() if secret else ():
                if secret & {*inputs}:
                    slot, _, name = place.rpartition(".")
                    names.add(name)
                    if slot == "headers":
                        headers.add(name.lower())
        return cls(frozenset(names), frozenset(headers), frozenset(harmless))

    def is_secret(self, name: str, inside: Sequence[str], text: str) -> bool:
        """Whether *text*, which stands under *name* *inside* of those, is a secret."""
        if name in self.harmless:
            return False
        if name in self.names or named_secret(name, inside):
            return True
        return weakly_named(name) and bool(suspects(text))


def is_fake(text: str) -> bool:
    """Whether *text* is one of our own fakes, with a scheme before it or without."""
    return FAKE.fullmatch(text.rpartition(" ")[2]) is not None or text.lower().startswith("fake-") or text in ("", MASK)


def is_placeholder(text: str) -> bool:
    """Whether *text* stands where a secret was, or where one would stand, by whoever wrote it."""
    if is_fake(text):
        return True
    return len(text) <= _LONGEST and _PLACEHOLDER.fullmatch(text) is not None and not any(random_runs(text))


def is_cookie(header: str) -> bool:
    """Whether the *header* of that name holds cookies."""
    return header.lower() in ("cookie", "set-cookie")


def cookies_in(value: str) -> list[str]:
    """The values of the cookies in a header, without what is said about them."""
    return _COOKIE.findall(value)


def pairs_of(address: str) -> list[tuple[str, str]]:
    """The names and values in the queries and fragments of the addresses in a text."""
    return [(found[1], unquote_plus(found[2])) for found in re.finditer(r"[?&#]([\w.\[\]-]+)=([^&#\s<>\"']*)", address)]


def texts_of(value: object, names: tuple[str, ...] = (), depth: int = 64) -> Iterator[tuple[tuple[str, ...], str]]:
    """Each text of a JSON *value* with the names it stands under, and each key with none.

    JSON in a text is read as well, and ``{"name": "API_TOKEN", "value": …}`` as what it means.
    """
    match value:
        case str():
            inner = as_json(value) if depth else None
            yield names, value
            if inner is not None:
                yield from texts_of(inner, names, depth - 1)
        case list() if depth:
            for item in value:
                yield from texts_of(item, names, depth - 1)
        case dict() if depth:
            called = next((value[key] for key in ("name", "key") if isinstance(value.get(key), str)), None)
            for key, item in value.items():
                yield (), key
                under = called if key == "value" and called else key
                yield from texts_of(item, (*names, under), depth - 1)
        case _:
            return


def is_form(text: str) -> bool:
    """Whether *text* may be the pairs of a form."""
    return "=" in text and re.search(r"[\s<>]", text) is None


def as_json(text: Any) -> Any:
    """The list or object that *text* is as JSON; None where it is none, or readers would disagree about it."""
    try:
        value = json.loads(text, object_pairs_hook=_once) if text[:1] in ("{", "[") or text[:1].isspace() else None
    except (TypeError, ValueError, RecursionError):
        return None
    return value if isinstance(value, list | dict) else None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands here twice")
    return found
