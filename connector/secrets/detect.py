"""Detection of secrets by name or by form.

Pure.  A known secret is found by its value (``redact``).  This is for unknown ones: an argument in the wrong place, a
token in an API's message, a cassette of another connector.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from locoia_pat.secrets.decoding import ESCAPE_SIGNS, Readings, source_spans

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SECRET_WORDS = _names(
    "token tokens secret secrets password passwords passwd passphrase passcode pass pwd psk pat credential credentials "
    "bearer jwt apikey apikeys authorization cookie otp sessionid"
)
"""A name with one of these words is that of a secret."""
_SECRET_ENDS = ("token", "secret", "password", "passwd", "apikey", "secretkey", "accesskey", "privatekey")
"""So is a name that ends with one of these, without a separator before it."""
_SECRET_KEYS = _names("api private access secret signing encryption client master account auth")
"""A ``key`` with one of these words is a secret."""
_SECRET_HOLDERS = _names("secrets credentials passwords")
"""Everything inside a value of this name is a secret."""
_WEAK_WORDS = _names("key keys session signature sig pin auth")
"""Names that may or may not be those of secrets."""
_VALUES = _names("value key keys plain plaintext plain_text text clear")
"""Names of the secret itself inside an object with the name of a secret."""
_HARMLESS_WORDS = _names(
    "id ids uuid guid type url uri name hint expires expiry expiration length count ref refs to file path env at in on "
    "header scope scopes status used note endpoint policy version created domain methods issuer format strength limit"
)
"""Last words of names of things that belong to a secret but are not secret."""
_SECRET_IDS = _names("session_id secret_id")
"""Ids that grant access."""
_ID_WORDS = _names(
    "id ids uuid guid sha sha1 sha256 hash digest etag commit revision ref checksum fingerprint cursor sid"
)
"""Words in names of values that may look random without being secret."""


def split_name(name: str) -> list[str]:
    """Return the words of *name* in lower case; ``accessToken``, ``access_token`` and ``Access-Token`` are equal."""
    return [word.lower() for word in _WORD.findall(name)]


def is_secret_name(name: str, inside: Sequence[str] = ()) -> bool:
    """Return whether *name* is that of a secret; *inside* are the names of the objects around it.

    A ``token`` is, a ``token_id`` is not, and a ``value`` inside a ``pat`` is.
    """
    words = split_name(name)
    if "_".join(words) in _SECRET_IDS:
        return True
    if not words or is_property_name(name):
        return False
    if _SECRET_WORDS & {*words, "".join(words)} or words[-1].endswith(_SECRET_ENDS):
        return True
    if words[-1] in ("key", "keys") and _SECRET_KEYS & {*words}:
        return True
    if inside and _SECRET_HOLDERS & {*split_name(inside[-1])}:
        return True
    return "_".join(words) in _VALUES and any(is_secret_name(parent) for parent in inside)


def is_property_name(name: str) -> bool:
    """Return whether *name* is that of a property of something, such as its id or the time it expires."""
    words = split_name(name)
    return bool(words) and (words[-1] in _HARMLESS_WORDS or words[0] in ("has", "is", "num", "max", "min"))


def is_ambiguous_name(name: str) -> bool:
    """Return whether *name* may be that of a secret: a ``key``, a ``session``."""
    words = split_name(name)
    return bool(words) and words[-1] in _WEAK_WORDS


def is_id_name(name: str) -> bool:
    """Return whether a value of that name may look random without being secret: an id, a hash, a cursor."""
    words = split_name(name)
    return bool(_ID_WORDS & {*words, "".join(words)})


# Prefixes that services give their tokens so that scanners find them.
_PREFIXED = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"gl(?:pat|dt|rt|rtr|cbt|ft|soat|agent|ptt|imt)-|gh[opsur]_|github_pat_|[srp]k_(?:live|test)_|sk-|xox[a-z]-|xapp-"
    r"|npm_|pypi-|dapi|glsa_|glc_|hv[sbr]\.|AKIA|ASIA|AIza|ya29\.|SG\.|shp[a-z]{2}_|do[a-z]_v1_|dckr_pat_|ATATT|ATCTT"
    r"|ntn_|sntry[su]_|sbp_|figd_|lin_api_|whsec_|lpat_|pat-[a-z]{2}[0-9]-|HRKU-|sq0[a-z]{3}-|AGE-SECRET-KEY-"
    r"|EAA[A-Za-z0-9])(?=[A-Za-z_.=/+-]*[0-9])[A-Za-z0-9_.=/+-]{12,}"
)
_PEM = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*")
_JWT = re.compile(r"(?<![A-Za-z0-9])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?")
_SHAPES: dict[re.Pattern[str], tuple[str, ...]] = {_PREFIXED: (), _PEM: ("private key",), _JWT: ("eyj",)}
"""Formats of secrets, and strings that any text with one contains in lower case."""
_AFTER_SCHEME = re.compile(r"(?i)\b(?:bearer|basic)\s+([A-Za-z0-9._~+/=-]{8,})")
# The value is a look-ahead, because another pair may begin in it: a name, a colon, a URL with a query.
_IN_PAIR = re.compile(
    r"""(?<![A-Za-z0-9_.-])([A-Za-z][A-Za-z0-9_.-]*)\\*["']?\s*([=:])(?=\s*\\*["']?([^\s&"',;<>()\[\]{}`\\]{6,}))"""
)
_IN_ELEMENT = re.compile(r"<([A-Za-z][\w.-]*)[^<>]*>([^<>\s]{6,})<")
_IN_FIELD = re.compile(r"""name=["']?([\w.-]+)["']?(?:[^<>\r\n]*?\svalue=["']|\r?\n\r?\n)([^"'\r\n]{6,})""")
_IN_ADDRESS = re.compile(r"[A-Za-z]://[^\s/:@]*:([^\s/@]{3,})@")
_RUNS = (re.compile(r"[A-Za-z0-9_~-]{16,}=*"), re.compile(r"(?<![A-Za-z0-9+/_~-])[A-Za-z0-9+/]{16,}=*"))
"""As base64 of addresses and of bodies has them."""
_HEX = re.compile(r"[0-9a-fA-F]+")
_ID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|~lpb(?:/|%2[Ff])[A-Z2-7]{16}(?![0-9A-Za-z])")
"""A UUID, or our own mark of a row."""
_NATURAL = re.compile(r"[A-Z]*[a-z]*|[0-9]{1,20}|(?:[A-Z]?[a-z]{2,}+|[A-Z]{2,}+)++|\d{8}T\d{6}Z?")
_PIECE = re.compile(r"[^\s_+/~=:.,;&?#@!-]+")
_COLON = "(?::|%(?:25)*3a)"
_SLASH = r"(?:\\*/|%(?:25)*2f)"
_PUBLIC_URL = re.compile(f"(?i)[a-z][a-z0-9+.-]*{_COLON}{_SLASH}{{2}}(?:[a-z0-9.-]+(?:{_COLON}[0-9]+)?(?:{_SLASH}|$))?")
"""A scheme, with the host if no user is before it."""
_HOST_AFTER_USER = re.compile("(?i)(?:@|%(?:25)*40).*$")
_ESCAPED = re.compile(r"%(?:25)*[0-9A-Fa-f]{2}|\\+(?:u[0-9A-Fa-f]{4}|.)|&#?\w+;")
_SEPARATORS = re.compile(r"[_+/~=-]+")
_LEAST_MIXED = 12
"""The fewest characters in mixed pieces of a run that looks random."""
_LEAST_CORE = 8
"""The fewest characters between the words at both ends of a secret for these words to be public."""
_LEAST_CHANGES = 0.15
"""Changes between lower case, upper case and digits per character; words have few, random text has many."""


def find_secrets(text: str) -> list[tuple[int, int]]:
    """Return the spans in *text* that look like a secret, sorted; characters may be escaped."""
    spans = [*find_known_formats(text), *find_random_runs(text)]
    for views in Readings(text).escapes if ESCAPE_SIGNS.search(text) else ():
        spans += source_spans(views, [*find_known_formats(views[-1].text), *find_random_runs(views[-1].text)])
    return sorted(spans)


def find_known_formats(text: str, is_secret: Callable[[str], bool] = is_secret_name) -> Iterator[tuple[int, int]]:
    """Yield the spans in *text* that have a known format of secrets, or follow a name for which *is_secret* is true."""
    small = text.lower()
    for pattern, signs in _SHAPES.items():
        if not signs or any(sign in small for sign in signs):
            yield from (found.span() for found in pattern.finditer(text))
    if "bearer" in small or "basic" in small:
        yield from (found.span(1) for found in _AFTER_SCHEME.finditer(text) if any(map(str.isdigit, found[1])))
    for found in _IN_PAIR.finditer(text):
        if (found[2] == "=" or any(map(str.isdigit, found[3]))) and is_secret(found[1]):
            yield found.span(3)
    for pattern, sign in ((_IN_ELEMENT, "</"), (_IN_FIELD, "name=")):
        if sign in small:
            yield from (found.span(2) for found in pattern.finditer(text) if is_secret(found[1]))
    if "://" in small:
        yield from (found.span(1) for found in _IN_ADDRESS.finditer(text))


def public_affixes(text: str) -> tuple[int, int]:
    """Return how many characters at the start and the end of a secret are public: words, such as ``sk_live_``.

    So are the host of a URL, with the path if a password is before it, and the header of a JWT.  If little else is in
    it, all of it is secret, and both are 0.
    """
    if _JWT.fullmatch(text):
        return text.index(".") + len(".eyJ"), 0
    url = _PUBLIC_URL.match(text)
    start = url.end() if url else 0
    host = _HOST_AFTER_USER.search(text, start) if url else None
    if host:
        return start, len(text) - host.start()
    pieces = [*_PIECE.finditer(_ESCAPED.sub(lambda match: "/" * len(match[0]), text), start)]
    mixed = [piece.span() for piece in pieces if not piece[0].isalpha()]
    if mixed and mixed[-1][1] - mixed[0][0] >= _LEAST_CORE:
        return mixed[0][0], len(text) - mixed[-1][1]
    return start, len(text) - pieces[-1].start() if url and pieces and pieces[-1][0].isalpha() else 0


def consists_of_words(text: str) -> bool:
    """Return whether *text* has no digit and nothing that looks random, as other texts may have its words."""
    return all(map(str.isalpha, _PIECE.findall(text))) and not any(find_random_runs(text))


def find_jwts(text: str) -> list[tuple[int, int]]:
    """Return the spans of the complete JWTs in *text*."""
    return [found.span() for found in _JWT.finditer(text) if found[0].count(".") == 2 and found[0][-1] != "."]


def find_random_runs(text: str) -> Iterator[tuple[int, int]]:
    """Yield the spans in *text* that look random; UUIDs and marks are ids and do not count."""
    without_ids = _ID.sub(lambda match: " " * len(match[0]), text)
    for pattern in _RUNS:
        for found in pattern.finditer(without_ids):
            if _random(found[0]):
                yield found.span()


def _random(run: str) -> bool:
    pieces = [piece for piece in _SEPARATORS.split(run) if not _NATURAL.fullmatch(piece)]
    length = sum(map(len, pieces))
    changes = sum(_kind(one) != _kind(other) for piece in pieces for one, other in pairwise(piece))
    return length >= _LEAST_MIXED and changes >= _LEAST_CHANGES * length


def _kind(character: str) -> int:
    return 0 if character.isdigit() else 1 if character.islower() else 2


def looks_like_token(text: str, *, may_be_id: bool = False) -> bool:
    """Return whether *text* holds a token of a known format, or looks like one as a whole.

    Hexadecimal digits only, and anything that *may_be_id*, look like an id as much as like a token, and do not count.
    """
    if any(find_known_formats(text)):
        return True
    return not may_be_id and _HEX.fullmatch(text) is None and (0, len(text)) in find_random_runs(text)
