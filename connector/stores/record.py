"""The record a token file holds: JSON text, version 1.

Pure.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Self

from locoia_pat.secrets.secret import Secret, credential, load_json
from locoia_pat.stores.store import Entry

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

    def at(self, key: Key) -> Entry | None:
        """The entry under *key*."""
        return {"current": self.current, "previous": self.previous, "pending": self.pending}[key]

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Those there are."""
        return tuple(entry for entry in (self.current, self.previous, self.pending) if entry is not None)

    def promote(self, entry: Entry, *, api: str, dead: str | None = None) -> Self:
        """The record with *entry* as current; what was current becomes previous, unless it is of the row *dead*."""
        lives = self.current is not None and (dead is None or self.current.id != dead)
        return replace(self, api=api, current=entry, previous=self.current if lives else self.previous)

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
                default=_reveal,
            )
            + "\n"
        )


def parse(text: Secret) -> Record:
    """The record in *text*; a bare line is a record whose current token it is, an empty text an empty one.

    Raises:
        ValueError: it is neither; the message says what it is, and holds no part of it.

    """
    read = _read(text)
    if isinstance(read, Record):
        return read
    raise ValueError(read)


def _read(text: Secret) -> Record | str:
    """The record, or why there is none: an error raised here would show the variables around it."""
    if not text.reveal().strip():
        return Record()
    found: Any = None
    with contextlib.suppress(ValueError):
        found = load_json(text, ["token"])
    if not isinstance(found, dict):
        token = bare(text)
        return Record(current=Entry(token)) if token else "it is neither a token record nor a token on one line"
    api, name, version = found.get("api"), found.get("name"), found.get("v")
    if version != 1 or isinstance(version, bool) or not isinstance(api, str | None) or not isinstance(name, str | None):
        return "it is JSON, but no token record of version 1"
    entries = [_entry(found.get(key)) for key in ("current", "previous", "pending")]
    wrong = next((entry for entry in entries if isinstance(entry, str)), None)
    return wrong or Record(api, name, *entries)  # type: ignore[arg-type]  # none of them is a text here


def bare(text: Secret) -> Secret | None:
    """The token in *text* where it is one line; a record that was cut, or other JSON, is no token."""
    if text.reveal().startswith(("{", "[", '"')) or text.reveal().strip() in ("null", "true", "false"):
        return None
    return credential(text)


def _reveal(value: Secret) -> str:
    """A text under a key "token" that somebody keeps beside a token."""
    return value.reveal()


def _plain(entry: Entry | None) -> dict[str, Any] | None:
    return {**entry.beside, "token": entry.token.reveal()} if entry else None


def _entry(found: Mapping[str, Any] | None) -> Entry | str | None:
    if found is None:
        return None
    if not isinstance(found, dict) or not isinstance(token := found.get("token"), Secret):
        return "its entries are no objects with a token"
    if credential(token) is None:
        return "its token is no token: visible ASCII characters without spaces"
    return Entry(token, {key: value for key, value in found.items() if key != "token"})
