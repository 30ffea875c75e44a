"""Token stores: where tokens are kept, and where credentials are read from.

A store is named by a reference, ``SCHEME:PLACE[#KEY]``, such as ``file:ci.json`` or ``keyring:locoia/ci``.
``references`` parses references and opens stores, ``store`` is what every store can do, ``record_store`` does most of
it for stores that hold text, and ``file``, ``keyring``, ``aws`` and ``command`` are the stores themselves.
"""

from __future__ import annotations

from locoia_pat.stores.record import Credential, TokenEntry
from locoia_pat.stores.references import (
    bare_credential,
    canonical_location,
    check_refs,
    is_readable,
    open_store,
    open_stores,
    read_credential,
    read_token,
)
from locoia_pat.stores.store import CheckableStore, Readback, TokenStore

__all__ = [
    "CheckableStore",
    "Credential",
    "Readback",
    "TokenEntry",
    "TokenStore",
    "bare_credential",
    "canonical_location",
    "check_refs",
    "is_readable",
    "open_store",
    "open_stores",
    "read_credential",
    "read_token",
]
