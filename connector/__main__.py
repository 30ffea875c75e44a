"""``locoia-pat`` and ``python -m locoia_pat``: the command, in a process of its own."""

from __future__ import annotations

import gc
from typing import NoReturn


def run() -> NoReturn:
    """Run the command and exit with its code.

    The garbage collector is nearly switched off: what a command loads stays until it ends, and searching it for garbage
    took a seventh of the command's time.
    """
    gc.set_threshold(100_000)
    from locoia_pat.cli import main  # noqa: PLC0415  # this import loads most of the package

    try:
        main()
    finally:
        gc.freeze()


if __name__ == "__main__":
    run()
