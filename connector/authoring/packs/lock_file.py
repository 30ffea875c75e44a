"""The lock file: the installed packs with version and hash, and every hash that was ever installed."""

from __future__ import annotations

import json
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from locoia_pat.outcomes import invalid

FORMAT = 1
# Names, versions and hashes become parts of paths, so each has a strict form.
_Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
_Version = Annotated[str, Field(pattern=r"^[0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9}$")]
_Hash = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Pin(_Model):
    """A version of a pack, as it was accepted."""

    version: _Version
    hash: _Hash

    def folder(self, name: str) -> str:
        """Return the name of the folder that holds the pack *name*."""
        return f"{name}-{self.version}-{self.hash.removeprefix('sha256:')[:16]}"


class LockFile(_Model):
    """The content of the lock file."""

    lock: Literal[1] = 1
    packs: dict[_Name, Pin] = {}
    """The installed packs, by name."""
    hashes: dict[_Name, dict[_Version, _Hash]] = {}
    """By name and version, the hash that was installed first; no other is accepted for that version."""

    @classmethod
    def parse(cls, text: str, file: str) -> Self:
        """Return the lock file in *text*.

        Raises:
            InvalidError: the text is not a lock file, or one of a newer version.

        """
        try:
            value = json.loads(text)
            version = value.get("lock") if isinstance(value, dict) else None
            if isinstance(version, int) and version > FORMAT:
                raise invalid(
                    f"{file} was written by a newer version of locoia-pat", field="packs", hint="Upgrade locoia-pat."
                )
            if isinstance(value, dict) and {"lock", "packs", "hashes"} <= value.keys():
                return cls.model_validate(value)
        except (ValueError, RecursionError):  # pydantic's error is a ValueError
            pass
        raise invalid(
            f"{file} is not a lock file", field="packs", hint="Restore it, or remove it and install your packs again."
        )

    def text(self) -> str:
        """Return the text of the file."""
        return json.dumps(self.model_dump(), indent=1, sort_keys=True) + "\n"

    def first_hash(self, name: str, version: str) -> str | None:
        """Return the hash with which *version* of the pack *name* was first installed."""
        return self.hashes.get(name, {}).get(version)

    def with_pack(self, name: str, pin: Pin) -> LockFile:
        """Return a copy with the pack *name* at *pin*."""
        versions = {**self.hashes.get(name, {}), pin.version: pin.hash}
        return LockFile(packs={**self.packs, name: pin}, hashes={**self.hashes, name: versions})

    def without_pack(self, name: str, *, forget: bool) -> LockFile:
        """Return a copy without the pack *name*; with *forget*, without its hashes as well."""
        packs = {other: pin for other, pin in self.packs.items() if other != name}
        hashes = {other: versions for other, versions in self.hashes.items() if other != name or not forget}
        return LockFile(packs=packs, hashes=hashes)
