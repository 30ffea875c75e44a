"""What the command does for its secrets before it does anything else."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from locoia_pat.outcomes import invalid
from locoia_pat.secrets.detect import is_token, named_id

if TYPE_CHECKING:
    from collections.abc import Iterable


def no_core_dumps() -> None:
    """Have a crash write no memory to disk, for a token may be in it; the hard limit stays, for a child to raise."""
    with suppress(ImportError):  # not on Windows
        import resource  # noqa: PLC0415  # as above

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
