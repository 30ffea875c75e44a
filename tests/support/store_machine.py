"""Runs :mod:`store_child` without rights, on a small disk, or until it is killed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.support import store_child

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_NO_MOUNT = 77


@dataclass(frozen=True)
class OperationReport:
    """The result of one operation: the class and message of its error, and the digests of the folder's files."""

    raised: str | None
    message: str
    files: dict[str, str]


def run(*arguments: str | Path, before: Sequence[str] = ()) -> list[OperationReport]:
    """Run the child with *arguments*, under the command *before*, and return its reports."""
    done = subprocess.run([*before, *_command(*arguments)], check=False, capture_output=True, timeout=60)
    if done.returncode == _NO_MOUNT:
        pytest.skip(f"cannot mount here: {done.stderr.decode().strip()}")
    assert done.returncode == 0, done.stderr.decode()
    return [OperationReport(**report) for report in json.loads(done.stdout)]


def exit_code(*arguments: str | Path) -> int:
    """Run the child with *arguments* and return its exit code."""
    return subprocess.run(_command(*arguments), check=False, capture_output=True, timeout=60).returncode


def writer(path: Path) -> subprocess.Popen[bytes]:
    """Start a child that stores one token after the other until it is killed."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    process = subprocess.Popen(_command(path, "store-for-ever"), stdout=subprocess.PIPE, env=environ)
    assert process.stdout is not None
    assert process.stdout.readline() == b"started\n"
    return process


def without_rights() -> list[str]:
    """Return the command under which file modes apply even if the tests run as root."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv is needed to give up the rights of root")
    return ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]


def mounted(*mount: str | Path) -> list[str]:
    """Return the command under which a private mount is visible."""
    if shutil.which("unshare") is None:
        pytest.skip("unshare is needed for a private mount")
    space = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    if subprocess.run([*space, "true"], check=False, capture_output=True).returncode:
        pytest.skip("mount namespaces are not available")
    arguments = " ".join(map(str, mount))
    return [*space, "sh", "-c", f'mount {arguments} || exit {_NO_MOUNT}; exec "$@"', "sh"]


def _command(*arguments: str | Path) -> list[str]:
    return [sys.executable, store_child.__file__, *map(str, arguments)]
