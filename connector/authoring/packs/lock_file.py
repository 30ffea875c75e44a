"""The lock file: which packs are installed, in which version, and by which hash; and every hash that was ever seen.

Pure: text in, values out.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

from locoia_pat.outcomes import invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = 1
_HASH = re.compile(r"sha256:[0-9a-f]{64}")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_VERSION = re.compile(r"[0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Pin:
    """One pack, as it was accepted."""

    version: str
    hash: str

    def folder(self, name: str) -> str:
        """The name of the folder in which the pack *name* stands."""
        return f"{name}-{self.version}-{self.hash.removeprefix('sha256:')[:16]}"


@dataclass(frozen=True, slots=True)
class Lock:
    """What is pinned."""

    packs: Mapping[str, Pin] = field(default_factory=dict[str, Pin])
    seen: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, "Mapping[str, str]"])
    """By name and version, the hash that was first installed: it stays the only one."""

    @classmethod
    def parse(cls, text: str, file: str) -> Self:
        """The lock that the *text* of *file* is.

        Raises:
            InvalidError: it is none, or that of a newer version.

        """
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = None
        version = value.get("lock") if isinstance(value, dict) else None
        if isinstance(version, int) and version > FORMAT:
            raise invalid(f"{file} is of a newer version of locoia-pat", field="packs", hint="Upgrade it.")
        try:
            return cls._of(value)
        except (KeyError, TypeError, AttributeError, ValueError):
            pass
        hint = "Restore it, or remove it and install your packs again."
        raise invalid(f"{file} is no lock file", field="packs", hint=hint)

    @classmethod
    def _of(cls, value: Any) -> Self:
        """The lock that the JSON *value* is, or any error."""
        packs = {_like(_NAME, name): _pin(pin["version"], pin["hash"]) for name, pin in value["packs"].items()}
        seen = {
            _like(_NAME, name): {_like(_VERSION, version): _like(_HASH, one) for version, one in hashes.items()}
            for name, hashes in value["seen"].items()
        }
        if value["lock"] != FORMAT:
            raise ValueError("another version")
        return cls(packs, seen)

    def text(self) -> str:
        """The lock as its file holds it."""
        packs = {name: {"version": pin.version, "hash": pin.hash} for name, pin in self.packs.items()}
        value = {"lock": FORMAT, "packs": packs, "seen": {name: dict(hashes) for name, hashes in self.seen.items()}}
        return json.dumps(value, indent=1, sort_keys=True) + "\n"

    def first(self, name: str, version: str) -> str | None:
        """The hash by which that version of the pack *name* was first installed."""
        return self.seen.get(name, {}).get(version)

    def having(self, name: str, pin: Pin) -> Lock:
        """This lock with the pack *name* at *pin*."""
        seen = {**self.seen.get(name, {}), pin.version: pin.hash}
        return Lock({**self.packs, name: pin}, {**self.seen, name: seen})

    def without(self, name: str, *, forget: bool) -> Lock:
        """This lock without the pack *name*; its hashes are kept, unless they are to be forgotten."""
        packs = {other: pin for other, pin in self.packs.items() if other != name}
        seen = {other: hashes for other, hashes in self.seen.items() if other != name or not forget}
        return replace(self, packs=packs, seen=seen)


def _pin(version: object, hash_: object) -> Pin:
    return Pin(_like(_VERSION, version), _like(_HASH, hash_))


def _like(pattern: re.Pattern[str], value: object) -> str:
    """*Value*, which becomes part of a path, if it has its form."""
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ValueError("another form")
    return value
