"""What a pack may do, piece by piece, and what a new version may do beside it.

Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locoia_pat.authoring.packs.manifest import Manifest

KINDS = {
    "host": "sends to",
    "address": "at first to",
    "header": "the credential as",
    "variable": "reads",
    "secret_input": "asks for",
    "effect": "does",
    "token": "gets secrets by",
    "method": "sends",
}
"""The kinds of permissions, each with what it lets a pack do, in words."""


class Permission(NamedTuple):
    """One thing that a pack may do."""

    kind: str
    value: str

    def __str__(self) -> str:
        """The permission in words."""
        return f"{KINDS[self.kind]} {self.value}"


def permissions(manifest: Manifest) -> list[Permission]:
    """All that the pack of *manifest* may do, by kind."""
    return sorted({*_all(manifest)}, key=lambda found: (list(KINDS).index(found.kind), found.value))


def _all(manifest: Manifest) -> Iterator[Permission]:
    yield Permission("address", manifest.address)
    yield Permission("header", manifest.header)
    for kind, values in (
        ("host", manifest.hosts),
        ("variable", manifest.variables),
        ("secret_input", manifest.secret_inputs),
        ("method", manifest.methods),
    ):
        yield from (Permission(kind, value) for value in values)
    for name, action in manifest.actions.items():
        yield Permission("effect", "read" if action["effect"] == "read" else f"{action['effect']} by {name}")
        if action.get("gives"):
            yield Permission("token", name)


def compared(old: Manifest, new: Manifest) -> tuple[list[Permission], list[Permission]]:
    """What *new* may do and *old* may not, and the other way round."""
    before, after = permissions(old), permissions(new)
    return [one for one in after if one not in before], [one for one in before if one not in after]
