"""Atomic writes, and the folders of the user."""

from __future__ import annotations

import os
import resource
import signal
import stat
import sys
from typing import TYPE_CHECKING

import pytest

from locoia_pat.files import user_folder, write_atomic
from tests.support.store_child import RECORD
from tests.support.store_machine import exit_code

if TYPE_CHECKING:
    from pathlib import Path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_new_file_has_the_given_mode_and_nothing_else_remains(tmp_path: Path) -> None:
    write_atomic(tmp_path / "private", b"1")
    write_atomic(tmp_path / "public", b"2", mode=0o644)
    assert {path.name: (path.read_bytes(), mode(path)) for path in tmp_path.iterdir()} == {
        "private": (b"1", 0o600),
        "public": (b"2", 0o644),
    }


def test_a_replaced_file_keeps_a_stricter_mode_and_loses_a_wider_one(tmp_path: Path) -> None:
    for before, after in ((0o400, 0o400), (0o666, 0o600)):
        path = tmp_path / f"{before:o}"
        path.touch()
        path.chmod(before)
        write_atomic(path, b"new")
        assert (path.read_bytes(), mode(path)) == (b"new", after)


def test_a_symbolic_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"old")
    (tmp_path / "link").symlink_to("target")
    write_atomic(tmp_path / "link", b"new")
    assert not (tmp_path / "link").is_symlink()
    assert ((tmp_path / "link").read_bytes(), (tmp_path / "target").read_bytes()) == (b"new", b"old")


def test_a_write_that_fails_leaves_the_old_content_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomic(path, b"old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2, before[1]))  # like a full disk
    try:
        with pytest.raises(OSError, match="too large"):
            write_atomic(path, b"new content")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (path.read_bytes(), names(tmp_path)) == (b"old", ["file"])


def test_what_a_killed_write_left_is_removed_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomic(path, RECORD.encode())
    assert exit_code("--doomed", path, "store") == -signal.SIGXFSZ
    assert [name.endswith(".tmp") for name in names(tmp_path)] == [True, False]
    write_atomic(path, b"new")
    assert (path.read_bytes(), names(tmp_path)) == (b"new", ["file"])


@pytest.mark.skipif(sys.platform != "linux", reason="the folders of Linux")
def test_the_folders_of_the_user_are_those_that_the_page_on_installing_names(tmp_path: Path) -> None:
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        os.environ.pop(name, None)
    os.environ["HOME"] = str(tmp_path)
    assert user_folder("config") == tmp_path / ".config/locoia-pat"
    assert user_folder("data") == tmp_path / ".local/share/locoia-pat"
    assert user_folder("state") == tmp_path / ".local/state/locoia-pat"
    os.environ["XDG_STATE_HOME"] = str(tmp_path / "elsewhere")
    assert user_folder("state") == tmp_path / "elsewhere/locoia-pat"
