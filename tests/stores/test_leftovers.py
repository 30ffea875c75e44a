"""The temporary file of a killed writer is removed by the next command that touches a store in its folder."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from locoia_pat.actions.sandbox.sandbox_store import SandboxStore
from locoia_pat.actions.sandbox.server import first_token, running
from locoia_pat.stores import open_store
from locoia_pat.stores.record import Record
from tests.support.store_child import API, RECORD, entry
from tests.support.store_machine import exit_code

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.endswith(".tmp")]


def kill_a_writer(folder: Path) -> None:
    """Have a process killed while it writes a token, after this process has written one itself."""
    open_store(f"text:{folder}/own").store(entry(1), api=API)
    killed = folder / "killed.json"
    killed.write_text(RECORD)
    assert exit_code("--doomed", killed, "store") == -signal.SIGXFSZ
    assert any(re.fullmatch(r"\.locoia-pat-[0-9a-f]{16}\.tmp", name) for name in leftovers(folder))


NEXT: dict[str, Callable[[str], object]] = {
    "probe": lambda folder: open_store(f"text:{folder}/own").probe(),
    "store a record": lambda folder: open_store(f"file:{folder}/other").store(entry(2), api=API),
    "store a bare token": lambda folder: open_store(f"text:{folder}/other").store(entry(2), api=API),
    "store a variable": lambda folder: open_store(f"env-file:{folder}/.env#T").store(entry(2), api=API),
    "store in the same file": lambda folder: open_store(f"file:{folder}/killed.json").store(entry(2), api=API),
    "empty another store": lambda folder: open_store(f"text:{folder}/own").write_record(Record()),
    "remove another store": lambda folder: open_store(f"text:{folder}/own").remove(),
    "remove a store that does not exist": lambda folder: open_store(f"file:{folder}/none").remove(),
    "remove a variable": lambda folder: open_store(f"env-file:{folder}/.env#T").remove(),
    "along a linked folder": lambda folder: open_store(f"file:{folder}-link/other").probe(),
}


def test_every_next_use_of_a_store_in_the_folder_removes_the_file_and_no_other(tmp_path: Path) -> None:
    for number, (name, use) in enumerate(NEXT.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        (tmp_path / f"{number}-link").symlink_to(folder)
        (folder / ".locoia-pat-x.tmp").touch()  # not one of ours
        (folder / "users.tmp").touch()
        kill_a_writer(folder)
        use(str(folder))
        assert sorted(leftovers(folder)) == [".locoia-pat-x.tmp", "users.tmp"], name


def test_a_folder_that_cannot_be_listed_or_does_not_exist_is_no_error_of_the_removal(tmp_path: Path) -> None:
    assert not open_store(f"file:{tmp_path}/missing/t.json").remove()
    (tmp_path / f".locoia-pat-{'0' * 16}.tmp").mkdir()
    open_store(f"file:{tmp_path}/t.json").store(entry(1), api=API)


def test_logout_and_retire_remove_what_a_killed_writer_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    folder = tmp_path / "tokens"
    folder.mkdir()
    store = SandboxStore()
    token = first_token(store)
    assert token is not None
    command = [sys.executable, "-m", "locoia_pat"]
    with running(store=store) as (url, _):
        monkeypatch.setenv("LOCOIA_BASE_URL", url)
        login = [*command, "login", "--with-token", "--to", f"file:{folder}/login.json"]
        subprocess.run(login, input=f"{token.reveal()}\n", text=True, check=True, capture_output=True)
        kill_a_writer(folder)
        subprocess.run([*command, "logout"], check=True, capture_output=True)
        assert leftovers(folder) == []
        kill_a_writer(folder)
        monkeypatch.setenv("LOCOIA_TOKEN", token.reveal())
        monkeypatch.setenv("LOCOIA_PAT_STATE", str(tmp_path / "state"))
        retire = [*command, "run", "retire_pat", "name=ci", "--token-to", f"text:{folder}/ci"]
        done = subprocess.run(retire, check=False, capture_output=True, text=True)
        assert "there is no token of the name ci" in done.stdout
        assert leftovers(folder) == []
    store.close()
