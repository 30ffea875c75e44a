"""A process of its own that works on a token file, for rights, disks and kills that are real.

``child.py [--small|--doomed] PATH OPERATION...`` prints a JSON list of what each operation did.  ``--small`` lets no
file grow past a few bytes; ``--doomed`` ends the process where it would.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from locoia_pat.secrets.secret import Secret
from locoia_pat.stores import TokenEntry
from locoia_pat.stores.file import FileStore

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN = "fake-minted-token-0123456789abcdef"
API = "https://api.example/v1"
RECORD = json.dumps({"v": 1, "current": {"id": "0", "token": TOKEN}})
_SMALL = 40


def entry(number: int) -> TokenEntry:
    """The token *number*, whose row has that id."""
    return TokenEntry(Secret(f"{TOKEN}-{number}"), {"id": str(number), "expiration": None, "scopes": ["embed"]})


def files(folder: Path) -> dict[str, str]:
    """All files of *folder* by name, with a digest of what they hold, or why that cannot be told."""
    return {path.name: _digest(path) for path in sorted(folder.iterdir())}


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        return type(error).__name__


def _perform(path: Path, operation: str) -> None:
    sink = FileStore(str(path))
    match operation:
        case "put":
            path.write_text(RECORD)
        case "fill":
            with contextlib.suppress(OSError), path.with_name("filler").open("wb", buffering=0) as filler:
                while filler.write(bytes(512)):
                    pass
        case "probe":
            sink.probe()
        case "store":
            sink.store(entry(1), api=API)
        case "store-for-ever":
            print("begun", flush=True)  # noqa: T201  # the parent waits for it
            number = 0
            while True:
                number += 1
                sink.store(entry(number), api=API)


@contextlib.contextmanager
def _limited(option: str) -> Iterator[None]:
    """Files stay small while it lasts; coverage may write after it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    if option == "--doomed":
        os.umask(0)
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    elif option == "--small":
        resource.setrlimit(resource.RLIMIT_FSIZE, (_SMALL, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def _told(path: Path, operation: str) -> dict[str, Any]:
    raised, words = None, ""
    try:
        _perform(path, operation)
    except Exception as error:  # noqa: BLE001  # whatever it is, the parent judges it
        raised, words = type(error).__name__, str(error)
    return {"raised": raised, "words": words, "files": files(path.parent)}


def main(words: list[str]) -> None:
    """Do what *words* say."""
    path, *operations = [word for word in words if not word.startswith("--")]
    with _limited(words[0]):
        told = [_told(Path(path), operation) for operation in operations]
    print(json.dumps(told))  # noqa: T201  # this is the answer


if __name__ == "__main__":
    main(sys.argv[1:])
