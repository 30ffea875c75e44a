"""Semantic versions of three numbers (https://semver.org), without pre-releases and build metadata."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple, Self

from locoia_pat.messages import describe_value
from locoia_pat.outcomes import invalid

Bump = Literal["none", "patch", "minor", "major"]
"""The part of the version that a change raises, from the least to the most."""

_PATTERN = re.compile(r"(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})")


class Version(NamedTuple):
    """A version; versions compare in their order."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the version in *text*.

        Raises:
            InvalidError: it is not three numbers without leading zeros.

        """
        match = _PATTERN.fullmatch(text)
        if match is None:
            raise invalid(
                f"{describe_value(text)} is not a semantic version", field="version", hint="Write one such as 1.4.0."
            )
        return cls(*map(int, match.groups()))

    def bump(self, part: Bump) -> Version:
        """Return the next version after a change that raises *part*.

        Before 1.0.0 a breaking change raises the minor number and any other change the patch number, as package
        managers read such versions.
        """
        match part, self.major:
            case "none", _:
                return self
            case "major", 0:
                return Version(0, self.minor + 1, 0)
            case "major", _:
                return Version(self.major + 1, 0, 0)
            case "minor", major if major:
                return Version(major, self.minor + 1, 0)
            case _:
                return self._replace(patch=self.patch + 1)

    def __str__(self) -> str:
        """Return the version as it is written."""
        return ".".join(map(str, self))
