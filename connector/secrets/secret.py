"""``Secret``, the only type that holds a token, and redaction by value.

Pure.  ``reveal()`` is the only way to get the value, so every use is found by searching for it.

How redaction finds a secret in text, whatever wrote it:

    value ──▶ encoded forms            as it is, JSON, Python, HTML, percent-encoding; base64, hex, base32, base85
                   │                   (encodings.py)
                   ▼
          search keys: the first and   any of them in the text?  no ──▶ the text is clean (one substring search each)
          last 8 characters of each                │ yes                                       (form_search.py)
                                                   ▼
          spans of whole forms, widened where two forms overlap, then spans of forms cut at either end ──▶ masked

    text ──▶ without its escapes       the same search, for the value without escapes
        └──▶ without separators        the same search: lists of characters, dumps, wrapped lines (decoding.py)
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any, NoReturn

from locoia_pat.outcomes import invalid
from locoia_pat.secrets.decoding import Readings, source_spans
from locoia_pat.secrets.detect import is_id_name
from locoia_pat.secrets.encodings import MIN_FRAGMENT, readable_forms
from locoia_pat.secrets.form_search import SecretForms, complete_spans

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping


MASK = "«secret»"

_PLAUSIBLE_TOKEN = re.compile(r"[\x21-\x7e]{16,4096}")
_MASKED = re.compile(
    r"(?i).*(?:\*{3}|\.{3}).*|[\W_]*+(?:(?:redacted|masked|hidden|filtered|removed|secret|token)[\W_]*+)++"
)
"""What an API shows instead of a token."""
_CREDENTIAL = re.compile(r"[\x21-\x7e]{1,8192}")
_BYTES = range(0x20, 0x7F)

_UUID = r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
_DASHES = 4
"""Of a UUID."""
_UUID_INSIDE = re.compile(f"(?=({_UUID}))")
_TIME_OR_UUID = re.compile(rf"[0-9]{{4}}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z|{_UUID}")
_MAX_MASKED = 1000
_BATCH = 256 * 1024


class Secret:
    """A string that is shown only by :meth:`reveal`.

    It cannot be formatted, pickled, copied, iterated, hashed or turned into JSON, and shows neither length nor prefix.
    Two secrets are compared in constant time.
    """

    __slots__ = ("_forms", "_value")
    __hash__ = None  # type: ignore[assignment]  # a hash would be an oracle, and sets of secrets have no use

    def __init__(self, value: str) -> None:
        self._value = value
        self._forms: SecretForms | None = None

    def reveal(self) -> str:
        """Return the value.  Use the result within one expression: a local variable shows up in tracebacks."""
        return self._value

    def without_value(self, refs: tuple[str, ...] = ()) -> Secret:
        """Return what is in the place of this secret in a copy; *refs* name the token stores that hold it."""
        return CopiedSecret(refs)

    def find_in(self, text: str | Readings) -> list[tuple[int, int]]:
        """Return the spans of all forms of the value in *text*, complete or cut."""
        readings = Readings(text) if isinstance(text, str) else text
        forms = self._all_forms()
        decoded: list[tuple[int, int]] = []
        for views in readings.unescaped:
            decoded += source_spans(views, forms.unescaped.find(views[-1].text.replace("+", " ")))
        for views in readings.joined:
            decoded += forms.find_joined(views)
        return forms.plain.find(readings.text) + [_without_blanks(readings.text, *span) for span in decoded]

    def find_whole_in(self, text: str) -> list[tuple[int, int]]:
        """Return the spans of complete, readable forms of the value in *text*; base64 and fragments do not count."""
        return [place for form in readable_forms(self._value) for place in complete_spans(text, form)]

    def occurs_in(self, text: str) -> bool:
        """Return whether a complete form of the value is in *text*; fragments do not count."""
        forms = self._all_forms()
        readings = Readings(text)
        return (
            any(form.text in text for form in forms.plain.forms)
            or any(form.text in views[-1].text for views in readings.unescaped for form in forms.unescaped.forms)
            or any(forms.is_joined_in(views) for views in readings.joined)
        )

    def _all_forms(self) -> SecretForms:
        if self._forms is None:
            self._forms = SecretForms(self._value)  # computed once, when first needed
        return self._forms

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        from hmac import compare_digest  # noqa: PLC0415  # it loads OpenSSL, which --help does not need

        return compare_digest(
            self._value.encode("utf-8", "surrogatepass"), other._value.encode("utf-8", "surrogatepass")
        )

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return MASK

    def __reduce_ex__(self, protocol: object) -> tuple[Any, ...]:
        raise TypeError("a Secret cannot be pickled or copied; pass the reference of its store instead")

    def __getstate__(self) -> NoReturn:
        raise TypeError("a Secret has no state to show")


class CopiedSecret(Secret):
    """A secret in the copy of a result: it has no value, and says where that is stored."""

    __slots__ = ("refs",)

    def __init__(self, refs: tuple[str, ...] = ()) -> None:
        super().__init__("")
        self.refs = refs
        """The token stores that hold the value."""

    def reveal(self) -> str:
        """Fail: a copy has no value.

        Raises:
            InvalidError: always; it names the stores.

        """
        where = f"is stored in {self.refs[0]}" if self.refs else "is in no token store that can be read"
        hint = "Read it there: ConnectorAuth.from_ref, or locoia-pat exec." if self.refs else "Name one in token_to."
        raise invalid(f"a copy of a result holds no token; it {where}", field="token_to", hint=hint)

    def without_value(self, refs: tuple[str, ...] = ()) -> Secret:  # noqa: ARG002  # it knows its stores
        """Return itself."""
        return self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CopiedSecret) and other.refs == self.refs

    __hash__ = None  # as for every secret

    def __repr__(self) -> str:
        return f"Secret(stored in {', '.join(self.refs)})" if self.refs else super().__repr__()

    def __reduce_ex__(self, protocol: object) -> tuple[Any, ...]:
        return CopiedSecret, (self.refs,)


class EnvSecrets:
    """Environment variables as secrets: any of them may hold a token."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def get(self, name: str) -> Secret | None:
        """Return the value of the variable *name*; None if it is not set."""
        return Secret(self._values[name]) if name in self._values else None

    def get_filled(self, name: str) -> Secret | None:
        """Return the value of the variable *name*; None if it is not set, or empty."""
        return Secret(self._values[name]) if self._values.get(name) else None


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
    """Yield the secrets in a structure of lists and dicts, of any depth."""
    left = [value]
    while left:
        match left.pop():
            case Secret() as found:
                yield found
            case list(items):
                left += reversed(items)
            case dict(items):
                left += reversed(items.values())
            case _:
                pass


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

    Forms: as it is; with any of its characters escaped as JSON, Python, HTML, URLs or mails do, once or more often; in
    base64 (at any alignment, so Basic credentials too), hexadecimal, base32 and base85; each of these cut at either end
    to 8 characters or more; and with separators, cut to 12: as a list of its characters, or wrapped.  A fragment
    does not count if it is public: a well-known prefix such as ``sk_live_``, the host of a URL, the beginning of
    another JWT; of a secret that is a single word, three quarters are needed.
    """
    readings = Readings(text)
    spans = sorted(span for secret in secrets for span in secret.find_in(readings))
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


def redacted(value: Any, secrets: Collection[Secret], known: Collection[str] = ()) -> Any:
    """Return a structure of lists and dicts with its strings redacted; the same object if nothing was redacted.

    An id may be the beginning of its token, so an id is masked only if it contains a complete secret.

    Args:
        value: the structure.
        secrets: what to redact.
        known: strings that hold none of them, such as names that a spec declares.

    """
    texts: list[str] = []
    _collect_strings(value, texts)
    # What is too short for a part of a secret, a time, and a UUID that is no part of one need no search.
    texts = [text for text in dict.fromkeys(texts) if len(text) >= MIN_FRAGMENT and text not in known]
    with_uuid = [secret for secret in secrets if secret.reveal().count("-") >= _DASHES] if texts else ()
    uuids = {uuid for secret in with_uuid for uuid in _UUID_INSIDE.findall(secret.reveal().lower())}
    is_time_or_uuid = _TIME_OR_UUID.fullmatch
    texts = [text for text in texts if not is_time_or_uuid(text) or text in uuids]
    if not texts:
        return value  # without the search for a new secret, which takes as long as sending a request
    is_found = any(secret.find_in(readings) for readings in map(Readings, _batches(texts)) for secret in secrets)
    if not is_found:
        return value
    found = _Masker(secrets).masked(value)
    return value if found == value else found  # what was found may have been in several strings


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


class _Masker:
    """Masks *secrets* in a structure, in bounded time: after ``_MAX_MASKED`` strings it masks all that follow."""

    def __init__(self, secrets: Collection[Secret]) -> None:
        self._secrets = secrets
        self._left = _MAX_MASKED

    def masked(self, value: Any) -> Any:
        match value:
            case str():
                return self._text(value)
            case list() | dict() if self._spells(value):
                return [MASK] if isinstance(value, list) else {self._text(key): MASK for key in value}
            case list():
                return [self.masked(item) for item in value]
            case dict():
                return {self._text(key): self._item(key, item) for key, item in value.items()}
            case _:
                return value

    def _spells(self, value: list[Any] | dict[str, Any]) -> bool:
        """Return whether the items are the characters or bytes of a secret, or a few of them each."""
        text = _characters(value)
        return len(value) > 1 and bool(text) and any(secret.occurs_in(text) for secret in self._secrets)

    def _item(self, key: str, value: Any) -> Any:
        is_id = isinstance(value, str) and is_id_name(key)
        if is_id and self._left and not any(secret.occurs_in(value) for secret in self._secrets):
            return value
        return self.masked(value)

    def _text(self, text: str) -> str:
        if not self._left:
            return MASK
        masked = redact(text, self._secrets)
        self._left -= masked != text
        return masked


def _characters(value: list[Any] | dict[str, Any]) -> str:
    """Return the short strings or bytes in *value* as one string; empty if it has others."""
    items = value if isinstance(value, list) else value.values()
    first = next(iter(items), None)
    if isinstance(first, str) and len(first) <= MIN_FRAGMENT:  # most lists and objects have others
        return "".join(items) if all(isinstance(item, str) and len(item) <= MIN_FRAGMENT for item in items) else ""
    if isinstance(first, int) and first in _BYTES and all(isinstance(item, int) and item in _BYTES for item in items):
        return "".join(map(chr, items))
    return ""


def _collect_strings(value: Any, texts: list[str]) -> None:
    """Append all strings in *value* to *texts*."""
    if isinstance(value, str):
        texts.append(value)
    if not isinstance(value, list | dict):
        return
    if isinstance(value, list) and len(value) > 1 and isinstance(value[0], dict) and _collect_table(value, texts):
        return
    if characters := _characters(value):
        texts.append(characters)
    if isinstance(value, dict):
        texts += value
        value = value.values()
    for item in value:
        if isinstance(item, str):
            texts.append(item)
        elif isinstance(item, list | dict):
            _collect_strings(item, texts)


def _collect_table(rows: list[Any], texts: list[str]) -> bool:
    """Append all strings in *rows* to *texts*, each once for a column; this is much faster than row by row.

    Returns:
        False if they are not objects with the same keys, and nothing was appended.

    """
    if set(map(type, rows)) != {dict} or len(set(map(frozenset, rows))) > 1 or not rows[0]:
        return False
    columns = {key: [row[key] for row in rows] for key in rows[0]}
    types = {key: set(map(type, column)) for key, column in columns.items()}
    if not any(types[key] == {str} and len(min(column, key=len)) > MIN_FRAGMENT for key, column in columns.items()):
        return False  # a row may be the characters of a secret
    texts += columns
    for key, column in columns.items():
        if types[key] <= {str, type(None)}:
            texts += filter(None, dict.fromkeys(column))
        elif types[key] == {list} and set(map(type, chain.from_iterable(column))) <= {str}:
            _collect_strings([*map(list, dict.fromkeys(map(tuple, column)))], texts)
        else:
            _collect_strings(column, texts)
    return True


def _without_blanks(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the span without the white space at its ends, which the text around it may have added."""
    part = text[start:end]
    return end - len(part.lstrip()), start + len(part.rstrip())
