"""What a pack may do, piece by piece, and how two versions differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locoia_pat.authoring.packs.manifest import Manifest

KINDS = {
    "host": "sends to",
    "base_url": "by default to",
    "header": "sends the credential as",
    "variable": "reads",
    "secret_input": "asks for",
    "effect": "does",
    "token": "receives secrets by",
    "method": "uses",
}
"""The kinds of permissions, each with a phrase that says what it lets a pack do."""


class Permission(NamedTuple):
    """One thing that a pack may do."""

    kind: str
    value: str

    def __str__(self) -> str:
        """Return the permission as a phrase."""
        return f"{KINDS[self.kind]} {self.value}"


def permissions(manifest: Manifest) -> list[Permission]:
    """Return what the pack of *manifest* may do, ordered by kind."""
    return sorted({*_all(manifest)}, key=lambda one: (list(KINDS).index(one.kind), one.value))


def _all(manifest: Manifest) -> Iterator[Permission]:
    yield Permission("base_url", manifest.base_url)
    yield Permission("header", manifest.header)
    for kind, values in (
        ("host", manifest.hosts),
        ("variable", manifest.variables),
        ("secret_input", manifest.secret_inputs),
        ("method", manifest.methods),
    ):
        yield from (Permission(kind, value) for value in values)
    for name, action in manifest.actions.items():
        yield Permission("effect", "read" if action.effect == "read" else f"{action.effect} by {name}")
        if action.secret_outputs:
            yield Permission("token", name)


def compare_permissions(old: Manifest, new: Manifest) -> tuple[list[Permission], list[Permission]]:
    """Return the permissions that *new* has and *old* has not, and the other way round."""
    before, after = permissions(old), permissions(new)
    return [one for one in after if one not in before], [one for one in before if one not in after]
