"""The token record that a store keeps: JSON, version 1.

Pure.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self

from locoia_pat.secrets.secret import Secret, credential, load_json
from locoia_pat.stores.token_text import read_bare_token

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locoia_pat.stores.store import Readback

Key = Literal["current", "previous", "pending"]
KEYS: dict[str, Key] = {"current": "current", "previous": "previous", "pending": "pending"}
"""Each key by the word that names it in a reference."""


@dataclass(frozen=True, slots=True)
class TokenEntry:
    """One token with its metadata."""

    token: Secret
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The outputs that the spec marks with ``store_with_token``: the id, the expiration, the scopes."""

    @property
    def id(self) -> str | None:
        """The id of the token's row."""
        return self.metadata.get("id")


class Credential(NamedTuple):
    """A token as it was read from a store."""

    token: Secret
    api: str | None = None
    """The base URL it was minted at, if the store knows."""


@dataclass(frozen=True, slots=True)
class Record:
    """Up to three tokens of one name."""

    api: str | None = None
    name: str | None = None
    current: TokenEntry | None = None
    previous: TokenEntry | None = None
    pending: TokenEntry | None = None

    def get(self, key: Key) -> TokenEntry | None:
        """Return the entry under *key*."""
        return {"current": self.current, "previous": self.previous, "pending": self.pending}[key]

    @property
    def entries(self) -> tuple[TokenEntry, ...]:
        """The entries that are set."""
        return tuple(entry for entry in (self.current, self.previous, self.pending) if entry is not None)

    def promote(self, entry: TokenEntry, *, api: str, replaced_id: str | None = None) -> Self:
        """Return the record with *entry* as current; the old current becomes previous unless it is of *replaced_id*."""
        still_works = self.current is not None and (replaced_id is None or self.current.id != replaced_id)
        return replace(self, api=api, current=entry, previous=self.current if still_works else self.previous)

    def to_text(self) -> Secret:
        """Return the JSON text, tokens included."""
        return Secret(
            json.dumps(
                {
                    "v": 1,
                    "api": self.api,
                    "name": self.name,
                    "current": _to_json(self.current),
                    "previous": _to_json(self.previous),
                    "pending": _to_json(self.pending),
                },
                indent=2,
                default=reveal_string,
            )
            + "\n"
        )


def parse(text: Secret) -> Record:
    """Return the record in *text*; a single line is a record with that current token, an empty text an empty record.

    Raises:
        ValueError: it is neither. The message says what it is and repeats no part of it.

    """
    parsed = _parse(text)
    if isinstance(parsed, Record):
        return parsed
    raise ValueError(parsed)


class JsonRecord:
    """The format of our own JSON: the whole record; a bare token is read too."""

    readback: Readback = "record"
    parse = staticmethod(parse)

    def format(self, record: Record, before: Secret | None) -> Secret:  # noqa: ARG002  # the whole text is ours
        """Return *record* as JSON."""
        return record.to_text()


def _parse(text: Secret) -> Record | str:
    """Return the record, or why there is none: an error raised in here would show the variables of this frame."""
    if not text.reveal().strip():
        return Record()
    content: Any = None
    with contextlib.suppress(ValueError):
        content = load_json(text, ["token"])
    if not isinstance(content, dict):
        token = read_bare_token(text)
        if isinstance(token, Secret):
            return Record(current=TokenEntry(token))
        return f"it is neither a token record nor a token on one line: it {token}"
    api, name, version = content.get("api"), content.get("name"), content.get("v")
    if version != 1 or isinstance(version, bool) or not isinstance(api, str | None) or not isinstance(name, str | None):
        return "it is JSON, but not a token record of version 1"
    entries = [_parse_entry(content.get(key)) for key in ("current", "previous", "pending")]
    wrong = next((entry for entry in entries if isinstance(entry, str)), None)
    return wrong or Record(api, name, *entries)  # type: ignore[arg-type]  # none of them is a string here


def reveal_string(value: Secret) -> str:
    """Reveal a string that :func:`load_json` has made a secret; the default of ``json.dumps``."""
    return value.reveal()


def _to_json(entry: TokenEntry | None) -> dict[str, Any] | None:
    return {**entry.metadata, "token": entry.token.reveal()} if entry else None


def _parse_entry(content: Mapping[str, Any] | None) -> TokenEntry | str | None:
    if content is None:
        return None
    if not isinstance(content, dict) or not isinstance(token := content.get("token"), Secret):
        return "an entry of it is not an object with a token"
    if credential(token) is None:
        return "its token is not printable ASCII without spaces"
    return TokenEntry(token, {key: value for key, value in content.items() if key != "token"})
