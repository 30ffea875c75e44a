"""Where a token may be put, and where a credential is read from.

A place is written as a REF, ``SCHEME:PLACE[#KEY]``.  ``file:`` and ``keyring:`` can store; ``env:`` and ``-``
(standard input) are for reading.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from ..errors import did_you_mean, invalid, shown
from ..secret import Secret, Variables, credential
from .sink import Credential, Entry, Sink

if TYPE_CHECKING:
    from collections.abc import Callable

    from .record import Key

__all__ = ["Credential", "Entry", "Sink", "find_ref", "open_sink", "read_ref", "stores"]

_STORING = ("file", "keyring")
_SCHEMES = (*_STORING, "env")
_KEYS: dict[str, Key] = {"current": "current", "previous": "previous", "pending": "pending"}


def open_sink(ref: str, *, field: str = "token_to") -> Sink:
    """The place *ref* names, to store a token in.

    Raises:
        InvalidError: it names no place, or one that can only be read.

    """
    scheme, place = _split(ref, field=field)
    if scheme == "file":
        from .file import FileSink  # noqa: PLC0415  # each place brings what only it needs

        return FileSink(*_keyed(place, field=field), field=field)
    if scheme == "keyring":
        from .keyring import KeyringSink  # noqa: PLC0415  # each place brings what only it needs

        return KeyringSink(*_keyed(place, field=field), field=field)
    raise invalid(
        f"{'standard input' if ref == '-' else 'the environment'} can be read, but keeps no token",
        field=field,
        hint="Name a file (file:token.json) or an entry of the keyring (keyring:SERVICE/NAME).",
    )


def read_ref(
    ref: str,
    *,
    environ: Variables | None = None,
    stdin: Callable[[], str] | None = None,
    field: str = "auth",
) -> Secret:
    """The token that stands at *ref*, as :func:`find_ref` finds it."""
    return find_ref(ref, environ=environ, stdin=stdin, field=field).token


def find_ref(
    ref: str,
    *,
    environ: Variables | None = None,
    stdin: Callable[[], str] | None = None,
    field: str = "auth",
) -> Credential:
    """The credential that stands at *ref*.

    Raises:
        InvalidError: there is none, or it is none.  The error repeats nothing of it.

    """
    scheme, place = _split(ref, field=field)
    if scheme in _STORING:
        return open_sink(ref, field=field).read()
    if scheme == "env":
        variables = environ or Variables(os.environ)
        if place not in variables:
            raise invalid(f"the variable {shown(place)} is not set", field=field)
        return _credential(variables[place], f"the variable {shown(place)}", field)
    return _credential(_line(stdin), "standard input", field)


def stores(ref: str) -> bool:
    """Whether *ref* names a place that can store a token."""
    return ref.partition(":")[0] in _STORING


def _line(read: Callable[[], str] | None) -> Secret:
    try:
        return Secret(read() if read else sys.stdin.readline() if sys.stdin else "")
    except UnicodeDecodeError:
        return Secret("")


def _credential(text: Secret, where: str, field: str) -> Credential:
    found = credential(text)
    if found is not None:
        return Credential(found)
    raise invalid(
        f"{where} holds no credential",
        field=field,
        hint="A credential is visible ASCII characters without spaces, and without the word Bearer.",
    )


def _split(ref: str, *, field: str) -> tuple[str, str]:
    if ref == "-":
        return "-", ""
    scheme, colon, place = ref.partition(":")
    if not colon or not place or scheme not in _SCHEMES:
        unknown = colon and place and scheme.isidentifier()
        told = f"{shown(scheme)} is no kind of place{did_you_mean(scheme, _SCHEMES)}"
        raise invalid(
            told if unknown else "this names no place",
            field=field,
            hint="A place is file:PATH, keyring:SERVICE/NAME, env:NAME or - (standard input). "
            "A token itself is never an argument.",
        )
    return scheme, place


def _keyed(place: str, *, field: str) -> tuple[str, Key]:
    path, mark, key = place.rpartition("#")
    if not mark:
        return place, "current"
    if key not in _KEYS or not path:
        raise invalid(
            f"{shown(key)} is no part of a token file",
            field=field,
            hint="Its parts are #current, #previous and #pending.",
        )
    return path, _KEYS[key]
