"""References of token stores: parsing them, opening the store, and reading a credential.

``env:NAME`` and ``-`` (standard input) can be read but store no token.
"""

from __future__ import annotations

import os
import sys
from functools import cache, lru_cache
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, NamedTuple

from locoia_pat.built_in import PLATFORM_STORES, READABLE_PLATFORM_STORES
from locoia_pat.characters import describe_character, hidden_character
from locoia_pat.messages import describe_value, did_you_mean
from locoia_pat.outcomes import invalid
from locoia_pat.secrets.secret import EnvSecrets, Secret
from locoia_pat.stores.record import KEYS, Credential, Key
from locoia_pat.stores.token_text import decode_text, read_bare_token

if TYPE_CHECKING:
    from collections.abc import Callable

    from locoia_pat.stores.store import CheckableStore, TokenStore


class _Scheme(NamedTuple):
    """A kind of token store."""

    store: str
    """Module and class of the store; it is imported when it is first used."""
    form: str
    """How its references are written."""
    has_key: bool = False
    """Whether ``#KEY`` may follow."""
    readable: bool = True
    """Whether a stored token can be read again."""


_SCHEMES = {
    "file": _Scheme("locoia_pat.stores.file:FileStore", "file:PATH", has_key=True),
    "text": _Scheme("locoia_pat.stores.file:TextFileStore", "text:PATH"),
    "env-file": _Scheme("locoia_pat.stores.file:EnvFileStore", "env-file:PATH#NAME"),
    "keyring": _Scheme("locoia_pat.stores.keyring:KeyringStore", "keyring:SERVICE/NAME", has_key=True),
    "aws": _Scheme("locoia_pat.stores.aws:AwsSecretStore", "aws:NAME#FIELD"),
    "command": _Scheme("locoia_pat.stores.command:CommandStore", "command:ARGV", readable=False),
}
SCHEMES = (*_SCHEMES, *PLATFORM_STORES, "env")
"""How references begin, those included that can only be read."""
_READ_ONLY = {"-": "standard input", "env": "the environment"}


def open_store(ref: str, *, field: str = "token_to", by: Callable[[], Any] | None = None) -> CheckableStore:
    """Return the token store that *ref* names.

    Args:
        ref: the reference.
        field: the input that errors name.
        by: returns the connector that writes stores of the platform itself, such as ``connector-auth:``.

    Raises:
        InvalidError: *ref* is malformed, or names something that cannot store a token.

    """
    scheme, place = _split(ref, field=field)
    store: CheckableStore
    if kind := _SCHEMES.get(scheme):
        store = _load_kind(kind.store)(*_split_key(place, field=field) if kind.has_key else (place,), field=field)
        return store
    if scheme in PLATFORM_STORES and (by is not None or scheme in READABLE_PLATFORM_STORES):
        store = resolve_name(PLATFORM_STORES[scheme])(place, by or (lambda: None), field=field)
        return store
    if scheme in PLATFORM_STORES:
        problem = f"{scheme}: can only be written, by an action"
    else:
        problem = f"{_READ_ONLY[scheme]} is read-only"
    raise invalid(
        problem,
        field=field,
        hint="Name a file (file:token.json) or an entry of the keyring (keyring:SERVICE/NAME).",
    )


@cache
def _load_kind(name: str) -> Any:
    return resolve_name(name)


def check_refs(refs: object, *, field: str = "token_to") -> tuple[str | TokenStore, ...]:
    """Return the token stores that a caller gave, each a reference or a store; the empty tuple is none.

    Anything else that is empty or can be gone through only once is a mistake of the caller, whose token would be lost.

    Raises:
        InvalidError: *refs* is not a list or tuple of references, or names no store where it seems to name one.

    """
    given: list[Any] = [refs]
    if isinstance(refs, list | tuple) and (refs or isinstance(refs, tuple)):
        given = list(refs)
    for ref in given:
        if not (hasattr(ref, "readback") or (isinstance(ref, str) and ref)):
            break
    else:
        return tuple(given)
    raise invalid(
        f"{describe_value(ref)} is not a reference of a token store",
        field=field,
        hint='Give a list of references, such as token_to=["file:token.json"]; leave token_to out to name no store.',
    )


def read_token(
    ref: str,
    *,
    environ: EnvSecrets | None = None,
    stdin: Callable[[], str] | None = None,
    field: str = "auth",
) -> Secret:
    """Return the token at *ref*; see :func:`read_credential`."""
    return read_credential(ref, environ=environ, stdin=stdin, field=field).token


def read_credential(
    ref: str,
    *,
    environ: EnvSecrets | None = None,
    stdin: Callable[[], str] | None = None,
    field: str = "auth",
) -> Credential:
    """Return the credential at *ref*.

    Args:
        ref: the reference of a store, ``env:NAME`` or ``-``.
        environ: the variables for ``env:``; the process environment by default.
        stdin: returns the line for ``-``; standard input by default.
        field: the input that errors name.

    Raises:
        InvalidError: nothing is stored there, or it is not a credential. The error repeats nothing of it.

    """
    scheme, place = _split(ref, field=field)
    if scheme not in _READ_ONLY:
        return open_store(ref, field=field).read()
    if scheme == "env":
        value = (environ or EnvSecrets(os.environ)).get(place)
        if value is None:
            raise invalid(f"the variable {describe_value(place)} is not set", field=field)
        return bare_credential(value, place, field)
    return bare_credential(_read_line(stdin), None, field)


def is_readable(ref: str) -> bool:
    """Return whether *ref* names a store from which a stored token can be read again."""
    scheme = ref.partition(":")[0]
    kind = _SCHEMES.get(scheme)
    return kind.readable if kind is not None else scheme in READABLE_PLATFORM_STORES


def canonical_location(ref: str, realpath: Callable[[str], str] = os.path.realpath) -> str:
    """Return what the store *ref*, an absolute reference, writes to: two tokens must not share it.

    A file is one location as a record and as a bare token, and along every path through linked folders; so is a secret
    of AWS. A store of the platform is one location with and without ``#bearer``.

    Args:
        ref: the reference.
        realpath: returns the path of a folder with its links resolved; a caller with many references may cache it.

    """
    scheme, _, place = ref.partition(":")
    path, _, word = place.rpartition("#")
    match scheme:
        case "file":
            return f"file:{_resolve_folder(path, realpath)}"
        case "text":
            return f"file:{_resolve_folder(place, realpath)}"
        case "env-file":
            return f"env-file:{_resolve_folder(path, realpath)}#{word}"
        case "aws" if word in KEYS:
            return f"aws:{path}"
        case _ if scheme in PLATFORM_STORES:
            return ref.partition("#")[0]
    return ref


def open_stores(refs: object, open_ref: Callable[[str], TokenStore]) -> list[TokenStore]:
    """Return the stores that a caller gave as for :func:`check_refs`; *open_ref* opens each that is a reference.

    Raises:
        InvalidError: *refs* is wrong, one of them cannot be opened, or two write to the same location, so that one
            would overwrite the other.

    """
    stores = [open_ref(ref) if isinstance(ref, str) else ref for ref in check_refs(refs)]
    others: dict[str, TokenStore] = {}
    for store in stores if len(stores) > 1 else ():
        other = others.setdefault(canonical_location(store.ref), store)
        if other is not store:
            which = "is named twice" if other.ref == store.ref else f"and {other.ref} are the same location"
            raise invalid(f"{store.ref} {which}", field="token_to")
    return stores


def _resolve_folder(path: str, realpath: Callable[[str], str]) -> str:
    """Return *path* with links in its folders resolved; the file itself is never followed."""
    folder, name = os.path.split(path)
    return os.path.join(realpath(folder), name)  # noqa: PTH118  # strings: called for each of a million items


def _read_line(read: Callable[[], str] | None) -> Secret:
    if read is not None or sys.stdin is None:
        return Secret(read() if read else "")
    buffer = getattr(sys.stdin, "buffer", None)
    return decode_text(buffer.readline()) if buffer else Secret(sys.stdin.readline())


def bare_credential(text: Secret, variable: str | None, field: str) -> Credential:
    """Return the credential that is the *text* of a *variable*; None is standard input.

    Raises:
        InvalidError: it is not a credential; the error names *field*.

    """
    token = read_bare_token(text)
    if isinstance(token, Secret):
        return Credential(token)
    source = "standard input" if variable is None else f"the variable {describe_value(variable)}"
    raise invalid(
        f"{source} holds no credential: it {token}",
        field=field,
        hint="A credential is printable ASCII without spaces, quotes and the word Bearer.",
    )


@lru_cache(maxsize=64)  # a run reads its credential for each request
def _split(ref: str, *, field: str) -> tuple[str, str]:
    """Return the scheme and the place of *ref*."""
    if hidden := hidden_character(ref):
        raise invalid(
            f"the reference of a token store has the invisible character {describe_character(hidden)}",
            field=field,
            hint="Type the reference again, without it.",
        )
    if ref == "-":
        return "-", ""
    try:
        os.fsencode(ref)
    except UnicodeEncodeError:
        raise invalid("a token store reference cannot hold half of a surrogate pair", field=field) from None
    scheme, colon, place = ref.partition(":")
    if colon and place and scheme in SCHEMES:
        return scheme, place
    if suggestion := _suggest_scheme(ref, scheme if colon and not place else "", field):
        raise invalid(suggestion[0], field=field, hint=suggestion[1])
    forms = [*(kind.form for kind in _SCHEMES.values()), "connector-auth:ID", "action:CONNECTOR.ACTION"]
    looks_like_scheme = colon and place and scheme[:1].isalpha() and scheme.replace("-", "_").isidentifier()
    raise invalid(
        f"unknown kind of token store: {describe_value(scheme)}{did_you_mean(scheme, SCHEMES)}"
        if looks_like_scheme
        else "not a valid token store reference",
        field=field,
        hint=f"Use {', '.join(forms)}, env:NAME or - (standard input). A token itself is never an argument.",
    )


def _suggest_scheme(ref: str, scheme: str, field: str) -> tuple[str, str] | None:
    """Return what is wrong with *ref*, a bare path or name or a *scheme* without a place, and what to write."""
    form = _SCHEMES[scheme].form if scheme in _SCHEMES else ""
    if form:
        return f"{scheme}: names nothing", f"Write {form}."
    if describe_value(ref) != f'"{ref}"' or ":" in ref:
        return None
    if field == "auth" and ref.isupper() and ref.isidentifier():
        return f'"{ref}" has no kind of token store before it', f"For the variable, write env:{ref}."
    if "." in ref or "/" in ref or os.path.exists(ref):  # noqa: PTH110  # a string: it may be no path at all
        return f'"{ref}" has no kind of token store before it', f"For the file, write file:{ref}."
    return None


def _split_key(place: str, *, field: str) -> tuple[str, Key]:
    path, mark, key = place.rpartition("#")
    if not mark:
        return place, "current"
    if key not in KEYS or not path:
        raise invalid(
            f"a token record has no entry {describe_value(key)}",
            field=field,
            hint="Its entries are #current, #previous and #pending.",
        )
    return path, KEYS[key]
