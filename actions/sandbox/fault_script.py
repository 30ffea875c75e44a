"""The faults of a sandbox, as a script: a queue, settable while it runs.

Each fault waits for a request that it fits, happens to it, and is used up.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from locoia_pat.actions.sandbox.fault import Fault, unfit
from locoia_pat.outcomes import InvalidError, invalid

if TYPE_CHECKING:
    from collections.abc import Iterable


class Faults:
    """The faults that are left, in the order in which they are looked at.  Safe to share between threads."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._left = list(faults)
        self._lock = threading.Lock()

    def add(self, *faults: Fault) -> None:
        """Put *faults* at the end."""
        with self._lock:
            self._left += faults

    def clear(self) -> None:
        """Forget all that are left."""
        with self._lock:
            self._left.clear()

    def left(self) -> list[Fault]:
        """What has not happened yet."""
        with self._lock:
            return list(self._left)

    def take(self, method: str, path: str) -> Fault | None:
        """The first fault that fits a request, used up by one; None where none does."""
        with self._lock:
            for place, fault in enumerate(self._left):
                if fault.fits(method, path):
                    rest = [] if fault.times == 1 else [_used(fault)]
                    self._left[place : place + 1] = rest
                    return fault
        return None


def parse_list(given: object) -> list[Fault]:
    """The faults of a JSON list; all of them, or none.

    Raises:
        InvalidError: one of them is none; the error's field says which, counted from 0.

    """
    if not isinstance(given, list):
        raise unfit("faults", given, "a list of faults")
    return [_nth(number, item) for number, item in enumerate(given)]


def _nth(number: int, item: object) -> Fault:
    try:
        return Fault.from_dict(item)
    except InvalidError as error:
        problem = error.problem
    raise invalid(problem.message, field=f"{number}.{problem.field}")


def _used(fault: Fault) -> Fault:
    return fault if fault.times is None else replace(fault, times=fault.times - 1)
