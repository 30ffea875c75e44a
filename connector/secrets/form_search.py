"""Search for the encoded forms of a secret in text: complete ones, and parts of them.

Pure.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from locoia_pat.secrets.decoding import canonical, joined, source_spans
from locoia_pat.secrets.detect import consists_of_words, find_jwts
from locoia_pat.secrets.encodings import (
    MIN_FRAGMENT,
    EncodedForm,
    as_bytes,
    packed_forms,
    readable_forms,
    search_keys,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from locoia_pat.secrets.decoding import View

_MIN_JOINED = 12
"""Characters of a secret that identify it although there are separators between them."""
_MAX_SPANS = 100
"""The most fragments to mask one by one in one string; with more of them all of it is masked, to bound the time."""


class SecretForms:
    """What to search for one secret."""

    __slots__ = ("_characters", "_consists_of_words", "_packed", "plain", "unescaped")

    def __init__(self, value: str) -> None:
        packed = [*packed_forms(value)]
        is_jwt = find_jwts(value) == [(0, len(value))]
        self.plain = _FormSearch([*readable_forms(value), *packed], is_jwt=is_jwt)
        bare = canonical(value)
        spaced = (form._replace(text=form.text.replace("+", " ")) for form in packed)
        self.unescaped = _FormSearch([EncodedForm.of(bare), *spaced] if bare.strip() else (), is_jwt=is_jwt)
        codes = EncodedForm("".join(map(str, as_bytes(value))), 24, 24)
        self._packed = _joined_search([codes, *packed], is_jwt=is_jwt)
        self._characters = _joined_search([EncodedForm.of(value), EncodedForm.of(bare)], is_jwt=is_jwt)
        self._consists_of_words = consists_of_words(value)

    def find_joined(self, views: list[View]) -> list[tuple[int, int]]:
        """Return the spans in the text of *views*; of words, only those with each character apart."""
        text = views[-1].text
        spans, packed = self._characters.find(text), self._packed.find(text)
        if not (spans or packed):
            return []
        found = [
            source
            for source, (start, end) in zip(source_spans(views, spans), spans, strict=True)
            if not self._consists_of_words or source[1] - source[0] >= 2 * (end - start) - 1
        ]
        return found + source_spans(views, packed)

    def is_joined_in(self, views: list[View]) -> bool:
        """Return whether a complete form is in the text of *views*."""
        forms = [*self._packed.forms, *(() if self._consists_of_words else self._characters.forms)]
        return any(form.text in views[-1].text for form in forms)


class _FormSearch:
    """A search for some forms, complete or cut."""

    __slots__ = ("_is_jwt", "_keys", "forms")

    def __init__(self, forms: Iterable[EncodedForm], *, is_jwt: bool) -> None:
        self.forms = [*forms]
        self._keys = {*search_keys(self.forms)}
        self._is_jwt = is_jwt

    def find(self, text: str) -> list[tuple[int, int]]:
        if not any(map(text.__contains__, self._keys)):
            return []
        complete = [place for form in self.forms for place in complete_spans(text, form)]
        if len(complete) <= _MAX_SPANS:
            complete = [_widened(text, *place, self.forms) for place in complete]
        others = dict(find_jwts(text) if self._is_jwt else ())
        text = _blanked(text, complete)  # not searched for fragments again
        found = (place for form in self.forms for place in _fragment_spans(text, form))
        fragments = list(islice((place for place in found if not _begins_another(place, text, others)), _MAX_SPANS + 1))
        return [*complete, *fragments] if len(fragments) <= _MAX_SPANS else [(0, len(text))]


def _joined_search(forms: Iterable[EncodedForm], *, is_jwt: bool) -> _FormSearch:
    """Return a search for *forms* without separators."""
    found = {
        form._replace(text=joined(form.text), head=max(form.head, _MIN_JOINED), tail=max(form.tail, _MIN_JOINED))
        for form in forms
        if not is_jwt  # without its dots, a JWT with the same header looks like a part of this one
    }
    return _FormSearch([form for form in found if len(form.text) >= MIN_FRAGMENT], is_jwt=False)


def complete_spans(text: str, form: EncodedForm) -> Iterator[tuple[int, int]]:
    """Yield the spans of the complete *form* in *text*; overlapping ones are joined."""
    whole, size = form.text, len(form.text)
    at = text.find(whole)
    while at >= 0:
        end = at + size
        while (last := text.rfind(whole, end - size + 1, end + size - 1)) >= 0:  # the last overlapping one
            end = last + size
        yield at, end
        at = text.find(whole, end)


def _widened(text: str, start: int, end: int, forms: Iterable[EncodedForm]) -> tuple[int, int]:
    """Return the span, widened by any other form that continues from its start or ends at its end."""
    heads = (
        start + _longest(form, 0, lambda count, form=form: text.startswith(form[:count], start))  # type: ignore[misc]
        for form, *_ in forms
    )
    tails = (
        end - _longest(form, 0, lambda count, form=form: text.endswith(form[-count:], 0, end))  # type: ignore[misc]
        for form, *_ in forms
    )
    return min(start, *tails), max(end, *heads)


def _fragment_spans(text: str, form: EncodedForm) -> Iterator[tuple[int, int]]:
    """Yield the spans of *form* in *text*, cut at either end."""
    whole, head, tail = form.text, form.head, form.tail
    for at in _find(text, whole[:head]) if len(whole) > head else ():
        yield at, at + _longest(whole, head, lambda count, at=at: text.startswith(whole[:count], at))  # type: ignore[misc]
    for at in _find(text, whole[-tail:]) if len(whole) > tail else ():
        end = at + tail
        yield end - _longest(whole, tail, lambda count, end=end: text.endswith(whole[-count:], 0, end)), end  # type: ignore[misc]


def _begins_another(place: tuple[int, int], text: str, others: Mapping[int, int]) -> bool:
    """Return whether the fragment is what another JWT has in common: nothing of its signature."""
    start, end = place
    return start in others and end < text.rfind(".", start, others[start]) + MIN_FRAGMENT


def _blanked(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """Return *text* with NUL characters in the *spans*; its length stays the same."""
    parts: list[str] = []
    done = 0
    for start, end in sorted(spans):
        parts += [text[done:start], "\0" * (end - max(start, done))]
        done = max(done, end)
    return "".join([*parts, text[done:]])


def _longest(form: str, low: int, fits: Callable[[int], bool]) -> int:
    """Return the most characters of *form* that fit; *low* of them are known to."""
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
