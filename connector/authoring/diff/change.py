"""One change of a spec, and its class.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from locoia_pat.authoring.semver import Bump

ChangeClass = Literal[
    "new-host",
    "new-secret",
    "wider-effect",
    "exposed-secret",
    "changed-auth",
    "renamed-connector",
    "removed-host",
    "removed-variable",
    "removed-action",
    "breaking-input",
    "looser-output",
    "lost-safety",
    "new-action",
    "looser-input",
    "firmer-output",
    "narrower-effect",
    "changed-request",
    "changed-reply",
    "changed-text",
    "changed-examples",
    "changed-files",
]
"""The closed list of what a change can be; ``docs/packs.md`` says what each means."""

BUMPS: dict[ChangeClass, Bump] = {
    "new-host": "major",
    "new-secret": "major",
    "wider-effect": "major",
    "exposed-secret": "major",
    "changed-auth": "major",
    "renamed-connector": "major",
    "removed-host": "major",
    "removed-variable": "major",
    "removed-action": "major",
    "breaking-input": "major",
    "looser-output": "major",
    "lost-safety": "major",
    "new-action": "minor",
    "looser-input": "minor",
    "firmer-output": "minor",
    "narrower-effect": "minor",
    "changed-request": "minor",
    "changed-reply": "minor",
    "changed-text": "patch",
    "changed-examples": "patch",
    "changed-files": "patch",
}
"""What each asks of the version, the gravest first.

A change is breaking where a flow that worked may not work any more, or where more is done than was agreed to.
"""


@dataclass(frozen=True, slots=True)
class Change:
    """One change."""

    kind: ChangeClass
    action: str | None
    """The action that changed; None where it is the connector."""
    message: str
    """What changed, in words."""

    @property
    def bump(self) -> Bump:
        """What it asks of the version."""
        return BUMPS[self.kind]

    @property
    def is_breaking(self) -> bool:
        """Whether those who use it must look."""
        return self.bump == "major"

    def to_dict(self) -> dict[str, Any]:
        """The change as JSON values."""
        return {"class": self.kind, "bump": self.bump, "action": self.action, "message": self.message}


def told(value: object) -> str:
    """A *value* of a spec in a message: a short one as it is."""
    text = "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    text = "".join(c if c.isprintable() else "?" for c in text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


_LONGEST = 80
