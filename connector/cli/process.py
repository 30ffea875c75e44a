"""The process the command runs in: exit codes, and safeguards for secrets."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from locoia_pat.outcomes import invalid
from locoia_pat.secrets.detect import is_id_name, looks_like_token

if TYPE_CHECKING:
    from collections.abc import Iterable

FOUND = 1
"""Exit code of a command that checks something and has findings."""
EXIT_ZERO = "--exit-zero"
"""The option that makes a command exit with 0 whatever its outcome."""
BUG = 70
"""Exit code of an unexpected error in this package (``EX_SOFTWARE`` of sysexits.h)."""
INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells report it."""


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
