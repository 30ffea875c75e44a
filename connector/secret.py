"""``Secret``, the only holder of a token, and redaction that follows its value.

Pure: no input or output.  ``reveal()`` is the only way out, so that every exit is found by searching for it.
"""

from __future__ import annotations

import html
import json
import re
from binascii import b2a_base64
from hmac import compare_digest
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

MASK = "«secret»"

_USABLE = re.compile(r"[\x21-\x7e]{16,4096}")
_CREDENTIAL = re.compile(r"[\x21-\x7e]{1,8192}")
_PERCENT = re.compile("%[0-9A-F]{2}")
_PLAIN = re.compile(r"[A-Za-z0-9_.~-]*")
"""What every way of writing leaves as it is, base64 apart."""
_URL_SAFE = str.maketrans("+/", "-_")
_SAFE = ("", "/", "!'()*", "!$&'()*+,;=:@/?")
"""What addresses leave as it is: by the strictest reading, in Python, in browsers and by RFC 3986."""
_CUT = 8  # a beginning or an end of a secret this long is a leak
_MANY = 200  # places of one part, from which a text is masked as a whole


class Secret:
    """A value that shows itself to nobody who does not ask for it by :meth:`reveal`.

    It cannot be formatted, pickled, copied, iterated, hashed or turned into JSON, and shows neither length nor prefix.
    Two secrets compare in constant time.
    """

    __slots__ = ("_parts", "_value")
    __hash__ = None  # type: ignore[assignment]  # a hash would be an oracle, and sets of secrets have no use

    def __init__(self, value: str) -> None:
        self._value = value
        self._parts: tuple[str, ...] | None = None

    def reveal(self) -> str:
        """The value itself.  Keep the result inside one expression: a local variable shows in tracebacks."""
        return self._value

    def places_in(self, text: str) -> list[tuple[int, int]]:
        """Where any form of the value stands in *text*, whole or cut, as starts and ends."""
        if self._parts is None:
            self._parts = tuple(_parts(self))  # on the first need, and once
        if not any(map(text.__contains__, self._parts)):
            return []
        if any(text.count(part) > _MANY for part in self._parts):
            return [(0, len(text))]  # nothing but secret, and each place would cost its time
        return [span for form in map(Secret, _forms(self)) for span in _spans(text, form)]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return compare_digest(_bytes(self._value), _bytes(other._value))

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return MASK

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Secret cannot be pickled or copied; pass a reference to its place instead")

    def __getstate__(self) -> NoReturn:
        raise TypeError("a Secret has no state to show")


class Variables:
    """Environment variables, none of which shows: one of them may hold a token."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def __getitem__(self, name: str) -> Secret:
        return Secret(self._values[name])


def revealed(value: str | Secret) -> str:
    """*Value*, secret or not, as it is sent.  What is true of :meth:`Secret.reveal` is true of it."""
    return value.reveal() if isinstance(value, Secret) else value


def usable(value: object) -> bool:
    """Whether *value* can be a token the API minted: 16 to 4096 characters from 0x21 to 0x7E."""
    return isinstance(value, str) and _USABLE.fullmatch(value) is not None


def credential(text: Secret) -> Secret | None:
    """*Text* as a credential, without the line break files and shells leave at its end; None if it can be none."""
    found = Secret(text.reveal().strip("\r\n"))
    return found if _CREDENTIAL.fullmatch(found.reveal()) else None


def held(value: Any) -> Iterator[Secret]:
    """The secrets in a structure of lists and objects."""
    match value:
        case Secret():
            yield value
        case list():
            for item in value:
                yield from held(item)
        case dict():
            yield from held(list(value.values()))
        case _:
            return


def load_json(text: Secret, sealed: Collection[str]) -> Any:
    """JSON *text* as plain values, in which every text under a key of *sealed* is a :class:`Secret` from birth.

    Raises:
        ValueError: it is not JSON.  The error holds no part of the text.

    """
    seal = frozenset(sealed)

    def object_hook(found: dict[str, Any]) -> dict[str, Any]:
        for key in seal & found.keys():
            if isinstance(found[key], str):
                found[key] = Secret(found[key])
        return found

    try:
        return json.loads(text.reveal(), object_hook=object_hook if seal else None, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        pass  # the error holds the whole document, so it must not become the context of ours
    raise ValueError("not JSON")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def redact(text: str, secrets: Iterable[Secret]) -> str:
    """*Text* with every form of *secrets* masked; a text without them comes back unchanged.

    Forms: as it is, JSON-escaped, as Python and HTML write it, URL-quoted, base64 (at any alignment, so Basic
    credentials too), and each of these cut at either end to 8 characters or more.
    """
    spans = sorted(span for secret in secrets for span in secret.places_in(text))
    return masked(text, spans) if spans else text


def masked(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """*Text* with a mask in place of each of the *spans*, which come in the order of their starts."""
    parts: list[str] = []
    done = 0
    for start, end in spans:
        if start >= done:
            parts += [text[done:start], MASK]
        done = max(done, end)
    return "".join([*parts, text[done:]])


def redacted(value: Any, secrets: Collection[Secret]) -> Any:
    """A structure of lists and objects whose texts are redacted; the same one where nothing had to be."""
    texts: list[str] = []
    _gather(value, texts)
    text = "\n".join(texts)
    return _redacted(value, secrets) if any(secret.places_in(text) for secret in secrets) else value


def _redacted(value: Any, secrets: Collection[Secret]) -> Any:
    match value:
        case str():
            return redact(value, secrets)
        case list():
            return [_redacted(item, secrets) for item in value]
        case dict():
            return {_redacted(key, secrets): _redacted(item, secrets) for key, item in value.items()}
        case _:
            return value


def _gather(value: Any, texts: list[str]) -> None:
    """Add all texts of *value* to *texts*."""
    if isinstance(value, str):
        texts.append(value)
    elif isinstance(value, dict):
        texts += value
        for item in value.values():
            _gather(item, texts)
    elif isinstance(value, list):
        for item in value:
            _gather(item, texts)


def _parts(secret: Secret) -> Iterator[str]:
    """The beginnings and ends by which each form is found."""
    for form in _forms(secret):
        yield form[:_CUT]
        if len(form) > _CUT:
            yield form[-_CUT:]


def _spans(text: str, secret: Secret) -> Iterator[tuple[int, int]]:
    """Where the form *secret* stands in *text*, whole or cut at either end."""
    form = secret.reveal()
    size = min(len(form), _CUT)
    for at in _find(text, form[:size]):
        yield at, at + _longest(form, size, lambda count, at=at: text.startswith(form[:count], at))  # type: ignore[misc]
    for end in [at + size for at in _find(text, form[-size:])] if len(form) > size else ():
        yield end - _longest(form, size, lambda count, end=end: text.endswith(form[-count:], 0, end)), end  # type: ignore[misc]


def _forms(secret: Secret) -> set[str]:
    value = secret.reveal()
    forms = {value, *_written(value)} if not _PLAIN.fullmatch(value) else {value} - {""}
    if len(value) >= _CUT // 2:
        raw = _bytes(value)
        for offset in range(3):
            # What stands before the secret shifts its bits; the characters that mix with neighbours are left off.
            text = b2a_base64(b"\0" * offset + raw, newline=False).decode().rstrip("=")
            inner = text[(0, 2, 3)[offset] : -1 if (offset + len(raw)) % 3 else None]
            forms.add(inner)
            if "+" in inner or "/" in inner:
                forms.add(inner.translate(_URL_SAFE))
    return forms


def _written(value: str) -> Iterator[str]:
    """*Value* as JSON, Python, HTML and addresses write it, where they do not write it as it is."""
    raw = _bytes(value)
    escaped = json.dumps(value)[1:-1]
    yield escaped
    yield escaped.replace("/", "\\/")
    yield "".join(f"\\u{ord(c):04x}" if c in "<>&'" else c for c in escaped)
    yield from (repr(value)[1:-1], repr(value + "'\"")[1:-4])  # Python quotes in two ways
    yield html.escape(value)
    yield html.escape(value, quote=False)
    for quoted in (*(quote(raw, safe=safe) for safe in _SAFE), quote_plus(raw)):
        yield quoted
        yield _PERCENT.sub(lambda found: found[0].lower(), quoted)


def _longest(form: str, low: int, fits: Callable[[int], bool]) -> int:
    """The most characters of *form* that fit, of which *low* do."""
    high = len(form)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _find(text: str, part: str) -> Iterator[int]:
    at = text.find(part)
    while at >= 0:
        yield at
        at = text.find(part, at + 1)
