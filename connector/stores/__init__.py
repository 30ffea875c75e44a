"""Where a token may be put, and where a credential is read from.

A place is written as a REF, ``SCHEME:PLACE[#KEY]``.  ``env:`` and ``-`` (standard input) are for reading alone.
"""

from __future__ import annotations

import os
import sys
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from locoia_pat.built_in import PLATFORM_STORES
from locoia_pat.messages import describe_value, did_you_mean
from locoia_pat.outcomes import invalid
from locoia_pat.secrets.secret import Secret, Variables, credential
from locoia_pat.stores.store import Credential, Entry, Keeps, Sink

if TYPE_CHECKING:
    from collections.abc import Callable

    from locoia_pat.stores.record import Key

__all__ = ["Credential", "Entry", "Keeps", "Sink", "find_ref", "open_sink", "read_ref", "spot", "stores"]

_READ_BACK = ("file", "text", "env-file", "keyring")
_FORMS = ("file:PATH", "text:PATH", "env-file:PATH#NAME", "keyring:SERVICE/NAME", "command:ARGV")
_KEYS: dict[str, Key] = {"current": "current", "previous": "previous", "pending": "pending"}


def open_sink(ref: str, *, field: str = "token_to", by: Callable[[], Any] | None = None) -> Sink:
    """The place *ref* names, to store a token in.

    Args:
        ref: the place.
        field: the input that an error names.
        by: makes the connector by which a place of the platform itself is written.

    Raises:
        InvalidError: it names no place, or one that can only be read.

    """
    scheme, place = _split(ref, field=field)
    match scheme:  # each place brings what only it needs
        case "file":
            from locoia_pat.stores.file import FileSink  # noqa: PLC0415

            return FileSink(*_keyed(place, field=field), field=field)
        case "text":
            from locoia_pat.stores.file import TextSink  # noqa: PLC0415

            return TextSink(place, field=field)
        case "env-file":
            from locoia_pat.stores.file import EnvFileSink  # noqa: PLC0415

            return EnvFileSink(place, field=field)
        case "keyring":
            from locoia_pat.stores.keyring import KeyringSink  # noqa: PLC0415

            return KeyringSink(*_keyed(place, field=field), field=field)
        case "command":
            from locoia_pat.stores.command import CommandSink  # noqa: PLC0415

            return CommandSink(place, field=field)
        case _ if scheme in PLATFORM_STORES and by is not None:
            opened: Sink = resolve_name(PLATFORM_STORES[scheme])(place, by, field=field)
            return opened
    reason = "can only be written, by an action" if scheme in PLATFORM_STORES else "can be read, but keeps no token"
    raise invalid(
        f"{_NAMES.get(scheme, f'a place of {scheme}')} {reason}",
        field=field,
        hint="Name a file (file:token.json) or an entry of the keyring (keyring:SERVICE/NAME).",
    )


_NAMES = {"-": "standard input", "env": "the environment"}


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
    if scheme not in ("env", "-"):
        return open_sink(ref, field=field).read()
    if scheme == "env":
        variables = environ or Variables(os.environ)
        if place not in variables:
            raise invalid(f"the variable {describe_value(place)} is not set", field=field)
        return _credential(variables[place], f"the variable {describe_value(place)}", field)
    return _credential(_line(stdin), "standard input", field)


def stores(ref: str) -> bool:
    """Whether *ref* names a place from which a token that was stored is read again."""
    return ref.partition(":")[0] in _READ_BACK


def spot(ref: str) -> str:
    """What is written through *ref*, the absolute REF of a place, however it is named: two tokens must not share it.

    A file is one as a record and as a bare token, and by each way through linked folders; a place of the platform is
    one with a word behind it and without.
    """
    scheme, _, place = ref.partition(":")
    path, _, word = place.rpartition("#")
    match scheme:
        case "file":
            return f"file:{_real(path)}"
        case "text":
            return f"file:{_real(place)}"
        case "env-file":
            return f"env-file:{_real(path)}#{word}"
        case _ if scheme in PLATFORM_STORES:
            return ref.partition("#")[0]
    return ref


def _real(path: str) -> str:
    """*Path* with no links before its last name, which is never followed."""
    folder, name = os.path.split(path)
    return os.path.join(os.path.realpath(folder), name)  # noqa: PTH118  # texts: it is done for each of a million lines


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
    schemes = (*_READ_BACK, "command", *PLATFORM_STORES, "env")
    if not colon or not place or scheme not in schemes:
        unknown = colon and place and scheme[:1].isalpha() and scheme.replace("-", "_").isidentifier()
        told = f"{describe_value(scheme)} is no kind of place{did_you_mean(scheme, schemes)}"
        raise invalid(
            told if unknown else "this names no place",
            field=field,
            hint=f"A place is {', '.join([*_FORMS, *(f'{name}:ID' for name in PLATFORM_STORES)])}, env:NAME or - "
            "(standard input). A token itself is never an argument.",
        )
    return scheme, place


def _keyed(place: str, *, field: str) -> tuple[str, Key]:
    path, mark, key = place.rpartition("#")
    if not mark:
        return place, "current"
    if key not in _KEYS or not path:
        raise invalid(
            f"{describe_value(key)} is no part of a token file",
            field=field,
            hint="Its parts are #current, #previous and #pending.",
        )
    return path, _KEYS[key]
