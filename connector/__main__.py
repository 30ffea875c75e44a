"""``locoia-pat`` and ``python -m locoia_pat``: the command, in a process of its own."""

from __future__ import annotations

import gc
from typing import NoReturn


def run() -> NoReturn:
    """Run the command and exit with its code.

    What a command loads stays until it ends, so that looking through it for garbage, again and again and once more at
    the end, finds nothing, and takes a seventh of its time.
    """
    gc.set_threshold(100_000)
    from locoia_pat.cli import main  # noqa: PLC0415  # this loads most of it

    try:
        main()
    finally:
        gc.freeze()


if __name__ == "__main__":
    run()
