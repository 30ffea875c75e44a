"""Wait for events instead of guessed times."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def eventually(condition: Callable[[], object], *, within: float = 60, every: float = 0.01) -> None:
    """Wait until *condition* holds.

    Args:
        condition: asked again and again until it gives something true.
        within: seconds after which the wait fails; generous, for a busy machine is no mistake of ours.
        every: seconds between two questions.

    Raises:
        AssertionError: it did not hold in time.

    """
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end, f"this did not happen within {within} s"
        time.sleep(every)
