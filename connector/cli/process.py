"""The process the command runs in: exit codes, signals, and safeguards for secrets."""

from __future__ import annotations

import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from locoia_pat.outcomes import invalid
from locoia_pat.secrets.detect import is_id_name, looks_like_token

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

FOUND = 1
"""Exit code of a command that checks something and has findings."""
BUG = 70
"""Exit code of an unexpected error in this package (``EX_SOFTWARE`` of sysexits.h)."""
INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells report it."""

_ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class Signals:
    """Turn signals that end a process into ``KeyboardInterrupt``, except while a token is being stored."""

    def __init__(self) -> None:
        self.exit_code: int | None = None
        """128 plus the number of the last signal, as shells report it; None before the first one."""
        self.wait_while: Callable[[], bool] = lambda: False
        """Return True while the work under way must not be interrupted."""
        self._previous_handlers: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._previous_handlers = {number: signal.signal(number, self._handle) for number in _ENDING}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous_handlers.items():
            signal.signal(number, handler)

    def _handle(self, number: int, _: object) -> None:
        self.exit_code = 128 + number
        if not self.wait_while():
            raise KeyboardInterrupt


def disable_core_dumps() -> None:
    """Keep a crash from writing tokens to disk; the hard limit stays, so that a child process can raise it again."""
    with suppress(ImportError):  # not on Windows
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (0, hard))


def refuse_tokens(arguments: Iterable[str]) -> None:
    """Refuse an argument that looks like a token, up to ``--``: what follows belongs to another program.

    Raises:
        InvalidError: an argument looks like a token. The error does not repeat it.

    """
    for argument in arguments:
        if argument == "--":
            return
        name, _, value = argument.partition("=")
        name = name.lstrip("-").replace("-", "_")
        suspicious = looks_like_token(value, may_be_id=is_id_name(name)) if value else looks_like_token(argument)
        if not suspicious or Path(value or argument).exists():
            continue
        raise invalid(
            "an argument looks like a token; other programs and the shell history can read arguments",
            field=name if value and name.isidentifier() else None,
            hint="If it is a token, it is compromised: regenerate it, keep it in a token store such as "
            "file:token.json, and pass that reference. If it is not, pass the value as NAME=@FILE or with --inputs.",
        )
