"""The changes between two versions summed up: the version that they require, and a line for the changelog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from locoia_pat.authoring.diff.compare import find_changes
from locoia_pat.authoring.semver import Version

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locoia_pat.authoring.diff.compare import Change
    from locoia_pat.authoring.diff.spec_set import SpecSet
    from locoia_pat.authoring.semver import Bump

_BUMPS: tuple[Bump, ...] = ("none", "patch", "minor", "major")
_MAX_CHANGES = 5
"""Changes of a kind that the line names."""


class Comparison(NamedTuple):
    """What changed, and which version that requires."""

    changes: Sequence[Change]
    bump: Bump
    old: Version | None
    """The old version; None for files of actions, which have no version."""
    new: Version | None
    """The version that the new specs declare."""

    @property
    def is_breaking(self) -> bool:
        """Whether a change is breaking."""
        return self.bump == "major"

    @property
    def proposed(self) -> Version | None:
        """The lowest version that announces these changes."""
        return self.old.bump(self.bump) if self.old else None

    @property
    def is_enough(self) -> bool:
        """Whether the version of the new specs is high enough."""
        return self.new is None or self.proposed is None or self.new >= self.proposed

    @property
    def changelog(self) -> str:
        """One line for the changelog; empty if nothing changed."""
        parts = [
            f"{title}: {_join([change for change in self.changes if change.bump == bump])}."
            for bump, title in (("major", "Breaking"), ("minor", "Changed"), ("patch", "Other"))
            if any(change.bump == bump for change in self.changes)
        ]
        version = f"{self.proposed} - " if self.proposed else ""
        return version + " ".join(parts) if parts else ""

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON values."""
        versions = {"old": self.old, "new": self.new, "proposed": self.proposed}
        return {
            "breaking": self.is_breaking,
            "bump": self.bump,
            "version": {name: str(version) if version else None for name, version in versions.items()},
            "enough": self.is_enough,
            "changelog": self.changelog,
            "changes": [change.to_dict() for change in self.changes],
        }


def compare(old: SpecSet, new: SpecSet) -> Comparison:
    """Compare two versions of specs.

    Raises:
        InvalidError: a version is not a semantic version.

    """
    changes = find_changes(old, new)
    bumps: list[Bump] = ["none", *(change.bump for change in changes)]
    versions = [Version.parse(specs.connector.version) if specs.connector else None for specs in (old, new)]
    return Comparison(changes, max(bumps, key=_BUMPS.index), *versions)


def _join(changes: Sequence[Change]) -> str:
    messages = [f"{change.action}: {change.message}" if change.action else change.message for change in changes]
    more = f"; and {len(messages) - _MAX_CHANGES} more" if len(messages) > _MAX_CHANGES else ""
    return "; ".join(messages[:_MAX_CHANGES]) + more
