"""``locoia-pat`` and ``python -m locoia_pat``: the command, in a process of its own."""

from __future__ import annotations

from locoia_pat.interrupts import signals, silence_lost_interrupts

TYPE_CHECKING = False  # as in typing, which takes longer to load than all of this
if TYPE_CHECKING:
    from typing import NoReturn


def run() -> NoReturn:
    """Run the command and exit with its code.

    Signals are recorded from the first import on, and end the process by themselves only when all is printed.

    The garbage collector is nearly switched off: what a command loads stays until it ends, and searching it for garbage
    took a seventh of the command's time.
    """
    signals.install()
    silence_lost_interrupts()
    import gc  # noqa: PLC0415  # after the signals

    gc.set_threshold(100_000)
    from locoia_pat.standard_streams import guard_standard_streams  # noqa: PLC0415  # as above

    guard_standard_streams()
    from locoia_pat.cli import main  # noqa: PLC0415  # this import loads most of the package

    try:
        main()
    finally:
        signals.restore(default=True)
        gc.freeze()


if __name__ == "__main__":
    run()
