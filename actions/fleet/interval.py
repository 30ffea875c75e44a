"""How often a fleet is applied: ``every: 1d``, as a cron expression and as due times, and when one is tried again.

Pure.  Due times are in UTC, and spread by the name of the file, so that not all fleets are applied at once.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from locoia_pat.messages import describe_value
from locoia_pat.outcomes import invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

_MINUTES = {"m": 1, "h": 60, "d": 24 * 60}
_COUNTS = {"m": (1, 2, 5, 10, 15, 20, 30), "h": (1, 2, 3, 4, 6, 8, 12), "d": (1, 7)}
"""Of each unit, how many divide an hour, a day or a week into equal parts."""
ALLOWED = tuple(f"{count}{unit}" for unit, counts in _COUNTS.items() for count in counts)
PAUSES = tuple(dt.timedelta(minutes=minutes) for minutes in (1, 2, 4, 8, 16, 32))
"""The pauses before a run that failed is tried again: an hour in all."""
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_EPOCH_WEEKDAY = 4
"""The first of January 1970 was a Thursday; in cron, a week begins with Sunday as 0."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A fixed interval, and when it begins."""

    count: int
    unit: str
    offset: int
    """Minutes from the epoch to the first due time; less than the interval."""

    @classmethod
    def parse(cls, every: str, file: str) -> Self:
        """Return the interval *every* of the fleet *file*.

        Raises:
            InvalidError: it is not one that divides an hour, a day or a week.

        """
        if every not in ALLOWED:
            hint = f"Allowed: {', '.join(ALLOWED)}."
            raise invalid(f"{describe_value(every)} is not an interval", field="every", hint=hint)
        count, unit = int(every[:-1]), every[-1]
        number = int.from_bytes(hashlib.sha256(file.encode()).digest()[:4], "big")
        return cls(count, unit, number % (count * _MINUTES[unit]))

    def cron(self) -> str:
        """Return the due times as a cron expression."""
        hours, minute = divmod(self.offset, 60)
        days, hour = divmod(hours, 24)
        if self.unit == "m":
            return f"{minute}-59/{self.count} * * * *"
        if self.unit == "h":
            return f"{minute} {hour}-23/{self.count} * * *"
        return f"{minute} {hour} * * {'*' if self.count == 1 else (_EPOCH_WEEKDAY + days) % 7}"

    @property
    def length(self) -> dt.timedelta:
        """The time from one due time to the next."""
        return dt.timedelta(minutes=self.count * _MINUTES[self.unit])

    def next_try(
        self, due: dt.datetime, ended: dt.datetime, tries: int, pauses: Sequence[dt.timedelta] = PAUSES
    ) -> dt.datetime | None:
        """Return when a run that was *due*, and whose last one of some *tries* has *ended*, is tried again.

        None after the last pause, and if the next run is due before.
        """
        again = ended + pauses[tries - 1] if tries <= len(pauses) else None
        return again if again is not None and again < due + self.length else None

    def last_due(self, now: dt.datetime) -> dt.datetime:
        """Return the last due time before *now*, or *now*."""
        return now - (now - _EPOCH - dt.timedelta(minutes=self.offset)) % self.length
