"""``Secret``, the only holder of a token, and redaction that follows its value.

Pure: no input or output.  ``reveal()`` is the only way out, so that every exit is found by searching for it.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any, NoReturn

from locoia_pat.secrets.detect import named_id
from locoia_pat.secrets.encodings import Form, as_bytes, in_base64, parts, plain_forms

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

MASK = "«secret»"

_USABLE = re.compile(r"[\x21-\x7e]{16,4096}")
_CREDENTIAL = re.compile(r"[\x21-\x7e]{1,8192}")
_MANY = 100
"""Cuts in one text from which it is masked as a whole: each costs its time."""


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
            self._parts = tuple(parts(self._value))  # on the first need, and once
        if not any(map(text.__contains__, self._parts)):
            return []
        forms = [*plain_forms(self._value), *map(Form, in_base64(self._value))]
        wholes = [place for form in forms for place in _wholes(text, form)]
        if len(wholes) <= _MANY:
            wholes = [_widened(text, *place, forms) for place in wholes]
        for start, end in wholes:  # no cut is looked for in them
            text = text[:start] + "\0" * (end - start) + text[end:]
        cuts = list(islice((place for form in forms for place in _cuts(text, form)), _MANY + 1))
        return [*wholes, *cuts] if len(cuts) <= _MANY else [(0, len(text))]

    def wholes_in(self, text: str) -> list[tuple[int, int]]:
        """Where the value stands in *text*, as a whole and so that people can read it."""
        return [place for form in plain_forms(self._value) for place in _wholes(text, form)]

    def stands_in(self, text: str) -> bool:
        """Whether any form of the whole value stands in *text*; a cut does not count."""
        return any(form.text in text for form in plain_forms(self._value)) or any(
            map(text.__contains__, in_base64(self._value))
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        from hmac import compare_digest  # noqa: PLC0415  # it loads OpenSSL, which --help does not need

        return compare_digest(as_bytes(self._value), as_bytes(other._value))

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
    try:
        return _decoder(frozenset(sealed)).decode(text.reveal())
    except (ValueError, RecursionError):
        pass  # the error holds the whole document, so it must not become the context of ours
    raise ValueError("not JSON")


@lru_cache(maxsize=256)
def _decoder(seal: frozenset[str]) -> json.JSONDecoder:
    def object_hook(found: dict[str, Any]) -> dict[str, Any]:
        for key in seal & found.keys():
            if isinstance(found[key], str):
                found[key] = Secret(found[key])
        return found

    return json.JSONDecoder(object_hook=object_hook if seal else None, parse_constant=_no_constant)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def redact(text: str, secrets: Iterable[Secret]) -> str:
    """*Text* with every form of *secrets* masked; a text without them comes back unchanged.

    Forms: as it is, as JSON (once and twice), Python and HTML write it, URL-quoted (once and twice), base64 (at any
    alignment, so Basic credentials too), and each of these cut at either end to 8 characters or more.  A cut does not
    count where it is words that everybody knows, as in ``sk_live_``, or of a secret that is one word, up to three
    quarters of it.
    """
    spans = sorted(span for secret in secrets for span in secret.places_in(text))
    return masked(text, spans) if spans else text


def masked(text: str, spans: Iterable[tuple[int, int]], mask: str = MASK) -> str:
    """*Text* with *mask* in place of each of the *spans*, which come in the order of their starts."""
    parts: list[str] = []
    done = 0
    for start, end in spans:
        if start >= done:
            parts += [text[done:start], mask]
        done = max(done, end)
    return "".join([*parts, text[done:]])


def redacted(value: Any, secrets: Collection[Secret]) -> Any:
    """A structure of lists and objects whose texts are redacted; the same one where nothing had to be.

    An id may be the beginning of its token, so it is masked only where it is all of a secret.
    """
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
            return {_redacted(key, secrets): _beside(key, item, secrets) for key, item in value.items()}
        case _:
            return value


def _beside(key: str, value: Any, secrets: Collection[Secret]) -> Any:
    if isinstance(value, str) and named_id(key) and not any(secret.stands_in(value) for secret in secrets):
        return value
    return _redacted(value, secrets)


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


def _wholes(text: str, form: Form) -> Iterator[tuple[int, int]]:
    """Where all of *form* stands in *text*, one place after the other."""
    whole, size = form.text, len(form.text)
    at = text.find(whole)
    while at >= 0:
        end = at + size
        while (last := text.rfind(whole, end - size + 1, end + size - 1)) >= 0:  # the last one that overlaps
            end = last + size
        yield at, end
        at = text.find(whole, end)


def _widened(text: str, start: int, end: int, forms: Iterable[Form]) -> tuple[int, int]:
    """The place of a whole form, as far as another form goes on from its beginning, or came to its end."""
    heads = (
        start + _longest(form, 0, lambda count, form=form: text.startswith(form[:count], start))  # type: ignore[misc]
        for form, *_ in forms
    )
    tails = (
        end - _longest(form, 0, lambda count, form=form: text.endswith(form[-count:], 0, end))  # type: ignore[misc]
        for form, *_ in forms
    )
    return min(start, *tails), max(end, *heads)


def _cuts(text: str, form: Form) -> Iterator[tuple[int, int]]:
    """Where *form* stands in *text*, cut at either end."""
    whole, head, tail = form.text, form.head, form.tail
    for at in _find(text, whole[:head]) if len(whole) > head else ():
        yield at, at + _longest(whole, head, lambda count, at=at: text.startswith(whole[:count], at))  # type: ignore[misc]
    for at in _find(text, whole[-tail:]) if len(whole) > tail else ():
        end = at + tail
        yield end - _longest(whole, tail, lambda count, end=end: text.endswith(whole[-count:], 0, end)), end  # type: ignore[misc]


def _longest(form: str, low: int, fits: Callable[[int], bool]) -> int:
    """The most characters of *form* that fit, of which *low* do."""
    high = len(form)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low


def _find(text: str, part: str) -> Iterator[int]:
    at = text.find(part)
    while at >= 0:
        yield at
        at = text.find(part, at + 1)
