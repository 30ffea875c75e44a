"""What changes come to: the version they ask for, and a line for the changelog.

Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from locoia_pat.authoring.diff.change import told
from locoia_pat.authoring.diff.compare_specs import changes
from locoia_pat.authoring.semver import Version

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locoia_pat.authoring.diff.change import Change
    from locoia_pat.authoring.diff.compare_specs import Side
    from locoia_pat.authoring.semver import Bump

_ORDER: tuple[Bump, ...] = ("none", "patch", "minor", "major")
_MOST = 5
"""Changes of a kind that the line names."""


class Comparison(NamedTuple):
    """What changed, and what it asks for."""

    changes: Sequence[Change]
    bump: Bump
    old: Version | None
    """The old version; None where files of actions are compared, which have none."""
    new: Version | None
    """What the new side calls itself."""

    @property
    def is_breaking(self) -> bool:
        """Whether those who use it must look."""
        return self.bump == "major"

    @property
    def proposed(self) -> Version | None:
        """The least version that tells of these changes."""
        return self.old.bump(self.bump) if self.old else None

    @property
    def is_enough(self) -> bool:
        """Whether the new side calls itself by a version that tells of these changes."""
        return self.new is None or self.proposed is None or self.new >= self.proposed

    @property
    def changelog(self) -> str:
        """One line for people; empty where nothing changed."""
        parts = [
            f"{title}: {_listed([change for change in self.changes if change.bump == bump])}."
            for bump, title in (("major", "Breaking"), ("minor", "Changed"), ("patch", "Beside"))
            if any(change.bump == bump for change in self.changes)
        ]
        head = f"{self.proposed} - " if self.proposed else ""
        return head + " ".join(parts) if parts else ""

    def to_dict(self) -> dict[str, Any]:
        """The comparison as JSON values."""
        versions = {"old": self.old, "new": self.new, "proposed": self.proposed}
        return {
            "breaking": self.is_breaking,
            "bump": self.bump,
            "version": {name: str(version) if version else None for name, version in versions.items()},
            "enough": self.is_enough,
            "changelog": self.changelog,
            "changes": [change.to_dict() for change in self.changes],
        }


def compare(old: Side, new: Side) -> Comparison:
    """What changed from *old* to *new*.

    Raises:
        InvalidError: a side's version is no semantic one.

    """
    found = changes(old, new)
    bumps: list[Bump] = ["none", *(change.bump for change in found)]
    sides = [Version.parse(side.connector.version) if side.connector else None for side in (old, new)]
    return Comparison(found, max(bumps, key=_ORDER.index), *sides)


def _listed(found: Sequence[Change]) -> str:
    words = [told(f"{change.action}: {change.message}" if change.action else change.message) for change in found]
    more = f"; and {len(words) - _MOST} more" if len(words) > _MOST else ""
    return "; ".join(words[:_MOST]) + more
