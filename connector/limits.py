"""Limits of the numbers that options take, the same in Python and for the command.

Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from locoia_pat.messages import describe_value
from locoia_pat.outcomes import invalid

_DECIMAL = re.compile(r"[-+]?([0-9]{1,400}(\.[0-9]{0,400})?|\.[0-9]{1,400})([eE][-+]?[0-9]{1,4})?")
_WHOLE = re.compile(r"[-+]?[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Limit:
    """The numbers that one option may have."""

    least: float
    most: float
    unit: str = ""
    """The unit, in the plural, after the numbers."""
    whole: bool = False
    example: str = ""
    """A usual value, for the hint."""

    def __str__(self) -> str:
        kind = "a whole number from " if self.whole else ""
        return f"{kind}{self.least} to {self.most} {self.unit}".strip()

    def check(self, field: str, value: Any) -> None:
        """Check a *value* that Python code gave for the option *field*.

        Raises:
            InvalidError: it is not a number, or not within the limits; infinite and NaN are not.

        """
        number = isinstance(value, int if self.whole else int | float) and not isinstance(value, bool)
        if not (number and self.least <= value <= self.most):
            example = f" For example {field}={self.example}." if self.example else ""
            raise invalid(f"{describe_value(value)} is not allowed", field=field, hint=f"Allowed: {self}.{example}")

    def parse(self, field: str, text: str) -> Any:
        """Return the number in *text*, which the command got for the option *field*.

        Raises:
            InvalidError: it is not a decimal number, or not within the limits.

        """
        value: object = text
        if (_WHOLE if self.whole else _DECIMAL).fullmatch(text):
            value = int(text) if self.whole else float(text)
        if value is text or not self.least <= float(text) <= self.most:
            option = f"--{field.replace('_', '-')}"
            example = f" For example {option} {self.example}." if self.example else ""
            raise invalid(f"{describe_value(text)} is not allowed", field=field, hint=f"Allowed: {self}.{example}")
        return value


_DAY = 86_400
_MANY = 1_000_000_000

TIMEOUT = Limit(0.001, _DAY, "seconds", example="60")
"""Time for one action, all its attempts included."""
WAIT = Limit(0, _DAY, "seconds", example="60")
"""Time to wait for another process that works on the same name."""
PATIENCE = Limit(0, 3_600, "seconds", example="30")
"""Time to wait until a new row is listed."""
CONCURRENCY = Limit(1, 100, whole=True, example="8")
"""Items of a bulk run that run at a time."""
THREADS = Limit(1, 1_000, whole=True, example="40")
"""Calls of an asynchronous connector that run at a time."""
RATE = Limit(0.001, 1_000_000, "requests per second", example="10")
MAX_FAILURES = Limit(1, _MANY, whole=True, example="1")
"""Failures after which a bulk run stops."""
FLEET_FAILURES = Limit(0, _MANY, whole=True, example="0")
"""Failures that a fleet may have before no more tokens are started."""
DAYS = Limit(1, 36_500, "days", whole=True, example="30")
"""The lifetime of a token."""
RENEW_WITHIN = Limit(0, 36_500, "days", example="10")
"""Days left at which a token is renewed."""
HOURS = Limit(0, 24 * 366, "hours", example="24")
"""The overlap of two tokens."""
PORT = Limit(0, 65_535, whole=True, example="8080")
