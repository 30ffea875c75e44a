"""Fakes in place of the secrets in recorded exchanges.

Pure.  A secret is found where a spec marks it, where its name or its form tells it, and then by its value everywhere:
in any form, in every part of every exchange.  The same secret gets the same fake, so what was minted by one exchange
and used by the next still fits together.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl, quote_plus, unquote_plus, urlsplit

from ..exchange import Action
from ..secret import MASK, Secret, masked
from ..suspect import known_forms, named_secret, random_runs, suspects, weakly_named

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from ..folder import SpecFolder

KEPT_HEADERS = frozenset({"accept", "content-type", "date", "link", "location", "retry-after"})
"""What an outcome may depend on; who knows what others hold."""
_FOLLOWED = 8
"""Characters from which a secret is looked for inside of other texts; a shorter one is a text of its own."""
_FAKE = re.compile(r"fake-secret-\d{4}")
_LONGEST = 64
_PLACEHOLDER = re.compile(
    r"(?i)(?:(?:bearer|basic|token)\s+)?(?:"
    r"(?:fake|dummy|example|sample|test|redacted|filtered|masked|hidden|scrubbed|placeholder|your)\b[\w .-]*"
    r"|x{3,}|\*{3,}|\.{3,}|<[^<>]{0,60}>|\[[^\[\]]{0,60}\]|\{\{?[^{}]{0,60}\}\}?|\$\{?[A-Z_]+\}?|" + MASK + r"|)"
)


_COOKIE = re.compile(r"(?i)(?:^|;)\s*(?!path=|domain=|expires=|max-age=|samesite=)[^=;]+=([^;\s]{8,})")


@dataclass(frozen=True, slots=True)
class Marks:
    """The names under which specs say that a text is secret, and the headers they send."""

    names: frozenset[str] = frozenset()
    headers: frozenset[str] = frozenset()
    """Credential headers, by lower-case name: kept, with a fake."""

    @classmethod
    def of(cls, folder: SpecFolder) -> Self:
        """The marks of all actions in *folder*.

        Raises:
            InvalidError: a spec is wrong.

        """
        names: set[str] = set()
        headers = {folder.connector.auth.header_key.lower()}
        for spec in map(folder.action, folder.names):
            names |= {*spec.sealed}
            secret = {name for name, field in spec.inputs.items() if field.type == "password"}
            for place, _, inputs in Action(spec).fills() if secret else ():
                if secret & {*inputs}:
                    slot, _, name = place.rpartition(".")
                    names.add(name)
                    headers |= {name.lower()} if slot == "headers" else set()
        return cls(frozenset(names), frozenset(headers))

    def secret(self, name: str, parents: Sequence[str], text: str) -> bool:
        """Whether *text*, which stands under *name* inside of *parents*, is a secret."""
        if is_placeholder(text):
            return False
        if name in self.names or named_secret(name, parents):
            return True
        return weakly_named(name) and ((len(text) > 2 * _FOLLOWED and " " not in text) or bool(suspects(text)))


def is_placeholder(text: str) -> bool:
    """Whether *text* stands where a secret was, or where one would stand."""
    if _FAKE.fullmatch(text):
        return True
    return len(text) <= _LONGEST and _PLACEHOLDER.fullmatch(text) is not None and not any(random_runs(text))


def scrubbed(
    interactions: Sequence[Mapping[str, Any]], marks: Marks, keep_headers: Collection[str] = ()
) -> tuple[list[dict[str, Any]], list[Secret]]:
    """*Interactions* as vcrpy tells them, with fakes in place of the secrets; and those secrets."""
    kept = KEPT_HEADERS | {name.lower() for name in keep_headers}
    secrets: list[Secret] = []
    for interaction in interactions:
        for found in _secrets(interaction, marks):
            if found not in secrets:
                secrets.append(found)
    fakes = _Fakes(secrets)
    return [
        {
            "request": {
                **interaction["request"],
                "uri": fakes.text(interaction["request"]["uri"]),
                "headers": _headers(interaction["request"]["headers"], kept | marks.headers, fakes),
                "body": _body(interaction["request"]["body"], fakes),
            },
            "response": {
                **interaction["response"],
                "headers": _headers(interaction["response"]["headers"], kept, fakes),
                "body": {"string": _body(interaction["response"]["body"].get("string"), fakes)},
            },
        }
        for interaction in interactions
    ], secrets


def normal(body: Any, marks: Marks) -> Any:
    """A request's *body* for comparing: JSON as its value, and secrets as nothing but that."""
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
    fakes = _Fakes(list(_in_body(text, marks)), mask=MASK)
    value = as_json(text)
    if value is None:
        return _FAKE.sub(MASK, unquote_plus(_body(text or "", fakes)))
    return _each(value, lambda one: _FAKE.sub(MASK, fakes.text(one)))


class _Fakes:
    """Puts the fake of each secret in its place."""

    def __init__(self, secrets: list[Secret], mask: str | None = None) -> None:
        self._fakes = [(secret, mask or f"fake-secret-{number:04}") for number, secret in enumerate(secrets, 1)]

    def text(self, text: str) -> str:
        spans: list[tuple[int, int, str]] = []
        for secret, fake in self._fakes:
            if Secret(text) == secret:
                return fake
            if len(secret.reveal()) >= _FOLLOWED:
                spans += [(start, end, fake) for start, end in secret.places_in(text)]
        if not spans:
            return text
        spans.sort(key=lambda span: (span[0], -span[1]))
        parts = masked(text, [(start, end) for start, end, _ in spans]).split(MASK)
        return "".join([parts[0], *(fake + part for fake, part in zip(_leading(spans), parts[1:], strict=True))])

    def words(self, text: str) -> str:
        """*Text* of a header, in which a short secret may be one word behind its scheme."""
        return " ".join(map(self.text, self.text(text).split(" ")))


def _leading(spans: list[tuple[int, int, str]]) -> Iterator[str]:
    done = 0
    for start, end, fake in spans:
        if start >= done:
            yield fake
        done = max(done, end)


def _secrets(interaction: Mapping[str, Any], marks: Marks) -> Iterator[Secret]:
    request, response = interaction["request"], interaction["response"]
    for name, values in [*request["headers"].items(), *response["headers"].items()]:
        for value in values if isinstance(values, list) else [values]:
            yield from _in_header(name, str(value), marks)
    yield from _in_address(request["uri"], marks)
    for body in (request["body"], response["body"].get("string")):
        yield from _in_body(body, marks)


def _in_header(name: str, value: str, marks: Marks) -> Iterator[Secret]:
    if name.lower() in marks.headers or named_secret(name):
        if name.lower() in ("cookie", "set-cookie"):
            yield from (Secret(found[1]) for found in _COOKIE.finditer(value))
            return
        scheme, _, credential = value.rpartition(" ")
        if scheme.lower() == "basic":
            yield from _in_basic(credential)
        if not is_placeholder(credential):
            yield Secret(credential)
    elif name.lower() == "location":
        yield from _in_address(value, marks)
    yield from _by_form(value)


def _in_basic(encoded: str) -> Iterator[Secret]:
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return
    yield from (Secret(part) for part in (password, user) if len(part) >= _FOLLOWED and not is_placeholder(part))


def _in_address(address: str, marks: Marks) -> Iterator[Secret]:
    parts = urlsplit(address)
    for name, value in parse_qsl(parts.query):
        if marks.secret(name, (), value):
            yield Secret(value)
    if parts.password and not is_placeholder(parts.password):
        yield Secret(parts.password)
    yield from _by_form(address)


def _in_body(body: Any, marks: Marks) -> Iterator[Secret]:
    if not isinstance(body, str):
        return
    value = as_json(body)
    if value is not None:
        yield from _in_value(value, (), marks)
    else:
        for name, text in parse_qsl(body) if is_form(body) else ():
            if marks.secret(name, (), text):
                yield Secret(text)
        yield from _by_form(body)


def _in_value(value: Any, path: tuple[str, ...], marks: Marks) -> Iterator[Secret]:
    match value:
        case str():
            if path and marks.secret(path[-1], path[:-1], value):
                yield Secret(value)
            yield from _by_form(value)
        case list():
            for item in value:
                yield from _in_value(item, path, marks)
        case dict():
            for key, item in value.items():
                yield from _by_form(key)
                yield from _in_value(item, (*path, key), marks)
        case _:
            return


def _by_form(text: str) -> Iterator[Secret]:
    for start, end in known_forms(text):
        if not is_placeholder(text[start:end]):
            yield Secret(text[start:end])


def _headers(headers: Mapping[str, Any], kept: Collection[str], fakes: _Fakes) -> dict[str, Any]:
    return {
        name: [fakes.words(str(value)) for value in (values if isinstance(values, list) else [values])]
        for name, values in headers.items()
        if name.lower() in kept
    }


def _body(body: Any, fakes: _Fakes) -> Any:
    """*Body* with fakes; as it was, to the byte, where it holds no secret."""
    if not isinstance(body, str):
        return body
    value = as_json(body)
    if value is None:
        return _form(body, fakes) if is_form(body) else fakes.text(body)
    faked = _each(value, fakes.text)
    return body if faked == value else json.dumps(faked, ensure_ascii=False)


def _form(body: str, fakes: _Fakes) -> str:
    pairs = [pair.partition("=") for pair in fakes.text(body).split("&")]
    return "&".join(f"{name}{equals}{_part(value, fakes)}" for name, equals, value in pairs)


def _part(value: str, fakes: _Fakes) -> str:
    plain = unquote_plus(value)
    faked = fakes.text(plain)
    return value if faked == plain else quote_plus(faked)


def _each(value: Any, change: Any) -> Any:
    match value:
        case str():
            return change(value)
        case list():
            return [_each(item, change) for item in value]
        case dict():
            return {change(key): _each(item, change) for key, item in value.items()}
        case _:
            return value


def is_form(text: str) -> bool:
    """Whether *text* may be the pairs of a form."""
    return "=" in text and re.search(r"[\s<>]", text) is None


def as_json(text: Any) -> Any:
    """The list or object that *text* is as JSON; None where it is none of them."""
    try:
        value = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return None
    return value if isinstance(value, list | dict) else None
