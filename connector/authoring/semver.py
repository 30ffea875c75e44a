"""Semantic versions, of which a connector has the three numbers (https://semver.org).

Pure.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple, Self

from locoia_pat.messages import describe_value
from locoia_pat.outcomes import invalid

Bump = Literal["none", "patch", "minor", "major"]
"""How much a change asks of the next version, from least to most."""

_FORM = re.compile(r"(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})")


class Version(NamedTuple):
    """A version; versions are in their order."""

    major: int
    minor: int
    patch: int

    @classmethod
    def of(cls, text: str) -> Self:
        """The version that *text* says.

        Raises:
            InvalidError: it says none: three numbers without zeros in front.

        """
        found = _FORM.fullmatch(text)
        if found is None:
            raise invalid(
                f"{describe_value(text)} is no semantic version", field="version", hint="Write one such as 1.4.0."
            )
        return cls(*map(int, found.groups()))

    def after(self, bump: Bump) -> Version:
        """The next version for a change of that kind.

        Before 1.0.0 everything may change; as package managers agree, the minor number then says that something
        breaks, and the patch number that it does not.
        """
        match bump, self.major:
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
        """The version as it is written."""
        return ".".join(map(str, self))
