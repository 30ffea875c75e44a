"""A process that kills installs at each of their steps, and says what it found after each.

``python -m tests.support.killed_installs FIRST SECOND`` installs FIRST, or upgrades it to SECOND.  It has
one thread, so that it may fork.  It prints a JSON line for each kill.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from locoia_pat.authoring.packs.installed_packs import Packs
from locoia_pat.authoring.packs.pack import Pack, open_pack

EVENTS = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.scandir", "os.listdir", "shutil.rmtree")


def put(packs: Packs, pack: Pack) -> None:
    plan = packs.plan(pack, upgrade=bool(packs.lock().packs))
    if plan.is_empty:
        packs.clean_up()
    else:
        packs.install(pack, plan)


def killed(packs: Packs, pack: Pack, step: int) -> bool:
    """Whether *pack* was being installed when the process was killed, at that *step* in the folder of packs."""
    child = os.fork()
    if child == 0:
        left = step

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal left
            if event in EVENTS and str(arguments[0]).startswith(str(packs.folder)):
                left -= 1
                if not left:
                    os._exit(9)

        sys.addaudithook(hook)
        put(packs, pack)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def main(*files: str) -> None:
    """Kill at the first step, at the second, and so on until nothing is left to kill."""
    *before, last = [open_pack(Path(file)) for file in files]
    for step in range(1, 1000):
        with tempfile.TemporaryDirectory() as folder:
            packs = Packs(Path(folder, "packs"))
            for pack in before:
                put(packs, pack)
            ended = not killed(packs, last, step)
            lock = packs.lock()
            found = {name: [pin.version, packs.get_intact(name) is not None] for name, pin in lock.packs.items()}
            put(packs, last)
            left = sorted(path.name for path in packs.folder.iterdir())
            print(json.dumps({"step": step, "found": found, "left": left, "ended": ended}))
        if ended:
            return


if __name__ == "__main__":
    main(*sys.argv[1:])
