"""``Secret``, the only type that holds a token, and redaction by value.

Pure.  ``reveal()`` is the only way to get the value, so every use is found by searching for it.

How redaction finds a secret in text, whatever wrote it:

    value ──▶ encoded forms            as it is, JSON, Python, HTML, percent-encoding, base64 at any alignment
                   │                   (encodings.py)
                   ▼
          search keys: the first and   any of them in the text?  no ──▶ the text is clean (one substring search each)
          last 8 characters of each                │ yes
                                                   ▼
          spans of whole forms, widened where two forms overlap, then spans of forms cut at either end ──▶ masked
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any, NoReturn

from locoia_pat.secrets.detect import is_id_name
from locoia_pat.secrets.encodings import EncodedForm, as_bytes, base64_variants, readable_forms, search_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

MASK = "«secret»"

_PLAUSIBLE_TOKEN = re.compile(r"[\x21-\x7e]{16,4096}")
_MASKED = re.compile(
    r"(?i).*(?:\*{3}|\.{3}).*|[\W_]*+(?:(?:redacted|masked|hidden|filtered|removed|secret|token)[\W_]*+)++"
)
"""What an API shows instead of a token."""
_CREDENTIAL = re.compile(r"[\x21-\x7e]{1,8192}")
_MAX_SPANS = 100
"""The most fragments to mask one by one in one string; with more of them all of it is masked, to bound the time."""

_BATCH = 256 * 1024


class Secret:
    """A string that is shown only by :meth:`reveal`.

    It cannot be formatted, pickled, copied, iterated, hashed or turned into JSON, and shows neither length nor prefix.
    Two secrets are compared in constant time.
    """

    __slots__ = ("_forms", "_search_keys", "_value")
    __hash__ = None  # type: ignore[assignment]  # a hash would be an oracle, and sets of secrets have no use

    def __init__(self, value: str) -> None:
        self._value = value
        self._search_keys: tuple[str, ...] | None = None
        self._forms: tuple[EncodedForm, ...] | None = None

    def reveal(self) -> str:
        """Return the value.  Use the result within one expression: a local variable shows up in tracebacks."""
        return self._value

    def find_in(self, text: str) -> list[tuple[int, int]]:
        """Return the spans of all forms of the value in *text*, complete or cut."""
        if self._search_keys is None:
            self._search_keys = tuple(search_keys(self._value))  # computed once, when first needed
        if not any(map(text.__contains__, self._search_keys)):
            return []
        if self._forms is None:
            self._forms = (*readable_forms(self._value), *map(EncodedForm, base64_variants(self._value)))
        forms = self._forms
        complete = [place for form in forms for place in _complete_spans(text, form)]
        if len(complete) <= _MAX_SPANS:
            complete = [_widened(text, *place, forms) for place in complete]
        text = _blanked(text, complete)  # not searched for fragments again
        fragments = list(islice((place for form in forms for place in _fragment_spans(text, form)), _MAX_SPANS + 1))
        return [*complete, *fragments] if len(fragments) <= _MAX_SPANS else [(0, len(text))]

    def find_whole_in(self, text: str) -> list[tuple[int, int]]:
        """Return the spans of complete, readable forms of the value in *text*; base64 and fragments do not count."""
        return [place for form in readable_forms(self._value) for place in _complete_spans(text, form)]

    def occurs_in(self, text: str) -> bool:
        """Return whether a complete form of the value is in *text*; fragments do not count."""
        return any(form.text in text for form in readable_forms(self._value)) or any(
            map(text.__contains__, base64_variants(self._value))
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
        raise TypeError("a Secret cannot be pickled or copied; pass the reference of its store instead")

    def __getstate__(self) -> NoReturn:
        raise TypeError("a Secret has no state to show")


class EnvSecrets:
    """Environment variables as secrets: any of them may hold a token."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def __getitem__(self, name: str) -> Secret:
        return Secret(self._values[name])


def revealed(value: str | Secret) -> str:
    """Return *value* as a plain string, secret or not; the same care applies as for :meth:`Secret.reveal`."""
    return value.reveal() if isinstance(value, Secret) else value


def is_plausible_token(value: object) -> bool:
    """Return whether *value* can be a token: 16 to 4096 printable ASCII characters without spaces, and no mask."""
    return isinstance(value, str) and _PLAUSIBLE_TOKEN.fullmatch(value) is not None and _MASKED.fullmatch(value) is None


def credential(text: Secret) -> Secret | None:
    """Return *text* without line breaks at its ends, or None if it cannot be a credential."""
    found = Secret(text.reveal().strip("\r\n"))
    return found if _CREDENTIAL.fullmatch(found.reveal()) else None


def iter_secrets(value: Any) -> Iterator[Secret]:
    """Yield the secrets in a structure of lists and dicts."""
    match value:
        case Secret():
            yield value
        case list():
            for item in value:
                yield from iter_secrets(item)
        case dict():
            yield from iter_secrets(list(value.values()))
        case _:
            return


def load_json(text: Secret, secret_keys: Collection[str]) -> Any:
    """Parse JSON; each string under a key of *secret_keys* becomes a :class:`Secret` while it is parsed.

    Raises:
        ValueError: *text* is not JSON.  The error holds no part of it.

    """
    try:
        return _decoder(frozenset(secret_keys)).decode(text.reveal())
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
    """Return *text* with every form of *secrets* masked; text without them is returned unchanged.

    Forms: as it is; as JSON (once and twice), Python and HTML write it; percent-encoded (once and twice); in base64 (at
    any alignment, so Basic credentials too); and each of these cut at either end to 8 characters or more.  A fragment
    does not count if it is a well-known prefix such as ``sk_live_``; of a secret that is a single word, three quarters
    are needed.
    """
    spans = sorted(span for secret in secrets for span in secret.find_in(text))
    return masked(text, spans) if spans else text


def masked(text: str, spans: Iterable[tuple[int, int]], mask: str = MASK) -> str:
    """Return *text* with *mask* instead of each of the *spans*, which are sorted by their starts."""
    parts: list[str] = []
    done = 0
    for start, end in spans:
        if start >= done:
            parts += [text[done:start], mask]
        done = max(done, end)
    return "".join([*parts, text[done:]])


def _blanked(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """Return *text* with NUL characters in the *spans*; its length stays the same."""
    parts: list[str] = []
    done = 0
    for start, end in sorted(spans):
        parts += [text[done:start], "\0" * (end - max(start, done))]
        done = max(done, end)
    return "".join([*parts, text[done:]])


def redacted(value: Any, secrets: Collection[Secret]) -> Any:
    """Return a structure of lists and dicts with its strings redacted; the same object if nothing was redacted.

    An id may be the beginning of its token, so an id is masked only if it contains a complete secret.
    """
    texts: list[str] = []
    _collect_strings(value, texts)
    is_found = any(secret.find_in(text) for text in _batches(texts) for secret in secrets)
    return _redacted(value, secrets) if is_found else value


def _batches(texts: Iterable[str]) -> Iterator[str]:
    """Yield *texts*, joined to strings of about ``_BATCH`` characters: one of them all would take too much memory."""
    batch: list[str] = []
    size = 0
    for text in texts:
        batch.append(text)
        size += len(text)
        if size >= _BATCH:
            yield "\n".join(batch)
            batch, size = [], 0
    yield "\n".join(batch)


def _redacted(value: Any, secrets: Collection[Secret]) -> Any:
    match value:
        case str():
            return redact(value, secrets)
        case list():
            return [_redacted(item, secrets) for item in value]
        case dict():
            return {_redacted(key, secrets): _redact_item(key, item, secrets) for key, item in value.items()}
        case _:
            return value


def _redact_item(key: str, value: Any, secrets: Collection[Secret]) -> Any:
    if isinstance(value, str) and is_id_name(key) and not any(secret.occurs_in(value) for secret in secrets):
        return value
    return _redacted(value, secrets)


def _collect_strings(value: Any, texts: list[str]) -> None:
    """Append all strings in *value* to *texts*."""
    if isinstance(value, str):
        texts.append(value)
    elif isinstance(value, dict):
        texts += value
        for item in value.values():
            _collect_strings(item, texts)
    elif isinstance(value, list):
        for item in value:
            _collect_strings(item, texts)


def _complete_spans(text: str, form: EncodedForm) -> Iterator[tuple[int, int]]:
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
