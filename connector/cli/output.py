"""What happens if standard output fails: results that could not be printed are saved to a file."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from locoia_pat.cli.other_exit_codes import FOUND
from locoia_pat.outcomes import Outcome, invalid
from locoia_pat.standard_streams import guarded_output

if TYPE_CHECKING:
    from collections.abc import Mapping

_NOTHING_HAPPENED = {Outcome.INVALID.value, Outcome.NOT_DONE.value}
_MAX_UNPRINTED = 1000
"""Results that are kept, of a bulk run without end."""


class _Output:
    has_effect = False
    """Whether the command is one that changes something."""
    unprinted: tuple[Mapping[str, Any], ...] = ()
    """Results that could not be printed, without tokens."""


_output = _Output()


def begin() -> None:
    """Begin a command."""
    _output.has_effect, _output.unprinted = False, ()


def set_effect() -> None:
    """Note that this command changes something: its exit code is that of the outcome, printed or not."""
    _output.has_effect = True


def probe(field: str = "reveal", hint: str = "Store the token instead: --token-to file:PATH.") -> None:
    """Check that a token can be printed to standard output.

    Args:
        field: the option that prints it, for the message.
        hint: what to do instead.

    Raises:
        InvalidError: standard output cannot be written.

    """
    try:
        sys.stdout.flush()
        if (stream := guarded_output()) is not None:
            stream.probe()
    except OSError as error:
        raise invalid(
            f"standard output cannot be written: {_reason(error)}",
            field=field,
            hint=hint,
        ) from None


def failed() -> bool:
    """Return whether standard output has failed."""
    stream = guarded_output()
    return stream is not None and stream.error is not None


def check(result: Mapping[str, Any]) -> None:
    """Keep *result*, which holds no token, if it could not be printed and something may have happened."""
    may_have_happened = _output.has_effect and result["outcome"] not in _NOTHING_HAPPENED
    if may_have_happened and failed() and len(_output.unprinted) < _MAX_UNPRINTED:
        _output.unprinted += (result,)


def raise_if_failed() -> None:
    """Raise what a write to standard output failed with.

    Raises:
        OSError: it failed.

    """
    stream = guarded_output()
    if stream is not None and stream.error is not None:
        raise OSError(stream.error.errno, f"standard output cannot be written: {_reason(stream.error)}")


def end(code: int) -> int:
    """Return the exit code of a command that ends with *code*, and print a message if its output could not be printed.

    A command that changed something keeps its code.  One that only prints has failed.
    """
    with suppress(OSError):  # of a program with streams of its own
        sys.stdout.flush()
    stream = guarded_output()
    if stream is None or stream.error is None:
        return code
    message = f"standard output cannot be written: {_reason(stream.error)}"
    if _output.unprinted:
        message += _save()
    if not isinstance(stream.error, BrokenPipeError) or _output.has_effect:
        click.echo(message, err=True)
    return Outcome.NOT_DONE.exit_code if code in {0, FOUND} and not _output.has_effect else code


def _save() -> str:
    """Save what could not be printed, and return the end of a message, which says where."""
    from locoia_pat.state.unprinted import save_unprinted

    try:
        file = save_unprinted(_output.unprinted)
    except OSError:
        return ""
    return f"; the result is in {file}, and locoia-pat doctor shows it"


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
