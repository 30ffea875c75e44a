"""What looks like a secret, by its name or by its form.

Pure.  A secret that is known is found by its value (``redact``); this is for what nobody told us
of: an argument in the wrong place, an answer that repeats a token, a cassette of another connector.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SECRET_WORDS = _names(
    "token tokens secret secrets password passwords passwd passphrase passcode pass pwd psk pat credential credentials "
    "bearer jwt apikey apikeys authorization cookie otp sessionid"
)
"""A name with one of these is a secret's."""
_SECRET_ENDS = ("token", "secret", "password", "passwd", "apikey", "secretkey", "accesskey", "privatekey")
"""So is one that ends so, though nobody put a sign between its words."""
_SECRET_KEYS = _names("api private access secret signing encryption client master account auth")
"""Keys of these kinds are secrets."""
_SECRET_HOLDERS = _names("secrets credentials passwords")
"""Whatever stands inside of these is one."""
_WEAK_WORDS = _names("key keys session signature sig pin auth")
"""Names of many things, some of which are secrets."""
_VALUES = _names("value key keys plain plaintext plain_text text clear")
"""What a secret is called inside of something that has a secret's name."""
_HARMLESS_WORDS = _names(
    "id ids uuid guid type url uri name hint expires expiry expiration length count ref refs to file path env at in on "
    "header scope scopes status used note endpoint policy version created domain methods issuer format strength limit"
)
"""What a secret has beside it, and is none."""
_SECRET_IDS = _names("session_id secret_id")
"""Ids that let somebody in."""
_ID_WORDS = _names(
    "id ids uuid guid sha sha1 sha256 hash digest etag commit revision ref checksum fingerprint cursor sid"
)
"""What may look random."""


def words_of(name: str) -> list[str]:
    """The words of *name*, small: ``accessToken``, ``access_token`` and ``Access-Token`` have the same."""
    return [word.lower() for word in _WORD.findall(name)]


def named_secret(name: str, inside: Sequence[str] = ()) -> bool:
    """Whether a text called *name* is a secret by that name; *inside* are the names of what it stands in.

    A ``token`` is one, a ``token_id`` is none, and a ``value`` inside of a ``pat`` is one.
    """
    words = words_of(name)
    if "_".join(words) in _SECRET_IDS:
        return True
    if not words or words[-1] in _HARMLESS_WORDS or words[0] in ("has", "is", "num", "max", "min"):
        return False
    if _SECRET_WORDS & {*words, "".join(words)} or words[-1].endswith(_SECRET_ENDS):
        return True
    if words[-1] in ("key", "keys") and _SECRET_KEYS & {*words}:
        return True
    if inside and _SECRET_HOLDERS & {*words_of(inside[-1])}:
        return True
    return "_".join(words) in _VALUES and any(named_secret(parent) for parent in inside)


def weakly_named(name: str) -> bool:
    """Whether *name* is that of many things, some of which are secrets: a ``key``, a ``session``."""
    words = words_of(name)
    return bool(words) and words[-1] in _WEAK_WORDS


def named_id(name: str) -> bool:
    """Whether a text called *name* may look random without being a secret: an id, a hash, a cursor."""
    words = words_of(name)
    return bool(_ID_WORDS & {*words, "".join(words)})


# What the services themselves put in front of their tokens, so that scanners find them.
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
"""What is a secret as a whole, and what stands in any text that holds one."""
_AFTER_SCHEME = re.compile(r"(?i)\b(?:bearer|basic)\s+([A-Za-z0-9._~+/=-]{8,})")
# The value is looked at ahead, for it may begin another pair: a name, a colon, an address with a query.
_IN_PAIR = re.compile(
    r"""(?<![A-Za-z0-9_.-])([A-Za-z][A-Za-z0-9_.-]*)["']?\s*([=:])(?=\s*["']?([^\s&"',;<>()\[\]{}`]{6,}))"""
)
_IN_ELEMENT = re.compile(r"<([A-Za-z][\w.-]*)[^<>]*>([^<>\s]{6,})<")
_IN_FIELD = re.compile(r"""name=["']?([\w.-]+)["']?(?:[^<>\r\n]*?\svalue=["']|\r?\n\r?\n)([^"'\r\n]{6,})""")
_IN_ADDRESS = re.compile(r"[A-Za-z]://[^\s/:@]*:([^\s/@]{3,})@")
_RUNS = (re.compile(r"[A-Za-z0-9_~-]{16,}=*"), re.compile(r"(?<![A-Za-z0-9+/_~-])[A-Za-z0-9+/]{16,}=*"))
"""As base64 of addresses and of bodies has them."""
_HEX = re.compile(r"[0-9a-fA-F]+")
_UUID = re.compile(r"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NATURAL = re.compile(r"[A-Z]*[a-z]*|[0-9]{1,20}|(?:[A-Z]?[a-z]{2,}+|[A-Z]{2,}+)++|\d{8}T\d{6}Z?")
_PIECE = re.compile(r"[^\s_+/~=:.,;&?#@!-]+")
_SEPARATORS = re.compile(r"[_+/~=-]+")
_LEAST_MIXED = 12
"""Characters in mixed pieces from which a run is taken for a random one."""
_LEAST_CORE = 8
"""Characters between the words at both ends of a secret, from which the words are known to everybody."""
_LEAST_CHANGES = 0.15
"""Changes between small letters, capitals and digits for each character; words have few, random text has many."""


def suspects(text: str) -> list[tuple[int, int]]:
    """The places in *text* that look like a secret, as starts and ends, in their order."""
    return sorted([*known_forms(text), *random_runs(text)])


def known_forms(text: str) -> Iterator[tuple[int, int]]:
    """The places in *text* that have the form of a secret, whoever made it, as starts and ends."""
    small = text.lower()
    for pattern, signs in _SHAPES.items():
        if not signs or any(sign in small for sign in signs):
            yield from (found.span() for found in pattern.finditer(text))
    if "bearer" in small or "basic" in small:
        yield from (found.span(1) for found in _AFTER_SCHEME.finditer(text) if any(map(str.isdigit, found[1])))
    for found in _IN_PAIR.finditer(text):
        if (found[2] == "=" or any(map(str.isdigit, found[3]))) and named_secret(found[1]):
            yield found.span(3)
    for pattern, sign in ((_IN_ELEMENT, "</"), (_IN_FIELD, "name=")):
        if sign in small:
            yield from (found.span(2) for found in pattern.finditer(text) if named_secret(found[1]))
    if "://" in small:
        yield from (found.span(1) for found in _IN_ADDRESS.finditer(text))


def public_ends(text: str) -> tuple[int, int]:
    """How many characters at both ends of a secret are words that everybody knows, such as ``sk_live_``.

    Where little else is in it, all of it is secret: zero at both ends.
    """
    mixed = [found.span() for found in _PIECE.finditer(text) if not found[0].isalpha()]
    if not mixed or mixed[-1][1] - mixed[0][0] < _LEAST_CORE:
        return 0, 0
    return mixed[0][0], len(text) - mixed[-1][1]


def random_runs(text: str) -> Iterator[tuple[int, int]]:
    """The places in *text* that look as if they were made by chance, as starts and ends; a UUID is an id."""
    without_ids = _UUID.sub(lambda found: " " * len(found[0]), text)
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


def is_token(text: str, *, may_be_id: bool = False) -> bool:
    """Whether *text* holds a token of a known form, or the whole of it looks like one.

    Hexadecimal digits alone, and anything that *may_be_id*, look like an id as much as like a token: it is none.
    """
    if any(known_forms(text)):
        return True
    return not may_be_id and _HEX.fullmatch(text) is None and (0, len(text)) in random_runs(text)
