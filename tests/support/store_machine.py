"""How tests run :mod:`child`: without rights, on a disk of its own, or killed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.support import store_child as child

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_NO_MOUNT = 77


@dataclass(frozen=True)
class Told:
    """What one operation did: the class and words of its error, and all files of the folder by name and digest."""

    raised: str | None
    words: str
    files: dict[str, str]


def run(*words: str | Path, before: Sequence[str] = ()) -> list[Told]:
    """What the child says after *words*, run under the command *before*."""
    done = subprocess.run([*before, *_command(*words)], check=False, capture_output=True, timeout=60)
    if done.returncode == _NO_MOUNT:
        pytest.skip(f"cannot mount here: {done.stderr.decode().strip()}")
    assert done.returncode == 0, done.stderr.decode()
    return [Told(**told) for told in json.loads(done.stdout)]


def exit_code(*words: str | Path) -> int:
    """How the child ends after *words*."""
    return subprocess.run(_command(*words), check=False, capture_output=True, timeout=60).returncode


def writer(path: Path) -> subprocess.Popen[bytes]:
    """A child that stores one token after the other until it is killed, and has begun to."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    process = subprocess.Popen(_command(path, "store-for-ever"), stdout=subprocess.PIPE, env=environ)
    assert process.stdout is not None
    assert process.stdout.readline() == b"begun\n"
    return process


def without_rights() -> list[str]:
    """What to run a command under, so that file modes bind it even where the tests run as root."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv is needed to give up the rights of root")
    return ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]


def mounted(*mount: str | Path) -> list[str]:
    """What to run a command under, so that it sees a mount that nobody else sees."""
    if shutil.which("unshare") is None:
        pytest.skip("unshare is needed for a mount that nobody else sees")
    space = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    if subprocess.run([*space, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine gives no mount namespace")
    arguments = " ".join(map(str, mount))
    return [*space, "sh", "-c", f'mount {arguments} || exit {_NO_MOUNT}; exec "$@"', "sh"]


def _command(*words: str | Path) -> list[str]:
    return [sys.executable, child.__file__, *map(str, words)]
