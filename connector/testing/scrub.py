"""Replace the secrets in recorded exchanges by fakes.

A secret is found if a spec marks it, by its name or by its format, and then by its value: in any encoding, in every
part of every exchange.  The same secret gets the same fake, so a token that one exchange creates and another uses
still matches.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus, unquote_plus

from locoia_pat.secrets.detect import find_known_formats, is_secret_name
from locoia_pat.secrets.secret import MASK, Secret
from locoia_pat.spec.row_mark import without_marks
from locoia_pat.testing.secret_names import (
    FAKE,
    MIN_SEARCHED_LENGTH,
    SecretNames,
    as_json,
    cookie_values,
    is_cookie,
    is_form,
    is_masked,
    iter_strings,
    json_spans,
    named_parts,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

KEPT_HEADERS = frozenset({"accept", "content-type", "date", "link", "location", "retry-after"})
"""Headers that an outcome may depend on; any other may hold a secret, and is left out."""
_LITERAL = re.compile(r'"(?:[^"\\]|\\.)*"(\s*:)?')
"""A string in JSON; if a colon follows, a key."""


def scrub(
    interactions: Sequence[Mapping[str, Any]], rules: SecretNames, keep_headers: Collection[str] = ()
) -> tuple[list[dict[str, Any]], list[Secret]]:
    """Return the *interactions* of a vcrpy cassette with fakes in place of secrets, and the secrets."""
    allowed = KEPT_HEADERS | {name.lower() for name in keep_headers}
    secrets: list[Secret] = []
    for interaction in interactions:
        for secret in _find_secrets(interaction, rules):
            if not is_masked(secret.reveal()) and secret not in secrets:
                secrets.append(secret)
    fakes = _Fakes(secrets)
    return [
        {
            "request": _request(interaction["request"], allowed, rules, fakes),
            "response": _response(interaction["response"], allowed, rules, fakes),
        }
        for interaction in interactions
    ], secrets


def _request(request: Mapping[str, Any], allowed: frozenset[str], rules: SecretNames, fakes: _Fakes) -> dict[str, Any]:
    return {
        **request,
        "uri": _scrub_url(request["uri"], fakes),
        "headers": _headers(request["headers"], allowed | rules.headers, rules, fakes),
        "body": _body(request["body"], fakes),
    }


def _response(
    response: Mapping[str, Any], allowed: frozenset[str], rules: SecretNames, fakes: _Fakes
) -> dict[str, Any]:
    headers = _headers(response["headers"], allowed, rules, fakes)
    return {**response, "headers": headers, "body": {"string": _body(response["body"].get("string"), fakes)}}


def comparable_body(body: Any, rules: SecretNames) -> str:
    """Return a request's *body* for comparison: JSON by value and type, secrets as the same mask, without marks."""
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body or ""
    faked = FAKE.sub(MASK, _body(text, _Fakes(list(_in_text((), text, rules)), mask=MASK)))
    value = as_json(faked)
    return without_marks(unquote_plus(faked) if value is None else json.dumps(value, sort_keys=True))


def comparable_url(url: str, rules: SecretNames) -> str:
    """Return a request's *url* for comparison, with every secret as the same mask."""
    faked = FAKE.sub(MASK, unquote_plus(_scrub_url(url, _Fakes(list(_in_text((), url, rules)), mask=MASK))))
    return without_marks(faked)


class _Fakes:
    """Replaces each secret by its fake."""

    def __init__(self, secrets: list[Secret], mask: str | None = None) -> None:
        self._fakes = [(secret, mask or f"fake-secret-{number:04}") for number, secret in enumerate(secrets, 1)]

    def whole(self, text: str) -> str | None:
        """Return the fake for *text*, or None if it is not a secret as a whole."""
        return next((fake for secret, fake in self._fakes if secret == Secret(text)), None)

    def text(self, text: str) -> str:
        """Return *text* with a fake in place of each secret."""
        return self.whole(text) or _replace(text, lambda secret: secret.find_in(text), self._long())

    def key(self, text: str) -> str:
        """Return the name *text* with a fake in place of each secret that occurs in it unencoded and uncut."""
        return _replace(text, lambda secret: secret.find_whole_in(text), self._long())

    def _long(self) -> list[tuple[Secret, str]]:
        return [(secret, fake) for secret, fake in self._fakes if len(secret.reveal()) >= MIN_SEARCHED_LENGTH]


def _replace(text: str, find: Callable[[Secret], list[tuple[int, int]]], fakes: list[tuple[Secret, str]]) -> str:
    spans = sorted((start, -end, fake) for secret, fake in fakes for start, end in find(secret))
    parts: list[str] = []
    done = 0
    for start, less_end, fake in spans:
        if start >= done:
            parts += [text[done:start], fake]
        done = max(done, -less_end)
    return "".join([*parts, text[done:]])


# Finding secrets


def _find_secrets(interaction: Mapping[str, Any], rules: SecretNames) -> Iterator[Secret]:
    request, response = interaction["request"], interaction["response"]
    for name, values in [*request["headers"].items(), *response["headers"].items()]:
        for value in values if isinstance(values, list) else [values]:
            yield from _in_header(name, str(value), rules)
    for text in (request["uri"], request["body"], response["body"].get("string")):
        yield from _in_text((), text, rules) if isinstance(text, str) else ()


def _is_credential(header: str, rules: SecretNames) -> bool:
    return header.lower() in rules.headers or (is_secret_name(header) and header not in rules.harmless)


def _in_header(name: str, value: str, rules: SecretNames) -> Iterator[Secret]:
    if is_cookie(name):
        yield from map(Secret, cookie_values(value))
    elif _is_credential(name, rules):
        scheme, credential = _split(value)
        if scheme.lower() == "basic":
            yield from _in_basic(credential)
        yield Secret(credential)
    elif name.lower() in ("location", "link"):
        yield from _in_text((), value, rules)
    yield from _by_format(value, rules)


def _split(header: str) -> tuple[str, str]:
    """Return the auth scheme of a credential header, empty if it has none, and the rest."""
    scheme, _, credential = header.partition(" ")
    return (scheme, credential) if credential and scheme.replace("-", "").isalnum() else ("", header)


def _in_basic(encoded: str) -> Iterator[Secret]:
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return
    yield from (Secret(part) for part in (password, user) if len(part) >= MIN_SEARCHED_LENGTH)


def _in_text(names: tuple[str, ...], text: str, rules: SecretNames, depth: int = 8) -> Iterator[Secret]:
    """Yield the secrets in *text*: in its JSON, its form or queries, and by their format."""
    for leaf in iter_strings(text, names):
        if leaf.names and rules.is_secret(leaf.names[-1], leaf.names[:-1], leaf.text):
            yield Secret(leaf.text)
        elif not leaf.names or leaf.names[-1] not in rules.harmless:
            for name, part in named_parts(leaf.rest)[0] if depth else ():
                yield from _in_text((*leaf.names, name), part, rules, depth - 1)
            yield from _by_format(leaf.rest, rules)


def _by_format(text: str, rules: SecretNames) -> Iterator[Secret]:
    yield from (Secret(text[start:end]) for start, end in find_known_formats(text, rules.is_secret_name))


# Inserting fakes


def _headers(headers: Mapping[str, Any], allowed: Collection[str], rules: SecretNames, fakes: _Fakes) -> dict[str, Any]:
    return {
        name: [_header(name, str(value), rules, fakes) for value in (values if isinstance(values, list) else [values])]
        for name, values in headers.items()
        if name.lower() in allowed
    }


def _header(name: str, value: str, rules: SecretNames, fakes: _Fakes) -> str:
    if not _is_credential(name, rules):
        return _scrub_url(value, fakes)
    scheme, credential = _split(value)
    return f"{scheme} {fakes.whole(credential) or credential}".strip()


def _scrub_url(url: str, fakes: _Fakes) -> str:
    """Return *url* with fakes; a short secret is replaced only if it is a whole value of the query."""
    faked = fakes.text(url)
    return (
        re.sub(r"(?<==)[^&#\s<>\"']+", lambda match: _part(match[0], fakes), faked)
        if "?" in faked or "#" in faked
        else faked
    )


def _body(body: Any, fakes: _Fakes) -> Any:
    """Return *body* with fakes; unchanged, byte by byte, if it holds no secret."""
    if not isinstance(body, str):
        return body
    parts: list[str] = []
    end = 0
    for start, stop, _ in json_spans(body):
        parts += [_text(body[end:start], fakes), _LITERAL.sub(lambda match: _literal(match, fakes), body[start:stop])]
        end = stop
    return "".join([*parts, _text(body[end:], fakes)])


def _text(text: str, fakes: _Fakes) -> str:
    return "&".join(_pair(pair, fakes) for pair in text.split("&")) if is_form(text) else _scrub_url(text, fakes)


def _literal(match: re.Match[str], fakes: _Fakes) -> str:
    """Return a string of JSON with fakes; its spelling is kept if nothing in it is secret."""
    colon = match[1] or ""
    text = json.loads(match[0].removesuffix(colon), strict=False)
    faked = fakes.key(text) if colon else fakes.text(text)
    return match[0] if faked == text else json.dumps(faked) + colon


def _pair(pair: str, fakes: _Fakes) -> str:
    name, equals, value = fakes.text(pair).partition("=")
    return f"{name}{equals}{_part(value, fakes)}"


def _part(value: str, fakes: _Fakes) -> str:
    plain = unquote_plus(value)
    faked = fakes.text(plain)
    return value if faked == plain else quote_plus(faked)
