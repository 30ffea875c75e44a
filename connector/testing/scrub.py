"""Fakes in place of the secrets in recorded exchanges.

Pure.  A secret is found where a spec names it, where its name or its form tells it, and then by its value everywhere:
in any form, in every part of every exchange.  The same secret gets the same fake, so what was minted by one exchange
and used by the next still fits together.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote_plus, unquote_plus

from locoia_pat.secrets.detect import known_forms, named_secret
from locoia_pat.secrets.secret import MASK, Secret
from locoia_pat.testing.secret_names import (
    FAKE,
    FOLLOWED,
    SecretNames,
    as_json,
    cookies_in,
    is_cookie,
    is_fake,
    is_form,
    is_placeholder,
    pairs_of,
    texts_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

KEPT_HEADERS = frozenset({"accept", "content-type", "date", "link", "location", "retry-after"})
"""What an outcome may depend on; who knows what others hold."""
_LITERAL = re.compile(r'"(?:[^"\\]|\\.)*"(\s*:)?')
"""A text in JSON; with a colon behind it, a key."""


def scrubbed(
    interactions: Sequence[Mapping[str, Any]], rules: SecretNames, keep_headers: Collection[str] = ()
) -> tuple[list[dict[str, Any]], list[Secret]]:
    """*Interactions* as vcrpy tells them, with fakes in place of the secrets; and those secrets."""
    kept = KEPT_HEADERS | {name.lower() for name in keep_headers}
    secrets: list[Secret] = []
    for interaction in interactions:
        for found in _secrets(interaction, rules):
            if not is_fake(found.reveal()) and found not in secrets:
                secrets.append(found)
    fakes = _Fakes(secrets)
    return [
        {
            "request": _request(interaction["request"], kept, rules, fakes),
            "response": _response(interaction["response"], kept, rules, fakes),
        }
        for interaction in interactions
    ], secrets


def _request(request: Mapping[str, Any], kept: frozenset[str], rules: SecretNames, fakes: _Fakes) -> dict[str, Any]:
    return {
        **request,
        "uri": _address(request["uri"], fakes),
        "headers": _headers(request["headers"], kept | rules.headers, rules, fakes),
        "body": _body(request["body"], fakes),
    }


def _response(response: Mapping[str, Any], kept: frozenset[str], rules: SecretNames, fakes: _Fakes) -> dict[str, Any]:
    headers = _headers(response["headers"], kept, rules, fakes)
    return {**response, "headers": headers, "body": {"string": _body(response["body"].get("string"), fakes)}}


def comparable(body: Any, rules: SecretNames) -> str:
    """A request's *body* for comparing: JSON by its value and types, and secrets as nothing but that."""
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body or ""
    faked = FAKE.sub(MASK, _body(text, _Fakes(list(_in_body(text, rules)), mask=MASK)))
    value = as_json(faked)
    return unquote_plus(faked) if value is None else json.dumps(value, sort_keys=True)


def comparable_address(address: str, rules: SecretNames) -> str:
    """A request's *address* for comparing, its secrets as nothing but that."""
    return FAKE.sub(MASK, unquote_plus(_address(address, _Fakes(list(_in_address(address, rules)), mask=MASK))))


class _Fakes:
    """Puts the fake of each secret in its place."""

    def __init__(self, secrets: list[Secret], mask: str | None = None) -> None:
        self._fakes = [(secret, mask or f"fake-secret-{number:04}") for number, secret in enumerate(secrets, 1)]

    def of(self, text: str) -> str | None:
        """The fake for *text* as a whole; None where it is no secret."""
        return next((fake for secret, fake in self._fakes if secret == Secret(text)), None)

    def text(self, text: str) -> str:
        """*Text* with a fake wherever a secret stands in it."""
        return self.of(text) or _replaced(text, lambda secret: secret.places_in(text), self._long())

    def key(self, text: str) -> str:
        """The name *text*, which a secret may be, or be in, but only as a whole."""
        return _replaced(text, lambda secret: secret.wholes_in(text), self._long())

    def _long(self) -> list[tuple[Secret, str]]:
        return [(secret, fake) for secret, fake in self._fakes if len(secret.reveal()) >= FOLLOWED]


def _replaced(text: str, places: Callable[[Secret], list[tuple[int, int]]], fakes: list[tuple[Secret, str]]) -> str:
    spans = sorted((start, -end, fake) for secret, fake in fakes for start, end in places(secret))
    parts: list[str] = []
    done = 0
    for start, less_end, fake in spans:
        if start >= done:
            parts += [text[done:start], fake]
        done = max(done, -less_end)
    return "".join([*parts, text[done:]])


# Where secrets are


def _secrets(interaction: Mapping[str, Any], rules: SecretNames) -> Iterator[Secret]:
    request, response = interaction["request"], interaction["response"]
    for name, values in [*request["headers"].items(), *response["headers"].items()]:
        for value in values if isinstance(values, list) else [values]:
            yield from _in_header(name, str(value), rules)
    yield from _in_address(request["uri"], rules)
    for body in (request["body"], response["body"].get("string")):
        yield from _in_body(body, rules)


def _is_credential(header: str, rules: SecretNames) -> bool:
    return header.lower() in rules.headers or (named_secret(header) and header not in rules.harmless)


def _in_header(name: str, value: str, rules: SecretNames) -> Iterator[Secret]:
    if is_cookie(name):
        yield from (Secret(found) for found in cookies_in(value) if not is_placeholder(found))
    elif _is_credential(name, rules):
        scheme, credential = _split(value)
        if scheme.lower() == "basic":
            yield from _in_basic(credential)
        yield Secret(credential)
    elif name.lower() in ("location", "link"):
        yield from _in_address(value, rules)
    yield from _by_form(value)


def _split(header: str) -> tuple[str, str]:
    """The scheme of a credential header, where it has one, and what stands behind it."""
    scheme, _, credential = header.partition(" ")
    return (scheme, credential) if credential and scheme.replace("-", "").isalnum() else ("", header)


def _in_basic(encoded: str) -> Iterator[Secret]:
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return
    yield from (Secret(part) for part in (password, user) if len(part) >= FOLLOWED and not is_placeholder(part))


def _in_address(address: str, rules: SecretNames) -> Iterator[Secret]:
    for name, value in pairs_of(address):
        if rules.is_secret(name, (), value):
            yield Secret(value)
    yield from _by_form(address)


def _in_body(body: Any, rules: SecretNames) -> Iterator[Secret]:
    if not isinstance(body, str):
        return
    value = as_json(body)
    if value is None:
        yield from (Secret(text) for name, text in parse_qsl(body) if is_form(body) and rules.is_secret(name, (), text))
        yield from _in_address(body, rules)
        return
    for names, text in texts_of(value):
        if names and rules.is_secret(names[-1], names[:-1], text):
            yield Secret(text)
        elif not names or names[-1] not in rules.harmless:
            yield from _in_address(text, rules)


def _by_form(text: str) -> Iterator[Secret]:
    for start, end in known_forms(text):
        if not is_placeholder(text[start:end]):
            yield Secret(text[start:end])


# Where fakes go


def _headers(headers: Mapping[str, Any], kept: Collection[str], rules: SecretNames, fakes: _Fakes) -> dict[str, Any]:
    return {
        name: [_header(name, str(value), rules, fakes) for value in (values if isinstance(values, list) else [values])]
        for name, values in headers.items()
        if name.lower() in kept
    }


def _header(name: str, value: str, rules: SecretNames, fakes: _Fakes) -> str:
    if not _is_credential(name, rules):
        return _address(value, fakes)
    scheme, credential = _split(value)
    return f"{scheme} {fakes.of(credential) or credential}".strip()


def _address(address: str, fakes: _Fakes) -> str:
    """*Address* with fakes, a short secret being a whole value of its query."""
    faked = fakes.text(address)
    return (
        re.sub(r"(?<==)[^&#\s<>\"']+", lambda found: _part(found[0], fakes), faked)
        if "?" in faked or "#" in faked
        else faked
    )


def _body(body: Any, fakes: _Fakes) -> Any:
    """*Body* with fakes; as it was, to the byte, where it holds no secret."""
    if not isinstance(body, str):
        return body
    if as_json(body) is not None:
        return _LITERAL.sub(lambda found: _literal(found, fakes), body)
    return "&".join(_pair(pair, fakes) for pair in body.split("&")) if is_form(body) else _address(body, fakes)


def _literal(found: re.Match[str], fakes: _Fakes) -> str:
    """A text of JSON, written as it was where nothing in it is secret."""
    behind = found[1] or ""
    told = found[0][: len(found[0]) - len(behind)]
    text = json.loads(told)
    faked = fakes.key(text) if behind else fakes.text(text)
    return found[0] if faked == text else json.dumps(faked) + behind


def _pair(pair: str, fakes: _Fakes) -> str:
    name, equals, value = fakes.text(pair).partition("=")
    return f"{name}{equals}{_part(value, fakes)}"


def _part(value: str, fakes: _Fakes) -> str:
    plain = unquote_plus(value)
    faked = fakes.text(plain)
    return value if faked == plain else quote_plus(faked)
