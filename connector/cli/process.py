"""The process the command runs in: its exit codes, its signals, and what guards its secrets."""

from __future__ import annotations

import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from locoia_pat.outcomes import invalid
from locoia_pat.secrets.detect import is_token, named_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


FOUND = 1
"""The exit code where something was found."""
BUG = 70
"""A bug of ours (``EX_SOFTWARE`` of sysexits.h)."""
INTERRUPTED = 130
"""Ctrl-C, as shells tell it."""


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


def no_core_dumps() -> None:
    """Have a crash write no memory to disk, for a token may be in it; the hard limit stays, for a child to raise."""
    with suppress(ImportError):  # not on Windows
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (0, hard))


def refuse_tokens(arguments: Iterable[str]) -> None:
    """Refuse an argument that looks like a token; what follows ``--`` is another program's.

    Raises:
        InvalidError: one does.  The error does not repeat it.

    """
    for argument in arguments:
        if argument == "--":
            return
        name, _, value = argument.partition("=")
        name = name.lstrip("-").replace("-", "_")
        looks = is_token(value, may_be_id=named_id(name)) if value else is_token(argument)
        if not looks or Path(value or argument).exists():
            continue
        raise invalid(
            "an argument looks like a token, and a token is never an argument: other programs and the shell's history "
            "see it",
            field=name if value and name.isidentifier() else None,
            hint="If it is one, it is known to others now: regenerate it. Keep tokens in a place, such as "
            "file:token.json, and name that. If it is none, write NAME=@FILE, or give it in a file with --inputs.",
        )
