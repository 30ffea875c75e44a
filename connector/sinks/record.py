"""The record a token file holds: JSON text, version 1.

Pure.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Self

from ..secret import Secret, credential, load_json
from .sink import Entry

if TYPE_CHECKING:
    from collections.abc import Mapping

Key = Literal["current", "previous", "pending"]


@dataclass(frozen=True, slots=True)
class Record:
    """Up to three tokens of one name."""

    api: str | None = None
    name: str | None = None
    current: Entry | None = None
    previous: Entry | None = None
    pending: Entry | None = None

    def promote(self, entry: Entry, *, api: str, keep_previous: bool) -> Self:
        """The record with *entry* as current; what was current becomes previous, or goes."""
        previous = self.current if keep_previous else self.previous
        return replace(self, api=api, current=entry, previous=previous)

    def to_text(self) -> Secret:
        """The JSON text, tokens included."""
        return Secret(
            json.dumps(
                {
                    "v": 1,
                    "api": self.api,
                    "name": self.name,
                    "current": _plain(self.current),
                    "previous": _plain(self.previous),
                    "pending": _plain(self.pending),
                },
                indent=2,
            )
            + "\n"
        )


def parse(text: Secret) -> Record:
    """The record in *text*; a bare line is a record whose current token it is, an empty text an empty one.

    Raises:
        ValueError: it is neither; the message says what it is, and holds no part of it.
    """
    if not text.reveal().strip():
        return Record()
    try:
        found = load_json(text, ["token"])
    except ValueError:
        found = None
    if not isinstance(found, dict):
        if (bare := credential(text.reveal())) is not None:
            return Record(current=Entry(bare))
        raise ValueError("it is neither a token record nor a token on one line")
    if found.get("v") != 1:
        raise ValueError("it is JSON, but no token record of version 1")
    return Record(
        found.get("api"),
        found.get("name"),
        *(_entry(found.get(key)) for key in ("current", "previous", "pending")),
    )


def _plain(entry: Entry | None) -> dict[str, Any] | None:
    return {**entry.beside, "token": entry.token.reveal()} if entry else None


def _entry(found: Mapping[str, Any] | None) -> Entry | None:
    if found is None:
        return None
    if not isinstance(found, dict) or not isinstance(token := found.get("token"), Secret):
        raise ValueError("its entries are no objects with a token")
    return Entry(token, {key: value for key, value in found.items() if key != "token"})
