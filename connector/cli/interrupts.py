"""Signals that end a run: Ctrl-C, and what schedulers send."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable

_ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class Signals:
    """While it is entered, an ending signal is a ``KeyboardInterrupt``, except while a token is being stored."""

    def __init__(self) -> None:
        self.exit_code: int | None = None
        """As shells tell it: 128 and the number of the signal that came; None where none did."""
        self.wait_while: Callable[[], bool] = lambda: False
        """Whether the signal must wait for what is under way."""
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._came) for number in _ENDING}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _came(self, number: int, _: object) -> None:
        self.exit_code = 128 + number
        if not self.wait_while():
            raise KeyboardInterrupt
