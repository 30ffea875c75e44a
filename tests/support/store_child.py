"""A process that works on a token file, so that tests meet real rights, disks and kills.

``store_child.py [--small|--doomed] PATH OPERATION...`` prints a JSON list with the result of each operation.
``--small`` makes a write fail when a file grows past a few bytes; ``--doomed`` makes it kill the process.
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
    """Return an entry with the fake token *number*, whose row has that id."""
    return TokenEntry(Secret(f"{TOKEN}-{number}"), {"id": str(number), "expiration": None, "scopes": ["embed"]})


def files(folder: Path) -> dict[str, str]:
    """Return all files of *folder* by name, with the digest of their content, or the error of reading it."""
    return {path.name: _digest(path) for path in sorted(folder.iterdir())}


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        return type(error).__name__


def _perform(path: Path, operation: str) -> None:
    store = FileStore(str(path))
    match operation:
        case "put":
            path.write_text(RECORD)
        case "fill":
            with contextlib.suppress(OSError), path.with_name("filler").open("wb", buffering=0) as filler:
                while filler.write(bytes(512)):
                    pass
        case "probe":
            store.probe()
        case "store":
            store.store(entry(1), api=API)
        case "store-for-ever":
            print("started", flush=True)  # noqa: T201  # the parent waits for it
            number = 0
            while True:
                number += 1
                store.store(entry(number), api=API)


@contextlib.contextmanager
def _limited(option: str) -> Iterator[None]:
    """Limit the size of files; coverage may write after it."""
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


def _report(path: Path, operation: str) -> dict[str, Any]:
    raised, message = None, ""
    try:
        _perform(path, operation)
    except Exception as error:  # noqa: BLE001  # the parent checks which it is
        raised, message = type(error).__name__, str(error)
    return {"raised": raised, "message": message, "files": files(path.parent)}


def main(arguments: list[str]) -> None:
    """Perform the operations in *arguments*."""
    path, *operations = [argument for argument in arguments if not argument.startswith("--")]
    with _limited(arguments[0]):
        reports = [_report(Path(path), operation) for operation in operations]
    print(json.dumps(reports))  # noqa: T201  # the parent reads it


if __name__ == "__main__":
    main(sys.argv[1:])
