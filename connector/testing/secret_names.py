"""Names of the parts of a recorded exchange, and which of them are names of secrets.

Both scrubbing and linting use these rules.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from urllib.parse import parse_qsl, unquote_plus

from locoia_pat.engine.action import CompiledAction
from locoia_pat.engine.token_exchange import exchange_action
from locoia_pat.http.json_document import GUARD
from locoia_pat.secrets.detect import (
    find_random_runs,
    find_secrets,
    is_ambiguous_name,
    is_property_name,
    is_secret_name,
)
from locoia_pat.secrets.secret import MASK
from locoia_pat.spec.model import ActionSpec

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from locoia_pat.spec.load import SpecFolder

MIN_SEARCHED_LENGTH = 8
"""Minimum length of a secret to be searched for inside other strings; a shorter one must be the whole string."""
FAKE = re.compile(r"fake-secret-\d{4,}")
_MASK = re.compile(
    r"(?i)(?:(?:bearer|basic|token)\s+)?(?:fake(?:-[a-z]+)+(?:-\d{1,10}(?:abcdef)?)?|x{3,}|\*{3,}|\.{3,}"
    r"|\[?(?:redacted|filtered|masked|hidden|removed)\]?|" + MASK + r"|)"
)
"""Our own fakes, and masks: no secret looks like that."""
_MAX_PLACEHOLDER_LENGTH = 64
_PLACEHOLDER = re.compile(
    r"(?i)(?:(?:bearer|basic|token)\s+)?(?:"
    r"fake[-_ ][\w-]*"
    r"|(?:dummy|example|sample|test|redacted|filtered|masked|hidden|scrubbed|placeholder|your|my|the)"
    r"(?:[-_ ]?(?:api|access|auth|client|bearer|personal))*"
    r"(?:[-_ ]?(?:token|secret|key|value|credential|password|pat))?"
    r"|x{3,}|\*{3,}|\.{3,}|<[\w .:-]{0,60}>|\[(?:redacted|filtered|masked|hidden|removed)\]|\{\{?[\w .-]{0,60}\}\}?"
    r"|\$\{?[A-Z_]+\}?|null|none|undefined|true|false|" + MASK + r"|)"
)
"""What people write in place of a secret."""

_COOKIE = re.compile(r"(?i)(?:^|;)\s*(?!path=|domain=|expires=|max-age=|samesite=)[^=;]+=([^;\s]{8,})")

LABELS = ("name", "key", "header", "field", "parameter", "param", "variable")
"""Keys of the name of a value next to them."""
_FLAT = re.compile(r"(?i)headers|trailers|param|query|cookies|env|fields")
"""Names of lists that may hold names and values in turn."""
_QUERY = re.compile(r"[?&#;]([\w.\[\]%~-]+)=([^&#\s<>\"']*)")
_FORM = re.compile(r"[^\s<>=?#/:!]*=[^\s<>]*")
_JSON_START = re.compile(r"[{\[]")
_BLANK = " \t\r\n\f\v\0\x1e\xa0\ufeff,"
"""What may be around and between JSON documents."""
_MAX_FAILED = 100
"""The most brackets in a string at which no JSON begins, to bound the time."""


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
        specs = list(map(folder.spec, folder.names))
        if (exchange := folder.connector.auth.exchange) is not None:
            specs.append(exchange_action(folder.connector, exchange))
            headers.add("authorization")
        for spec in specs:
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
        if self.is_secret_name(name, parents):
            return True
        return is_ambiguous_name(name) and bool(find_secrets(text))

    def is_secret_name(self, name: str, parents: Sequence[str] = ()) -> bool:
        """Return whether *name* is that of a secret, or of a part of one: a ``value`` inside a marked object."""
        if name in self.names or is_secret_name(name, parents):
            return True
        return not self.names.isdisjoint(parents) and not is_property_name(name)


def is_masked(text: str) -> bool:
    """Return whether *text* is one of our own fakes or a mask, with or without an auth scheme before it."""
    return _MASK.fullmatch(text) is not None


def is_placeholder(text: str) -> bool:
    """Return whether *text* is a placeholder for a secret, whoever wrote it."""
    if is_masked(text):
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


def named_parts(text: str) -> tuple[list[tuple[str, str]], str]:
    """Return the names and values of a form, or of the queries in *text*, and the text without the values."""
    if is_form(text):
        pairs = parse_qsl(text, keep_blank_values=True)
        return pairs, "\n".join(name for name, _ in pairs)
    pairs = [(unquote_plus(found[1]), unquote_plus(found[2])) for found in _QUERY.finditer(text)]
    return pairs, _QUERY.sub(lambda found: found[0].removesuffix(found[2]), text)


def is_form(text: str) -> bool:
    """Return whether *text* may be URL-encoded form data."""
    return _FORM.fullmatch(text) is not None


class Leaf(NamedTuple):
    """A string in a structure, with the names it is under; a key is under none."""

    names: tuple[str, ...]
    text: str
    rest: str
    """The text without the JSON in it, which is read as well."""


def iter_strings(value: object, names: tuple[str, ...] = ()) -> Iterator[Leaf]:
    """Yield each string of a JSON *value*, keys included, and of the JSON inside its strings.

    ``{"name": "API_TOKEN", "value": …}`` is read as a name and its value, and so are the items of a list of two in a
    list, and those of a list of headers.
    """
    waiting: list[tuple[tuple[str, ...], object]] = [(names, value)]
    while waiting:
        names, value = waiting.pop()
        if isinstance(value, str):
            documents, rest = split_json(value)
            yield Leaf(names, value, rest)
            waiting += [(names, document) for document in reversed(documents)]
        else:
            waiting += [*_children(names, value)][::-1]


def _children(names: tuple[str, ...], value: object) -> Iterator[tuple[tuple[str, ...], object]]:
    match value:
        case dict() | Pairs():
            pairs: list[tuple[str, object]] = [*value.items()] if isinstance(value, dict) else value
            label = next((item for key, item in pairs if key.lower() in LABELS and isinstance(item, str)), None)
            for key, item in pairs:
                yield (), key
                yield (*names, label if label and key.lower() == "value" else key), item
        case list():
            for index, item in enumerate(value):
                label = value[index - 1] if index % 2 and is_label(value[index - 1], names) else None
                match item:
                    case [str(name), content]:
                        item = {name: content}  # noqa: PLW2901  # a list of pairs
                yield (*names, label) if label else names, item
        case _:
            return


def is_label(item: object, names: Sequence[str]) -> bool:
    """Return whether *item*, in a list under *names*, names the item after it, as in a flat list of headers."""
    return isinstance(item, str) and bool(names) and _FLAT.search(names[-1]) is not None


def split_json(text: str) -> tuple[list[Any], str]:
    """Return the JSON objects and lists in *text*, and the text around them: a guard prefix, the ends of lines."""
    documents: list[Any] = []
    rest: list[str] = []
    end = 0
    for start, stop, value in json_spans(text):
        documents.append(value)
        rest.append(text[end:start])
        end = stop
    return documents, "".join([*rest, text[end:]])


def json_spans(text: str) -> Iterator[tuple[int, int, Any]]:
    """Yield the JSON objects and lists in *text* that have strings, with their spans."""
    end = failed = 0
    while failed < _MAX_FAILED and (begin := _JSON_START.search(text, end)):
        try:
            value, stop = _JSON.raw_decode(text, begin.start())
        except (ValueError, RecursionError):
            failed += 1
            end = begin.end()
            continue
        if '"' in text[begin.start() : stop]:
            yield begin.start(), stop, value
        end = stop


def is_broken_json(text: str) -> bool:
    """Return whether *text* begins like JSON, and is not JSON as a whole or line by line."""
    text = text.strip(_BLANK)
    if guard := GUARD.match(text):
        text = text[guard.end() :].lstrip(_BLANK)
    return text[:1] in ("{", "[") and bool(_without_json(text).strip(_BLANK))


def _without_json(text: str) -> str:
    """Return *text* without the JSON objects and lists at its start."""
    while (text := text.lstrip(_BLANK)) and text[0] in "{[":
        try:
            text = text[_JSON.raw_decode(text)[1] :]
        except (ValueError, RecursionError):
            break
    return text


def as_json(text: str) -> Any:
    """Return the list or object that *text* is as JSON, or None."""
    try:
        value = _JSON.decode(text) if text.lstrip()[:1] in ("{", "[") else None
    except (ValueError, RecursionError):
        return None
    return value


class Pairs(list[Any]):
    """A JSON object that has a key twice: its names and values."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | Pairs:
    value = dict(pairs)
    return value if len(value) == len(pairs) else Pairs(pairs)


_JSON = json.JSONDecoder(object_pairs_hook=_object, strict=False)
