"""What looks like a secret, by its name or by its form.

Pure.  A secret that is known is found by its value (:func:`locoia_pat.secret.redact`); this is for what nobody told us
of: an argument in the wrong place, an answer that repeats a token, a cassette of another connector.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SECRET_WORDS = _names(
    "token tokens secret secrets password passwords passwd passphrase pwd pat credential credentials bearer jwt "
    "apikey apikeys authorization cookie otp"
)
_SECRET_KEYS = _names("api private access secret signing encryption client master account auth")
_WEAK_WORDS = _names("key keys session sessionid signature sig sid code pin auth")
_VALUES = _names("value key keys plain plaintext plain_text text clear")
_HARMLESS_WORDS = _names(
    "id ids uuid guid type url uri name hint expires expiry expiration length count ref refs to file path env at "
    "header scope scopes status used note"
)
_ID_WORDS = _names("id ids uuid guid sha sha1 sha256 hash digest etag commit revision ref checksum fingerprint cursor")


def words_of(name: str) -> list[str]:
    """The words of *name*, small: ``accessToken``, ``access_token`` and ``Access-Token`` have the same."""
    return [word.lower() for word in _WORD.findall(name)]


def named_secret(name: str, inside: Collection[str] = ()) -> bool:
    """Whether a text called *name* is a secret by that name; *inside* are the names of what it stands in.

    A ``token`` is one, a ``token_id`` is none, and a ``value`` inside of a ``pat`` is one.
    """
    words = words_of(name)
    if not words or words[-1] in _HARMLESS_WORDS or words[0] in ("has", "is", "num", "max", "min"):
        return False
    if _SECRET_WORDS & {*words, "".join(words)} or (words[-1] in ("key", "keys") and _SECRET_KEYS & {*words}):
        return True
    return "_".join(words) in _VALUES and any(named_secret(parent) for parent in inside)


def weakly_named(name: str) -> bool:
    """Whether *name* is that of many things, some of which are secrets: a ``key``, a ``session``."""
    words = words_of(name)
    return bool(words) and words[-1] in _WEAK_WORDS


def named_id(name: str) -> bool:
    """Whether a text called *name* may look random without being a secret: an id, a hash, a cursor."""
    return bool(_ID_WORDS & set(words_of(name)))


# What the services themselves put in front of their tokens, so that scanners find them.
_PREFIXED = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"gl[a-z]{2,6}-|gh[a-z]_|github_pat_|[srp]k_(?:live|test)_|sk-|xox[a-z]-|xapp-|npm_|pypi-|dapi|glsa_|glc_|hv[sbr]\."
    r"|AKIA|ASIA|AIza|ya29\.|SG\.|shp[a-z]{2}_|do[a-z]_v1_|dckr_pat_|ATATT|ATCTT|ntn_|sntry[su]_|sbp_|figd_|lin_api_"
    r"|whsec_|rnd_|pat_|lpat_|EAA[A-Za-z0-9]"
    r")[A-Za-z0-9_.=/+-]{10,}"
)
_JWT = re.compile(r"(?<![A-Za-z0-9])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?")
_AFTER_SCHEME = re.compile(r"(?i)\b(?:bearer|basic)\s+([A-Za-z0-9._~+/=-]{8,})")
_IN_PAIR = re.compile(
    r"""(?<![A-Za-z0-9_.-])([A-Za-z][A-Za-z0-9_.-]*)["']?\s*[=:]\s*["']?([^\s&"',;:<>()\[\]{}`]{6,})"""
)
_IN_ADDRESS = re.compile(r"[A-Za-z]://[^\s/:@]*:([^\s/@]{3,})@")
_RUNS = (re.compile(r"[A-Za-z0-9_~-]{16,}=*"), re.compile(r"(?<![A-Za-z0-9+/_~-])[A-Za-z0-9+/]{16,}=*"))
"""As base64 of addresses and of bodies has them."""
_UUID = re.compile(r"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NATURAL = re.compile(r"[A-Z]*[a-z]*|[0-9]{1,20}|(?:[A-Z]?[a-z]{2,}|[A-Z]{2,})+|\d{8}T\d{6}Z?")
_SEPARATORS = re.compile(r"[_+/~=-]+")
_LEAST_MIXED = 12
"""Characters in mixed pieces from which a run is taken for a random one."""
_LEAST_CHANGES = 0.15
"""Changes between small letters, capitals and digits for each character; words have few, random text has many."""


def suspects(text: str) -> list[tuple[int, int]]:
    """The places in *text* that look like a secret, as starts and ends, in their order."""
    return sorted([*known_forms(text), *random_runs(text)])


def known_forms(text: str) -> Iterator[tuple[int, int]]:
    """The places in *text* that have the form of a secret, whoever made it, as starts and ends."""
    small = text.lower()
    for found in _PREFIXED.finditer(text):
        yield found.span()
    for found in _JWT.finditer(text) if "eyJ" in text else ():
        yield found.span()
    for found in _AFTER_SCHEME.finditer(text) if "bearer" in small or "basic" in small else ():
        if any(map(str.isdigit, found[1])):
            yield found.span(1)
    for found in _IN_PAIR.finditer(text):
        if named_secret(found[1]) and any(map(str.isdigit, found[2])):
            yield found.span(2)
    for found in _IN_ADDRESS.finditer(text) if "://" in text else ():
        yield found.span(1)


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
    """Whether the whole of *text* looks like a token; where it *may_be_id*, looking random is not enough."""
    return (0, len(text)) in (known_forms(text) if may_be_id else suspects(text))
